//! Tail groups run each distinct query once over new entries and hand the result to its readers.
//!
//! The query runs on the hub's thread, readers have bounded queues: what does not fit, there or in
//! the tails' share of the memory budget, is remembered as dropped, by time and labels, up to a
//! bound. Nobody waits for a reader.

use super::live_entry::{LiveEntry, Ready};
use super::recent_entries::{EntryKeys, RecentEntries};
use crate::error::ApiError;
use axum::http::StatusCode;
use parking_lot::{Mutex, RwLock};
use skald_ingest::tail_hub::{Dropped, Follow, TailEntry, TailHub, TailSink};
use skald_model::{Budget, Held, Labels, Matcher, MemoryUser, TenantId};
use skald_query::{Engine, EntryResult, Labelling, Parsed, TailPipeline};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Most dropped entries that are reported to one reader at a time: Loki's figure.
const DROPPED_MAX: usize = 1000;

/// Most entries that wait for one reader.
const QUEUE_ENTRIES_MAX: usize = 10_000;

/// Most bytes of encoded entries that wait for one reader.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Most bytes taken out of a queue at once, unless one entry has more.
const TAKEN_BYTES_MAX: usize = 256 << 10;

/// Steps in which a queue takes memory.
const STEP_BYTES: usize = 8 << 10;

/// What a queue takes for an entry, whose bytes are shared, and for a dropped one.
const PLACE_BYTES: usize = size_of::<(i64, Labels)>();

/// The hub rests this long for each reader that was woken: about what a reader takes to send a
/// frame. So entries gather while there are many readers, and writers keep half of the cores.
const REST_PER_READER: Duration = Duration::from_micros(20);

/// The queries that are followed now.
#[derive(Default)]
pub struct TailGroups {
    groups: Mutex<HashMap<Key, Weak<Group>>>,
}

/// What makes two tails see the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    query: Parsed,
    labelling: Labelling,
}

/// All readers of one query.
struct Group {
    labelling: Labelling,
    keys: EntryKeys,
    matchers: Vec<Matcher>,
    budget: Arc<Budget>,
    work: Mutex<Work>,
    readers: RwLock<Vec<Arc<Reader>>>,
    /// Keeps the hub giving entries; set once.
    follow: OnceLock<Follow>,
}

struct Work {
    pipeline: TailPipeline,
    /// Entries as they were pushed: equal ones are repeats.
    recent: RecentEntries,
}

struct Reader {
    /// The first push it is given.
    since: u64,
    queue: Mutex<Queue>,
    filled: Notify,
}

struct Queue {
    entries: VecDeque<Arc<LiveEntry>>,
    bytes: usize,
    /// Bytes of the entries that were taken last, of which their reader makes a frame.
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

    /// What it takes of the budget, beside the entries themselves.
    fn needs(&self) -> usize {
        self.taken + (self.entries.len() + self.dropped.len()) * PLACE_BYTES
    }

    /// Takes memory for one place more, if there is some.
    fn has_room(&mut self) -> bool {
        let needed = self.needs() + PLACE_BYTES;
        needed <= self.held.bytes() || self.held.try_cover(needed.next_multiple_of(STEP_BYTES))
    }

    /// Remembers it for the report, which is charged without asking: it is short, and a reader must
    /// hear of what it lost.
    fn drop_entry(&mut self, timestamp: i64, labels: &Labels) {
        if self.dropped.len() < DROPPED_MAX {
            self.dropped.push((timestamp, labels.clone()));
            let needed = self.needs().next_multiple_of(STEP_BYTES);
            self.held.fit(needed.max(self.held.bytes()));
        }
    }

    /// Whether there is a place for an entry. One always fits, however large, so that a reader never
    /// waits for one that can't come.
    fn is_full(&mut self, bytes: usize) -> bool {
        let is_over =
            self.entries.len() >= QUEUE_ENTRIES_MAX || self.bytes + bytes > QUEUE_BYTES_MAX;
        (is_over || !self.has_room()) && !self.entries.is_empty()
    }

    fn add(&mut self, entry: &Arc<LiveEntry>) {
        self.bytes += entry.json.len();
        self.entries.push_back(entry.clone());
        self.held.fit(self.needs().max(self.held.bytes()));
    }

