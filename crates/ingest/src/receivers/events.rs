//! Events gather into streams by their labels, each with columns that stay within the limits.
//!
//! A receiver walks the events in the order they came: columns of an event, then the event. What
//! would break a limit is left out of the columns, never of the line.

use crate::decode::decoded::{Decoded, Text};
use crate::decode::event_key::EventKey;
use crate::decode::grouped::{Grouped, LabelPairs};
use crate::decode::json_members::Value;
use crate::decode::json_reader::JsonError;
use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use crate::room::Room;

/// The column that says what is wrong with an event that is not as its protocol has it. A name of
/// our own: an entry with `__error__` would make metric queries over its neighbours fail.
pub(crate) const MALFORMED: &str = "malformed";

/// The column of an event's level.
pub(crate) const LEVEL: &str = "detected_level";

/// Most columns of an event; entries may have 128, and some are added later.
const COLUMNS_MAX: usize = 100;

/// Most bytes of an event's columns, names and values; entries may have 64 KiB.
const COLUMN_BYTES_MAX: usize = 32 << 10;

/// Longest value of a label, in bytes; longer ones are truncated, as the event has to be kept.
const LABEL_VALUE_BYTES_MAX: usize = 1024;

/// Reads what should be an object; the error says what it is instead.
pub(crate) fn read_object<'a, T>(
    text: &'a [u8],
    read: impl FnOnce(&'a [u8]) -> Result<T, JsonError>,
) -> Result<T, &'static str> {
    match Value::of(text) {
        Ok(Value::Object(object)) => read(object).map_err(|_| "no JSON"),
        Ok(other) => Err(other.kind()),
        Err(_) => Err("no JSON"),
    }
}

/// Streams that grow by one event after the other.
pub(crate) struct Events<'a> {
    grouped: Grouped<'a>,
    /// Columns of the event to come.
    columns: usize,
    /// Their bytes.
    bytes: usize,
    /// Whether it has columns that were left out.
    left_out: bool,
}

impl<'a> Events<'a> {
    /// None yet, within this room and the limits of metadata.
    pub(crate) fn within(room: Room, limits: &IngestLimits) -> Events<'a> {
        Events {
            grouped: Grouped::within(room, limits),
            columns: 0,
            bytes: 0,
            left_out: false,
        }
    }

    /// Adds a column to the event to come; an empty value is none.
    pub(crate) fn column(
        &mut self,
        name: impl Into<Text<'a>>,
        value: impl Into<Text<'a>>,
    ) -> Result<(), BodyError> {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            return Ok(());
        }
        let bytes = self.bytes + name.len() + value.len();
        if self.columns == COLUMNS_MAX || bytes > COLUMN_BYTES_MAX {
            self.left_out = true;
            return Ok(());
        }
        (self.columns, self.bytes) = (self.columns + 1, bytes);
        self.left_out |= !self.grouped.pair(name, value)?;
        Ok(())
    }

    /// Says in columns what is wrong with the event to come.
    pub(crate) fn wrong(&mut self, details: impl Into<String>) -> Result<(), BodyError> {
        let details = details.into().into_bytes();
        self.grouped.pair(MALFORMED.as_bytes(), details)?;
        Ok(())
    }

    /// Whether the event to come has columns that were left out.
    pub(crate) fn has_left_out(&self) -> bool {
        self.left_out
    }

    /// Forgets the columns of the event to come.
    pub(crate) fn forget(&mut self) {
        self.grouped.drop_pairs();
        (self.columns, self.bytes, self.left_out) = (0, 0, false);
    }

    /// Adds an event to the stream with these labels.
    pub(crate) fn push(
        &mut self,
        labels: &EventLabels,
        time: i64,
        line: impl Into<Text<'a>>,
    ) -> Result<(), BodyError> {
        let labels = LabelPairs::of(labels.pairs.iter().map(|(n, v)| (n, v)));
        self.grouped.entry(labels, time, line)?;
        (self.columns, self.bytes, self.left_out) = (0, 0, false);
        Ok(())
    }

    /// Gives the last event the key by which it is known when it comes again.
    pub(crate) fn key_of_last(&mut self, key: EventKey) -> Result<(), BodyError> {
        self.grouped.key_of_last(key)
    }

    /// The streams.
    pub(crate) fn finish(mut self) -> Result<Decoded<'a>, BodyError> {
        self.forget();
        self.grouped.finish()
    }
}

