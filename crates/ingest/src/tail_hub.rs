//! The tail hub hands new entries to live tails and drops them for readers that are too slow.
//!
//! Publishing never waits for a reader: each subscription has a bounded queue, and what does not
//! fit is remembered as dropped, by time and labels, up to a bound. All queues together take no
//! more than their share of the memory budget. While nobody subscribes it costs one atomic load.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use skald_model::{
    Budget, Held, Labels, Matcher, MemoryUser, StreamId, TenantId, WriteBatch, WriteEntry,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Most entries that wait for one reader.
const QUEUE_ENTRIES_MAX: usize = 10_000;

/// Most bytes of lines and metadata that wait for one reader.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Most bytes taken out of a queue at once, unless one entry has more.
const TAKEN_BYTES_MAX: usize = 256 << 10;

/// Steps in which a queue takes memory.
const STEP_BYTES: usize = 8 << 10;

/// Most dropped entries reported to one reader: Loki's figure.
const DROPPED_MAX: usize = 1000;

/// Most streams of which one subscription remembers whether they match.
const MATCHED_STREAMS_MAX: usize = 100_000;

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

impl TailEntry {
    fn of(labels: &Labels, entry: &WriteEntry<'_>, batch: &WriteBatch<'_>) -> TailEntry {
        let metadata = batch
            .metadata_of(entry)
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        TailEntry {
            labels: labels.clone(),
            timestamp: entry.timestamp,
            line: Arc::from(entry.line),
            metadata: metadata.collect(),
        }
    }

    fn bytes(&self) -> usize {
        size_of::<TailEntry>()
            + self.line.len()
            + self
                .metadata
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    }
}

/// All subscriptions. Publishing costs nothing while there are none.
pub struct TailHub {
    budget: Arc<Budget>,
    active: AtomicUsize,
    subscribers: RwLock<Vec<Arc<Subscriber>>>,
}

/// What the hub and a subscription share.
struct Subscriber {
    tenant: TenantId,
    matchers: Vec<Matcher>,
    matched: Mutex<HashMap<StreamId, bool, FixedState>>,
    queue: Mutex<Queue>,
    filled: Notify,
}

struct Queue {
    entries: VecDeque<TailEntry>,
    bytes: usize,
    /// Bytes of the entries that were taken last, which their reader still has.
    taken: usize,
    dropped: Vec<(i64, Labels)>,
    held: Held,
}

impl Queue {
    fn new(budget: &Arc<Budget>) -> Queue {
        Queue {
            entries: VecDeque::new(),
            bytes: 0,
            taken: 0,
            dropped: Vec::new(),
            held: Held::new(budget, MemoryUser::Tails),
        }
    }

    /// What it takes of the budget.
    fn needs(&self) -> usize {
        self.bytes + self.taken + self.dropped.len() * size_of::<(i64, Labels)>()
    }

    /// Takes memory for `more`, if there is some.
    fn room(&mut self, more: usize) -> bool {
        let needed = self.needs() + more;
        needed <= self.held.bytes() || self.held.try_cover(needed.next_multiple_of(STEP_BYTES))
    }

    /// Charges what is there, also where there was no room: the first entry of an empty queue, and
    /// the report of what was dropped.
    fn cover(&mut self) {
        let needed = self.needs().max(self.held.bytes());
        self.held.fit(needed);
    }

    /// Gives back what is not needed any more.
    fn settle(&mut self) {
        self.held
            .shrink_to(self.needs().next_multiple_of(STEP_BYTES));
    }
}

impl Subscriber {
    fn wants(&self, id: StreamId, labels: &Labels) -> bool {
        let mut matched = self.matched.lock();
        if let Some(known) = matched.get(&id) {
            return *known;
        }
        if matched.len() >= MATCHED_STREAMS_MAX {
            matched.clear();
        }
        let matches = self
            .matchers
            .iter()
            .all(|m| m.matches(labels.get(&m.name).unwrap_or_default()));
        matched.insert(id, matches);
        matches
    }

    fn offer(&self, entry: &TailEntry) {
        let mut queue = self.queue.lock();
        let bytes = entry.bytes();
        // One entry always fits, however large, so that a reader never waits for one that can't
        // come.
        let full =
            queue.entries.len() >= QUEUE_ENTRIES_MAX || queue.bytes + bytes > QUEUE_BYTES_MAX;
        if full && !queue.entries.is_empty() || !queue.room(bytes) && !queue.entries.is_empty() {
            if queue.dropped.len() < DROPPED_MAX {
                queue.dropped.push((entry.timestamp, entry.labels.clone()));
                queue.cover();
            }
            return;
        }
        queue.bytes += bytes;
        queue.cover();
        queue.entries.push_back(entry.clone());
    }
}

