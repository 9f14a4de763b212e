//! What becomes of a message: an entry's labels, time, line and metadata.
//!
//! | of the message | of the entry |
//! |---|---|
//! | hostname, else the sender's address | label `host` |
//! | APP-NAME or tag | label `app` |
//! | facility | label `facility` |
//! | severity | metadata `severity` in syslog's word, `level` in that of levels |
//! | PROCID, MSGID | metadata `procid`, `msgid` |
//! | `[id@number name="value"]` | metadata `id_number_name`; of a name given again the values, by commas |
//! | what was not in it | metadata `guessed`: those of host, time, year, zone |
//! | a time far ahead of now | metadata `sent_time`; the entry has that of its arrival |
//! | an end that is missing | metadata `truncated` |
//! | bytes that are no UTF-8 | U+FFFD, and metadata `invalid_utf8` |
//! | what can't be read | metadata `malformed`, which says why; the line has all of it |

use crate::batch::Frame;
use crate::message::Message;
use crate::parse::parse;
use crate::priority::Priority;
use crate::structured_data;
use crate::timestamp::Precision;
use crate::zone::ZoneClock;
use std::borrow::Cow;

/// Longest value of a label, in bytes: the RFC's longest hostname.
pub const LABEL_BYTES_MAX: usize = 255;

/// Most parameters of structured data that become metadata.
pub const PARAMS_MAX: usize = 100;

/// Most bytes of them, names included.
pub const PARAM_BYTES_MAX: usize = 32 << 10;

/// The metadata that says why a message can't be read.
pub const MALFORMED: &str = "malformed";

/// A metadata pair.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// An entry, but for its metadata.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Label `host`; `None` when nobody knows.
    pub host: Option<Cow<'a, str>>,
    /// Label `app`.
    pub app: Option<Cow<'a, str>>,
    /// Label `facility`.
    pub facility: Option<&'static str>,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// The line; UTF-8.
    pub line: Cow<'a, [u8]>,
}

/// When a message came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Nanoseconds since 1970; no other message of its batch has the same.
    pub time: i64,
    /// Nanoseconds that a sent time may be ahead of it.
    pub ahead_max: i64,
}

/// Makes an entry of a frame; its metadata is appended to `pairs`, none of it empty.
pub fn read<'a>(
    frame: &Frame<'a>,
    clock: &mut ZoneClock,
    arrival: Arrival,
    pairs: &mut Vec<Pair<'a>>,
) -> Entry<'a> {
    let message = parse(frame.bytes);
    let first = pairs.len();
    let mut guessed = Guessed::default();
    let host = match (message.host, frame.address) {
        (Some(host), _) => Some(label(host)),
        (None, Some(address)) => {
            guessed.host = true;
            Some(Cow::Owned(address.to_canonical().to_string()))
        }
        (None, None) => None,
    };
    let time = time(&message, frame.repeat, clock, arrival, &mut guessed, pairs);
    let line = text(message.text, pairs);
    append_fields(&message, pairs);
    let guessed = guessed.words();
    if !guessed.is_empty() {
        pairs.push(pair("guessed", guessed));
    }
    if frame.truncated {
        pairs.push(pair("truncated", "true"));
    }
    if let Some(fault) = message.fault {
        let why = Cow::Owned(fault.to_string().into_bytes());
        pairs.push((borrowed(MALFORMED), why));
    }
    append_params(message.structured, first, pairs);
    Entry {
        host,
        app: message.app.map(label),
        facility: message.priority.map(Priority::facility),
        time,
        line,
    }
}

fn pair<'a>(name: &'static str, value: &'static str) -> Pair<'a> {
    (borrowed(name), borrowed(value))
}

fn borrowed<'a>(text: &'static str) -> Cow<'a, [u8]> {
    Cow::Borrowed(text.as_bytes())
}

fn append_fields<'a>(message: &Message<'a>, pairs: &mut Vec<Pair<'a>>) {
    if let Some(priority) = message.priority {
        pairs.push(pair("level", priority.level()));
        pairs.push(pair("severity", priority.severity()));
    }
    for (name, field) in [("procid", message.procid), ("msgid", message.msgid)] {
        if let Some(field) = field {
            pairs.push((borrowed(name), Cow::Borrowed(field)));
        }
    }
}

