//! The tail hub hands new entries to those who follow them, on a thread of its own.
//!
//! A push leaves a copy of its entries in a bounded queue and goes on, however many follow: what
//! does not fit, there or in the tails' share of the memory budget, is remembered as dropped, by
//! time and labels, up to a bound. Streams that nobody wanted are not copied again. While nobody
//! follows the tenant a push costs a look at who does.

pub use crate::tail_queue::{Dropped, TailEntry};
use crate::tail_queue::{Push, TailQueue};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Condvar, Mutex, RwLock};
use skald_model::{
    Budget, Held, Labels, Matcher, MemoryUser, StreamId, TenantId, WriteBatch, WriteStream,
};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Most bytes of entries that wait to be handed on.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Most streams of which one follower remembers whether they match, and of which the hub remembers
/// that none does.
const MATCHED_STREAMS_MAX: usize = 100_000;

/// Takes what is followed. Called on the hub's thread: it may work, and must not wait.
pub trait TailSink: Send + Sync {
    /// New entries in order of arrival, of the `push`th push; and how long the hub is to rest after
    /// them, so that those who read them do not take all cores.
    fn take(&self, push: u64, entries: &[TailEntry]) -> Duration;
    /// Entries of the tenant that were dropped before anybody looked at them.
    fn dropped(&self, entries: &[Dropped]);
}

/// Everybody who follows.
pub struct TailHub {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

struct Shared {
    budget: Arc<Budget>,
    active: AtomicUsize,
    followers: RwLock<Vec<Arc<Follower>>>,
    unwanted: Mutex<Unwanted>,
    queue: Mutex<TailQueue>,
    filled: Condvar,
}

/// Streams that no follower wanted, so that pushes need not copy their entries.
#[derive(Default)]
struct Unwanted {
    /// Grows with each follower: what was found out before may be wrong.
    generation: u64,
    streams: HashMap<TenantId, HashSet<StreamId, FixedState>, FixedState>,
    count: usize,
}

impl Unwanted {
    fn forget(&mut self) {
        self.streams.clear();
        self.count = 0;
    }

    fn add(&mut self, tenant: &TenantId, ids: Vec<StreamId>) {
        if self.count + ids.len() > MATCHED_STREAMS_MAX {
            self.forget();
        }
        self.count += ids.len();
        let known = self.streams.entry(tenant.clone()).or_default();
        known.extend(ids);
    }
}

struct Follower {
    tenant: TenantId,
    matchers: Vec<Matcher>,
    matched: Mutex<HashMap<StreamId, bool, FixedState>>,
    sink: Weak<dyn TailSink>,
}

impl Follower {
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

    /// Gives what it wants; marks the streams it wants.
    fn offer(&self, push: &Push, is_wanted: &mut [bool]) -> Duration {
        let Some(sink) = self.sink.upgrade() else {
            return Duration::ZERO;
        };
        let mut rest = Duration::ZERO;
        for ((id, entries), is_wanted) in push.streams.iter().zip(is_wanted) {
            let first = entries.first();
            if first.is_some_and(|entry| self.wants(*id, &entry.labels)) {
                *is_wanted = true;
                rest += sink.take(push.number, entries);
            }
        }
        rest
    }
}

/// Somebody who follows; dropping it ends that.
pub struct Follow {
    shared: Arc<Shared>,
    follower: Arc<Follower>,
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::Release);
        let mut followers = self.shared.followers.write();
        followers.retain(|follower| !Arc::ptr_eq(follower, &self.follower));
    }
}

impl Default for TailHub {
    /// Without a bound beside that of the queue.
    fn default() -> TailHub {
        TailHub::within(&Arc::new(Budget::new(usize::MAX)))
    }
}

impl TailHub {
    /// Within a memory budget.
    pub fn within(budget: &Arc<Budget>) -> TailHub {
        let shared = Shared {
            budget: budget.clone(),
            active: AtomicUsize::new(0),
            followers: RwLock::default(),
            unwanted: Mutex::default(),
            queue: Mutex::default(),
            filled: Condvar::new(),
        };
        TailHub {
            shared: Arc::new(shared),
            thread: Mutex::default(),
        }
    }

