//! Entries of many streams in any order, brought together by stream.
//!
//! The rows of a stream have to follow one another; senders mix streams as events happen. Entries
//! are moved once, at the end, and [`Decoded::positions`] says where each stood.

use crate::decode::decoded::{Decoded, RawLabels, Text};
use crate::decode::event_key::EventKey;
use crate::decode::json_tree::Node;
use crate::label_name::{sanitize_name, sort_and_unite};
use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use crate::room::Room;
use hashbrown::{Equivalent, HashMap};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Label names with their values: valid names, sorted, each once, no value empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LabelPairs(Vec<(String, String)>);

impl LabelPairs {
    /// Names are repaired, pairs without a name or a value left out; of equal names the last stays.
    pub(crate) fn of<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> LabelPairs {
        let repaired = pairs.into_iter().filter_map(|(name, value)| {
            let (name, value) = (sanitize_name(name.as_ref().as_bytes())?, value.as_ref());
            // What was no text can't be part of a selector.
            let value = value.replace(char::REPLACEMENT_CHARACTER, " ");
            (!value.is_empty()).then(|| (name.into_owned(), value))
        });
        let mut pairs: Vec<_> = repaired.collect();
        sort_and_unite(&mut pairs, 0);
        LabelPairs(pairs)
    }

    /// Bytes they take.
    fn bytes(&self) -> usize {
        let pairs = self.0.iter();
        pairs
            .map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len())
            .sum()
    }
}

/// A label as a receiver found it, under a name of its own.
pub(crate) type FoundLabel<'t> = (&'static str, Cow<'t, str>);

/// Those of one entry, in the order in which they were found.
#[derive(Debug, PartialEq, Eq)]
struct CachedLabels(Vec<(&'static str, String)>);

/// Most of them that are cached: what comes beyond is repaired and sorted again each time.
const CACHED_LABELS_MAX: usize = 1024;

/// Hashed as [`LookedUp`] is.
impl Hash for CachedLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (name, value) in &self.0 {
            (*name, value.as_str()).hash(state);
        }
    }
}

struct LookedUp<'l, 't>(&'l [FoundLabel<'t>]);

impl Hash for LookedUp<'_, '_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (name, value) in self.0 {
            (*name, &**value).hash(state);
        }
    }
}

impl Equivalent<CachedLabels> for LookedUp<'_, '_> {
    fn equivalent(&self, cached: &CachedLabels) -> bool {
        let mut pairs = self.0.iter().zip(&cached.0);
        self.0.len() == cached.0.len()
            && pairs.all(|((name, value), (of, cached))| name == of && **value == **cached)
    }
}

/// Entries so far, each with the stream it belongs to.
#[derive(Debug)]
pub(crate) struct Grouped<'a> {
    decoded: Decoded<'a>,
    /// Metadata pairs an entry may have, and their bytes.
    allowed: (usize, usize),
    /// What of it is left to the entry to come.
    left: (usize, usize),
    streams: HashMap<LabelPairs, u32, foldhash::quality::RandomState>,
    /// Streams by labels as they were found.
    cached: HashMap<CachedLabels, u32, foldhash::quality::RandomState>,
    /// The stream of each entry.
    stream_of: Vec<u32>,
}

/// Memory of an entry here: its stream and, later, its position and its own second place.
const ENTRY_BYTES: usize = 6 * size_of::<u32>();