    /// Takes what is there, at most `max`, and of long entries fewer.
    fn take(&mut self, max: usize) -> Vec<Arc<LiveEntry>> {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.entries.iter().take(max) {
            if bytes > 0 && bytes + entry.json.len() > TAKEN_BYTES_MAX {
                break;
            }
            (count, bytes) = (count + 1, bytes + entry.json.len());
        }
        let taken = self.entries.drain(..count).collect();
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
        self.bytes -= bytes;
        self.taken = bytes;
        self.settle();
        taken
    }

    /// Takes or gives back what it needs now.
    fn settle(&mut self) {
        self.held.fit(self.needs().next_multiple_of(STEP_BYTES));
    }
}

impl TailGroups {
    /// Follows a query from the next push on. What was pushed before is in the store.
    pub(crate) fn join(
        &self,
        hub: &TailHub,
        engine: &Engine,
        tenant: &TenantId,
        query: &Parsed,
        labelling: Labelling,
    ) -> Result<Subscription, ApiError> {
        let key = Key {
            tenant: tenant.clone(),
            query: query.clone(),
            labelling,
        };
        let mut groups = self.groups.lock();
        let known = groups.get(&key).and_then(Weak::upgrade);
        let group = match known {
            Some(group) => group,
            None => {
                let pipeline = engine.tail_pipeline(query, labelling)?;
                let group = Arc::new(Group::new(labelling, pipeline, hub.budget()));
                let sink: Arc<dyn TailSink> = group.clone();
                let follow = hub.follow(tenant, group.matchers.clone(), Arc::downgrade(&sink));
                let follow = follow.map_err(|error| {
                    let text = format!("starting the thread of tails: {error}");
                    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text)
                })?;
                // A group is followed once, here.
                let _ = group.follow.set(follow);
                groups.retain(|_, group| group.strong_count() > 0);
                groups.insert(key, Arc::downgrade(&group));
                group
            }
        };
        drop(groups);
        let reader = {
            // Held while the number is read: a push from there on finds the reader.
            let mut readers = group.readers.write();
            let reader = Arc::new(Reader::new(hub.next_push(), hub.budget()));
            readers.push(reader.clone());
            reader
        };
        Ok(Subscription { group, reader })
    }
}

impl Group {
    fn new(labelling: Labelling, pipeline: TailPipeline, budget: &Arc<Budget>) -> Group {
        let keys = EntryKeys::default();
        Group {
            labelling,
            matchers: pipeline.matchers.clone(),
            budget: budget.clone(),
            work: Mutex::new(Work {
                pipeline,
                recent: RecentEntries::new(),
            }),
            keys,
            readers: RwLock::default(),
            follow: OnceLock::new(),
        }
    }

    /// What passes the stages, and was not sent yet to a reader that came with push `newest`.
    fn run(&self, push: u64, newest: u64, entries: &[TailEntry]) -> Vec<Passed> {
        let mut work = self.work.lock();
        let Work { pipeline, recent } = &mut *work;
        let mut passed = Vec::new();
        for entry in entries {
            let (labels, timestamp) = (&entry.labels, entry.timestamp);
            let processed = pipeline.process(labels, timestamp, &entry.line, &entry.metadata);
            let ready = match processed {
                Ok(Some(ready)) => Some(ready),
                Ok(None) => continue,
                Err(_) => None,
            };
            let pushed = (labels, timestamp, &*entry.line, &*entry.metadata);
            let before = recent.insert(self.keys.hash(pushed), push);
            if before.is_some_and(|before| newest <= before) {
                continue;
            }
            passed.push(Passed {
                timestamp,
                labels: labels.clone(),
                before,
                entry: ready.and_then(|ready| self.charged(labels, &ready)),
            });
        }
        passed
    }

    /// The entry to be sent, if there is memory for it.
    fn charged(&self, labels: &Labels, ready: &Ready) -> Option<Arc<LiveEntry>> {
        let mut entry = LiveEntry::new(&ready.0, &ready.1, self.labelling, &self.keys);
        entry.labels = labels.clone();
        entry.held = Some(Held::taken(&self.budget, MemoryUser::Tails, entry.bytes())?);
        Some(Arc::new(entry))
    }

