//! Entry equality decides when two entries count as one: by a keyed hash, then by their bytes.
//!
//! Entries are equal when stream, time, line and structured metadata are: a push that a client sent
//! twice counts once. Flush, merges and queries all ask here. The keys are drawn at random once a
//! process, so nobody can prepare two lines that count as one; hashes never leave the process.

use crate::batch::Batch;
use crate::stream::StreamId;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

/// 128 bits of a keyed hash of an entry. Unequal hashes are unequal entries; of equal ones
/// [`entry_eq`] has the last word where both entries are at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryHash(u128);

/// Keys of this process.
struct Keys {
    /// For entries that are a line alone.
    line: u64,
    /// For entries with metadata, and for stream and time.
    parts: u64,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let draw = || RandomState::new().build_hasher().finish();
    Keys {
        line: draw(),
        parts: draw(),
    }
});

impl EntryHash {
    /// The hash of line and metadata of a row, for entries known to share stream and time.
    pub fn of_content(batch: &Batch, row: u32) -> EntryHash {
        let line = batch.line(row);
        let mut metadata = batch.metadata_of(row).peekable();
        if metadata.peek().is_none() {
            return EntryHash(xxh3_128_with_seed(line, KEYS.line));
        }
        let mut hasher = Xxh3::with_seed(KEYS.parts);
        // Each text goes after its length, so that no two lists of texts give the same bytes.
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(line);
        for (name, value) in metadata {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        EntryHash(hasher.digest128())
    }

    /// The hash of a whole entry: stream, time, line and metadata of a row.
    pub fn of_entry(stream: StreamId, batch: &Batch, row: u32) -> EntryHash {
        let content = EntryHash::of_content(batch, row).0;
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&stream.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&batch.timestamps[row as usize].to_le_bytes());
        bytes[24..].copy_from_slice(&content.to_le_bytes());
        EntryHash(xxh3_128_with_seed(&bytes, KEYS.parts))
    }
}

/// Whether two rows of one stream are equal entries: the same time, line and metadata, by their
/// bytes.
pub fn entry_eq((a, row_a): (&Batch, u32), (b, row_b): (&Batch, u32)) -> bool {
    a.timestamps[row_a as usize] == b.timestamps[row_b as usize]
        && a.line(row_a) == b.line(row_b)
        && a.metadata_of(row_a).eq(b.metadata_of(row_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchBuilder;

    type Entry<'a> = (i64, &'a str, &'a [(&'a str, &'a str)]);

    fn batch(entries: &[Entry<'_>]) -> Batch {
        let mut builder = BatchBuilder::default();
        for (time, line, metadata) in entries {
            builder.push(0, *time, line.as_bytes(), metadata.iter().copied());
        }
        builder.finish()
    }

    #[test]
    fn hash_and_bytes_agree_on_what_is_equal() {
        let entries: &[Entry<'_>] = &[
            (1, "a", &[]),
            (2, "a", &[]),
            (1, "b", &[]),
            (1, "", &[]),
            (1, "a", &[("k", "v")]),
            (1, "a", &[("k", "w")]),
            (1, "a", &[("kv", "w")]),
            (1, "ak", &[("", "v")]),
            (1, "a", &[("k", "v"), ("l", "w")]),
        ];
        let (one, two) = (batch(entries), batch(entries));
        let stream = StreamId(7);
        for i in 0..entries.len() as u32 {
            for j in 0..entries.len() as u32 {
                let hashes = [(&one, i), (&two, j)].map(|(b, r)| EntryHash::of_entry(stream, b, r));
                assert_eq!(hashes[0] == hashes[1], i == j, "rows {i} and {j}");
                assert_eq!(entry_eq((&one, i), (&two, j)), i == j, "rows {i} and {j}");
            }
        }
        assert_ne!(
            EntryHash::of_entry(StreamId(7), &one, 0),
            EntryHash::of_entry(StreamId(8), &one, 0)
        );
        assert_eq!(
            EntryHash::of_content(&one, 0),
            EntryHash::of_content(&two, 1),
            "content knows no time"
        );
    }

    #[test]
    fn a_line_cannot_pose_as_a_line_with_metadata() {
        let texts = ["abc", "k", "v"];
        let mut forged = Vec::new();
        for text in texts {
            forged.extend((text.len() as u64).to_le_bytes());
            forged.extend(text.bytes());
        }
        let forged = String::from_utf8(forged).expect("lengths this small are ASCII");
        let batch = batch(&[(1, "abc", &[("k", "v")]), (1, &forged, &[])]);
        assert_ne!(
            EntryHash::of_content(&batch, 0),
            EntryHash::of_content(&batch, 1)
        );
    }
}