impl Default for TailHub {
    /// Without a bound beside those of each queue.
    fn default() -> TailHub {
        TailHub::within(&Arc::new(Budget::new(usize::MAX)))
    }
}

impl TailHub {
    /// Within a memory budget.
    pub fn within(budget: &Arc<Budget>) -> TailHub {
        TailHub {
            budget: budget.clone(),
            active: AtomicUsize::new(0),
            subscribers: RwLock::default(),
        }
    }

    /// Subscribes to entries of streams that satisfy the matchers.
    pub fn subscribe(self: &Arc<Self>, tenant: &TenantId, matchers: Vec<Matcher>) -> Subscription {
        let subscriber = Arc::new(Subscriber {
            tenant: tenant.clone(),
            matchers,
            matched: Mutex::default(),
            queue: Mutex::new(Queue::new(&self.budget)),
            filled: Notify::new(),
        });
        self.subscribers.write().push(Arc::clone(&subscriber));
        self.active.fetch_add(1, Ordering::Release);
        Subscription {
            hub: Arc::clone(self),
            subscriber,
        }
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// Offers accepted entries to the subscribers that want them.
    pub fn publish(&self, tenant: &TenantId, batch: &WriteBatch<'_>) {
        if self.subscriptions() == 0 {
            return;
        }
        let subscribers: Vec<Arc<Subscriber>> = self
            .subscribers
            .read()
            .iter()
            .filter(|s| s.tenant == *tenant)
            .map(Arc::clone)
            .collect();
        if subscribers.is_empty() {
            return;
        }
        let mut filled = vec![false; subscribers.len()];
        for stream in &batch.streams {
            let wanting: Vec<usize> = (0..subscribers.len())
                .filter(|i| subscribers[*i].wants(stream.id, &stream.labels))
                .collect();
            if wanting.is_empty() {
                continue;
            }
            for entry in &batch.entries[stream.rows.start as usize..stream.rows.end as usize] {
                let entry = TailEntry::of(&stream.labels, entry, batch);
                wanting.iter().for_each(|i| subscribers[*i].offer(&entry));
            }
            wanting.iter().for_each(|i| filled[*i] = true);
        }
        for (subscriber, _) in subscribers.iter().zip(filled).filter(|(_, filled)| *filled) {
            subscriber.filled.notify_one();
        }
    }
}

/// A tail's end: new entries in order of arrival, bounded. Dropping it unsubscribes.
pub struct Subscription {
    hub: Arc<TailHub>,
    subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Waits for entries; takes all that are there, at most `max`.
    pub async fn next(&mut self, max: usize) -> Vec<TailEntry> {
        loop {
            let taken = self.take(max);
            if !taken.is_empty() || max == 0 {
                return taken;
            }
            self.subscriber.filled.notified().await;
        }
    }

    /// Takes what is there without waiting, at most `max`, and of long entries fewer.
    pub fn take(&mut self, max: usize) -> Vec<TailEntry> {
        let mut queue = self.subscriber.queue.lock();
        let (mut count, mut bytes) = (0, 0);
        for entry in queue.entries.iter().take(max) {
            if bytes > 0 && bytes + entry.bytes() > TAKEN_BYTES_MAX {
                break;
            }
            (count, bytes) = (count + 1, bytes + entry.bytes());
        }
        let taken: Vec<TailEntry> = queue.entries.drain(..count).collect();
        if queue.entries.is_empty() {
            queue.entries.shrink_to_fit();
        }
        queue.bytes -= bytes;
        queue.taken = bytes;
        queue.settle();
        taken
    }

