//! Query limits bound memory, time, series and threads; `Cancel` ends a query.

use skald_model::MemoryUser;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Limits of Loki's `limits_config` that matter to queries, by their Loki names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueryLimits {
    /// Series in one answer.
    pub max_query_series: usize,
    /// How long a query may take.
    pub query_timeout: std::time::Duration,
    /// Bytes of memory one query may hold.
    pub query_memory: usize,
    /// Whose share of the budget that comes from: `Queries`, or `LightQueries` in the lane of these.
    pub memory_user: MemoryUser,
    /// Series in a volume; 0 is no limit.
    pub volume_max_series: usize,
    /// Whether a query over a limit is answered in part, with a warning, instead of refused.
    pub partial: bool,
    /// Threads of the engine.
    pub threads: usize,
}

impl Default for QueryLimits {
    fn default() -> QueryLimits {
        QueryLimits {
            max_query_series: 10_000,
            query_timeout: std::time::Duration::from_secs(60),
            query_memory: 512 << 20,
            memory_user: MemoryUser::Queries,
            volume_max_series: 1000,
            partial: false,
            threads: skald_model::cores(),
        }
    }
}

/// A switch that ends a query nobody waits for any more; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Makes the query stop at its next check.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
