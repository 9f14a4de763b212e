//! Equal entries that met in different inputs of a merge, found by hash.

use skald_model::Batch;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use xxhash_rust::xxh3::Xxh3;

/// Knows the entries of one stream and time by hash, and only where several have that time.
pub(crate) struct Repeats {
    /// Drawn at start, so that nobody can prepare two lines that count as one.
    seed: u64,
    time: Option<i64>,
    seen: HashSet<u128>,
}

impl Repeats {
    pub(crate) fn new() -> Repeats {
        let seed = std::hash::RandomState::new().build_hasher().finish();
        Repeats {
            seed,
            time: None,
            seen: HashSet::new(),
        }
    }

    pub(crate) fn begin_stream(&mut self) {
        self.time = None;
    }

    /// Whether an equal entry came before; `tie` says that another row of this time may follow.
    pub(crate) fn is_repeat(&mut self, time: i64, tie: bool, batch: &Batch, row: u32) -> bool {
        let follows = self.time == Some(time);
        if !follows {
            self.seen.clear();
            self.time = Some(time);
        }
        (follows || tie) && !self.seen.insert(self.hash(batch, row))
    }

    /// Whether all entries so far are before `time`.
    pub(crate) fn is_behind(&self, time: i64) -> bool {
        self.time.is_none_or(|last| last < time)
    }

    /// Entries up to `time` went by that nothing which follows can equal.
    pub(crate) fn pass(&mut self, time: i64) {
        self.seen.clear();
        self.time = Some(time);
    }

    fn hash(&self, batch: &Batch, row: u32) -> u128 {
        let mut hasher = Xxh3::with_seed(self.seed);
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(&batch.lines[batch.line_range(row)]);
        for (name, value) in batch.metadata_of(row) {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        hasher.digest128()
    }
}
