//! What the server counts of its requests, in Prometheus text form under Loki's names.

use crate::telemetry::process;
use parking_lot::Mutex;
use skald_store::{ObjectStatus, StoreStatus};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of `loki_request_duration_seconds`, Loki's.
const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0,
];

/// Why a query was refused: the `reason` of `skald_queries_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // each is the limit of its name
pub enum Refusal {
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
    Requests,
}

impl Refusal {
    /// The name of the limit, Loki's where it has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Disabled => "max_query_parallelism",
            Refusal::Blocked => "blocked_queries",
            Refusal::Length => "max_query_length",
            Refusal::Range => "max_query_range",
            Refusal::Matchers => "max_streams_matchers_per_query",
            Refusal::RequiredLabels => "required_labels",
            Refusal::MinimumLabels => "minimum_labels_number",
            Refusal::BytesRead => "max_query_bytes_read",
            Refusal::Entries => "max_entries_limit_per_query",
            Refusal::Series => "max_query_series",
            Refusal::VolumeSeries => "volume_max_series",
            Refusal::Memory => "query_memory",
            Refusal::Busy => "memory_budget",
            Refusal::Queue => "max_outstanding_per_tenant",
            Refusal::Timeout => "query_timeout",
            Refusal::Tails => "max_concurrent_tail_requests",
            Refusal::Unauthorized => "unauthorized",
            Refusal::Requests => "max_concurrent_requests",
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
    refused: Mutex<BTreeMap<(String, Refusal), u64>>,
    partial: Mutex<BTreeMap<String, u64>>,
    shared: AtomicU64,
    panics: AtomicU64,
    connections: AtomicI64,
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
            panics: AtomicU64::new(0),
            connections: AtomicI64::new(0),
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
    pub fn refuse(&self, tenant: &str, why: Refusal) {
        *self
            .refused
            .lock()
            .entry((tenant.to_owned(), why))
            .or_default() += 1;
    }

    /// A query was answered in part.
    pub fn count_partial(&self, tenant: &str) {
        *self.partial.lock().entry(tenant.to_owned()).or_default() += 1;
    }

    /// A query got the answer of an equal one that was under way.
    pub fn count_shared(&self) {
        self.shared.fetch_add(1, Ordering::Relaxed);
    }

    /// A request or query panicked and was caught.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
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
            "loki_querier_tail_active",
            "gauge",
            "Open tails.",
            tails,
        );
        header(out, "loki_build_info", "gauge", "What runs here.");
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
        header(out, "skald_build_info", "gauge", "What runs here.");
        line(out, "skald_build_info", &[("version", version)], 1);
        write_store(out, status);
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
            "Queries answered by an equal one under way.",
            shared,
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