/// Labels of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventLabels {
    pairs: Vec<(String, String)>,
}

impl EventLabels {
    /// With the name of the service.
    pub(crate) fn of_service(service: &str) -> EventLabels {
        let mut labels = EventLabels::default();
        labels.add("service_name", service.as_bytes());
        labels
    }

    /// Adds the name of the service, that of the first label in `names` which there is, unless there
    /// is one.
    pub(crate) fn discover_service(&mut self, names: &[String]) {
        let value = |name: &str| {
            let found = self.pairs.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.clone())
        };
        if value("service_name").is_none()
            && let Some(service) = names.iter().find_map(|name| value(name))
        {
            self.pairs.push(("service_name".to_owned(), service));
        }
    }

    /// Adds a label; an empty value is none. A value that is too long is truncated.
    pub(crate) fn add(&mut self, name: &str, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let mut value = String::from_utf8_lossy(value).into_owned();
        let mut end = LABEL_VALUE_BYTES_MAX.min(value.len());
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        value.truncate(end);
        self.pairs.push((name.to_owned(), value));
    }
}

/// Bytes without a byte order mark and white space around them.
pub(crate) fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(bytes)
        .trim_ascii()
}

/// The lines of a body that are not empty, without white space around them.
pub(crate) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    trimmed(body)
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::decode::decoded::RawLabels;
    use skald_model::Labels;

    /// No events yet, with all the room there is.
    pub(crate) fn empty<'a>() -> Events<'a> {
        Events::within(Room::default(), &IngestLimits::default())
    }

    /// Streams as text: labels, then a line for each entry with time, line and columns.
    pub(crate) fn shown(decoded: &Decoded<'_>) -> String {
        let mut out = String::new();
        for stream in &decoded.streams {
            let RawLabels::Pairs { record, .. } = &stream.labels else {
                panic!("labels are pairs")
            };
            out += &format!(
                "{}\n",
                Labels::from_pairs(record.iter().map(|(n, v)| (n, v)))
            );
            for entry in &decoded.entries[stream.rows.clone()] {
                out += &format!("  {} {}", entry.time, String::from_utf8_lossy(&entry.line));
                for (name, value) in decoded.pairs_of(entry) {
                    let (name, value) = (
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(value),
                    );
                    out += &format!(" | {name}={value}");
                }
                out.push('\n');
            }
        }
        out
    }

    #[test]
    fn events_meet_in_their_streams() {
        let mut events = empty();
        let (one, mut two) = (EventLabels::of_service("s"), EventLabels::of_service("s"));
        two.add("a", b"x\xffy\"");
        for (at, labels) in [&one, &two, &one].into_iter().enumerate() {
            let value = at.to_string().into_bytes();
            events.column(&b"n"[..], value.clone()).expect("room");
            events.push(labels, at as i64, value).expect("room");
        }
        let want = "{service_name=\"s\"}\n  0 0 | n=0\n  2 2 | n=2\n\
                    {a=\"x y\\\"\", service_name=\"s\"}\n  1 1 | n=1\n";
        assert_eq!(shown(&events.finish().expect("room")), want);
    }

    #[test]
    fn columns_and_labels_stay_within_limits() {
        let mut events = empty();
        events
            .column(&b"large"[..], vec![b'x'; COLUMN_BYTES_MAX])
            .expect("room");
        assert!(events.has_left_out());
        for _ in 0..2 * COLUMNS_MAX {
            events.column(&b"n"[..], &b"v"[..]).expect("room");
        }
        let mut labels = EventLabels::of_service("s");
        labels.add("rule", "é".repeat(LABEL_VALUE_BYTES_MAX).as_bytes());
        labels.add("none", b"");
        events.push(&labels, 1, &b"line"[..]).expect("room");
        assert!(!events.has_left_out());
        let decoded = events.finish().expect("room");
        assert_eq!(decoded.pairs.len(), COLUMNS_MAX);
        let text = shown(&decoded);
        assert!(text.len() < 3 * LABEL_VALUE_BYTES_MAX, "{}", text.len());
    }
}