/// What a message left out.
#[derive(Default)]
struct Guessed {
    host: bool,
    time: bool,
    year: bool,
    zone: bool,
}

impl Guessed {
    fn words(&self) -> &'static str {
        match (self.host, self.time, self.year, self.zone) {
            (false, true, _, _) => "time",
            (true, true, _, _) => "host,time",
            (false, _, true, _) => "year,zone",
            (true, _, true, _) => "host,year,zone",
            (false, _, _, true) => "zone",
            (true, _, _, true) => "host,zone",
            (true, ..) => "host",
            (false, ..) => "",
        }
    }
}

/// The time sent, or that of the arrival.
fn time<'a>(
    message: &Message<'a>,
    repeat: u16,
    clock: &mut ZoneClock,
    arrival: Arrival,
    guessed: &mut Guessed,
    pairs: &mut Vec<Pair<'a>>,
) -> i64 {
    let Some(sent) = clock.resolve(message.time, arrival.time) else {
        guessed.time = true;
        return arrival.time;
    };
    let is_ahead = sent.time > arrival.time.saturating_add(arrival.ahead_max);
    if is_ahead || sent.time < 0 {
        let shown = jiff::Timestamp::from_nanosecond(i128::from(sent.time));
        if let Ok(shown) = shown {
            pairs.push((
                borrowed("sent_time"),
                Cow::Owned(shown.to_string().into_bytes()),
            ));
        }
        guessed.time = true;
        return arrival.time;
    }
    guessed.year = sent.guessed_year;
    guessed.zone = sent.guessed_zone;
    // Equal messages of one second are two entries.
    match sent.precision {
        Precision::Second => sent.time.saturating_add(i64::from(repeat)),
        Precision::Fraction => sent.time,
    }
}

/// The text as UTF-8.
fn text<'a>(text: &'a [u8], pairs: &mut Vec<Pair<'a>>) -> Cow<'a, [u8]> {
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => {
            pairs.push(pair("invalid_utf8", "true"));
            Cow::Owned(text.into_bytes())
        }
    }
}

/// A label's value: what is no printable text is a `?`.
fn label(value: &[u8]) -> Cow<'_, str> {
    let is_clean = |c: char| !c.is_control() && c != char::REPLACEMENT_CHARACTER;
    match std::str::from_utf8(value) {
        Ok(text) if text.len() <= LABEL_BYTES_MAX && text.chars().all(is_clean) => {
            Cow::Borrowed(text)
        }
        _ => {
            let mut text = String::new();
            for c in String::from_utf8_lossy(value).chars() {
                let c = if is_clean(c) { c } else { '?' };
                if text.len() + c.len_utf8() > LABEL_BYTES_MAX {
                    break;
                }
                text.push(c);
            }
            Cow::Owned(text)
        }
    }
}

/// Structured data as metadata, behind the entry's own pairs from `first` on, whose names it may not
/// take.
fn append_params<'a>(structured: &'a [u8], first: usize, pairs: &mut Vec<Pair<'a>>) {
    let own = pairs.len();
    let mut bytes = 0;
    for param in structured_data::params(structured) {
        let name = flat_name(param.id, param.name);
        let value = match param.name.is_empty() {
            true => borrowed("true"),
            false => param.value,
        };
        bytes += name.len() + value.len();
        if pairs.len() - own >= PARAMS_MAX || bytes > PARAM_BYTES_MAX {
            pairs.push(pair("truncated", "true"));
            return;
        }
        if value.is_empty()
            || pairs[first..own]
                .iter()
                .any(|(other, _)| **other == name[..])
        {
            continue;
        }
        match pairs[own..]
            .iter_mut()
            .find(|(other, _)| **other == name[..])
        {
            Some((_, values)) => {
                let values = values.to_mut();
                values.push(b',');
                values.extend_from_slice(&value);
            }
            None => pairs.push((Cow::Owned(name), value)),
        }
    }
}