    fn wants(&self, labels: &Labels) -> bool {
        let value = |matcher: &Matcher| labels.get(&matcher.name).unwrap_or_default();
        self.matchers.iter().all(|m| m.matches(value(m)))
    }
}

/// An entry that came through the stages.
struct Passed {
    timestamp: i64,
    /// Labels of its stream.
    labels: Labels,
    /// The push it came with before: who came by then has it.
    before: Option<u64>,
    /// `None` if there was no memory for it.
    entry: Option<Arc<LiveEntry>>,
}

impl TailSink for Group {
    fn take(&self, push: u64, entries: &[TailEntry]) -> Duration {
        let readers = self.readers.read().clone();
        let present = readers.iter().filter(|reader| reader.since <= push);
        let Some(newest) = present.clone().map(|reader| reader.since).max() else {
            return Duration::ZERO;
        };
        let passed = self.run(push, newest, entries);
        if passed.is_empty() {
            return Duration::ZERO;
        }
        let woken = present.inspect(|reader| reader.offer(&passed)).count();
        REST_PER_READER * u32::try_from(woken).unwrap_or(u32::MAX)
    }

    fn dropped(&self, entries: &[Dropped]) {
        let is_wanted = |e: &&Dropped| e.labels.as_ref().is_none_or(|labels| self.wants(labels));
        let wanted: Vec<&Dropped> = entries.iter().filter(is_wanted).collect();
        for reader in self.readers.read().iter().filter(|_| !wanted.is_empty()) {
            let mut queue = reader.queue.lock();
            for dropped in wanted.iter().filter(|dropped| dropped.push >= reader.since) {
                let labels = dropped.labels.clone().unwrap_or_else(Labels::empty);
                queue.drop_entry(dropped.timestamp, &labels);
            }
            drop(queue);
            reader.filled.notify_one();
        }
    }
}

impl Reader {
    fn new(since: u64, budget: &Arc<Budget>) -> Reader {
        Reader {
            since,
            queue: Mutex::new(Queue::new(budget)),
            filled: Notify::new(),
        }
    }

    fn offer(&self, passed: &[Passed]) {
        let is_new = |passed: &&Passed| passed.before.is_none_or(|before| before < self.since);
        let mut queue = self.queue.lock();
        for passed in passed.iter().filter(is_new) {
            match &passed.entry {
                Some(entry) if !queue.is_full(entry.json.len()) => queue.add(entry),
                _ => queue.drop_entry(passed.timestamp, &passed.labels),
            }
        }
        drop(queue);
        self.filled.notify_one();
    }
}

/// A tail's end: new entries in order of arrival, bounded. Dropping it leaves the group.
pub(crate) struct Subscription {
    group: Arc<Group>,
    reader: Arc<Reader>,
}

impl Subscription {
    /// Waits for entries or for word of dropped ones; takes the entries that are there, at most
    /// `max`.
    pub(crate) async fn next(&mut self, max: usize) -> Vec<Arc<LiveEntry>> {
        loop {
            {
                let mut queue = self.reader.queue.lock();
                // The frame of what was taken before is sent.
                let taken = queue.take(max);
                if !taken.is_empty() || !queue.dropped.is_empty() {
                    return taken;
                }
            }
            self.reader.filled.notified().await;
        }
    }

    /// Entries that were dropped since the last call because this reader or the hub was slow: time
    /// and labels.
    pub(crate) fn dropped(&mut self) -> Vec<(i64, Labels)> {
        let mut queue = self.reader.queue.lock();
        let dropped = std::mem::take(&mut queue.dropped);
        queue.settle();
        dropped
    }

