//! An entry is a candidate for an answer; repeats of equal entries are dropped here.

use skald_logql::pipeline::{Category, Row};
use skald_model::{EntryHash, StreamId};
use std::cmp::Ordering;
use std::sync::Arc;

/// Labels of an entry, by category.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OutputLabels {
    pub(crate) stream: Vec<(String, String)>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) parsed: Vec<(String, String)>,
    /// Bytes of all of them.
    pub(crate) bytes: usize,
}

/// Bytes of a label beside its texts.
const PAIR_BYTES: usize = size_of::<(String, String)>();

impl OutputLabels {
    /// Bytes that the labels of a row will take.
    pub(crate) fn bytes_of(row: &Row<'_>) -> usize {
        let mut bytes = size_of::<OutputLabels>();
        row.labels
            .for_each(&mut |name, value, _| bytes += PAIR_BYTES + name.len() + value.len());
        bytes
    }

    /// The labels of a row, owned.
    pub(crate) fn of(row: &Row<'_>) -> OutputLabels {
        let mut labels = OutputLabels::default();
        row.labels.for_each(&mut |name, value, category| {
            let list = match category {
                Category::Stream => &mut labels.stream,
                Category::Metadata => &mut labels.metadata,
                Category::Parsed => &mut labels.parsed,
            };
            list.push((name.to_owned(), value.to_owned()));
            labels.bytes += PAIR_BYTES + name.len() + value.len();
        });
        labels.bytes += size_of::<OutputLabels>();
        labels
    }

    /// The value of a label; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let all = self.parsed.iter().chain(&self.metadata).chain(&self.stream);
        all.into_iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }
}

/// An entry that may be part of the answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) timestamp: i64,
    /// Arrival of its piece, and its row there.
    pub(crate) sequence: u64,
    pub(crate) row: u32,
    pub(crate) stream: StreamId,
    /// Of line and metadata as they are stored: tells repeats.
    pub(crate) hash: EntryHash,
    /// Of the same, and the same in every process: names the entry in a cursor.
    pub(crate) content: u64,
    pub(crate) labels: Arc<OutputLabels>,
    pub(crate) line: Vec<u8>,
}

/// Bytes of an entry beside its line.
pub(crate) const ENTRY_BYTES: usize = 128;

impl Entry {
    /// Its place in the total order that [`crate::cursor`] describes.
    pub(crate) fn order(&self) -> (i64, StreamId, u64, u32) {
        (self.timestamp, self.stream, self.sequence, self.row)
    }

    /// Puts equal entries next to each other: by hash, and by their bytes where hashes are equal.
    fn compare_identity(&self, other: &Entry) -> Ordering {
        let key = |entry: &Entry| (entry.timestamp, entry.stream, entry.hash);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.line.cmp(&other.line))
            .then_with(|| self.labels.cmp(&other.labels))
    }

    /// Bytes held beside its labels, which others may share.
    pub(crate) fn own_bytes(&self) -> usize {
        self.line.len() + ENTRY_BYTES
    }

    /// An entry of one stream for tests; its line alone makes it itself.
    #[cfg(test)]
    pub(crate) fn at(timestamp: i64, line: &[u8]) -> Entry {
        let mut builder = skald_model::BatchBuilder::default();
        builder.push(0, timestamp, line, [].into_iter());
        Entry {
            timestamp,
            sequence: 0,
            row: 0,
            stream: StreamId(0),
            hash: EntryHash::of_content(&builder.finish(), 0),
            content: xxhash_rust::xxh3::xxh3_64(line),
            labels: Arc::default(),
            line: line.to_vec(),
        }
    }
}

/// Bytes that entries hold; labels that neighbours share count once.
pub(crate) fn about_bytes(entries: &[Entry]) -> usize {
    let mut last = std::ptr::null();
    let bytes = entries.iter().map(|entry| {
        let at = Arc::as_ptr(&entry.labels);
        let known = std::mem::replace(&mut last, at) == at;
        entry.own_bytes() + if known { 0 } else { entry.labels.bytes }
    });
    bytes.sum()
}

/// Bytes that entries hold; labels that some of them share count once.
pub(crate) fn exact_bytes(entries: &[Entry]) -> usize {
    let mut seen = hashbrown::HashSet::new();
    let bytes = entries.iter().map(|entry| {
        let new = seen.insert(Arc::as_ptr(&entry.labels));
        entry.own_bytes() + if new { entry.labels.bytes } else { 0 }
    });
    bytes.sum()
}

/// Drops repeats: of equal entries, which a push sent twice leaves in two pieces, the first to
/// arrive stays. Entries are equal when stream, time and hash are, and nothing they show differs.
pub(crate) fn drop_repeats(entries: &mut Vec<Entry>) {
    entries.sort_by(|a, b| {
        a.compare_identity(b)
            .then_with(|| (a.sequence, a.row).cmp(&(b.sequence, b.row)))
    });
    entries.dedup_by(|later, first| later.compare_identity(first).is_eq());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(entries: &[Entry]) -> Vec<(&[u8], u64)> {
        let shown = entries.iter().map(|e| (e.line.as_slice(), e.sequence));
        let mut shown: Vec<_> = shown.collect();
        shown.sort_unstable();
        shown
    }

    #[test]
    fn the_first_arrival_of_equal_entries_stays() {
        let mut entries: Vec<Entry> = (0..3)
            .map(|sequence| Entry {
                sequence: 7 - sequence,
                ..Entry::at(5, b"a")
            })
            .collect();
        entries.push(Entry::at(6, b"a"));
        drop_repeats(&mut entries);
        assert_eq!(lines(&entries), [(&b"a"[..], 0), (b"a", 5)]);
    }

    #[test]
    fn where_hashes_are_equal_bytes_decide() {
        let hash = Entry::at(5, b"a").hash;
        let collided = |line: &[u8], sequence| Entry {
            hash,
            sequence,
            ..Entry::at(5, line)
        };
        let mut entries = vec![
            collided(b"a", 1),
            collided(b"b", 2),
            collided(b"a", 3),
            collided(b"b", 4),
        ];
        let labels = OutputLabels {
            metadata: vec![("trace".to_owned(), "t".to_owned())],
            ..OutputLabels::default()
        };
        entries.push(Entry {
            labels: Arc::new(labels),
            ..collided(b"a", 5)
        });
        drop_repeats(&mut entries);
        assert_eq!(lines(&entries), [(&b"a"[..], 1), (b"a", 5), (b"b", 2)]);
    }
}
