//! The receiver of `/upload`: what becomes of an entry of the journal.
//!
//! | field | becomes |
//! |---|---|
//! | `MESSAGE` | the line; empty when there is none |
//! | `__REALTIME_TIMESTAMP` | the time |
//! | `_HOSTNAME`, `_TRANSPORT` | labels `host`, `transport` |
//! | `_SYSTEMD_UNIT`, else `_SYSTEMD_USER_UNIT` | label `unit`, but for those of single sessions (`session-7.scope`) |
//! | `SYSLOG_IDENTIFIER`, else `_COMM` | label `app` |
//! | `PRIORITY` | metadata `severity` in syslog's word, `level` in that of levels |
//! | `SYSLOG_FACILITY` | metadata `facility` |
//! | all others, `__CURSOR` too | metadata, in small letters without the underscores at the start |
//!
//! Of equal names the one that the journal itself set (`_PID`) counts, of a field given again its
//! values, by commas. An entry sent again has the same cursor, and with it everything the same: the
//! store makes one of them.

use super::export::{Part, next};
use super::stream::TRUNCATED;
use crate::decode::decoded::Decoded;
use crate::decode::grouped::{Grouped, LabelPairs};
use crate::limits::IngestLimits;
use crate::receivers::events::MALFORMED;
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::room::Room;
use skald_syslog::priority::{facility_of, level_of, severity_of};
use std::borrow::Cow;

/// The label `source` of all entries.
const SOURCE: &str = "journal";

/// Longest value that becomes metadata, in bytes; of a longer one its start.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// Uploads of the journal.
pub(crate) struct JournalUpload;

impl Receiver for JournalUpload {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let mut grouped = Grouped::within(room, reception.limits);
        let (mut body, mut entry) = (reception.body, Entry::default());
        while let Some(part) = next(&mut body) {
            match part {
                Part::End => {
                    std::mem::take(&mut entry).append_to(&mut grouped, reception)?;
                }
                Part::Field(name, value) => entry.field(name, value),
                Part::Faulty(line) => entry.fault(line),
            }
        }
        if !body.is_empty() {
            let why = "the body ends within an entry of the journal's export format";
            return Err(BodyError::malformed(why));
        }
        entry.append_to(&mut grouped, reception)?;
        grouped.finish()
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match taken {
            Taken::Refused { status, text } => {
                PushReply::text(if *status == 500 { 503 } else { *status }, text)
            }
            // What limits refuse for good would be sent for ever; what they refuse for now comes
            // again.
            Taken::Read(outcome) => {
                match (outcome.rejections.status(), outcome.rejections.text()) {
                    (429, Some(text)) => PushReply::text(429, &text),
                    _ => PushReply::text(202, "OK."),
                }
            }
        }
    }
}

/// A name and a value.
type Pair<'m> = (Cow<'m, [u8]>, Cow<'m, [u8]>);

/// An entry that is being read.
#[derive(Default)]
struct Entry<'m> {
    message: Option<&'m [u8]>,
    time: Option<i64>,
    host: Option<&'m [u8]>,
    transport: Option<&'m [u8]>,
    unit: Option<&'m [u8]>,
    user_unit: Option<&'m [u8]>,
    identifier: Option<&'m [u8]>,
    command: Option<&'m [u8]>,
    severity: Option<u8>,
    facility: Option<u8>,
    is_truncated: bool,
    /// Fields of the journal itself.
    trusted: Vec<Pair<'m>>,
    /// Fields of programs.
    others: Vec<Pair<'m>>,
    fault: Option<&'m [u8]>,
    is_there: bool,
}

impl<'m> Entry<'m> {
    fn field(&mut self, name: &'m [u8], value: &'m [u8]) {
        self.is_there = true;
        let number = || std::str::from_utf8(value).ok()?.parse::<i64>().ok();
        let small = || number().and_then(|number| u8::try_from(number).ok());
        match name {
            b"MESSAGE" if self.message.is_none() => self.message = Some(value),
            b"__REALTIME_TIMESTAMP" => self.time = number().and_then(|us| us.checked_mul(1000)),
            b"_HOSTNAME" => self.host = Some(value),
            b"_TRANSPORT" => self.transport = Some(value),
            b"_SYSTEMD_UNIT" => self.unit = Some(value),
            b"_SYSTEMD_USER_UNIT" => self.user_unit = Some(value),
            b"SYSLOG_IDENTIFIER" if self.identifier.is_none() => self.identifier = Some(value),
            b"PRIORITY" if small().and_then(level_of).is_some() => self.severity = small(),
            b"SYSLOG_FACILITY" if small().and_then(facility_of).is_some() => {
                self.facility = small();
            }
            _ if name == TRUNCATED.as_bytes() => self.is_truncated = true,
            _ => {
                if name == b"_COMM" {
                    self.command = Some(value);
                }
                self.other(name, value);
            }
        }
    }

