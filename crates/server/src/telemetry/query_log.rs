//! The query log writes one line a query, with the keys of Loki's `metrics.go` lines.

use crate::clock;
use crate::error::ApiError;
use crate::query_kind::{QueryKind, query_hash};
use crate::time_bounds::Bounds;
use skald_model::TenantId;
use skald_query::Stats;
use std::time::Instant;

/// Queries longer than this are marked `latency=slow`, as in Loki.
const SLOW_SECONDS: f64 = 10.0;

/// The log line of a running query.
pub(crate) struct QueryLog {
    tenant: TenantId,
    kind: QueryKind,
    query: String,
    bounds: Bounds,
    step: i64,
    limit: usize,
    source: String,
    started: Instant,
}

impl QueryLog {
    /// Starts the clock.
    pub(crate) fn begin(
        tenant: &TenantId,
        kind: QueryKind,
        query: &str,
        bounds: Bounds,
    ) -> QueryLog {
        let (tenant, query, started) = (tenant.clone(), query.to_owned(), Instant::now());
        QueryLog {
            tenant,
            kind,
            query,
            bounds,
            step: 0,
            limit: 0,
            source: String::new(),
            started,
        }
    }

    /// Adds what only `query` and `query_range` have. `tags` is the header `X-Query-Tags`.
    pub(crate) fn with(mut self, step: i64, limit: usize, tags: &str) -> QueryLog {
        self.step = step;
        self.limit = limit;
        let source = tags
            .split(',')
            .find_map(|tag| tag.trim().strip_prefix("Source="));
        let shown = |c: char| {
            if c.is_ascii_alphanumeric() || "-=.@ ".contains(c) {
                c
            } else {
                '_'
            }
        };
        self.source = source.unwrap_or("").chars().map(shown).collect();
        self
    }

    /// Logs a failure; passes the result on.
    pub(crate) fn watch<T>(&self, result: Result<T, ApiError>) -> Result<T, ApiError> {
        if let Err(error) = &result {
            let status = error.status.as_u16();
            self.write(status, &Stats::default(), 0, &error.message);
        }
        result
    }

    /// Logs an answer.
    pub(crate) fn end(&self, stats: &Stats) {
        self.write(200, stats, stats.entries_returned, "");
    }

    /// Logs an answer of `count` items.
    pub(crate) fn end_counted(&self, count: usize) {
        self.write(200, &Stats::default(), count as u64, "");
    }

    fn write(&self, status: u16, stats: &Stats, returned: u64, error: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let now = clock::now();
        let delta = |t: i64| format!("{:.3}s", (now as f64 - t as f64) / 1e9);
        let rate = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        tracing::info!(
            component = "querier",
            org_id = self.tenant.as_str(),
            latency = if seconds > SLOW_SECONDS {
                "slow"
            } else {
                "fast"
            },
            query = self.query,
            query_hash = query_hash(&self.query),
            query_type = self.kind.query_type(),
            range_type = self.kind.range_type(),
            length = format!("{:.3}s", self.bounds.length() as f64 / 1e9),
            start_delta = delta(self.bounds.start),
            end_delta = delta(self.bounds.end),
            step = format!("{:.3}s", self.step as f64 / 1e9),
            duration = format!("{:.6}s", seconds),
            status,
            limit = self.limit,
            returned_lines = returned,
            throughput = format!("{:.0}B", rate(stats.bytes_processed)),
            total_bytes = format!("{}B", stats.bytes_processed),
            total_bytes_structured_metadata = format!("{}B", stats.metadata_bytes_processed),
            lines_per_second = rate(stats.lines_processed) as u64,
            total_lines = stats.lines_processed,
            post_filter_lines = stats.lines_matched,
            total_entries = returned,
            cache_result_req = stats.results_asked,
            cache_result_hit = stats.results_found,
            queue_time = format!("{:.6}s", stats.queue_seconds),
            source = self.source,
            error,
        );
    }
}