    /// Entries that were dropped since the last call because this reader was slow: time and labels.
    pub fn dropped(&mut self) -> Vec<(i64, Labels)> {
        let mut queue = self.subscriber.queue.lock();
        let dropped = std::mem::take(&mut queue.dropped);
        queue.settle();
        dropped
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.active.fetch_sub(1, Ordering::Release);
        self.hub
            .subscribers
            .write()
            .retain(|s| !Arc::ptr_eq(s, &self.subscriber));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::{MatchOp, WriteStream};

    fn batch<'a>(streams: &[(&str, &[(i64, &'a str)])]) -> WriteBatch<'a> {
        let mut batch = WriteBatch::default();
        for (app, entries) in streams {
            let labels = Labels::from_pairs([("app", *app)]);
            let start = batch.entries.len() as u32;
            for (timestamp, line) in *entries {
                batch.entries.push(WriteEntry {
                    timestamp: *timestamp,
                    line: line.as_bytes(),
                    metadata: 0..0,
                });
            }
            let rows = start..batch.entries.len() as u32;
            batch.streams.push(WriteStream {
                id: StreamId::of(&labels),
                labels,
                rows,
            });
        }
        batch
    }

    fn lines(entries: &[TailEntry]) -> Vec<String> {
        entries
            .iter()
            .map(|e| format!("{} {}", e.labels, String::from_utf8_lossy(&e.line)))
            .collect()
    }

    #[tokio::test]
    async fn a_tail_gets_what_it_asked_for_in_order() {
        let hub = Arc::new(TailHub::default());
        let regex = Matcher::new("app", MatchOp::Regex, "a|b").expect("regex is valid");
        let mut tail = hub.subscribe(&TenantId::fake(), vec![regex]);
        let other = TenantId::parse("other").expect("name is valid");
        hub.publish(&other, &batch(&[("a", &[(1, "not mine")])]));
        hub.publish(
            &TenantId::fake(),
            &batch(&[
                ("a", &[(1, "1"), (2, "2")]),
                ("c", &[(3, "3")]),
                ("b", &[(4, "4")]),
            ]),
        );
        assert_eq!(
            lines(&tail.next(2).await),
            [r#"{app="a"} 1"#, r#"{app="a"} 2"#]
        );
        assert_eq!(lines(&tail.next(9).await), [r#"{app="b"} 4"#]);
        assert!(tail.take(9).is_empty() && tail.dropped().is_empty());
    }

    #[tokio::test]
    async fn entries_a_slow_reader_loses_are_reported() {
        let hub = Arc::new(TailHub::default());
        let mut tail = hub.subscribe(&TenantId::fake(), Vec::new());
        let entries: Vec<(i64, &str)> = (0..QUEUE_ENTRIES_MAX as i64 + 1500)
            .map(|t| (t, "x"))
            .collect();
        hub.publish(&TenantId::fake(), &batch(&[("a", &entries)]));
        let dropped = tail.dropped();
        assert_eq!(
            (dropped.len(), dropped[0].0),
            (DROPPED_MAX, QUEUE_ENTRIES_MAX as i64)
        );
        let mut taken = 0;
        while taken < QUEUE_ENTRIES_MAX {
            taken += tail.next(usize::MAX).await.len();
        }
        assert_eq!(taken, QUEUE_ENTRIES_MAX);
        assert!(tail.dropped().is_empty());
    }

    #[tokio::test]
    async fn the_queues_of_all_readers_stay_within_their_share() {
        let budget = Arc::new(Budget::new(10 << 20));
        let hub = Arc::new(TailHub::within(&budget));
        let tails: Vec<Subscription> = (0..1000)
            .map(|_| hub.subscribe(&TenantId::fake(), Vec::new()))
            .collect();
        let line = "x".repeat(1000);
        let entries: Vec<(i64, &str)> = (0..20).map(|time| (time, line.as_str())).collect();
        hub.publish(&TenantId::fake(), &batch(&[("a", &entries)]));
        // Every reader gets one entry, however little room there is.
        let share = budget.share(MemoryUser::Tails);
        assert!(budget.held(MemoryUser::Tails) < share + 1000 * 2 * line.len());
        for mut tail in tails {
            let entries = tail.next(usize::MAX).await;
            assert!(!entries.is_empty() && entries.len() <= 20);
        }
        assert_eq!(budget.held_by_all(), 0);
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_and_leaving_unsubscribes() {
        let hub = Arc::new(TailHub::default());
        let mut tail = hub.subscribe(&TenantId::fake(), Vec::new());
        let publisher = Arc::clone(&hub);
        let waiting = tokio::spawn(async move { lines(&tail.next(1).await) });
        tokio::task::yield_now().await;
        publisher.publish(&TenantId::fake(), &batch(&[("a", &[(1, "late")])]));
        assert_eq!(waiting.await.expect("task ends"), [r#"{app="a"} late"#]);
        assert_eq!(hub.subscriptions(), 0);
    }
}
