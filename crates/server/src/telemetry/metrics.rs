//! Server metrics count requests, refusals and connections, under Loki's names where it has them.

use crate::telemetry::exposition::{header, line, metric};
use crate::telemetry::{process, store_metrics};
use parking_lot::Mutex;
use skald_store::{NAMED_TENANTS, OTHER_TENANTS, StoreStatus};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of `loki_request_duration_seconds`, Loki's.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0,
];

/// Why a query was refused: the `reason` of `skald_queries_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // each is the limit of its name
pub enum RefusalReason {
    Disabled,
    Blocked,
    Length,
    Range,
    Matchers,
    RequiredLabels,
    MinimumLabels,
    BytesRead,
    Entries,
    Series,
    VolumeSeries,
    Memory,
    Busy,
    Queue,
    Timeout,
    Tails,
    Unauthorized,
    ForeignOrigin,
    ForeignHost,
    Requests,
}

impl RefusalReason {
    /// The name of the limit, Loki's where it has it.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalReason::Disabled => "max_query_parallelism",
            RefusalReason::Blocked => "blocked_queries",
            RefusalReason::Length => "max_query_length",
            RefusalReason::Range => "max_query_range",
            RefusalReason::Matchers => "max_streams_matchers_per_query",
            RefusalReason::RequiredLabels => "required_labels",
            RefusalReason::MinimumLabels => "minimum_labels_number",
            RefusalReason::BytesRead => "max_query_bytes_read",
            RefusalReason::Entries => "max_entries_limit_per_query",
            RefusalReason::Series => "max_query_series",
            RefusalReason::VolumeSeries => "volume_max_series",
            RefusalReason::Memory => "query_memory",
            RefusalReason::Busy => "memory_budget",
            RefusalReason::Queue => "max_outstanding_per_tenant",
            RefusalReason::Timeout => "query_timeout",
            RefusalReason::Tails => "max_concurrent_tail_requests",
            RefusalReason::Unauthorized => "unauthorized",
            RefusalReason::ForeignOrigin => "foreign_origin",
            RefusalReason::ForeignHost => "foreign_host",
            RefusalReason::Requests => "max_concurrent_requests",
        }
    }
}

/// Whether a request became a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Upgrade {
    /// Plain HTTP.
    No,
    /// A WebSocket.
    Yes,
}

/// One series of the request histogram.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RequestKey {
    method: String,
    route: String,
    status: u16,
    upgrade: Upgrade,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

/// Counters of a running server.
pub struct Metrics {
    requests: Mutex<BTreeMap<RequestKey, Histogram>>,
    inflight: Mutex<BTreeMap<(String, String), i64>>,
    refused: Mutex<BTreeMap<(String, RefusalReason), u64>>,
    partial: Mutex<BTreeMap<String, u64>>,
    shared: AtomicU64,
    abandoned_answers: AtomicU64,
    large_answers: AtomicU64,
    memory_turns: AtomicU64,
    panics: AtomicU64,
    connections: AtomicI64,
    connections_max: AtomicU64,
}

impl Metrics {
    /// All zero.
    pub fn new() -> Metrics {
        Metrics {
            requests: Mutex::default(),
            inflight: Mutex::default(),
            refused: Mutex::default(),
            partial: Mutex::default(),
            shared: AtomicU64::new(0),
            abandoned_answers: AtomicU64::new(0),
            large_answers: AtomicU64::new(0),
            memory_turns: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            connections: AtomicI64::new(0),
            connections_max: AtomicU64::new(0),
        }
    }

    /// A request ended.
    pub fn observe(
        &self,
        method: &str,
        route: &str,
        status: u16,
        upgrade: Upgrade,
        took: Duration,
    ) {
        let key = RequestKey {
            method: method.to_owned(),
            route: route.to_owned(),
            status,
            upgrade,
        };
        let seconds = took.as_secs_f64();
        let mut requests = self.requests.lock();
        let histogram = requests.entry(key).or_default();
        histogram.count += 1;
        histogram.sum += seconds;
        for (bucket, bound) in histogram.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
    }

    /// A request began (`1`) or ended (`-1`).
    pub fn inflight(&self, method: &str, route: &str, change: i64) {
        *self
            .inflight
            .lock()
            .entry((method.to_owned(), route.to_owned()))
            .or_default() += change;
    }

    /// A query of this tenant (empty when it is not known) was refused.
    pub fn refuse(&self, tenant: &str, why: RefusalReason) {
        let mut refused = self.refused.lock();
        let mut key = (tenant.to_owned(), why);
        if refused.len() >= NAMED_TENANTS && !refused.contains_key(&key) {
            OTHER_TENANTS.clone_into(&mut key.0);
        }
        *refused.entry(key).or_default() += 1;
    }

    /// A query was answered in part.
    pub fn count_partial(&self, tenant: &str) {
        let mut partial = self.partial.lock();
        let is_named = partial.len() < NAMED_TENANTS || partial.contains_key(tenant);
        let tenant = if is_named { tenant } else { OTHER_TENANTS };
        *partial.entry(tenant.to_owned()).or_default() += 1;
    }

    /// A query got the answer of an equal one in flight.
    pub fn count_shared(&self) {
        self.shared.fetch_add(1, Ordering::Relaxed);
    }

