//! Cache of stream facts, keyed by the bytes of the labels that the client sent.
//!
//! Only streams that passed are remembered, so a refused text is judged anew each time. Nothing in
//! it depends on who sent the text, so tenants share it. What it holds is charged to the memory
//! budget; where that has no room, it forgets, and streams are judged anew.

use crate::level::Level;
use crate::rejection::Rejected;
use hashbrown::HashMap;
use parking_lot::Mutex;
use skald_model::{Budget, Held, Labels, MemoryUser, StreamId};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Bytes of memory that one generation of a cache takes at most. Two generations live at once.
const GENERATION_BYTES_MAX: usize = 32 << 20;

/// No generation takes more than this part of the memory budget, as a divisor.
const GENERATION_SHARE: usize = 32;

/// What a remembered text takes beside its bytes and those of the labels: the table's slot, the
/// facts, and what the allocator adds to three pieces of memory.
const FACTS_BYTES: usize = 160;

/// Independent parts of the cache, so that pushes seldom wait for one another. A power of two.
const SHARDS: usize = 16;

/// What every entry of a stream shares.
#[derive(Debug)]
pub(crate) struct StreamFacts {
    pub(crate) labels: Labels,
    pub(crate) id: StreamId,
    /// The level the labels give.
    pub(crate) level: Option<Level>,
}

/// Facts by label text, and the memory they take.
#[derive(Default)]
struct Generation {
    facts: HashMap<Box<[u8]>, Arc<StreamFacts>, foldhash::fast::FixedState>,
    bytes: usize,
    /// Its share of the budget, if there is one.
    held: Option<Held>,
}

impl Generation {
    fn within(budget: Option<&Arc<Budget>>) -> Generation {
        Generation {
            held: budget.map(|budget| Held::new(budget, MemoryUser::Caches)),
            ..Generation::default()
        }
    }

    /// Takes the memory for one more, if there is room.
    fn grow(&mut self, bytes: usize) -> bool {
        let grown = self.bytes + bytes;
        let has_room = self.held.as_mut().is_none_or(|held| held.try_cover(grown));
        self.bytes = if has_room { grown } else { self.bytes };
        has_room
    }
}

/// Recent label texts with their facts: what was used since the last turn, and what was used before
/// it.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

impl Generations {
    fn get(&mut self, key: &[u8], budget: Option<&Arc<Budget>>) -> Option<Arc<StreamFacts>> {
        if let Some(facts) = self.young.facts.get(key) {
            return Some(Arc::clone(facts));
        }
        // The old generation stays charged with it until it goes.
        let (key, facts) = self.old.facts.remove_entry(key)?;
        self.insert(key, Arc::clone(&facts), budget);
        Some(facts)
    }

    fn insert(&mut self, key: Box<[u8]>, facts: Arc<StreamFacts>, budget: Option<&Arc<Budget>>) {
        let bytes = key.len() + facts.labels.as_bytes().len() + FACTS_BYTES;
        let max = generation_bytes_max(budget) / SHARDS;
        if bytes > max {
            return;
        }
        let is_first = self.young.held.is_none() && budget.is_some();
        if is_first || self.young.bytes + bytes > max {
            self.old = std::mem::replace(&mut self.young, Generation::within(budget));
        }
        if self.young.grow(bytes) {
            self.young.facts.insert(key, facts);
        } else {
            // Others need the memory: what was not used lately goes.
            self.old = Generation::default();
        }
    }
}

fn generation_bytes_max(budget: Option<&Arc<Budget>>) -> usize {
    let share = budget.map_or(usize::MAX, |budget| budget.bytes() / GENERATION_SHARE);
    share.min(GENERATION_BYTES_MAX)
}

/// Facts of streams by the label text that gave them.
pub(crate) struct StreamCache {
    hasher: foldhash::quality::RandomState,
    shards: [Mutex<Generations>; SHARDS],
}

impl StreamCache {
    pub(crate) fn new() -> StreamCache {
        StreamCache {
            hasher: foldhash::quality::RandomState::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The facts of a text, made when they are not remembered; what is remembered is charged to the
    /// budget, if there is one.
    pub(crate) fn get_or_make(
        &self,
        text: &[u8],
        budget: Option<&Arc<Budget>>,
        make: impl FnOnce() -> Result<StreamFacts, Rejected>,
    ) -> Result<Arc<StreamFacts>, Rejected> {
        let shard = &self.shards[self.hasher.hash_one(text) as usize % SHARDS];
        if let Some(facts) = shard.lock().get(text, budget) {
            return Ok(facts);
        }
        let facts = Arc::new(make()?);
        let mut shard = shard.lock();
        shard.insert(Box::from(text), Arc::clone(&facts), budget);
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(generations: &mut Generations, streams: u32, budget: Option<&Arc<Budget>>) {
        let facts = Arc::new(StreamFacts {
            labels: Labels::empty(),
            id: StreamId(0),
            level: None,
        });
        for i in 0..streams {
            let key = vec![(i % 251) as u8; 1000 + i as usize];
            generations.insert(Box::from(key), Arc::clone(&facts), budget);
        }
    }

    fn bytes(generations: &Generations) -> usize {
        let (young, old) = (&generations.young.facts, &generations.old.facts);
        young.keys().chain(old.keys()).map(|k| k.len()).sum()
    }

    #[test]
    fn the_cache_stays_bounded() {
        let mut generations = Generations::default();
        remember(&mut generations, 10_000, None);
        let bytes = bytes(&generations);
        assert!(bytes <= 2 * GENERATION_BYTES_MAX / SHARDS, "{bytes}");
        assert!(bytes > GENERATION_BYTES_MAX / SHARDS / 2, "{bytes}");
    }

    #[test]
    fn what_is_remembered_is_charged_and_forgotten_where_there_is_no_room() {
        let budget = Arc::new(Budget::new(64 << 20));
        let mut generations = Generations::default();
        remember(&mut generations, 2_000, Some(&budget));
        let held = budget.held(MemoryUser::Caches);
        assert!(held >= bytes(&generations), "{held}");
        assert!(
            held <= 2 * budget.bytes() / GENERATION_SHARE / SHARDS,
            "{held}"
        );
        let others = budget.bytes() * 79 / 100 - held;
        budget.charge(MemoryUser::Head, others);
        budget.charge(MemoryUser::Head, budget.bytes() / 100);
        remember(&mut generations, 2_000, Some(&budget));
        assert!(generations.old.facts.is_empty());
        assert!(budget.held(MemoryUser::Caches) <= held);
        drop(generations);
        assert_eq!(budget.held(MemoryUser::Caches), 0);
    }
}