    /// The budget that what tails hold comes out of.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.shared.budget
    }

    /// Gives new entries of streams that satisfy the matchers to a sink, for as long as both that
    /// and what this returns live.
    pub fn follow(
        &self,
        tenant: &TenantId,
        matchers: Vec<Matcher>,
        sink: Weak<dyn TailSink>,
    ) -> std::io::Result<Follow> {
        let mut running = self.thread.lock();
        if running.is_none() {
            let shared = self.shared.clone();
            let thread = thread::Builder::new().name("tails".to_owned());
            *running = Some(thread.spawn(move || shared.hand_on())?);
        }
        drop(running);
        let follower = Arc::new(Follower {
            tenant: tenant.clone(),
            matchers,
            matched: Mutex::default(),
            sink,
        });
        self.shared.followers.write().push(follower.clone());
        let mut unwanted = self.shared.unwanted.lock();
        unwanted.generation += 1;
        unwanted.forget();
        drop(unwanted);
        self.shared.active.fetch_add(1, Ordering::Release);
        let shared = self.shared.clone();
        Ok(Follow { shared, follower })
    }

    /// The number of the next push: those before it were stored before now.
    pub fn next_push(&self) -> u64 {
        self.shared.queue.lock().next
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.shared.active.load(Ordering::Acquire)
    }

    /// Leaves accepted entries for those who follow them. Never waits for any of them.
    pub fn publish(&self, tenant: &TenantId, batch: &WriteBatch<'_>) {
        if self.followers() == 0 {
            return;
        }
        let followers = self.shared.followers.read();
        let is_followed = followers.iter().any(|f| f.tenant == *tenant);
        drop(followers);
        if is_followed {
            self.shared.leave(tenant, batch);
        }
    }
}

impl Shared {
    fn leave(&self, tenant: &TenantId, batch: &WriteBatch<'_>) {
        let wanted = self.may_be_wanted(tenant, batch);
        if wanted.is_empty() {
            return;
        }
        if self.queue.lock().bytes >= QUEUE_BYTES_MAX {
            return self.drop_batch(tenant, batch, &wanted);
        }
        let streams = wanted.iter().map(|stream| {
            let entries = batch.entries[rows(&stream.rows)].iter();
            let entries = entries.map(|entry| TailEntry::of(&stream.labels, entry, batch));
            (stream.id, entries.collect::<Vec<_>>())
        });
        let streams: Vec<_> = streams.collect();
        let entries = streams.iter().flat_map(|(_, entries)| entries);
        let bytes = entries.map(TailEntry::bytes).sum();
        let Some(held) = Held::taken(&self.budget, MemoryUser::Tails, bytes) else {
            return self.drop_batch(tenant, batch, &wanted);
        };
        let mut queue = self.queue.lock();
        let number = queue.number_push();
        queue.bytes += bytes;
        queue.pushes.push_back(Push {
            number,
            tenant: tenant.clone(),
            streams,
            held,
        });
        drop(queue);
        self.filled.notify_one();
    }