    fn other(&mut self, name: &'m [u8], value: &'m [u8]) {
        let value = match value.get(..VALUE_BYTES_MAX) {
            Some(start) if start.len() < value.len() => {
                self.is_truncated = true;
                start
            }
            _ => value,
        };
        let fields = match name.first() {
            Some(b'_') => &mut self.trusted,
            _ => &mut self.others,
        };
        let start = name.iter().take_while(|byte| **byte == b'_').count();
        let name = name[start..].to_ascii_lowercase();
        match fields.iter_mut().find(|(other, _)| **other == name[..]) {
            Some((_, values)) => {
                let values = values.to_mut();
                values.push(b',');
                values.extend_from_slice(value);
            }
            None => fields.push((Cow::Owned(name), Cow::Borrowed(value))),
        }
    }

    fn fault(&mut self, line: &'m [u8]) {
        self.is_there = true;
        self.fault.get_or_insert(line);
    }

    /// Appends it, if there is anything of it.
    fn append_to(
        self,
        grouped: &mut Grouped<'m>,
        reception: &Reception<'m>,
    ) -> Result<(), BodyError> {
        if !self.is_there {
            return Ok(());
        }
        let unit = self.unit.filter(|unit| !is_of_session(unit));
        let label = |value: Option<&[u8]>| {
            let value = String::from_utf8_lossy(value?);
            Some(value.chars().take(255).collect::<String>())
        };
        let labels = [
            ("source", Some(SOURCE.to_owned())),
            ("host", label(self.host)),
            ("unit", label(unit.or(self.user_unit))),
            ("transport", label(self.transport)),
            ("app", label(self.identifier.or(self.command))),
        ];
        let labels = labels
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let labels = LabelPairs::of(labels);
        let (line, is_lossy, is_long) = line(self.message.or(self.fault), reception.limits);
        let mut own: Vec<(&'static str, &'m [u8])> = Vec::new();
        let text = |text: &'static str| text.as_bytes();
        if let Some(severity) = self.severity {
            own.extend(level_of(severity).map(|level| ("level", text(level))));
            own.extend(severity_of(severity).map(|word| ("severity", text(word))));
        }
        own.extend(
            self.facility
                .and_then(facility_of)
                .map(|f| ("facility", text(f))),
        );
        if self.is_truncated || is_long {
            own.push(("truncated", b"true"));
        }
        if is_lossy {
            own.push(("invalid_utf8", b"true"));
        }
        if self.fault.is_some() {
            own.push((MALFORMED, b"a line is no field of the journal"));
        }
        if unit.is_none()
            && let Some(unit) = self.unit
        {
            own.push(("unit_of_session", unit));
        }
        for (name, value) in &own {
            grouped.pair(name.as_bytes(), *value)?;
        }
        let is_own = |name: &[u8]| own.iter().any(|(other, _)| other.as_bytes() == name);
        let is_trusted: Vec<Cow<'m, [u8]>> = self.trusted.iter().map(|(n, _)| n.clone()).collect();
        for (name, value) in self.trusted {
            if !is_own(&name) {
                grouped.pair(name, value)?;
            }
        }
        for (name, value) in self.others {
            if !is_own(&name) && !is_trusted.contains(&name) {
                grouped.pair(name, value)?;
            }
        }
        grouped.entry(labels, self.time.unwrap_or(reception.now), line)?;
        Ok(())
    }
}

/// Whether a unit is of one session or one run, so that there are ever more of them.
fn is_of_session(unit: &[u8]) -> bool {
    unit.ends_with(b".scope")
}

/// The line as UTF-8, no longer than limits allow: whether bytes were replaced, and whether it was
/// longer.
fn line<'m>(message: Option<&'m [u8]>, limits: &IngestLimits) -> (Cow<'m, [u8]>, bool, bool) {
    let message = message.unwrap_or_default();
    let most = match limits.max_line_size {
        0 => usize::MAX,
        most => most,
    };
    let is_long = message.len() > most && !limits.max_line_size_truncate;
    let start = match is_long {
        true => &message[..most],
        false => message,
    };
    match String::from_utf8_lossy(start) {
        Cow::Borrowed(text) => (Cow::Borrowed(text.as_bytes()), false, is_long),
        Cow::Owned(mut text) => {
            // A character may be in two by now, and its replacement is longer than its bytes.
            let end = (0..=most.min(text.len()))
                .rev()
                .find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or(0));
            (Cow::Owned(text.into_bytes()), true, is_long)
        }
    }
}