/// `exampleSDID@32473`, `iut` → `exampleSDID_32473_iut`: what may not be in a name is `_`.
fn flat_name(id: &[u8], name: &[u8]) -> Vec<u8> {
    let joint: &[u8] = if name.is_empty() { b"" } else { b"_" };
    let parts = [id, joint, name];
    let bytes = parts.iter().flat_map(|part| part.iter());
    let of_name = |byte: &u8| {
        if byte.is_ascii_alphanumeric() {
            *byte
        } else {
            b'_'
        }
    };
    // Two underscores at the start are for names with a meaning of their own.
    bytes
        .map(of_name)
        .skip_while(|byte| *byte == b'_')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    const NOW: i64 = 1_796_075_776_000_000_000;

    fn check(frame: Frame<'_>, expected: &str, metadata: &str) {
        let mut clock = ZoneClock::new(TimeZone::UTC);
        let mut pairs = Vec::new();
        let arrival = Arrival {
            time: NOW,
            ahead_max: 600_000_000_000,
        };
        let entry = read(&frame, &mut clock, arrival, &mut pairs);
        let label = |label: Option<&str>| label.unwrap_or("-").to_owned();
        let shown = [
            label(entry.host.as_deref()),
            label(entry.app.as_deref()),
            label(entry.facility),
            (entry.time - NOW).to_string(),
            String::from_utf8(entry.line.into_owned()).expect("UTF-8"),
        ];
        assert_eq!(shown.join("|"), expected);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(n, v)| format!("{}={}", text(n), text(v)))
            .collect();
        assert_eq!(pairs.join(" "), metadata, "{expected}");
    }

    fn frame(bytes: &[u8]) -> Frame<'_> {
        Frame {
            bytes,
            address: Some([10, 0, 0, 7].into()),
            repeat: 0,
            truncated: false,
        }
    }

    #[test]
    fn a_message_becomes_labels_metadata_and_a_line() {
        check(
            frame(b"<165>1 2026-11-30T21:56:17.5+00:00 h app 77 ID47 [x@32473 k=\"v\" k=\"w\" e=\"\"][bare] hi"),
            "h|app|local4|1500000000|hi",
            "level=info severity=notice procid=77 msgid=ID47 x_32473_k=v,w bare=true",
        );
        check(
            Frame {
                repeat: 3,
                ..frame(b"<28>Nov 30 21:56:16 node-1 nginx[9]: x")
            },
            "node-1|nginx|daemon|3|x",
            "level=warn severity=warning procid=9 guessed=year,zone",
        );
    }

    #[test]
    fn what_is_not_there_is_guessed_and_said() {
        check(
            frame(b"<142>pyapp: plain\0"),
            "10.0.0.7|pyapp|local1|0|plain",
            "level=info severity=info guessed=host,time",
        );
        check(
            frame(b"<13>1 2026-11-30T23:56:16Z h a - - - early"),
            "h|a|user|0|early",
            "sent_time=2026-11-30T23:56:16Z level=info severity=notice guessed=time",
        );
        check(
            frame(b"<13>1 1969-11-30T23:56:16Z h a - - - old"),
            "h|a|user|0|old",
            "sent_time=1969-11-30T23:56:16Z level=info severity=notice guessed=time",
        );
    }

    #[test]
    fn what_can_not_be_read_is_a_line_with_an_error() {
        check(
            frame(b"garbage \xff\n"),
            "10.0.0.7|-|-|0|garbage \u{fffd}",
            "invalid_utf8=true guessed=host,time malformed=it does not begin with a priority from <0> to <191>",
        );
        check(
            Frame {
                truncated: true,
                ..frame(b"<13>1 2026-11-30T21:56:16Z h\x01\xff a - - [_ error__=\"no\"]")
            },
            "h??|a|user|0|",
            "level=info severity=notice truncated=true error__=no",
        );
    }

    #[test]
    fn structured_data_is_bounded() {
        let many: String = (0..300).map(|i| format!("[a{i} b=\"c\"]")).collect();
        let message = format!("<13>1 - h a - - {many} text");
        let mut pairs = Vec::new();
        let arrival = Arrival {
            time: NOW,
            ahead_max: 0,
        };
        let frame = frame(message.as_bytes());
        let entry = read(
            &frame,
            &mut ZoneClock::new(TimeZone::UTC),
            arrival,
            &mut pairs,
        );
        assert_eq!(&*entry.line, b"text");
        assert_eq!(pairs.len(), PARAMS_MAX + 4);
        assert_eq!(pairs[PARAMS_MAX + 3].0, borrowed("truncated"));
    }
}
