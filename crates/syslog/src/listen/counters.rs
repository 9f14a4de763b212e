//! Counts of one listener, for metrics and for who asks where his messages are.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the listener began. Reads add to them once a read, not once a message.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages read.
    pub messages: Count,
    /// Bytes of them.
    pub bytes: Count,
    /// Messages that were longer than the limit, or whose end never came.
    pub truncated: Count,
    /// Connections accepted.
    pub connections: Count,
    /// Connections closed.
    pub closed: Count,
    /// Connections closed at once: there were as many as there may be, or TLS failed.
    pub refused: Count,
    /// Connections closed because nothing came.
    pub idle: Count,
    /// Batches that had to be handed on again.
    pub retries: Count,
    /// Messages that were read and given up at a stop.
    pub lost: Count,
    /// Datagrams that the system dropped.
    pub dropped: Count,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Counts `more`.
    pub fn add(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Raises it to a count that someone else keeps.
    pub fn raise_to(&self, count: u64) {
        self.0.fetch_max(count, Ordering::Relaxed);
    }
}

impl Counters {
    /// Open connections.
    pub fn open(&self) -> u64 {
        self.connections.get().saturating_sub(self.closed.get())
    }
}
