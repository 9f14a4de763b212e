//! Equal queries that are under way at the same time run once.
//!
//! Whoever joins gets what a run of its own would have given: a run is joined only while nothing was written
//! for its tenants since it began. The work ends when the last who waits for it has left.

use crate::error::ApiError;
use crate::wire::notes::Notes;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_query::Stats;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An answer as it is sent, what it cost, and what is said beside it.
pub(crate) type Answered = (Bytes, Stats, Notes);

type Run = BoxFuture<'static, Result<Answered, ApiError>>;

/// What is under way, by everything that decides its answer.
#[derive(Clone, Default)]
pub struct QueryCoalescer {
    runs: Arc<Mutex<HashMap<String, RunningQuery>>>,
    writes: Arc<Mutex<HashMap<TenantId, Arc<AtomicU64>>>>,
    numbers: Arc<AtomicU64>,
}

struct RunningQuery {
    number: u64,
    writes: u64,
    run: WeakShared<Run>,
}

impl QueryCoalescer {
    /// Something is about to be acknowledged to this tenant.
    pub fn written(&self, tenant: &TenantId) {
        self.counter(tenant).fetch_add(1, Ordering::AcqRel);
    }

    /// Joins an equal run or begins one; tells `joined` of the former.
    pub(crate) fn join(
        &self,
        key: String,
        tenants: &[TenantId],
        joined: impl FnOnce(),
        run: impl FnOnce() -> Run,
    ) -> Shared<Run> {
        let writes = tenants
            .iter()
            .map(|tenant| self.counter(tenant).load(Ordering::Acquire))
            .sum();
        let mut runs = self.runs.lock();
        let current = runs
            .get(&key)
            .filter(|running| running.writes == writes)
            .and_then(|running| running.run.upgrade());
        if let Some(current) = current {
            joined();
            return current;
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (landing, run) = (
            ForgetOnDrop {
                coalescer: self.clone(),
                key: key.clone(),
                number,
            },
            run(),
        );
        let shared = async move {
            let _landing = landing;
            run.await
        }
        .boxed()
        .shared();
        if let Some(weak) = shared.downgrade() {
            runs.insert(
                key,
                RunningQuery {
                    number,
                    writes,
                    run: weak,
                },
            );
        }
        shared
    }

    fn counter(&self, tenant: &TenantId) -> Arc<AtomicU64> {
        Arc::clone(self.writes.lock().entry(tenant.clone()).or_default())
    }
}

/// Forgets a run when it ends, or when nobody waits for it any more.
struct ForgetOnDrop {
    coalescer: QueryCoalescer,
    key: String,
    number: u64,
}

impl Drop for ForgetOnDrop {
    fn drop(&mut self) {
        let mut runs = self.coalescer.runs.lock();
        if runs
            .get(&self.key)
            .is_some_and(|running| running.number == self.number)
        {
            runs.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    struct Bed {
        coalescer: QueryCoalescer,
        begun: Arc<AtomicU64>,
        joined: AtomicU64,
    }

    impl Bed {
        fn new() -> Bed {
            Bed {
                coalescer: QueryCoalescer::default(),
                begun: Arc::default(),
                joined: AtomicU64::new(0),
            }
        }

        fn ask(&self, key: &str, until: oneshot::Receiver<()>) -> Shared<Run> {
            let begun = self.begun.clone();
            let joined = || {
                self.joined.fetch_add(1, Ordering::Relaxed);
            };
            self.coalescer
                .join(key.to_owned(), &[TenantId::fake()], joined, || {
                    async move {
                        begun.fetch_add(1, Ordering::Relaxed);
                        drop(until.await);
                        Ok((
                            Bytes::from_static(b"answer"),
                            Stats::default(),
                            Notes::default(),
                        ))
                    }
                    .boxed()
                })
        }

        /// Runs begun, queries that joined, runs remembered.
        fn counts(&self) -> (u64, u64, usize) {
            (
                self.begun.load(Ordering::Relaxed),
                self.joined.load(Ordering::Relaxed),
                self.coalescer.runs.lock().len(),
            )
        }
    }

    #[tokio::test]
    async fn equal_queries_run_once_and_are_forgotten() {
        let bed = Bed::new();
        let (end, until) = oneshot::channel();
        let (first, second) = (bed.ask("a", until), bed.ask("a", oneshot::channel().1));
        drop(end);
        assert_eq!(first.await.map(|a| a.0), second.await.map(|a| a.0));
        assert_eq!(bed.counts(), (1, 1, 0));
    }

    #[tokio::test]
    async fn what_was_written_since_is_seen() {
        let bed = Bed::new();
        let (_end, until) = oneshot::channel();
        let first = bed.ask("a", until);
        bed.coalescer.written(&TenantId::fake());
        let second = bed.ask("a", oneshot::channel().1);
        assert!(second.await.is_ok());
        drop(first);
        assert_eq!(bed.counts(), (1, 0, 0));
    }

    #[tokio::test]
    async fn a_run_that_all_have_left_ends() {
        let bed = Bed::new();
        let (end, until) = oneshot::channel();
        let (first, second) = (bed.ask("a", until), bed.ask("a", oneshot::channel().1));
        drop(first);
        assert!(!end.is_closed());
        drop(second);
        assert!(end.is_closed());
        assert_eq!(bed.counts().2, 0);
    }
}
