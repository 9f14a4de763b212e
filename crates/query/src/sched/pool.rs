//! The pool of query threads: queries run here, never on threads that serve connections.
//!
//! A query owns one thread and asks idle ones to help with its pieces ([`Pool::share`]). It never
//! waits for a helper that has not begun, so that a busy pool slows a query down and can't deadlock
//! it. A thread that rests gives back the memory it freed.

use crate::error::QueryError;
use crate::limits::Cancel;
use crate::sched::tenant_queue::TenantQueue;
use crate::sched::time_slice::TimeSlices;
use parking_lot::{Condvar, Mutex, MutexGuard};
use skald_model::{TenantId, give_back};
use std::collections::VecDeque;
use std::sync::Arc;

/// A query that waits for a thread.
pub(crate) struct Job {
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// Set when nobody waits for it any more.
    pub(crate) cancel: Cancel,
    /// What it does.
    pub(crate) run: Box<dyn FnOnce() + Send>,
}

/// Work that several threads may enter at once; each leaves when nothing is left to do.
pub(crate) trait Shared: Send + Sync + 'static {
    /// Takes pieces until there are none.
    fn work(&self);
}

/// Threads, the queries that wait for one, and the calls for help.
pub(crate) struct Pool {
    state: Arc<PoolState>,
    helpers: usize,
    slices: Arc<TimeSlices>,
}

/// Most queries that run at once: far more than cores, so that a light one never waits for a heavy
/// one to end.
const THREADS: usize = 32;

/// What is added to the niceness of threads that query.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

struct PoolState {
    queue: Mutex<Queue>,
}

struct Queue {
    jobs: TenantQueue<Job>,
    calls: VecDeque<Arc<Call>>,
    /// Threads that wait for something to do. The one that came last is woken first: its stack, its
    /// heap and its zstd contexts are still in the caches.
    idle: Vec<Arc<Condvar>>,
    closed: bool,
}

impl Queue {
    /// Wakes as many idle threads, or all there are.
    fn wake(&mut self, threads: usize) {
        let first = self.idle.len().saturating_sub(threads);
        for thread in self.idle.drain(first..).rev() {
            thread.notify_one();
        }
    }
}

/// A query's call for help.
struct Call {
    work: Arc<dyn Shared>,
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Default)]
struct Inside {
    helpers: usize,
    over: bool,
}

impl Call {
    /// Helps, unless the query has meanwhile finished alone.
    fn answer(&self) {
        {
            let mut inside = self.inside.lock();
            if inside.over {
                return;
            }
            inside.helpers += 1;
        }
        let _leave = Leave(self);
        self.work.work();
    }
}

/// Counts a helper out even when its work panics: the query would wait for it forever.
struct Leave<'a>(&'a Call);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.inside.lock().helpers -= 1;
        self.0.left.notify_all();
    }
}

impl Pool {
    /// Starts the threads: many more than cores, as heavy queries take turns among themselves.
    pub(crate) fn start(cores: usize) -> Pool {
        let threads = (cores * 4).max(THREADS);
        let queue = Queue {
            jobs: TenantQueue::new(threads),
            calls: VecDeque::new(),
            idle: Vec::new(),
            closed: false,
        };
        let state = Arc::new(PoolState {
            queue: Mutex::new(queue),
        });
        for number in 0..threads {
            let state = Arc::clone(&state);
            let thread = std::thread::Builder::new().name(format!("query-{number}"));
            if let Err(error) = thread.spawn(move || serve(&state)) {
                tracing::error!(%error, number, "starting query thread");
            }
        }
        Pool {
            state,
            helpers: cores.saturating_sub(1),
            slices: Arc::new(TimeSlices::new(cores)),
        }
    }

    /// The time slices of heavy queries.
    pub(crate) fn slices(&self) -> &Arc<TimeSlices> {
        &self.slices
    }

    /// Queues a query unless `waiting_max` of its tenant wait already.
    pub(crate) fn run(&self, job: Job, waiting_max: usize) -> Result<(), QueryError> {
        let mut queue = self.state.queue.lock();
        if queue.jobs.waiting(&job.tenant) >= waiting_max {
            queue
                .jobs
                .retain(&job.tenant, |waiting| !waiting.cancel.is_cancelled());
            if queue.jobs.waiting(&job.tenant) >= waiting_max {
                return Err(QueryError::Queue);
            }
        }
        queue.jobs.push(&job.tenant.clone(), job);
        queue.wake(1);
        Ok(())
    }

