//! Splunk's HTTP Event Collector: events in JSON, one after another without a separator, and raw
//! lines.
//!
//! Events are read up to the first that is no JSON: what follows it can not be read. One
//! without an `event` is refused, its neighbours are taken; the answer names the first refused.

use crate::decode::decoded::{Decoded, Text};
use crate::decode::event_time;
use crate::decode::grouped::{FoundLabel, Grouped};
use crate::decode::json_fields;
use crate::decode::json_reader::Scanner;
use crate::decode::json_tree::Node;
use crate::receivers::{Outcome, Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::Question;
use crate::room::Room;
use serde_json::json;
use std::borrow::Cow;

/// `/services/collector/event` and its older names.
pub(crate) struct Events;

/// `/services/collector/raw`: a line an event.
pub(crate) struct Raw;

const NAME: &str = "splunk";

/// Fields of an event, and parameters of raw ones, that become labels.
const LABELS: [&str; 4] = ["host", "source", "sourcetype", "index"];

/// What an answer says, and Splunk's number for it.
type Code = (u16, &'static str, u8);

const NO_DATA: Code = (400, "No data", 5);
const INVALID_FORMAT: Code = (400, "Invalid data format", 6);
const BUSY: Code = (503, "Server is busy", 9);
const EVENT_REQUIRED: Code = (400, "Event field is required", 12);
const EVENT_BLANK: Code = (400, "Event field cannot be blank", 13);

/// The first event that was refused while reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FirstRefused {
    code: Code,
    number: usize,
}

/// What the answer needs: [`Decoded::note`].
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    first_refused: Option<FirstRefused>,
    /// Whether there was anything.
    any: bool,
}

impl Receiver for Events {
    fn name(&self) -> &'static str {
        NAME
    }

    fn decode<'m>(
        &self,
        reception: &Reception<'m>,
        mut room: Room,
    ) -> Result<Decoded<'m>, BodyError> {
        let text = reception.text(&mut room)?;
        let mut events = Reader {
            grouped: Grouped::within(room, reception.limits),
            read: Read::default(),
            reception,
        };
        let mut scanner = Scanner::new(text.as_bytes());
        let mut number = 0;
        while scanner.has_item() {
            let refused = match scanner.value() {
                Ok(event) if event.starts_with(b"{") => events.event(event)?,
                _ => Err(INVALID_FORMAT),
            };
            events.read.any = true;
            if let Err(code) = refused {
                let first = FirstRefused { code, number };
                events.read.first_refused.get_or_insert(first);
                events.grouped.reject(|| code.1.to_owned());
                if code == INVALID_FORMAT {
                    break;
                }
            }
            number += 1;
        }
        let mut decoded = events.grouped.finish()?;
        decoded.note = Some(Box::new(events.read));
        Ok(decoded)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        reply(taken)
    }

    fn answer(&self, question: &Question) -> PushReply {
        match question.path.contains("/ack") {
            true => coded((400, "ACK is disabled", 14)),
            false => coded((200, "HEC is healthy", 17)),
        }
    }
}

impl Receiver for Raw {
    fn name(&self) -> &'static str {
        NAME
    }

    fn decode<'m>(
        &self,
        reception: &Reception<'m>,
        mut room: Room,
    ) -> Result<Decoded<'m>, BodyError> {
        let text = reception.text(&mut room)?;
        let mut grouped = Grouped::within(room, reception.limits);
        let time = reception
            .parameter("time")
            .and_then(|text| event_time::parse(text.as_bytes()));
        let time = time.unwrap_or(reception.now);
        let labels = LABELS.map(|name| reception.parameter(name).unwrap_or_default());
        for line in text.lines().filter(|line| !line.is_empty()) {
            let stream = grouped.stream_found(&with_service(&labels))?;
            grouped.entry_of(stream, time, line.as_bytes())?;
        }
        let read = Read {
            any: grouped.len() > 0,
            ..Read::default()
        };
        let mut decoded = grouped.finish()?;
        decoded.note = Some(Box::new(read));
        Ok(decoded)
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        reply(taken)
    }
}

struct Reader<'r, 'm> {
    grouped: Grouped<'m>,
    read: Read,
    reception: &'r Reception<'m>,
}

