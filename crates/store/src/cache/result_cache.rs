//! Result cache: keeps what readers computed from blocks, so that they need not read them again.
//!
//! A block never changes, so a result holds for as long as its part is there, and goes with it.
//! Within a bound the results used last stay; the bound shrinks while the memory budget is under
//! pressure. What results are, and whether entries of the block are visible, is the reader's
//! concern.

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use skald_model::{Budget, MemoryUser, Pressure};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Part of the memory budget that results take at most, whatever the setting.
const BUDGET_SHARE: usize = 4;
/// Part of the bound that stays while heads should be flushed early; when pushes are slowed,
/// nothing does.
const PRESSED_SHARE: usize = 8;
/// Bytes that a value's keys take in the maps.
const KEY_BYTES: usize = 128;

/// A result, of whatever type its reader chose.
pub type CachedValue = Arc<dyn Any + Send + Sync>;

/// Figures of the result cache, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Bytes of values.
    pub bytes: u64,
    /// Values.
    pub values: u64,
    /// Times a value was asked for and found.
    pub hits: u64,
    /// Times it was not.
    pub misses: u64,
    /// Values evicted to make room.
    pub evictions: u64,
}

/// The values of all parts.
#[derive(Debug)]
pub(crate) struct ResultCache {
    budget: Arc<Budget>,
    bytes_max: usize,
    parts: AtomicU64,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    values: HashMap<ResultKey, Value>,
    /// Keys by their last use.
    uses: BTreeMap<u64, ResultKey>,
    /// Keys of each part.
    of_part: HashMap<u64, HashSet<ResultKey>>,
    used: u64,
    status: CacheStatus,
}

/// What a value is of: part, block, and the reader's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ResultKey {
    part: u64,
    block: u32,
    key: u128,
}

#[derive(Debug)]
struct Value {
    value: CachedValue,
    bytes: usize,
    used: u64,
}