    /// Queries that have a thread, and those that wait for one.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queue = self.state.queue.lock();
        (queue.jobs.all_running(), queue.jobs.all_waiting())
    }

    /// Does `work` on this thread and on idle ones; returns when all of them have left it.
    pub(crate) fn share(&self, work: Arc<dyn Shared>, pieces: usize) {
        let wanted = self.helpers.min(pieces.saturating_sub(1));
        if wanted == 0 {
            return work.work();
        }
        let call = Arc::new(Call {
            work: Arc::clone(&work),
            inside: Mutex::default(),
            left: Condvar::new(),
        });
        {
            let mut queue = self.state.queue.lock();
            queue
                .calls
                .extend(std::iter::repeat_n(Arc::clone(&call), wanted));
            queue.wake(wanted);
        }
        work.work();
        let mut inside = call.inside.lock();
        inside.over = true;
        while inside.helpers > 0 {
            call.left.wait(&mut inside);
        }
        drop(inside);
        self.state
            .queue
            .lock()
            .calls
            .retain(|c| !Arc::ptr_eq(c, &call));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.state.queue.lock();
        queue.closed = true;
        queue.wake(usize::MAX);
    }
}

/// Gives this thread a lower priority than those that serve pushes and connections
/// (docs/decisions/0008). Only Linux has priorities of single threads.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "lowering the priority of query threads; queries compete with pushes for the cores");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

fn serve(state: &PoolState) {
    lower_priority();
    let awake = Arc::new(Condvar::new());
    // Whether it may have freed memory since it last gave some back.
    let mut keeps = false;
    loop {
        let mut queue = state.queue.lock();
        let task = loop {
            if let Some((_, job)) = queue.jobs.pop() {
                break Task::Query(job);
            }
            if let Some(call) = queue.calls.pop_front() {
                break Task::Help(call);
            }
            if queue.closed {
                return;
            }
            queue.idle.push(Arc::clone(&awake));
            if !keeps {
                awake.wait(&mut queue);
            } else if awake.wait_for(&mut queue, give_back::REST).timed_out() {
                queue.idle.retain(|other| !Arc::ptr_eq(other, &awake));
                MutexGuard::unlocked(&mut queue, give_back::give_back);
                keeps = false;
            }
        };
        drop(queue);
        keeps = true;
        // A panic is a bug of one query; the thread has to outlive it for the others.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match task {
            Task::Query(job) => {
                let _seat = Seat {
                    state,
                    tenant: job.tenant,
                };
                (job.run)();
            }
            Task::Help(call) => call.answer(),
        }));
        if outcome.is_err() {
            tracing::error!("a query panicked");
        }
        give_back::when_asked();
    }
}

/// Gives a thread back even when its query panics, and lets in the next that waits for it.
struct Seat<'a> {
    state: &'a PoolState,
    tenant: TenantId,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut queue = self.state.queue.lock();
        queue.jobs.done(&self.tenant);
        if queue.jobs.all_waiting() > 0 {
            queue.wake(1);
        }
    }
}

enum Task {
    Query(Job),
    Help(Arc<Call>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count {
        next: AtomicUsize,
        done: AtomicUsize,
        pieces: usize,
    }

    impl Shared for Count {
        fn work(&self) {
            while self.next.fetch_add(1, Ordering::SeqCst) < self.pieces {
                self.done.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    #[test]
    fn every_piece_is_done_when_share_returns() {
        let pool = Arc::new(Pool::start(2));
        let (sender, receiver) = std::sync::mpsc::channel();
        for _ in 0..50 {
            let (inner, sender) = (Arc::clone(&pool), sender.clone());
            let run = Box::new(move || {
                let work = Arc::new(Count {
                    next: AtomicUsize::new(0),
                    done: AtomicUsize::new(0),
                    pieces: 100,
                });
                inner.share(Arc::clone(&work) as Arc<dyn Shared>, 100);
                sender
                    .send(work.done.load(Ordering::SeqCst))
                    .expect("the test waits");
            });
            pool.run(
                Job {
                    tenant: TenantId::fake(),
                    cancel: Cancel::default(),
                    run,
                },
                usize::MAX,
            )
            .expect("there is room");
        }
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), vec![100; 50]);
    }

    #[test]
    fn waiting_queries_are_limited_and_cancelled_ones_do_not_count() {
        let pool = Pool::start(1);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let cancel = Cancel::default();
        let ask = || {
            let released = Arc::clone(&released);
            let run = Box::new(move || released.lock().recv().unwrap_or_default());
            pool.run(
                Job {
                    tenant: TenantId::fake(),
                    cancel: cancel.clone(),
                    run,
                },
                1,
            )
        };
        // All threads that one tenant gets are in a query, and one more query waits for one.
        while pool.load() != (THREADS - THREADS / 4, 1) {
            let _refused_until_a_thread_wakes = ask();
            std::thread::yield_now();
        }
        assert!(matches!(ask(), Err(QueryError::Queue)));
        cancel.cancel();
        assert!(ask().is_ok());
        drop(release);
    }
}
