//! The query log writes one line a query, with the keys of Loki's `metrics.go` lines.
//!
//! A busy server would write more of them than its users write logs: [`QueryLogGate`] leaves out
//! what is fast, and what is too much for a second. Slow queries are always logged.

use crate::clock;
use crate::config::QueryLogConfig;
use crate::error::ApiError;
use crate::query_kind::{QueryKind, query_hash};
use crate::telemetry::exposition::{header, line};
use crate::time_bounds::Bounds;
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_query::Stats;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Queries longer than this are marked `latency=slow`, as in Loki.
const SLOW: Duration = Duration::from_secs(10);

/// Decides which queries are logged, and counts the others.
pub struct QueryLogGate {
    config: QueryLogConfig,
    second: Mutex<Second>,
    fast: AtomicU64,
    over_rate: AtomicU64,
}

/// The lines of the current second.
#[derive(Default)]
struct Second {
    /// Seconds since 1970.
    of: i64,
    lines: usize,
}

impl QueryLogGate {
    /// For these settings.
    pub fn new(config: QueryLogConfig) -> QueryLogGate {
        QueryLogGate {
            config,
            second: Mutex::default(),
            fast: AtomicU64::new(0),
            over_rate: AtomicU64::new(0),
        }
    }

    /// Whether a query that ended now is logged.
    fn admits(&self, now: i64, status: u16, took: Duration) -> bool {
        if took > SLOW {
            return true;
        }
        if status < 400 && took < self.config.slower_than {
            self.fast.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if self.config.lines_per_second == 0 {
            return true;
        }
        let mut second = self.second.lock();
        let of = now.div_euclid(1_000_000_000);
        if second.of != of {
            *second = Second { of, lines: 0 };
        }
        second.lines += 1;
        let admits = second.lines <= self.config.lines_per_second;
        if !admits {
            self.over_rate.fetch_add(1, Ordering::Relaxed);
        }
        admits
    }

    /// Counts of what was left out, for `/metrics`.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        let name = "skald_query_log_left_out_total";
        header(out, name, "counter", "Queries without a line in the log.");
        for (reason, count) in [
            ("slower_than", &self.fast),
            ("lines_per_second", &self.over_rate),
        ] {
            line(
                out,
                name,
                &[("reason", reason)],
                count.load(Ordering::Relaxed),
            );
        }
    }
}

/// The log line of a running query.
pub(crate) struct QueryLog {
    gate: Arc<QueryLogGate>,
    tenant: TenantId,
    kind: QueryKind,
    query: String,
    bounds: Bounds,
    step: i64,
    limit: usize,
    source: String,
    rule: Option<RuleName>,
    started: Instant,
}

/// The rule that asks.
struct RuleName {
    group: String,
    name: String,
}

impl QueryLog {
    /// Starts the clock.
    pub(crate) fn begin(
        gate: &Arc<QueryLogGate>,
        tenant: &TenantId,
        kind: QueryKind,
        query: &str,
        bounds: Bounds,
    ) -> QueryLog {
        let (tenant, query, started) = (tenant.clone(), query.to_owned(), Instant::now());
        QueryLog {
            gate: gate.clone(),
            tenant,
            kind,
            query,
            bounds,
            step: 0,
            limit: 0,
            source: String::new(),
            rule: None,
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

    /// Adds the rule that asks.
    pub(crate) fn of_rule(mut self, namespace: &str, group: &str, rule: &str) -> QueryLog {
        self.source = "ruler".to_owned();
        self.rule = Some(RuleName {
            group: format!("{namespace};{group}"),
            name: rule.to_owned(),
        });
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
        let (took, now) = (self.started.elapsed(), clock::now());
        if !self.gate.admits(now, status, took) {
            return;
        }
        let (seconds, rule) = (took.as_secs_f64(), self.rule.as_ref());
        let delta = |t: i64| format!("{:.3}s", (now as f64 - t as f64) / 1e9);
        let rate = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        tracing::info!(
            component = if self.rule.is_some() {
                "ruler"
            } else {
                "querier"
            },
            org_id = self.tenant.as_str(),
            latency = if took > SLOW { "slow" } else { "fast" },
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
            rule_group = rule.map(|rule| rule.group.as_str()),
            rule_name = rule.map(|rule| rule.name.as_str()),
            error,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_queries_and_those_over_the_rate_are_counted_instead_of_logged() {
        let gate = QueryLogGate::new(QueryLogConfig {
            slower_than: Duration::from_millis(100),
            lines_per_second: 2,
        });
        let (fast, medium) = (Duration::from_millis(9), Duration::from_millis(100));
        let slow = Duration::from_secs(11);
        let second = 1_000_000_000;
        assert!(!gate.admits(0, 200, fast));
        assert!(gate.admits(0, 400, fast), "failures are logged");
        assert!(gate.admits(0, 200, medium));
        assert!(!gate.admits(second - 1, 200, medium), "the rate is used up");
        assert!(gate.admits(second - 1, 200, slow), "slow ones always are");
        assert!(gate.admits(second, 200, medium), "another second");
        let mut out = String::new();
        gate.write_metrics(&mut out);
        for expected in [
            "skald_query_log_left_out_total{reason=\"slower_than\"} 1\n",
            "skald_query_log_left_out_total{reason=\"lines_per_second\"} 1\n",
        ] {
            assert!(out.contains(expected), "{out}");
        }
    }
}
