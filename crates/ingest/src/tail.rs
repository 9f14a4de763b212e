//! Who is told about new entries: live tails.

use skald_model::{Labels, Matcher, TenantId};
use std::sync::Arc;

/// One new entry of a stream a tail asked for.
#[derive(Clone, Debug)]
pub struct TailEntry {
    /// Labels of its stream.
    pub labels: Labels,
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line.
    pub line: Arc<[u8]>,
    /// Structured metadata, sorted by name.
    pub metadata: Arc<[(String, String)]>,
}

/// Who tails what. Publishing costs nothing while nobody does.
#[derive(Default)]
pub struct Hub {}

/// A tail's end: new entries in order of arrival, bounded. Dropping it unsubscribes.
pub struct Subscription {}

impl Hub {
    /// Subscribes to entries of streams that satisfy the matchers.
    pub fn subscribe(self: &Arc<Self>, _tenant: &TenantId, _matchers: Vec<Matcher>) -> Subscription {
        todo!()
    }
}

impl Subscription {
    /// Waits for entries; takes all that are there, at most `max`.
    pub async fn next(&mut self, _max: usize) -> Vec<TailEntry> {
        todo!()
    }

    /// Entries that were dropped since the last call because this reader was slow: time and labels.
    pub fn dropped(&mut self) -> Vec<(i64, Labels)> {
        todo!()
    }
}