impl<'m> Reader<'_, 'm> {
    /// Appends an event; the inner error says why it is none.
    fn event(&mut self, text: &'m [u8]) -> Result<Result<(), Code>, BodyError> {
        let mut labels: [Cow<'m, str>; LABELS.len()] =
            LABELS.map(|name| Cow::Borrowed(self.reception.parameter(name).unwrap_or_default()));
        let (mut time, mut line) = (None, None);
        let mut scanner = Scanner::new(text);
        let Ok(()) = scanner.expect(b'{') else {
            return Ok(Err(INVALID_FORMAT));
        };
        let mut first = true;
        loop {
            let member = scanner.key(&mut first).and_then(|key| match key {
                Some(key) => Ok(Some((key, scanner.value()?))),
                None => Ok(None),
            });
            let (key, raw) = match member {
                Ok(Some(member)) => member,
                Ok(None) => break,
                Err(_) => {
                    self.grouped.drop_pairs();
                    return Ok(Err(INVALID_FORMAT));
                }
            };
            if &*key == b"event" {
                line = Some(raw);
                continue;
            }
            let label = LABELS.iter().position(|name| name.as_bytes() == &*key);
            if label.is_none() && !matches!(&*key, b"time" | b"fields") {
                continue;
            }
            let node = match self.grouped.parse_json(raw) {
                Ok(node) => node,
                Err(BodyError::Malformed(_)) => {
                    self.grouped.drop_pairs();
                    return Ok(Err(INVALID_FORMAT));
                }
                Err(error) => return Err(error),
            };
            match (label, node) {
                (Some(label), node) => labels[label] = json_fields::text(node),
                (None, Node::Object(members)) => {
                    json_fields::push_pairs(&mut self.grouped, "", members)?;
                }
                (None, node) if &*key == b"time" => {
                    time = event_time::parse(json_fields::text(node).as_bytes());
                }
                (None, _) => {}
            }
        }
        let line = match self.line(line) {
            Ok(line) => line,
            Err(code) => {
                self.grouped.drop_pairs();
                return Ok(Err(code));
            }
        };
        let stream = self.grouped.stream_found(&with_service(&labels))?;
        let time = time.unwrap_or(self.reception.now);
        self.grouped.entry_of(stream, time, line)?;
        Ok(Ok(()))
    }

    /// The line of an event: a string without its quotes, anything else as it stands.
    fn line(&self, event: Option<&'m [u8]>) -> Result<Text<'m>, Code> {
        let line: Text<'m> = match event {
            None | Some(b"null") => return Err(EVENT_REQUIRED),
            Some(raw) if raw.starts_with(b"\"") => {
                Scanner::new(raw).string().map_err(|_| INVALID_FORMAT)?
            }
            Some(raw) => Cow::Borrowed(raw),
        };
        match line.trim_ascii().is_empty() {
            true => Err(EVENT_BLANK),
            false => Ok(line),
        }
    }
}

/// The labels of an event: those of [`LABELS`], and which service it is. That is the last part of
/// its source, often a path, or its type.
fn with_service<V: AsRef<str>>(values: &[V; LABELS.len()]) -> [FoundLabel<'_>; LABELS.len() + 1] {
    let [host, source, kind, index] = values.each_ref().map(AsRef::as_ref);
    let name = source.rsplit(['/', '\\']).next().unwrap_or_default();
    let service = if name.is_empty() { kind } else { name };
    let [named_host, named_source, named_kind, named_index] = LABELS;
    [
        (named_host, host),
        (named_source, source),
        (named_kind, kind),
        (named_index, index),
        ("service_name", service),
    ]
    .map(|(name, value)| (name, Cow::Borrowed(value)))
}

fn reply(taken: &Taken<'_>) -> PushReply {
    match taken {
        Taken::Read(outcome) => read(outcome),
        Taken::Refused { status, text } => match status {
            401 => coded((401, "Invalid authorization", 3)),
            403 => coded((403, "Invalid token", 4)),
            408 | 429 | 500 | 503 => with_reason(BUSY, text, None),
            413 => with_reason((413, "Request entity too large", 27), text, None),
            400 | 422 => with_reason(INVALID_FORMAT, text, None),
            status => with_reason((*status, "Invalid request", 6), text, None),
        },
    }
}

fn read(outcome: &Outcome<'_>) -> PushReply {
    let note: Read = outcome
        .note
        .and_then(|note| note.downcast_ref().copied())
        .unwrap_or_default();
    if outcome.rejections.status() == 429 {
        // What was stored of it is stored once, however often it comes.
        let text = outcome.rejections.text().unwrap_or_default();
        return with_reason(BUSY, &text, None);
    }
    if let Some(FirstRefused { code, number }) = note.first_refused {
        return with_reason(code, code.1, Some(number));
    }
    if let (Some(refused), Some(text)) = (outcome.refused.first(), outcome.rejections.text()) {
        return with_reason(INVALID_FORMAT, &text, Some(refused.rows.start as usize));
    }
    match note.any {
        true => coded((200, "Success", 0)),
        false => coded(NO_DATA),
    }
}

fn coded((status, text, code): Code) -> PushReply {
    PushReply::json(status, &json!({"text": text, "code": code}))
}

/// With the reason where Splunk has none, and the number of the event.
fn with_reason((status, text, code): Code, reason: &str, event: Option<usize>) -> PushReply {
    let mut body = json!({"text": text, "code": code});
    if reason != text {
        body["reason"] = reason.into();
    }
    if let Some(number) = event {
        body["invalid-event-number"] = number.into();
    }
    PushReply::json(status, &body)
}