impl ResultCache {
    /// A cache of at most `bytes_max` bytes.
    pub(crate) fn new(budget: Arc<Budget>, bytes_max: usize) -> ResultCache {
        let bytes_max = bytes_max.min(budget.bytes() / BUDGET_SHARE);
        ResultCache {
            budget,
            bytes_max,
            parts: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// The most bytes it holds, without pressure.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Evicts what the budget has no room for.
    pub(crate) fn make_room(&self) {
        self.shrink(&mut self.entries.lock());
    }

    pub(crate) fn status(&self) -> CacheStatus {
        let entries = self.entries.lock();
        CacheStatus {
            values: entries.values.len() as u64,
            ..entries.status
        }
    }

    fn get(&self, key: ResultKey) -> Option<CachedValue> {
        let entries = &mut *self.entries.lock();
        let Some(value) = entries.values.get_mut(&key) else {
            entries.status.misses += 1;
            return None;
        };
        entries.status.hits += 1;
        entries.used += 1;
        entries.uses.remove(&value.used);
        entries.uses.insert(entries.used, key);
        value.used = entries.used;
        Some(value.value.clone())
    }

    fn put(&self, key: ResultKey, value: CachedValue, bytes: usize) {
        let bytes = bytes + KEY_BYTES;
        let entries = &mut *self.entries.lock();
        if bytes > self.room() || entries.values.contains_key(&key) {
            return;
        }
        entries.used += 1;
        entries.values.insert(
            key,
            Value {
                value,
                bytes,
                used: entries.used,
            },
        );
        entries.uses.insert(entries.used, key);
        entries.of_part.entry(key.part).or_default().insert(key);
        entries.status.bytes += bytes as u64;
        self.budget.charge(MemoryUser::Results, bytes);
        self.shrink(entries);
    }

    /// Bytes it may hold now.
    fn room(&self) -> usize {
        match self.budget.pressure() {
            Pressure::None => self.bytes_max,
            Pressure::Early => self.bytes_max / PRESSED_SHARE,
            Pressure::Slow | Pressure::Full => 0,
        }
    }

    fn shrink(&self, entries: &mut Entries) {
        let room = self.room() as u64;
        while entries.status.bytes > room
            && let Some((_, oldest)) = entries.uses.pop_first()
        {
            if let Some(of_part) = entries.of_part.get_mut(&oldest.part) {
                of_part.remove(&oldest);
            }
            entries.status.evictions += 1;
            self.remove(entries, &oldest);
        }
    }

    /// Evicts everything of a part.
    fn forget(&self, part: u64) {
        let entries = &mut *self.entries.lock();
        for key in entries.of_part.remove(&part).unwrap_or_default() {
            self.remove(entries, &key);
        }
    }

    fn remove(&self, entries: &mut Entries, key: &ResultKey) {
        if let Some(value) = entries.values.remove(key) {
            entries.uses.remove(&value.used);
            entries.status.bytes -= value.bytes as u64;
            self.budget.release(MemoryUser::Results, value.bytes);
        }
    }
}

/// The results of one open part; they go when it is dropped.
#[derive(Debug)]
pub(crate) struct PartResults {
    cache: Arc<ResultCache>,
    part: u64,
}

impl PartResults {
    /// For a part that was just opened; `None` when the cache holds nothing.
    pub(crate) fn new(cache: &Arc<ResultCache>) -> Option<PartResults> {
        (cache.bytes_max() > 0).then(|| PartResults {
            cache: cache.clone(),
            part: cache.parts.fetch_add(1, Ordering::Relaxed),
        })
    }

    pub(crate) fn get(&self, block: u32, key: u128) -> Option<CachedValue> {
        self.cache.get(ResultKey {
            part: self.part,
            block,
            key,
        })
    }

    pub(crate) fn put(&self, block: u32, key: u128, value: CachedValue, bytes: usize) {
        self.cache.put(
            ResultKey {
                part: self.part,
                block,
                key,
            },
            value,
            bytes,
        );
    }
}

impl Drop for PartResults {
    fn drop(&mut self) {
        self.cache.forget(self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE_BYTES: usize = 1000;

    /// Room for four values in a budget of a hundred times as much.
    fn bed() -> (Arc<Budget>, Arc<ResultCache>) {
        let bytes_max = 4 * (VALUE_BYTES + KEY_BYTES);
        let budget = Arc::new(Budget::new(100 * bytes_max));
        (
            budget.clone(),
            Arc::new(ResultCache::new(budget, bytes_max)),
        )
    }

    fn part_of(cache: &Arc<ResultCache>) -> PartResults {
        PartResults::new(cache).expect("the cache has room")
    }

    fn fill(part: &PartResults, keys: std::ops::Range<u128>) {
        keys.for_each(|key| part.put(0, key, Arc::new(key), VALUE_BYTES));
    }

    fn found(part: &PartResults, keys: std::ops::Range<u128>) -> Vec<u128> {
        keys.filter_map(|key| part.get(0, key)?.downcast_ref::<u128>().copied())
            .collect()
    }

    #[test]
    fn the_values_used_last_stay() {
        let (budget, cache) = bed();
        let part = part_of(&cache);
        fill(&part, 0..4);
        assert_eq!(found(&part, 0..2), [0, 1]);
        fill(&part, 4..6);
        assert_eq!(found(&part, 0..6), [0, 1, 4, 5]);
        let bytes = 4 * (VALUE_BYTES + KEY_BYTES);
        assert_eq!(
            cache.status(),
            CacheStatus {
                bytes: bytes as u64,
                values: 4,
                hits: 6,
                misses: 2,
                evictions: 2
            }
        );
        assert_eq!(budget.held(MemoryUser::Results), bytes);
    }

    #[test]
    fn results_go_with_their_part() {
        let (budget, cache) = bed();
        let (first, second) = (part_of(&cache), part_of(&cache));
        fill(&first, 0..1);
        fill(&second, 0..2);
        assert!(first.get(1, 0).is_none());
        drop(first);
        assert_eq!(found(&second, 0..2), [0, 1]);
        drop(second);
        assert_eq!(
            (
                cache.status().bytes,
                cache.status().values,
                cache.status().evictions
            ),
            (0, 0, 0)
        );
        assert!(cache.entries.lock().uses.is_empty());
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn others_get_the_memory_back() {
        let (budget, cache) = bed();
        let part = part_of(&cache);
        fill(&part, 0..4);
        budget.charge(MemoryUser::Head, budget.bytes() * 9 / 10);
        cache.make_room();
        assert_eq!(
            (budget.held(MemoryUser::Results), cache.status().evictions),
            (0, 4)
        );
        fill(&part, 0..1);
        assert_eq!(found(&part, 0..1), [0u128; 0]);
    }

    #[test]
    fn a_cache_without_room_holds_nothing() {
        let cache = Arc::new(ResultCache::new(Arc::new(Budget::new(1 << 30)), 0));
        assert!(PartResults::new(&cache).is_none());
    }
}
