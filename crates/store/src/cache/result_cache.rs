//! What readers keep of blocks, to answer from it instead of reading them again.
//!
//! A block never changes, so what was made of it holds for as long as its part is there, and goes with the
//! part. Within a bound the values used last are kept; the bound shrinks while the memory budget is under
//! pressure. What values are, and whether entries of the block may be seen, is the reader's concern.

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use skald_model::{Budget, MemoryUser, Pressure};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Part of the memory budget that is kept at most, whatever the setting.
const BUDGET_SHARE: usize = 4;
/// Part of the bound that is kept while heads should be flushed early; when pushes are slowed, nothing is.
const PRESSED_SHARE: usize = 8;
/// Bytes of a value's places in the maps.
const PLACE_BYTES: usize = 128;

/// Something a reader keeps.
pub type KeptValue = Arc<dyn Any + Send + Sync>;

/// What `/metrics` tells of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptStatus {
    /// Bytes of values.
    pub bytes: u64,
    /// Values.
    pub values: u64,
    /// Times a value was found.
    pub hits: u64,
    /// Times it was not.
    pub misses: u64,
    /// Values that went to make room.
    pub evictions: u64,
}

/// The values of all parts.
#[derive(Debug)]
pub(crate) struct Kept {
    budget: Arc<Budget>,
    bytes_max: usize,
    parts: AtomicU64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    values: HashMap<Place, Value>,
    /// Places by their last use.
    uses: BTreeMap<u64, Place>,
    /// Places of each part.
    of_part: HashMap<u64, HashSet<Place>>,
    used: u64,
    status: KeptStatus,
}

/// What a value is of: part, block, and the reader's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    part: u64,
    block: u32,
    key: u128,
}

#[derive(Debug)]
struct Value {
    value: KeptValue,
    bytes: usize,
    used: u64,
}

impl Kept {
    /// At most so many bytes.
    pub(crate) fn new(budget: Arc<Budget>, bytes_max: usize) -> Kept {
        let bytes_max = bytes_max.min(budget.bytes() / BUDGET_SHARE);
        Kept {
            budget,
            bytes_max,
            parts: AtomicU64::new(0),
            held: Mutex::default(),
        }
    }

    /// The most that is kept, when nothing presses.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Lets go of what the budget has no room for.
    pub(crate) fn make_room(&self) {
        self.shrink(&mut self.held.lock());
    }

    pub(crate) fn status(&self) -> KeptStatus {
        let held = self.held.lock();
        KeptStatus {
            values: held.values.len() as u64,
            ..held.status
        }
    }

    fn get(&self, place: Place) -> Option<KeptValue> {
        let held = &mut *self.held.lock();
        let Some(value) = held.values.get_mut(&place) else {
            held.status.misses += 1;
            return None;
        };
        held.status.hits += 1;
        held.used += 1;
        held.uses.remove(&value.used);
        held.uses.insert(held.used, place);
        value.used = held.used;
        Some(value.value.clone())
    }

    fn put(&self, place: Place, value: KeptValue, bytes: usize) {
        let bytes = bytes + PLACE_BYTES;
        let held = &mut *self.held.lock();
        if bytes > self.room() || held.values.contains_key(&place) {
            return;
        }
        held.used += 1;
        held.values.insert(
            place,
            Value {
                value,
                bytes,
                used: held.used,
            },
        );
        held.uses.insert(held.used, place);
        held.of_part.entry(place.part).or_default().insert(place);
        held.status.bytes += bytes as u64;
        self.budget.charge(MemoryUser::Results, bytes);
        self.shrink(held);
    }

    /// Bytes that may be kept now.
    fn room(&self) -> usize {
        match self.budget.pressure() {
            Pressure::None => self.bytes_max,
            Pressure::Early => self.bytes_max / PRESSED_SHARE,
            Pressure::Slow | Pressure::Full => 0,
        }
    }

    fn shrink(&self, held: &mut Held) {
        let room = self.room() as u64;
        while held.status.bytes > room
            && let Some((_, oldest)) = held.uses.pop_first()
        {
            if let Some(of_part) = held.of_part.get_mut(&oldest.part) {
                of_part.remove(&oldest);
            }
            held.status.evictions += 1;
            self.remove(held, &oldest);
        }
    }

