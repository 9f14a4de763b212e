//! The query coalescer runs equal queries that are in flight at once only one time.
//!
//! A query that joins gets what a run of its own would have given: a run is joined only while
//! nothing was written for its tenants since it began. The run ends when the last query that waits
//! for it has left.

use crate::error::ApiError;
use crate::net::encoded::EncodedAnswer;
use crate::time_bounds::Bounds;
use crate::wire::notes::Notes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use skald_model::{Direction, TenantId};
use skald_query::{Caching, Cursor, Labelling, OnError, Parsed, QueryLimits, Stats, Tenants};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An answer as it is sent, what it cost, and what is said beside it.
pub(crate) type Answered = (EncodedAnswer, Stats, Notes);

type Run = BoxFuture<'static, Result<Answered, ApiError>>;

/// Everything that decides a query's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueryKey {
    /// Whose data; sorted.
    pub(crate) tenants: Tenants,
    /// What the query may cost.
    pub(crate) limits: QueryLimits,
    /// `max_query_bytes_read`; 0 is no limit.
    pub(crate) bytes_read_max: u64,
    /// The shape of the answer.
    pub(crate) labelling: Labelling,
    /// LogQL, as the client wrote it.
    pub(crate) query: Parsed,
    /// When it is evaluated.
    pub(crate) times: Times,
    /// Entries at most.
    pub(crate) limit: usize,
    /// A warning that is part of the answer.
    pub(crate) warning: Option<String>,
    /// Order of entries.
    pub(crate) direction: Direction,
    /// What becomes of entries that a stage failed on.
    pub(crate) on_error: OnError,
    /// The page after this one.
    pub(crate) after: Option<Cursor>,
    /// Whether earlier results may be used.
    pub(crate) caching: Caching,
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Times {
    /// `query_range`; step and interval in nanoseconds.
    Range {
        /// First and last instant.
        bounds: Bounds,
        /// Distance of points.
        step: i64,
        /// Least distance of entries.
        interval: i64,
    },
    /// `query`, in nanoseconds since 1970.
    Instant(i64),
}

/// Counters of pushes.
const WRITE_COUNTERS: usize = 4096;

/// Queries in flight.
#[derive(Clone)]
pub struct QueryCoalescer {
    runs: Arc<Mutex<HashMap<QueryKey, RunningQuery>>>,
    /// Pushes so far, by a hash of their tenant: names are the client's, so their number is bounded.
    /// Tenants that share a counter share less often, and never what is old.
    writes: Arc<[AtomicU64; WRITE_COUNTERS]>,
    numbers: Arc<AtomicU64>,
}

impl Default for QueryCoalescer {
    fn default() -> QueryCoalescer {
        QueryCoalescer {
            runs: Arc::default(),
            writes: Arc::new(std::array::from_fn(|_| AtomicU64::new(0))),
            numbers: Arc::default(),
        }
    }
}

struct RunningQuery {
    number: u64,
    writes: u64,
    run: WeakShared<Run>,
}

impl QueryCoalescer {
    /// A push of this tenant is about to be acknowledged.
    pub fn written(&self, tenant: &TenantId) {
        self.counter(tenant).fetch_add(1, Ordering::AcqRel);
    }

    /// Joins an equal run, calling `joined`, or begins one.
    pub(crate) fn join(
        &self,
        key: QueryKey,
        joined: impl FnOnce(),
        run: impl FnOnce() -> Run,
    ) -> Shared<Run> {
        let writes = key
            .tenants
            .all()
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
        let (forget, run) = (
            ForgetOnDrop {
                coalescer: self.clone(),
                key: key.clone(),
                number,
            },
            run(),
        );
        let shared = async move {
            let _forget = forget;
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

    fn counter(&self, tenant: &TenantId) -> &AtomicU64 {
        let hash = foldhash::fast::FixedState::default().hash_one(tenant);
        &self.writes[hash as usize % WRITE_COUNTERS]
    }
}

/// Forgets a run when it ends, or when no query waits for it any more.
struct ForgetOnDrop {
    coalescer: QueryCoalescer,
    key: QueryKey,
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

    /// The key of a query for the streams of an app.
    fn key(app: &str) -> QueryKey {
        QueryKey {
            tenants: TenantId::fake().into(),
            limits: QueryLimits::default(),
            bytes_read_max: 0,
            labelling: Labelling::Merged,
            query: Parsed::parse(&format!("{{app={app:?}}}")).expect("the query is good"),
            times: Times::Instant(0),
            limit: 100,
            warning: None,
            direction: Direction::Backward,
            on_error: OnError::Fail,
            after: None,
            caching: Caching::Allowed,
        }
    }

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

        fn ask(&self, query: &str, until: oneshot::Receiver<()>) -> Shared<Run> {
            let begun = self.begun.clone();
            let joined = || {
                self.joined.fetch_add(1, Ordering::Relaxed);
            };
            self.coalescer.join(key(query), joined, || {
                async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    drop(until.await);
                    Ok((
                        EncodedAnswer::of_bytes(b"answer"),
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
        assert_eq!(
            first.await.map(|a| a.0.first),
            second.await.map(|a| a.0.first)
        );
        assert_eq!(bed.counts(), (1, 1, 0));
    }

    #[tokio::test]
    async fn queries_that_differ_in_anything_run_alone() {
        let base = key("a");
        let others = [
            QueryKey {
                bytes_read_max: 1,
                ..base.clone()
            },
            QueryKey {
                labelling: Labelling::Categorized,
                ..base.clone()
            },
            QueryKey {
                times: Times::Instant(1),
                ..base.clone()
            },
            QueryKey {
                warning: Some("w".to_owned()),
                ..base.clone()
            },
            QueryKey {
                caching: Caching::Bypassed,
                ..base.clone()
            },
        ];
        let coalescer = QueryCoalescer::default();
        let never = || futures_util::future::pending().boxed();
        let joined = || panic!("another query");
        let _runs: Vec<_> = std::iter::once(base)
            .chain(others)
            .map(|key| coalescer.join(key, joined, never))
            .collect();
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
