//! The tail queue holds copies of pushes until the tail hub hands them on, and what was dropped.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use skald_model::{Held, Labels, StreamId, TenantId, WriteBatch, WriteEntry};
use std::collections::VecDeque;

/// Most dropped entries that are remembered one by one until they are handed on; of more only the
/// tenant and the time.
const DROPPED_MAX: usize = 50_000;

/// One new entry of a stream somebody follows.
#[derive(Clone, Debug)]
pub struct TailEntry {
    /// Labels of its stream.
    pub labels: Labels,
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line.
    pub line: Box<[u8]>,
    /// Structured metadata, sorted by name.
    pub metadata: Box<[(String, String)]>,
}

impl TailEntry {
    pub(crate) fn of(labels: &Labels, entry: &WriteEntry<'_>, batch: &WriteBatch<'_>) -> TailEntry {
        let metadata = batch
            .metadata_of(entry)
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        TailEntry {
            labels: labels.clone(),
            timestamp: entry.timestamp,
            line: Box::from(entry.line),
            metadata: metadata.collect(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let metadata = self.metadata.iter();
        let metadata: usize = metadata.map(|(name, value)| name.len() + value.len()).sum();
        size_of::<TailEntry>() + self.line.len() + metadata
    }
}

/// An entry that nobody looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The number of its push.
    pub push: u64,
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// Labels of its stream; `None` when it is one of too many to be remembered.
    pub labels: Option<Labels>,
}

/// What waits for the hub's thread.
#[derive(Default)]
pub(crate) struct TailQueue {
    pub(crate) pushes: VecDeque<Push>,
    pub(crate) bytes: usize,
    /// Number of the next push.
    pub(crate) next: u64,
    pub(crate) dropped: HashMap<TenantId, Vec<Dropped>, FixedState>,
    /// Of all tenants.
    dropped_count: usize,
    pub(crate) is_closed: bool,
}

impl TailQueue {
    pub(crate) fn number_push(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// What was dropped since the last call, by tenant.
    pub(crate) fn take_dropped(&mut self) -> HashMap<TenantId, Vec<Dropped>, FixedState> {
        self.dropped_count = 0;
        std::mem::take(&mut self.dropped)
    }

    pub(crate) fn drop_entry(
        &mut self,
        tenant: &TenantId,
        push: u64,
        timestamp: i64,
        labels: &Labels,
    ) {
        let is_kept = self.dropped_count < DROPPED_MAX;
        self.dropped_count += usize::from(is_kept);
        let entry = |labels| Dropped {
            push,
            timestamp,
            labels,
        };
        match self.dropped.get_mut(tenant) {
            Some(entries) if is_kept => entries.push(entry(Some(labels.clone()))),
            Some(entries) => match entries.last_mut() {
                Some(last) if last.labels.is_none() => *last = entry(None),
                _ => entries.push(entry(None)),
            },
            None => {
                let labels = is_kept.then(|| labels.clone());
                self.dropped.insert(tenant.clone(), vec![entry(labels)]);
            }
        }
    }
}

/// The entries of one push, by stream.
pub(crate) struct Push {
    pub(crate) number: u64,
    pub(crate) tenant: TenantId,
    pub(crate) streams: Vec<(StreamId, Vec<TailEntry>)>,
    pub(crate) held: Held,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_hears_of_drops_however_many_there_are() {
        let mut queue = TailQueue::default();
        let labels = Labels::from_pairs([("app", "a")]);
        let (one, other) = (TenantId::fake(), TenantId::parse("other").expect("good"));
        for time in 0..DROPPED_MAX as i64 + 3 {
            queue.drop_entry(&one, 7, time, &labels);
        }
        queue.drop_entry(&other, 8, 5, &labels);
        let dropped = queue.take_dropped();
        assert_eq!(dropped[&one].len(), DROPPED_MAX + 1);
        assert_eq!(dropped[&one][0].labels, Some(labels));
        let last = |push, timestamp| Dropped {
            push,
            timestamp,
            labels: None,
        };
        assert_eq!(dropped[&one][DROPPED_MAX], last(7, DROPPED_MAX as i64 + 2));
        assert_eq!(dropped[&other], [last(8, 5)]);
        assert!(queue.take_dropped().is_empty());
    }
}