impl<'a> Grouped<'a> {
    /// Nothing yet, within this room and the limits of metadata.
    pub(crate) fn within(room: Room, limits: &IngestLimits) -> Grouped<'a> {
        let unlimited = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let allowed = match limits.allow_structured_metadata {
            true => (
                unlimited(limits.max_structured_metadata_entries_count),
                unlimited(limits.max_structured_metadata_size),
            ),
            false => (0, 0),
        };
        Grouped {
            decoded: Decoded::within(room),
            allowed,
            left: allowed,
            streams: HashMap::default(),
            cached: HashMap::default(),
            stream_of: Vec::new(),
        }
    }

    /// Appends a metadata pair of the entry to come, if limits allow one more: what does not fit is
    /// in the line alone. Gives whether it did.
    pub(crate) fn pair(
        &mut self,
        name: impl Into<Text<'a>>,
        value: impl Into<Text<'a>>,
    ) -> Result<bool, BodyError> {
        let (name, value) = (name.into(), value.into());
        let bytes = name.len() + value.len();
        if value.is_empty() {
            return Ok(true);
        }
        if self.left.0 == 0 || self.left.1 < bytes {
            return Ok(false);
        }
        self.left = (self.left.0 - 1, self.left.1 - bytes);
        self.decoded.push_pair(name, value)?;
        Ok(true)
    }

    /// Forgets the pairs of the entry to come.
    pub(crate) fn drop_pairs(&mut self) {
        let first = self.first_pair();
        self.decoded.pairs.truncate(first);
        self.left = self.allowed;
    }

    /// Appends an entry with the pairs since the last one; gives its position.
    pub(crate) fn entry(
        &mut self,
        labels: LabelPairs,
        time: i64,
        line: impl Into<Text<'a>>,
    ) -> Result<u32, BodyError> {
        let stream = self.stream(labels)?;
        self.entry_of(stream, time, line)
    }

    /// The stream with these labels, for entries to come.
    pub(crate) fn stream(&mut self, labels: LabelPairs) -> Result<u32, BodyError> {
        if let Some(stream) = self.streams.get(&labels) {
            return Ok(*stream);
        }
        let next = self.streams.len() as u32;
        self.decoded.take(2 * labels.bytes())?;
        self.streams.insert(labels, next);
        Ok(next)
    }

    /// The stream of labels as they were found: as [`Grouped::stream`] of [`LabelPairs::of`] them,
    /// which is done once for labels that many entries have.
    pub(crate) fn stream_found(&mut self, labels: &[FoundLabel<'_>]) -> Result<u32, BodyError> {
        if let Some(stream) = self.cached.get(&LookedUp(labels)) {
            return Ok(*stream);
        }
        let stream = self.stream(LabelPairs::of(labels.iter().map(|(n, v)| (n, v))))?;
        if self.cached.len() < CACHED_LABELS_MAX {
            let size = |value: &str| size_of::<(&str, String)>() + value.len();
            let bytes: usize = labels.iter().map(|(_, value)| size(value)).sum();
            self.decoded
                .take(bytes + 2 * size_of::<(CachedLabels, u32)>())?;
            let pairs = labels.iter().map(|(n, v)| (*n, v.to_string()));
            self.cached.insert(CachedLabels(pairs.collect()), stream);
        }
        Ok(stream)
    }

    /// Appends an entry to a stream that [`Grouped::stream`] gave.
    pub(crate) fn entry_of(
        &mut self,
        stream: u32,
        time: i64,
        line: impl Into<Text<'a>>,
    ) -> Result<u32, BodyError> {
        let first_pair = self.first_pair();
        self.left = self.allowed;
        self.decoded.take(ENTRY_BYTES)?;
        self.decoded.push_entry(time, line.into(), first_pair)?;
        self.stream_of.push(stream);
        Ok(self.stream_of.len() as u32 - 1)
    }

    /// Gives the last entry the key by which it is known when it comes again.
    pub(crate) fn key_of_last(&mut self, key: EventKey) -> Result<(), BodyError> {
        self.decoded.take(size_of::<Option<EventKey>>())?;
        self.decoded.keys.resize(self.stream_of.len(), None);
        if let Some(last) = self.decoded.keys.last_mut() {
            *last = Some(key);
        }
        Ok(())
    }

    /// As [`Decoded::parse_json`].
    pub(crate) fn parse_json<'t>(&mut self, text: &'t [u8]) -> Result<Node<'t>, BodyError> {
        self.decoded.parse_json(text)
    }

    /// Notes what could not be decoded although its neighbours could.
    pub(crate) fn reject(&mut self, message: impl FnOnce() -> String) {
        self.decoded.rejections.add(message);
    }

    /// Takes room for what a receiver keeps besides.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.decoded.take(bytes)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.stream_of.len()
    }

    /// All of it, stream by stream; the entries of a stream keep their order.
    pub(crate) fn finish(mut self) -> Result<Decoded<'a>, BodyError> {
        let mut rows: Vec<u32> = (0..self.stream_of.len() as u32).collect();
        rows.sort_by_key(|row| self.stream_of[*row as usize]);
        let moved = !rows.is_sorted();
        if !self.decoded.keys.is_empty() {
            self.decoded.keys.resize(rows.len(), None);
            let keys = rows.iter().map(|row| self.decoded.keys[*row as usize]);
            self.decoded.keys = keys.collect();
        }
        if moved {
            let mut entries: Vec<_> = self.decoded.entries.drain(..).map(Some).collect();
            let in_order = rows.iter().filter_map(|row| entries[*row as usize].take());
            self.decoded.entries.extend(in_order);
        }
        let mut streams: Vec<(LabelPairs, u32)> = self.streams.into_iter().collect();
        streams.sort_by_key(|(_, stream)| *stream);
        let mut end = 0;
        for (LabelPairs(record), stream) in streams {
            let first = end;
            end += rows[first..]
                .iter()
                .take_while(|row| self.stream_of[**row as usize] == stream)
                .count();
            let labels = RawLabels::Pairs {
                resource: &[],
                record,
            };
            self.decoded.push_stream_of(labels, first..end)?;
        }
        if moved {
            self.decoded.positions = rows;
        }
        Ok(self.decoded)
    }

    fn first_pair(&self) -> usize {
        let last = self.decoded.entries.last();
        last.map_or(0, |entry| entry.pairs.end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_together_by_stream_and_keep_their_order() {
        let mut grouped = Grouped::within(Room::default(), &IngestLimits::default());
        for (app, time, line) in [
            ("b", 3, "1"),
            ("a", 1, "2"),
            ("b", 2, "3"),
            ("", 4, "4"),
            ("a", 5, "5"),
        ] {
            let pairs = [("k", line)].map(|(n, v)| (n.as_bytes(), v.as_bytes()));
            for (name, value) in pairs {
                grouped.pair(name, value).expect("there is room");
            }
            let labels = LabelPairs::of([("app", app), ("1.x", "y\u{fffd}")]);
            grouped
                .entry(labels, time, line.as_bytes())
                .expect("there is room");
        }
        let decoded = grouped.finish().expect("there is room");
        let shown: Vec<String> = decoded
            .streams
            .iter()
            .map(|stream| {
                let rows = decoded.entries[stream.rows.clone()].iter();
                let lines = rows.map(|e| {
                    let pairs = decoded.pairs_of(e);
                    assert_eq!(pairs[0].1, e.line, "pairs stay with their entry");
                    String::from_utf8_lossy(&e.line).into_owned()
                });
                let RawLabels::Pairs { record, .. } = &stream.labels else {
                    panic!("labels are pairs")
                };
                format!("{record:?} {}", lines.collect::<Vec<_>>().join(","))
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"[("app", "b"), ("key_1_x", "y ")] 1,3"#,
                r#"[("app", "a"), ("key_1_x", "y ")] 2,5"#,
                r#"[("key_1_x", "y ")] 4"#
            ]
        );
        assert_eq!(decoded.positions, [0, 2, 1, 4, 3]);
    }

    #[test]
    fn labels_found_again_lead_to_the_stream_of_their_repaired_pairs() {
        let mut grouped = Grouped::within(Room::default(), &IngestLimits::default());
        let mut stream = |pairs: &[(&'static str, &'static str)]| {
            let found: Vec<_> = pairs.iter().map(|(n, v)| (*n, Cow::Borrowed(*v))).collect();
            let stream = grouped.stream_found(&found).expect("there is room");
            let of = LabelPairs::of(pairs.iter().copied());
            assert_eq!(grouped.stream(of), Ok(stream), "{pairs:?}");
            stream
        };
        assert_eq!(stream(&[("a", "1"), ("b", "2")]), 0);
        assert_eq!(stream(&[("b", "2"), ("a", "1")]), 0);
        assert_eq!(stream(&[("a", "12"), ("b", "")]), 1);
        assert_eq!(stream(&[("a", "1"), ("b", "2")]), 0);
        assert_eq!(stream(&[("a", "12")]), 1);
        assert_eq!(stream(&[]), 2);
        for n in 0..CACHED_LABELS_MAX + 3 {
            let value = Cow::Owned(n.to_string());
            let found = [("n", value)];
            let first = grouped.stream_found(&found);
            assert_eq!(first, grouped.stream_found(&found));
        }
        assert_eq!(grouped.streams.len(), 3 + CACHED_LABELS_MAX + 3);
        assert_eq!(grouped.cached.len(), CACHED_LABELS_MAX);
    }

    #[test]
    fn pairs_of_an_entry_given_up_are_forgotten() {
        let mut grouped = Grouped::within(Room::default(), &IngestLimits::default());
        grouped.pair(&b"a"[..], &b"1"[..]).expect("there is room");
        grouped.drop_pairs();
        let position = grouped.entry(LabelPairs::default(), 0, &b"x"[..]);
        assert_eq!(position, Ok(0));
        let decoded = grouped.finish().expect("there is room");
        assert!(decoded.pairs_of(&decoded.entries[0]).is_empty());
        assert_eq!(decoded.streams.len(), 1);
    }
}
