//! Few threads decode all pushes, so that few heaps keep what decoding freed.
//!
//! There are as many as the lanes have places: a push that has a place never waits for a thread. A
//! thread that rests gives back what it freed, one that decoded a large push does so at once.

use crate::lanes::Size;
use parking_lot::{Condvar, Mutex, MutexGuard};
use skald_model::give_back;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Size, Job)>,
    /// Threads that wait. The one that came last is woken first: its heap is still in the caches.
    idle: Vec<Arc<Condvar>>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("jobs", &self.jobs.len())
            .field("idle", &self.idle.len())
            .finish_non_exhaustive()
    }
}

impl Workers {
    /// Starts that many threads.
    pub(crate) fn start(threads: usize) -> Workers {
        let shared = Arc::new(Shared::default());
        for number in 0..threads {
            let its = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("push-{number}"));
            if let Err(error) = thread.spawn(move || serve(&its)) {
                tracing::error!(%error, number, "starting a thread for pushes");
            }
        }
        Workers { shared }
    }

    /// Runs a job for a push of that size; `None` when it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        size: Size,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || drop(done.send(job())));
        {
            let mut queue = self.shared.queue.lock();
            queue.jobs.push_back((size, job));
            if let Some(thread) = queue.idle.pop() {
                thread.notify_one();
            }
        }
        result.await.ok()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.closed = true;
        for thread in queue.idle.drain(..) {
            thread.notify_one();
        }
    }
}

fn serve(shared: &Shared) {
    let awake = Arc::new(Condvar::new());
    // Whether it may have freed memory since it last gave some back.
    let mut keeps = false;
    loop {
        let mut queue = shared.queue.lock();
        let (size, job) = loop {
            if let Some(job) = queue.jobs.pop_front() {
                break job;
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
        // A panic is a bug of one push; the thread has to outlive it for the others.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a push panicked");
        }
        keeps = size == Size::Small;
        match size {
            Size::Small => give_back::when_asked(),
            Size::Large => give_back::give_back(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_job_is_done_and_a_panic_ends_only_its_own() {
        let workers = Workers::start(2);
        for number in 0..100 {
            let size = if number % 3 == 0 {
                Size::Large
            } else {
                Size::Small
            };
            let job = move || {
                assert!(number != 50, "one of them panics");
                number
            };
            let expected = (number != 50).then_some(number);
            assert_eq!(workers.run(size, job).await, expected);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thread_that_has_rested_works_again() {
        let workers = Workers::start(1);
        for round in 0..2 {
            assert_eq!(workers.run(Size::Small, move || round).await, Some(round));
            let idle = || workers.shared.queue.lock().idle.len();
            let since = std::time::Instant::now();
            while idle() == 0 || since.elapsed() < give_back::REST * 2 {
                tokio::time::sleep(give_back::REST / 10).await;
            }
        }
    }
}