fn write_store(out: &mut String, status: &StoreStatus) {
    header(
        out,
        "loki_ingester_memory_streams",
        "gauge",
        "Streams with entries that are not flushed yet.",
    );
    for (tenant, count) in &status.head_streams {
        line(
            out,
            "loki_ingester_memory_streams",
            &[("tenant", tenant.as_str())],
            count,
        );
    }
    header(
        out,
        "loki_ingester_streams_created_total",
        "counter",
        "Streams created.",
    );
    for (tenant, count) in &status.streams_created {
        line(
            out,
            "loki_ingester_streams_created_total",
            &[("tenant", tenant.as_str())],
            count,
        );
    }
    metric(
        out,
        "skald_memory_budget_bytes",
        "gauge",
        "Bytes of memory for all users together.",
        status.memory_budget,
    );
    header(
        out,
        "skald_memory_bytes",
        "gauge",
        "Bytes of the memory budget in use.",
    );
    for (user, bytes, _) in &status.memory {
        line(out, "skald_memory_bytes", &[("user", user.as_str())], bytes);
    }
    header(
        out,
        "skald_memory_refusals_total",
        "counter",
        "Requests for memory that were refused.",
    );
    for (user, _, refusals) in &status.memory {
        line(
            out,
            "skald_memory_refusals_total",
            &[("user", user.as_str())],
            refusals,
        );
    }
    let kept = status.kept;
    metric(
        out,
        "skald_results_cache_hits_total",
        "counter",
        "Blocks answered by earlier results.",
        kept.hits,
    );
    metric(
        out,
        "skald_results_cache_misses_total",
        "counter",
        "Blocks without an earlier result.",
        kept.misses,
    );
    metric(
        out,
        "skald_results_cache_evictions_total",
        "counter",
        "Results let go of to make room.",
        kept.evictions,
    );
    metric(
        out,
        "skald_results_cache_entries",
        "gauge",
        "Results kept.",
        kept.values,
    );
    metric(
        out,
        "skald_results_cache_bytes",
        "gauge",
        "Bytes of results kept.",
        kept.bytes,
    );
    metric(
        out,
        "skald_head_bytes",
        "gauge",
        "Bytes of entries that are not flushed yet.",
        status.head_bytes,
    );
    metric(
        out,
        "skald_wal_bytes",
        "gauge",
        "Bytes of write-ahead log on disk.",
        status.wal_bytes,
    );
    metric(
        out,
        "skald_wal_syncs_total",
        "counter",
        "Syncs of the write-ahead log.",
        status.wal_syncs,
    );
    metric(out, "skald_parts", "gauge", "Parts on disk.", status.parts);
    metric(
        out,
        "skald_part_bytes",
        "gauge",
        "Bytes of parts on disk.",
        status.part_bytes,
    );
    metric(
        out,
        "skald_flushes_total",
        "counter",
        "Flushes of the head.",
        status.flushes,
    );
    metric(
        out,
        "skald_compactions_total",
        "counter",
        "Merges of parts.",
        status.compactions,
    );
    metric(
        out,
        "skald_rewrites_total",
        "counter",
        "Parts rewritten without some of their entries.",
        status.rewrites,
    );
    metric(
        out,
        "skald_expired_parts_total",
        "counter",
        "Parts removed by retention.",
        status.expired_parts,
    );
    metric(
        out,
        "skald_expired_entries_total",
        "counter",
        "Entries removed by retention.",
        status.expired_entries,
    );
    metric(
        out,
        "skald_expired_bytes_total",
        "counter",
        "Bytes of lines removed by retention.",
        status.expired_bytes,
    );
    metric(
        out,
        "skald_deleted_entries_total",
        "counter",
        "Entries removed by delete requests.",
        status.deleted_entries,
    );
    let pending = status.pending_deletes;
    metric(
        out,
        "skald_delete_requests_pending",
        "gauge",
        "Delete requests that are not processed.",
        pending,
    );
    if let Some(objects) = &status.objects {
        write_objects(out, objects);
    }
    let rebuilt = status.manifests_rebuilt;
    metric(
        out,
        "skald_manifests_rebuilt_total",
        "counter",
        "Manifests lost and made anew from parts at start.",
        rebuilt,
    );
    metric(
        out,
        "skald_disk_full",
        "gauge",
        "1 while pushes find no room on the data disk.",
        u8::from(status.disk_full),
    );
    metric(
        out,
        "skald_recovering",
        "gauge",
        "1 while the write-ahead log is replayed.",
        u8::from(status.recovering),
    );
    metric(
        out,
        "skald_writes_stopped",
        "gauge",
        "1 when the store takes no writes.",
        u8::from(status.stopped.is_some()),
    );
}

fn write_objects(out: &mut String, status: &ObjectStatus) {
    metric(
        out,
        "skald_objects_requests_total",
        "counter",
        "Requests to object storage.",
        status.requests,
    );
    metric(
        out,
        "skald_objects_retries_total",
        "counter",
        "Requests that repeated a failed one.",
        status.retries,
    );
    metric(
        out,
        "skald_objects_failures_total",
        "counter",
        "Operations given up.",
        status.failures,
    );
    metric(
        out,
        "skald_objects_fetched_bytes_total",
        "counter",
        "Bytes fetched.",
        status.fetched_bytes,
    );
    metric(
        out,
        "skald_objects_uploaded_bytes_total",
        "counter",
        "Bytes uploaded.",
        status.uploaded_bytes,
    );
    let conflicts = status.conflicts;
    metric(
        out,
        "skald_objects_conflicts_total",
        "counter",
        "Manifests that another writer replaced first.",
        conflicts,
    );
    metric(
        out,
        "skald_objects_cache_hits_total",
        "counter",
        "Chunks found on the local disk.",
        status.cache_hits,
    );
    metric(
        out,
        "skald_objects_cache_misses_total",
        "counter",
        "Chunks that were fetched.",
        status.cache_misses,
    );
    metric(
        out,
        "skald_objects_cache_bytes",
        "gauge",
        "Bytes of uploaded parts and chunks kept here.",
        status.cache_bytes,
    );
    metric(
        out,
        "skald_objects_waiting_parts",
        "gauge",
        "Parts not uploaded yet.",
        status.waiting_parts,
    );
    metric(
        out,
        "skald_objects_waiting_bytes",
        "gauge",
        "Bytes of parts not uploaded yet.",
        status.waiting_bytes,
    );
}

/// A metric of one line.
pub fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    header(out, name, kind, help);
    line(out, name, &[], value);
}

/// `# HELP` and `# TYPE`.
pub fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        .expect("writing to memory does not fail");
}

/// One sample.
pub fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    out.push_str(name);
    for (i, (label, text)) in labels.iter().enumerate() {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        write!(
            out,
            "{}{label}=\"{escaped}\"",
            if i == 0 { "{" } else { "," }
        )
        .expect("writing to memory does not fail");
    }
    let end = if labels.is_empty() { "" } else { "}" };
    writeln!(out, "{end} {value}").expect("writing to memory does not fail");
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

    #[test]
    fn label_values_are_escaped() {
        let mut out = String::new();
        line(&mut out, "m", &[("a", "x\"\\\n")], 1);
        assert_eq!(out, "m{a=\"x\\\"\\\\\\n\"} 1\n");
    }
}
