//! Flush progress: how much of a sealed head is in blocks already.
//!
//! The memory of a head goes all at once when its flush ends, but back-pressure follows the work
//! that is left, so that throughput degrades smoothly.

use crate::head::{Origin, SealedHead};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The share of a head that is in blocks, noted until it is dropped: with the memory, or when the
/// flush fails.
pub(crate) struct Progress<'a> {
    /// What all flushes together have written.
    flushed: &'a AtomicUsize,
    /// Memory of the head, and bytes of its lines.
    memory_bytes: usize,
    line_bytes: usize,
    written: AtomicUsize,
}

impl Progress<'_> {
    pub(crate) fn of<'a>(flushed: &'a AtomicUsize, sealed: &SealedHead) -> Progress<'a> {
        let line_bytes = sealed
            .view
            .chunks
            .iter()
            .map(|chunk| chunk.batch.lines.len())
            .sum();
        // What replay left delays no push, so progress with it speeds none up.
        let memory_bytes = match sealed.origin {
            Origin::Pushes => sealed.memory_bytes,
            Origin::Replay => 0,
        };
        Progress {
            flushed,
            memory_bytes,
            line_bytes,
            written: AtomicUsize::new(0),
        }
    }

    /// The memory that stands for `line_bytes` bytes of lines.
    fn share(&self, line_bytes: usize) -> usize {
        (self.memory_bytes as u128 * line_bytes as u128 / self.line_bytes.max(1) as u128) as usize
    }

    /// Notes that `line_bytes` more bytes of lines are in blocks.
    pub(crate) fn add(&self, line_bytes: usize) {
        let before = self.written.fetch_add(line_bytes, Ordering::Relaxed);
        let more = self.share(before + line_bytes) - self.share(before);
        self.flushed.fetch_add(more, Ordering::Relaxed);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.flushed.fetch_sub(
            self.share(self.written.load(Ordering::Relaxed)),
            Ordering::Relaxed,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_counts_until_the_memory_is_given_back() {
        let flushed = AtomicUsize::new(7);
        let progress = Progress {
            flushed: &flushed,
            memory_bytes: 300,
            line_bytes: 90,
            written: AtomicUsize::new(0),
        };
        for (more, expected) in [(30, 107), (1, 110), (59, 307)] {
            progress.add(more);
            assert_eq!(flushed.load(Ordering::Relaxed), expected);
        }
        drop(progress);
        assert_eq!(flushed.load(Ordering::Relaxed), 7);
    }
}
