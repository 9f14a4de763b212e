//! Which parts keep their content index in memory: the ones read last, within a budget.

use crate::StoreError;
use crate::part::Part;
use parking_lot::Mutex;
use skald_index::ContentIndex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Bytes of content indexes kept. An eighth of the stored bytes at most, so this serves about a gigabyte
/// of parts without reading an index twice.
const CONTENT_CACHE_BYTES: u64 = 128 << 20;

/// Parts that hold their index, in the order they read it.
#[derive(Debug, Default)]
pub(crate) struct ContentCache {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    parts: VecDeque<(Weak<Part>, u64)>,
}

impl ContentCache {
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
        while held.bytes > CONTENT_CACHE_BYTES
            && let Some((oldest, bytes)) = held.parts.pop_front()
        {
            held.bytes -= bytes;
            if let Some(oldest) = oldest.upgrade() {
                oldest.forget_content();
            }
        }
        Ok(index)
    }
}