    /// Lets go of all that was kept of a part.
    fn forget(&self, part: u64) {
        let held = &mut *self.held.lock();
        for place in held.of_part.remove(&part).unwrap_or_default() {
            self.remove(held, &place);
        }
    }

    fn remove(&self, held: &mut Held, place: &Place) {
        if let Some(value) = held.values.remove(place) {
            held.uses.remove(&value.used);
            held.status.bytes -= value.bytes as u64;
            self.budget.release(MemoryUser::Results, value.bytes);
        }
    }
}

/// What is kept of one open part; ends with it.
#[derive(Debug)]
pub(crate) struct KeptOfPart {
    kept: Arc<Kept>,
    part: u64,
}

impl KeptOfPart {
    /// Nothing yet, of a part that was just opened.
    pub(crate) fn new(kept: &Arc<Kept>) -> KeptOfPart {
        KeptOfPart {
            kept: kept.clone(),
            part: kept.parts.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn get(&self, block: u32, key: u128) -> Option<KeptValue> {
        self.kept.get(Place {
            part: self.part,
            block,
            key,
        })
    }

    pub(crate) fn put(&self, block: u32, key: u128, value: KeptValue, bytes: usize) {
        self.kept.put(
            Place {
                part: self.part,
                block,
                key,
            },
            value,
            bytes,
        );
    }
}

impl Drop for KeptOfPart {
    fn drop(&mut self) {
        self.kept.forget(self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE_BYTES: usize = 1000;

    /// Room for four values in a budget of a hundred times as much.
    fn bed() -> (Arc<Budget>, Arc<Kept>) {
        let bytes_max = 4 * (VALUE_BYTES + PLACE_BYTES);
        let budget = Arc::new(Budget::new(100 * bytes_max));
        (budget.clone(), Arc::new(Kept::new(budget, bytes_max)))
    }

    fn keep(part: &KeptOfPart, keys: std::ops::Range<u128>) {
        keys.for_each(|key| part.put(0, key, Arc::new(key), VALUE_BYTES));
    }

    fn found(part: &KeptOfPart, keys: std::ops::Range<u128>) -> Vec<u128> {
        keys.filter_map(|key| part.get(0, key)?.downcast_ref::<u128>().copied())
            .collect()
    }

    #[test]
    fn the_values_used_last_are_kept() {
        let (budget, kept) = bed();
        let part = KeptOfPart::new(&kept);
        keep(&part, 0..4);
        assert_eq!(found(&part, 0..2), [0, 1]);
        keep(&part, 4..6);
        assert_eq!(found(&part, 0..6), [0, 1, 4, 5]);
        let bytes = 4 * (VALUE_BYTES + PLACE_BYTES);
        assert_eq!(
            kept.status(),
            KeptStatus {
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
    fn what_is_kept_of_a_part_goes_with_it() {
        let (budget, kept) = bed();
        let (first, second) = (KeptOfPart::new(&kept), KeptOfPart::new(&kept));
        keep(&first, 0..1);
        keep(&second, 0..2);
        assert!(first.get(1, 0).is_none());
        drop(first);
        assert_eq!(found(&second, 0..2), [0, 1]);
        drop(second);
        assert_eq!(
            (
                kept.status().bytes,
                kept.status().values,
                kept.status().evictions
            ),
            (0, 0, 0)
        );
        assert!(kept.held.lock().uses.is_empty());
        assert_eq!(budget.held_by_all(), 0);
    }

    #[test]
    fn others_get_the_memory_back() {
        let (budget, kept) = bed();
        let part = KeptOfPart::new(&kept);
        keep(&part, 0..4);
        budget.charge(MemoryUser::Head, budget.bytes() * 9 / 10);
        kept.make_room();
        assert_eq!(
            (budget.held(MemoryUser::Results), kept.status().evictions),
            (0, 4)
        );
        keep(&part, 0..1);
        assert_eq!(found(&part, 0..1), [0u128; 0]);
    }

    #[test]
    fn without_a_bound_nothing_is_kept() {
        let kept = Arc::new(Kept::new(Arc::new(Budget::new(1 << 30)), 0));
        let part = KeptOfPart::new(&kept);
        keep(&part, 0..2);
        assert_eq!(kept.status().values, 0);
    }
}