    /// A request or query panicked and was caught.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer was larger than one that is written whole may be.
    pub fn count_large_answer(&self) {
        self.large_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// A query that found no memory is run again.
    pub fn count_memory_turn(&self) {
        self.memory_turns.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer was abandoned because its client does not read it.
    pub fn count_abandoned_answer(&self) {
        self.abandoned_answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many connections there may be, of all listeners.
    pub fn add_connections_max(&self, most: usize) {
        self.connections_max
            .fetch_add(most as u64, Ordering::Relaxed);
    }

    /// A connection opened (`1`) or closed (`-1`).
    pub fn connection(&self, change: i64) {
        self.connections.fetch_add(change, Ordering::Relaxed);
    }

    /// Everything as text. `tails` is how many are open.
    pub fn write(&self, out: &mut String, status: &StoreStatus, tails: usize) {
        self.write_requests(out);
        metric(
            out,
            "loki_panic_total",
            "counter",
            "Panics caught.",
            self.panics.load(Ordering::Relaxed),
        );
        self.write_queries(out);
        metric(
            out,
            "loki_tcp_connections",
            "gauge",
            "Open connections.",
            self.connections.load(Ordering::Relaxed),
        );
        metric(
            out,
            "skald_connections_max",
            "gauge",
            "Connections there may be.",
            self.connections_max.load(Ordering::Relaxed),
        );
        metric(
            out,
            "loki_querier_tail_active",
            "gauge",
            "Open tails.",
            tails,
        );
        header(out, "loki_build_info", "gauge", "The running version.");
        let version = env!("CARGO_PKG_VERSION");
        line(
            out,
            "loki_build_info",
            &[
                ("version", version),
                ("revision", ""),
                ("branch", ""),
                ("goversion", ""),
            ],
            1,
        );
        header(out, "skald_build_info", "gauge", "The running version.");
        line(out, "skald_build_info", &[("version", version)], 1);
        store_metrics::write(out, status);
        process::write_metrics(out);
    }

    fn write_queries(&self, out: &mut String) {
        header(
            out,
            "skald_queries_refused_total",
            "counter",
            "Requests refused by a limit.",
        );
        for ((tenant, why), count) in self.refused.lock().iter() {
            line(
                out,
                "skald_queries_refused_total",
                &[("tenant", tenant), ("reason", why.as_str())],
                count,
            );
        }
        header(
            out,
            "skald_queries_partial_total",
            "counter",
            "Queries answered in part because of a limit.",
        );
        for (tenant, count) in self.partial.lock().iter() {
            line(
                out,
                "skald_queries_partial_total",
                &[("tenant", tenant)],
                count,
            );
        }
        let shared = self.shared.load(Ordering::Relaxed);
        metric(
            out,
            "skald_queries_shared_total",
            "counter",
            "Queries answered by an equal one in flight.",
            shared,
        );
        let abandoned = self.abandoned_answers.load(Ordering::Relaxed);
        let help = "Answers abandoned because their clients did not read them.";
        metric(
            out,
            "skald_answers_abandoned_total",
            "counter",
            help,
            abandoned,
        );
        let large = self.large_answers.load(Ordering::Relaxed);
        metric(
            out,
            "skald_answers_too_large_total",
            "counter",
            "Answers refused because they have more than frontend.max_answer_size.",
            large,
        );
        let turns = self.memory_turns.load(Ordering::Relaxed);
        metric(
            out,
            "skald_queries_run_again_total",
            "counter",
            "Runs of queries that waited for others because these left them no memory.",
            turns,
        );
    }

    fn write_requests(&self, out: &mut String) {
        let name = "loki_request_duration_seconds";
        header(
            out,
            name,
            "histogram",
            "Time (in seconds) spent serving requests.",
        );
        for (key, histogram) in self.requests.lock().iter() {
            let status = key.status.to_string();
            let ws = if key.upgrade == Upgrade::Yes {
                "true"
            } else {
                "false"
            };
            let labels = [
                ("method", key.method.as_str()),
                ("route", &key.route),
                ("status_code", &status),
                ("ws", ws),
            ];
            for (bound, count) in BUCKETS.iter().zip(histogram.buckets) {
                let bound = bound.to_string();
                line(
                    out,
                    &format!("{name}_bucket"),
                    &[labels.as_slice(), &[("le", &bound)]].concat(),
                    count,
                );
            }
            line(
                out,
                &format!("{name}_bucket"),
                &[labels.as_slice(), &[("le", "+Inf")]].concat(),
                histogram.count,
            );
            line(out, &format!("{name}_sum"), &labels, histogram.sum);
            line(out, &format!("{name}_count"), &labels, histogram.count);
        }
        header(
            out,
            "loki_inflight_requests",
            "gauge",
            "Requests being served.",
        );
        for ((method, route), count) in self.inflight.lock().iter() {
            line(
                out,
                "loki_inflight_requests",
                &[("method", method), ("route", route)],
                count,
            );
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_in_cumulative_buckets() {
        let metrics = Metrics::new();
        metrics.observe("GET", "ready", 200, Upgrade::No, Duration::from_millis(7));
        metrics.observe("GET", "ready", 200, Upgrade::No, Duration::from_millis(700));
        metrics.count_panic();
        let mut out = String::new();
        metrics.write(&mut out, &StoreStatus::default(), 2);
        let labels = "method=\"GET\",route=\"ready\",status_code=\"200\",ws=\"false\"";
        for expected in [
            format!("loki_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 0\n"),
            format!("loki_request_duration_seconds_bucket{{{labels},le=\"0.01\"}} 1\n"),
            format!("loki_request_duration_seconds_bucket{{{labels},le=\"1\"}} 2\n"),
            format!("loki_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2\n"),
            format!("loki_request_duration_seconds_count{{{labels}}} 2\n"),
            "loki_panic_total 1\n".to_owned(),
            "loki_querier_tail_active 2\n".to_owned(),
        ] {
            assert!(out.contains(&expected), "{expected}{out}");
        }
    }
}
