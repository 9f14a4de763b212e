//! The series table numbers series in the order they were first seen.
//!
//! A key is the canonical bytes of a label set; all keys lie in one buffer and a hash table holds
//! numbers. The last key is compared first: samples of one stream tend to be of one series.

use super::samples::SampleError;
use hashbrown::HashTable;
use skald_model::{Charge, Labels, Stop};
use std::hash::BuildHasher;

/// Series found so far, numbered; a series' key is the canonical bytes of its labels.
#[derive(Debug)]
pub struct SeriesTable {
    keys: Vec<u8>,
    ends: Vec<usize>,
    index: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    last: u32,
    max: usize,
    short: ShortValues,
    /// What the table holds.
    charge: Charge,
    /// Why the query has to end, where that kept a series out.
    stop: Option<Stop>,
}

/// Bytes of labels beside their texts: the counts of an `Arc`, and what points to it with a vector
/// of points.
const LABELS_BYTES: usize = 64;

/// Bytes that a series takes in the hash table.
const INDEX_BYTES: usize = 12;

impl Default for SeriesTable {
    fn default() -> SeriesTable {
        SeriesTable::with_limit(usize::MAX)
    }
}

impl SeriesTable {
    /// A table that refuses more than `max` series.
    pub fn with_limit(max: usize) -> SeriesTable {
        SeriesTable::charged(max, Charge::default())
    }

    /// A table that refuses more than `max` series, and those it can't be charged with.
    pub fn charged(max: usize, charge: Charge) -> SeriesTable {
        SeriesTable {
            keys: Vec::new(),
            ends: Vec::new(),
            index: HashTable::new(),
            hasher: foldhash::fast::FixedState::default(),
            last: 0,
            max,
            short: ShortValues::default(),
            charge,
            stop: None,
        }
    }

    /// Why a series was kept out.
    pub fn refusal(&self) -> SampleError {
        let full = SampleError::TooManySeries(self.max);
        self.stop.map_or(full, SampleError::Stopped)
    }

    /// The number of a series, new or known; `None` when the table does not take it in, for the
    /// reason that [`SeriesTable::refusal`] gives.
    pub fn intern(&mut self, key: &[u8]) -> Option<u32> {
        if !self.is_empty() && self.key(self.last) == key {
            return Some(self.last);
        }
        let hash = self.hasher.hash_one(key);
        let known = self
            .index
            .find(hash, |series| self.key(*series) == key)
            .copied();
        self.last = match known {
            Some(series) => series,
            None if self.len() >= self.max => return None,
            None => match self.make_room(key) {
                Ok(()) => self.add(hash, key),
                Err(stop) => {
                    self.stop = Some(stop);
                    return None;
                }
            },
        };
        Some(self.last)
    }

    /// The series that a short value was noted for: `owner` says what the values are of.
    #[inline]
    pub(super) fn of_value(&mut self, owner: u64, value: &[u8]) -> Option<u32> {
        let word = short_word(value)?;
        if self.short.owner != owner {
            self.short = ShortValues {
                owner,
                ..ShortValues::default()
            };
        }
        let (known, series) = self.short.slots[slot_of(word)];
        (known == word).then_some(series)
    }

    /// Notes the series of a value; long ones are not kept.
    pub(super) fn note_value(&mut self, value: &[u8], series: u32) {
        if let Some(word) = short_word(value) {
            self.short.slots[slot_of(word)] = (word, series);
        }
    }

    fn make_room(&mut self, key: &[u8]) -> Result<(), Stop> {
        self.charge.work(key.len())?;
        self.charge.reserve(&mut self.keys, key.len())?;
        self.charge.reserve(&mut self.ends, 1)?;
        self.charge.add(INDEX_BYTES)
    }

    fn add(&mut self, hash: u64, key: &[u8]) -> u32 {
        let series = self.ends.len() as u32;
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        let (keys, ends, hasher) = (&self.keys, &self.ends, &self.hasher);
        self.index.insert_unique(hash, series, |series| {
            hasher.hash_one(key_of(keys, ends, *series))
        });
        series
    }

