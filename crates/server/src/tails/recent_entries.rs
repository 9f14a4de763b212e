//! Recent entries are remembered by a keyed hash, so that a tail sends a repeated entry once.
//!
//! A client that retries a push sends entries again which the store keeps once. Keys are drawn for
//! each query that is followed: no one can prepare two entries that count as one.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};

/// Entries remembered of one query, the newest: more than one push of a usual agent holds.
const RECENT_ENTRIES_MAX: usize = 16 * 1024;

/// A 128-bit hash of an entry.
pub(crate) type EntryHash = u128;

/// Random keys of hashes.
#[derive(Default)]
pub(super) struct EntryKeys(RandomState, RandomState);

impl EntryKeys {
    /// The hash of an entry; comparable to others of the same keys only.
    pub(super) fn hash(&self, entry: impl Hash) -> EntryHash {
        let halves = (self.0.hash_one(&entry), self.1.hash_one(&entry));
        u128::from(halves.0) << 64 | u128::from(halves.1)
    }
}

/// The hashes of the entries that came last.
pub(super) struct RecentEntries {
    /// With the last push of each.
    known: HashMap<EntryHash, u64>,
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
            known: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    /// Remembers an entry of a push, forgetting the oldest when there are too many; the push it came
    /// with before, if it is known.
    pub(super) fn insert(&mut self, hash: EntryHash, push: u64) -> Option<u64> {
        let before = self.known.insert(hash, push);
        if before.is_some() {
            return before;
        }
        if self.order.len() == self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_known_and_older_ones_forgotten() {
        let mut recent = RecentEntries::with_max(2);
        let keys = EntryKeys::default();
        let [a, b, c] = ["a", "b", "c"].map(|text| keys.hash(text));
        assert_eq!([recent.insert(a, 1), recent.insert(b, 1)], [None, None]);
        assert_eq!(
            [recent.insert(a, 2), recent.insert(a, 3)],
            [Some(1), Some(2)]
        );
        assert_eq!([recent.insert(c, 4), recent.insert(a, 4)], [None, None]);
        assert_eq!((recent.known.len(), recent.order.len()), (2, 2));
    }
}
