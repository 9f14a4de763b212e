//! Index cache: keeps the content indexes of the parts read last in memory, within a bound.
//!
//! The bound is a share of the memory budget, and shrinks while the budget is under pressure.

use crate::StoreError;
use crate::part::Part;
use parking_lot::Mutex;
use skald_index::ContentIndex;
use skald_model::{Budget, MemoryUser, Pressure};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Bytes of content indexes in memory. An eighth of the stored bytes at most, so this serves about
/// a gigabyte of parts without reading an index twice.
const CONTENT_CACHE_BYTES: u64 = 128 << 20;
/// Part of the memory budget that content indexes get at most.
const BUDGET_SHARE: u64 = 8;
/// Part of that which stays under pressure.
const PRESSED_SHARE: u64 = 8;

/// Parts that hold their index, in the order they read it.
#[derive(Debug)]
pub(crate) struct IndexCache {
    budget: Arc<Budget>,
    held: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    bytes: u64,
    parts: VecDeque<(Weak<Part>, u64)>,
}

impl IndexCache {
    pub(crate) fn new(budget: Arc<Budget>) -> IndexCache {
        IndexCache {
            budget,
            held: Mutex::default(),
        }
    }

    /// The content index of a part.
    pub(crate) fn get(&self, part: &Arc<Part>) -> Result<Arc<ContentIndex>, StoreError> {
        if let Some(index) = part.held_content() {
            return Ok(index);
        }
        let index = part.read_content()?;
        let mut held = self.held.lock();
        let bytes = part.content_bytes();
        held.bytes += bytes;
        held.parts.push_back((Arc::downgrade(part), bytes));
        self.budget.charge(MemoryUser::Caches, bytes as usize);
        self.shrink(&mut held);
        Ok(index)
    }

    /// Evicts what the budget has no room for.
    pub(crate) fn make_room(&self) {
        self.shrink(&mut self.held.lock());
    }

    fn shrink(&self, held: &mut Entries) {
        let most = CONTENT_CACHE_BYTES.min(self.budget.bytes() as u64 / BUDGET_SHARE);
        let most = if self.budget.pressure() == Pressure::None {
            most
        } else {
            most / PRESSED_SHARE
        };
        let mut gone = 0;
        held.parts.retain(|(part, bytes)| {
            let open = part.strong_count() > 0;
            gone += if open { 0 } else { *bytes };
            open
        });
        held.bytes -= gone;
        self.budget.release(MemoryUser::Caches, gone as usize);
        while held.bytes > most
            && let Some((oldest, bytes)) = held.parts.pop_front()
        {
            held.bytes -= bytes;
            self.budget.release(MemoryUser::Caches, bytes as usize);
            if let Some(oldest) = oldest.upgrade() {
                oldest.forget_content();
            }
        }
    }
}
