//! Recent entries are remembered by a keyed hash, so that a tail sends a repeated entry once.
//!
//! A client that retries a push sends entries again which the store keeps once. Keys are drawn for
//! each tail: no one can prepare two entries that count as one.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};

/// Entries remembered by one tail, the newest: more than one push of a usual agent holds.
const RECENT_ENTRIES_MAX: usize = 16 * 1024;

/// A 128-bit hash of an entry.
pub(super) type EntryHash = u128;

/// The hashes of the entries that a tail received last.
pub(super) struct RecentEntries {
    keys: (RandomState, RandomState),
    known: HashSet<EntryHash>,
    order: VecDeque<EntryHash>,
    max: usize,
}

impl RecentEntries {
    /// Empty; remembers `RECENT_ENTRIES_MAX` entries.
    pub(super) fn new() -> RecentEntries {
        RecentEntries::with_max(RECENT_ENTRIES_MAX)
    }

    fn with_max(max: usize) -> RecentEntries {
        RecentEntries {
            keys: (RandomState::new(), RandomState::new()),
            known: HashSet::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// The hash of an entry; comparable within this tail only.
    pub(super) fn hash(&self, entry: impl Hash) -> EntryHash {
        let halves = (self.keys.0.hash_one(&entry), self.keys.1.hash_one(&entry));
        u128::from(halves.0) << 64 | u128::from(halves.1)
    }

    /// Remembers an entry, forgetting the oldest when there are too many; whether it is new.
    pub(super) fn insert(&mut self, hash: EntryHash) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_known_and_older_ones_forgotten() {
        let mut recent = RecentEntries::with_max(2);
        let [a, b, c] = ["a", "b", "c"].map(|text| recent.hash(text));
        assert!(recent.insert(a) && recent.insert(b));
        assert!(!recent.insert(a) && !recent.insert(b));
        assert!(recent.insert(c) && recent.insert(a));
        assert_eq!((recent.known.len(), recent.order.len()), (2, 2));
    }
}