    /// An entry of history, comparable to live ones by its hash.
    pub(crate) fn of_history(
        &self,
        labels: &[(String, String)],
        entry: &EntryResult,
    ) -> Arc<LiveEntry> {
        let group = &self.group;
        Arc::new(LiveEntry::new(labels, entry, group.labelling, &group.keys))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut readers = self.group.readers.write();
        readers.retain(|reader| !Arc::ptr_eq(reader, &self.reader));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_store::{Options, Store};

    /// Groups and a hub, with the pipeline of `{app="a"}` made twice.
    fn two_readers(since: [u64; 2], memory: usize) -> (Arc<Group>, [Subscription; 2]) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Options::new(folder.path())).expect("the folder is empty");
        let engine = Engine::new(Arc::new(store), Default::default(), || 0);
        let query = Parsed::parse("{app=\"a\"} |= \"x\"").expect("good");
        let hub = TailHub::within(&Arc::new(Budget::new(memory)));
        let groups = TailGroups::default();
        let join = |_| {
            let (tenant, labelling) = (TenantId::fake(), Labelling::Merged);
            let joined = groups.join(&hub, &engine, &tenant, &query, labelling);
            joined.expect("the query is good")
        };
        let mut joined = [0, 1].map(join);
        assert!(Arc::ptr_eq(&joined[0].group, &joined[1].group));
        assert_eq!(hub.followers(), 1, "equal queries are followed once");
        for (subscription, since) in joined.iter_mut().zip(since) {
            subscription.reader = Arc::new(Reader::new(since, hub.budget()));
        }
        let group = joined[0].group.clone();
        *group.readers.write() = joined.iter().map(|s| s.reader.clone()).collect();
        (group, joined)
    }

    fn entries(count: i64) -> Vec<TailEntry> {
        let entry = |timestamp| TailEntry {
            labels: Labels::from_pairs([("app", "a")]),
            timestamp,
            line: Box::from(b"x".as_slice()),
            metadata: Box::default(),
        };
        (0..count).map(entry).collect()
    }

    #[tokio::test]
    async fn every_reader_gets_what_was_pushed_since_it_came_and_once() {
        let (group, [mut first, mut second]) = two_readers([0, 1], usize::MAX);
        let entries = entries(3);
        assert_eq!(group.take(0, &entries[..1]), REST_PER_READER);
        assert_eq!(group.take(1, &entries), REST_PER_READER * 2);
        assert_eq!(group.take(2, &entries), Duration::ZERO, "repeats");
        let late = Arc::new(Reader::new(3, &group.budget));
        group.readers.write().push(late.clone());
        group.take(3, &entries);
        assert_eq!(late.queue.lock().entries.len(), 3, "new to it");
        let times = |entries: Vec<Arc<LiveEntry>>| -> Vec<i64> {
            entries.iter().map(|entry| entry.timestamp).collect()
        };
        assert_eq!(times(first.next(2).await), [0, 1]);
        assert_eq!(times(first.next(2).await), [2]);
        assert_eq!(
            times(second.next(9).await),
            [0, 1, 2],
            "repeats are new to it"
        );
    }

    #[tokio::test]
    async fn entries_a_slow_reader_loses_are_reported() {
        let (group, [mut first, _second]) = two_readers([0, 0], usize::MAX);
        group.take(0, &entries(QUEUE_ENTRIES_MAX as i64 + 1500));
        let dropped = first.dropped();
        assert_eq!(
            (dropped.len(), dropped[0].0),
            (DROPPED_MAX, QUEUE_ENTRIES_MAX as i64)
        );
        let mut taken = 0;
        while taken < QUEUE_ENTRIES_MAX {
            taken += first.next(usize::MAX).await.len();
        }
        assert_eq!(taken, QUEUE_ENTRIES_MAX);
        let other = Labels::from_pairs([("app", "b")]);
        let own = Labels::from_pairs([("app", "a")]);
        let dropped = |timestamp, labels: &Labels| Dropped {
            push: 1,
            timestamp,
            labels: Some(labels.clone()),
        };
        group.dropped(&[dropped(1, &other), dropped(2, &own)]);
        assert!(first.next(1).await.is_empty(), "it wakes");
        assert_eq!(first.dropped(), [(2, own)]);
    }

    #[tokio::test]
    async fn what_there_is_no_memory_for_is_reported() {
        let (group, [mut first, mut second]) = two_readers([0, 0], 20_000);
        let budget = group.budget.clone();
        group.take(0, &entries(100));
        let share = budget.share(MemoryUser::Tails);
        let reports = 2 * STEP_BYTES;
        assert!(budget.held(MemoryUser::Tails) < share + reports + 2 * STEP_BYTES);
        for reader in [&mut first, &mut second] {
            let dropped = reader.dropped();
            let taken = reader.next(usize::MAX).await;
            assert!(!dropped.is_empty());
            assert_eq!(taken.len() + dropped.len(), 100);
        }
        drop((first, second, group));
        assert_eq!(budget.held_by_all(), 0);
    }
}
