//! Dedup: drops equal entries that meet in different inputs of a merge.
//!
//! By keyed hash alone: an earlier equal row may be in a block that is written already, so its
//! bytes are not at hand. A process draws the 128-bit hash's keys at random, see [`EntryHash`].

use skald_model::{Batch, EntryHash};
use std::collections::HashSet;

/// Knows the entries of one stream and time by hash, and only where several have that time.
#[derive(Default)]
pub(crate) struct Dedup {
    time: Option<i64>,
    seen: HashSet<EntryHash>,
}

impl Dedup {
    /// The entries that follow are of another stream.
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
        (follows || tie) && !self.seen.insert(EntryHash::of_content(batch, row))
    }

    /// Whether all entries so far are before `time`.
    pub(crate) fn is_before(&self, time: i64) -> bool {
        self.time.is_none_or(|last| last < time)
    }

    /// Notes entries up to `time` that no later entry can equal.
    pub(crate) fn skip_to(&mut self, time: i64) {
        self.seen.clear();
        self.time = Some(time);
    }
}