    /// The canonical label bytes of series `index`.
    pub fn key(&self, index: u32) -> &[u8] {
        key_of(&self.keys, &self.ends, index)
    }

    /// Labels of series `index`.
    pub fn labels(&self, index: u32) -> Labels {
        Labels::of_series(self.key(index)).unwrap_or_else(Labels::empty)
    }

    /// Bytes that the labels of all series take apart from the table.
    pub fn labels_bytes(&self) -> usize {
        self.keys.len() + self.len() * LABELS_BYTES
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The most series it takes.
    pub fn limit(&self) -> usize {
        self.max
    }
}

/// Series of short values, for groups that are told apart by one label: no key has to be built for
/// a value that was met lately.
#[derive(Clone, Debug)]
struct ShortValues {
    owner: u64,
    slots: [(u128, u32); SHORT_SLOTS],
}

/// Few enough to stay in the first cache.
const SHORT_SLOTS: usize = 64;

impl Default for ShortValues {
    fn default() -> ShortValues {
        ShortValues {
            owner: 0,
            slots: [(NO_VALUE, 0); SHORT_SLOTS],
        }
    }
}

/// What no value of at most 15 bytes looks like: the length stands in the top byte.
const NO_VALUE: u128 = u128::MAX;

/// A value of at most 15 bytes with its length, as a number.
#[inline]
fn short_word(value: &[u8]) -> Option<u128> {
    if value.len() > 15 {
        return None;
    }
    let mut bytes = [0; 16];
    bytes[..value.len()].copy_from_slice(value);
    bytes[15] = value.len() as u8;
    Some(u128::from_le_bytes(bytes))
}

fn slot_of(word: u128) -> usize {
    let folded = (word as u64) ^ (word >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % SHORT_SLOTS
}

fn key_of<'k>(keys: &'k [u8], ends: &[usize], index: u32) -> &'k [u8] {
    let index = index as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &keys[start..ends[index]]
}

/// Appends a label to a key; labels must come sorted by name.
pub(super) fn put_label(key: &mut Vec<u8>, name: &str, value: &str) {
    put_text(key, name);
    put_text(key, value);
}

fn put_text(key: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        key.push(length as u8 | 0x80);
        length >>= 7;
    }
    key.push(length as u8);
    key.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_one_series_and_the_limit_holds() {
        let mut table = SeriesTable::with_limit(2);
        let key = |value: &str| {
            let mut key = Vec::new();
            put_label(&mut key, "a", value);
            key
        };
        assert_eq!(table.intern(&key("1")), Some(0));
        assert_eq!(table.intern(b""), Some(1));
        assert_eq!(table.intern(&key("2")), None);
        assert_eq!(table.intern(&key("1")), Some(0));
        assert_eq!(table.labels(0), Labels::from_pairs([("a", "1")]));
        assert_eq!(table.labels(1), Labels::empty());
    }

    #[test]
    fn short_values_are_noted_for_their_owner_alone() {
        let mut table = SeriesTable::default();
        assert_eq!(table.of_value(1, b"info"), None);
        table.note_value(b"info", 7);
        table.note_value(b"longer than is kept", 8);
        assert_eq!(
            (
                table.of_value(1, b"info"),
                table.of_value(1, b"info\0"),
                table.of_value(1, b"")
            ),
            (Some(7), None, None)
        );
        assert_eq!(table.of_value(1, b"longer than is kept"), None);
        assert_eq!(
            (table.of_value(2, b"info"), table.of_value(1, b"info")),
            (None, None)
        );
    }

    #[test]
    fn keys_are_canonical_label_bytes() {
        let long = "x".repeat(300);
        let mut key = Vec::new();
        put_label(&mut key, "a", &long);
        put_label(&mut key, "b", "2");
        assert_eq!(
            key,
            Labels::from_pairs([("b", "2"), ("a", long.as_str())]).as_bytes()
        );
    }
}
