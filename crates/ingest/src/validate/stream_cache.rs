//! Cache of stream facts, keyed by the bytes of the labels that the client sent.
//!
//! Only streams that passed are remembered, so a refused text is judged anew each time. Nothing in
//! it depends on who sent the text, so tenants share it.

use crate::level::Level;
use crate::rejection::Rejected;
use hashbrown::HashMap;
use parking_lot::Mutex;
use skald_model::{Labels, StreamId};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Bytes of label text one cache generation remembers. Two generations live at once, and facts
/// weigh about twice their text, so this stands for at most about 100 MiB.
const GENERATION_BYTES_MAX: usize = 16 << 20;

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

/// Recent label texts with their facts: what was used since the last turn, and what was used before
/// it.
#[derive(Default)]
struct Generations {
    young: HashMap<Box<[u8]>, Arc<StreamFacts>, foldhash::fast::FixedState>,
    old: HashMap<Box<[u8]>, Arc<StreamFacts>, foldhash::fast::FixedState>,
    young_bytes: usize,
}

impl Generations {
    fn get(&mut self, key: &[u8]) -> Option<Arc<StreamFacts>> {
        if let Some(facts) = self.young.get(key) {
            return Some(Arc::clone(facts));
        }
        let (key, facts) = self.old.remove_entry(key)?;
        self.insert(key, Arc::clone(&facts));
        Some(facts)
    }

    fn insert(&mut self, key: Box<[u8]>, facts: Arc<StreamFacts>) {
        if self.young_bytes + key.len() > GENERATION_BYTES_MAX / SHARDS {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += key.len();
        self.young.insert(key, facts);
    }
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

    /// The facts of a text, made when they are not remembered.
    pub(crate) fn get_or_make(
        &self,
        text: &[u8],
        make: impl FnOnce() -> Result<StreamFacts, Rejected>,
    ) -> Result<Arc<StreamFacts>, Rejected> {
        let shard = &self.shards[self.hasher.hash_one(text) as usize % SHARDS];
        if let Some(facts) = shard.lock().get(text) {
            return Ok(facts);
        }
        let facts = Arc::new(make()?);
        shard.lock().insert(Box::from(text), Arc::clone(&facts));
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_stays_bounded() {
        let mut generations = Generations::default();
        let facts = Arc::new(StreamFacts {
            labels: Labels::empty(),
            id: StreamId(0),
            level: None,
        });
        for i in 0..10_000u32 {
            generations.insert(
                Box::from(vec![(i % 251) as u8; 1000 + i as usize]),
                Arc::clone(&facts),
            );
        }
        let bytes: usize = generations
            .young
            .keys()
            .chain(generations.old.keys())
            .map(|k| k.len())
            .sum();
        assert!(bytes <= 2 * GENERATION_BYTES_MAX / SHARDS, "{bytes}");
    }
}