    /// Streams that somebody wants, or of which nobody knows yet.
    fn may_be_wanted<'a>(
        &self,
        tenant: &TenantId,
        batch: &'a WriteBatch<'_>,
    ) -> Vec<&'a WriteStream> {
        let unwanted = self.unwanted.lock();
        let of_tenant = unwanted.streams.get(tenant);
        let is_unwanted = |stream: &&WriteStream| of_tenant.is_some_and(|s| s.contains(&stream.id));
        let streams = batch.streams.iter();
        streams.filter(|stream| !is_unwanted(stream)).collect()
    }

    fn drop_batch(&self, tenant: &TenantId, batch: &WriteBatch<'_>, streams: &[&WriteStream]) {
        let mut queue = self.queue.lock();
        let push = queue.number_push();
        for stream in streams {
            for entry in &batch.entries[rows(&stream.rows)] {
                queue.drop_entry(tenant, push, entry.timestamp, &stream.labels);
            }
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// The hub's thread: hands pushes on, one after the other, until there are none and it is closed.
    fn hand_on(&self) {
        loop {
            let mut queue = self.queue.lock();
            while queue.pushes.is_empty() && queue.dropped.is_empty() && !queue.is_closed {
                self.filled.wait(&mut queue);
            }
            let push = queue.pushes.pop_front();
            if push.is_none() && queue.dropped.is_empty() {
                return;
            }
            let dropped = queue.take_dropped();
            drop(queue);
            for (tenant, entries) in dropped {
                self.report(&tenant, &entries);
            }
            if let Some(push) = push {
                let rest = self.offer(&push);
                self.queue.lock().bytes -= push.held.bytes();
                drop(push);
                if !rest.is_zero() {
                    thread::sleep(rest);
                }
            }
        }
    }

    fn report(&self, tenant: &TenantId, entries: &[Dropped]) {
        for follower in self.followers_of(tenant) {
            if let Some(sink) = follower.sink.upgrade() {
                without_panic(|| sink.dropped(entries));
            }
        }
    }

    /// Offers a push to all followers of its tenant; says how long to rest.
    fn offer(&self, push: &Push) -> Duration {
        let generation = self.unwanted.lock().generation;
        let mut is_wanted = vec![false; push.streams.len()];
        let rest = self.followers_of(&push.tenant).into_iter().map(|follower| {
            without_panic(|| follower.offer(push, &mut is_wanted)).unwrap_or_default()
        });
        let rest = rest.sum();
        let streams = push.streams.iter().zip(is_wanted);
        let unwanted: Vec<StreamId> = streams
            .filter(|(_, is_wanted)| !is_wanted)
            .map(|((id, _), _)| *id)
            .collect();
        let mut known = self.unwanted.lock();
        if !unwanted.is_empty() && known.generation == generation {
            known.add(&push.tenant, unwanted);
        }
        rest
    }

    fn followers_of(&self, tenant: &TenantId) -> Vec<Arc<Follower>> {
        let followers = self.followers.read();
        let of_tenant = followers.iter().filter(|f| f.tenant == *tenant);
        of_tenant.map(Arc::clone).collect()
    }
}

fn rows(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// One follower that fails must not end it for all.
fn without_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.map_err(|_| tracing::error!("internal error: a tail panicked"))
        .ok()
}

impl Drop for TailHub {
    fn drop(&mut self) {
        self.shared.queue.lock().is_closed = true;
        self.shared.filled.notify_all();
        let Some(thread) = self.thread.get_mut().take() else {
            return;
        };
        // The hub's own thread may hold the last of it for a moment.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the thread of the tails panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::{MatchOp, WriteEntry};
    use std::sync::mpsc;

    /// Sends what it takes, as text.
    struct Told {
        lines: Mutex<mpsc::Sender<String>>,
        /// Waits for this before it takes anything.
        gate: Mutex<mpsc::Receiver<()>>,
    }

    impl TailSink for Told {
        fn take(&self, push: u64, entries: &[TailEntry]) -> Duration {
            let _ = self.gate.lock().recv();
            let lines = self.lines.lock();
            for e in entries {
                let line = String::from_utf8_lossy(&e.line);
                let _ = lines.send(format!("{push} {} {line}", e.labels));
            }
            Duration::ZERO
        }

        fn dropped(&self, entries: &[Dropped]) {
            let _ = self.lines.lock().send(format!("dropped {}", entries.len()));
        }
    }

    fn told() -> (Arc<Told>, mpsc::Receiver<String>, mpsc::Sender<()>) {
        let (lines, read) = mpsc::channel();
        let (open, gate) = mpsc::channel();
        let told = Told {
            lines: Mutex::new(lines),
            gate: Mutex::new(gate),
        };
        (Arc::new(told), read, open)
    }

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

    fn follow(hub: &TailHub, matchers: Vec<Matcher>, told: &Arc<Told>) -> Follow {
        let told: Arc<dyn TailSink> = told.clone();
        hub.follow(&TenantId::fake(), matchers, Arc::downgrade(&told))
            .expect("a thread starts")
    }

    #[test]
    fn a_follower_gets_what_it_asked_for_in_order() {
        let hub = TailHub::default();
        let (told, read, open) = told();
        drop(open);
        let regex = Matcher::new("app", MatchOp::Regex, "a|b").expect("regex is valid");
        let followed = follow(&hub, vec![regex], &told);
        let other = TenantId::parse("other").expect("name is valid");
        hub.publish(&other, &batch(&[("a", &[(1, "not mine")])]));
        assert_eq!(hub.next_push(), 0);
        let entries: &[(&str, &[(i64, &str)])] = &[
            ("a", &[(1, "1"), (2, "2")]),
            ("c", &[(3, "3")]),
            ("b", &[(4, "4")]),
        ];
        hub.publish(&TenantId::fake(), &batch(entries));
        hub.publish(&TenantId::fake(), &batch(&[("a", &[(5, "5")])]));
        let found: Vec<String> = (0..4).map(|_| read.recv().expect("a line")).collect();
        let expected = [
            r#"0 {app="a"} 1"#,
            r#"0 {app="a"} 2"#,
            r#"0 {app="b"} 4"#,
            r#"1 {app="a"} 5"#,
        ];
        assert_eq!(found, expected);
        drop(followed);
        assert_eq!(hub.followers(), 0);
    }

    #[test]
    fn a_push_never_waits_and_what_does_not_fit_is_reported() {
        let hub = TailHub::default();
        let (told, read, open) = told();
        let _followed = follow(&hub, Vec::new(), &told);
        let line = "x".repeat(QUEUE_BYTES_MAX / 4);
        // Nothing is taken until the gate opens: these pushes would wait for ever if they waited.
        for _ in 0..8 {
            hub.publish(&TenantId::fake(), &batch(&[("a", &[(1, &line)])]));
        }
        drop(open);
        let mut lines = 0;
        loop {
            let told = read.recv().expect("a line");
            if let Some(count) = told.strip_prefix("dropped ") {
                let count: usize = count.parse().expect("a number");
                assert_eq!((count >= 3, count < 8), (true, true), "{count}");
                break;
            }
            lines += 1;
        }
        assert!(lines <= 1, "{lines}");
    }

    #[test]
    fn streams_that_nobody_wants_are_not_copied_until_somebody_comes() {
        let hub = TailHub::default();
        let (told, read, open) = told();
        drop(open);
        let push = |apps: [&str; 2]| {
            let entries: [(i64, &str); 1] = [(1, "x")];
            hub.publish(
                &TenantId::fake(),
                &batch(&apps.map(|app| (app, &entries[..]))),
            );
            read.recv().expect("a line")
        };
        let _first = follow(&hub, vec![Matcher::equal("app", "a")], &told);
        assert_eq!(push(["b", "a"]), r#"0 {app="a"} x"#);
        // What was learned of a push is there before the next one is offered.
        assert_eq!(push(["c", "a"]), r#"1 {app="a"} x"#);
        let is_unwanted = |app: &str| {
            let id = StreamId::of(&Labels::from_pairs([("app", app)]));
            let unwanted = hub.shared.unwanted.lock();
            let known = unwanted.streams.get(&TenantId::fake());
            known.is_some_and(|known| known.contains(&id))
        };
        assert_eq!([is_unwanted("b"), is_unwanted("a")], [true, false]);
        let _second = follow(&hub, vec![Matcher::equal("app", "b")], &told);
        assert!(!is_unwanted("b"));
        assert_eq!(push(["b", "c"]), r#"2 {app="b"} x"#);
    }
}
