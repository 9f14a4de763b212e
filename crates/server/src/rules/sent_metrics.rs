//! Metrics of what rules send, by the names that Loki's dashboards ask for.

use super::outboxes::Outboxes;
use crate::telemetry::exposition::{header, line, metric};
use skald_outbound::{AlertCounts, SampleCounts};

/// A metric of each target: its name, kind, help, and value.
type Of<T> = (&'static str, &'static str, &'static str, fn(&T) -> f64);

const OF_ALERTS: &[Of<AlertCounts>] = &[
    (
        "loki_prometheus_notifications_sent_total",
        "counter",
        "Alerts that were taken.",
        |counts| counts.sent as f64,
    ),
    (
        "loki_prometheus_notifications_errors_total",
        "counter",
        "Alerts in requests that failed, each attempt counted.",
        |counts| counts.errors as f64,
    ),
    (
        "loki_prometheus_notifications_dropped_total",
        "counter",
        "Alerts that were given up.",
        |counts| counts.dropped as f64,
    ),
    (
        "loki_prometheus_notifications_queue_length",
        "gauge",
        "Alerts that wait.",
        |counts| counts.queue_length as f64,
    ),
    (
        "loki_prometheus_notifications_queue_capacity",
        "gauge",
        "Alerts that may wait.",
        |counts| counts.queue_capacity as f64,
    ),
];

const OF_SAMPLES: &[Of<SampleCounts>] = &[
    (
        "loki_ruler_wal_appender_ready",
        "gauge",
        "Whether samples are taken.",
        |_| 1.0,
    ),
    (
        "loki_ruler_wal_samples_appended_total",
        "counter",
        "Samples that were taken.",
        |counts| counts.appended as f64,
    ),
    (
        "loki_ruler_wal_disk_size",
        "gauge",
        "Bytes of samples that wait on disk.",
        |counts| counts.disk_bytes as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_samples_total",
        "counter",
        "Samples that were sent.",
        |counts| counts.sent as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_samples_pending",
        "gauge",
        "Samples that wait.",
        |counts| counts.pending as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_samples_failed_total",
        "counter",
        "Samples that were refused for good.",
        |counts| counts.failed as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_samples_retried_total",
        "counter",
        "Samples that were sent again, each time counted.",
        |counts| counts.retried as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_samples_dropped_total",
        "counter",
        "Samples dropped because the queue was full or they were too old.",
        |counts| counts.dropped as f64,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_highest_timestamp_in_seconds",
        "gauge",
        "The newest sample that was taken.",
        |counts| counts.highest_timestamp,
    ),
    (
        "loki_ruler_wal_prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
        "gauge",
        "The newest sample that was sent.",
        |counts| counts.highest_sent_timestamp,
    ),
];

/// Appends all there are to `out`.
pub(super) fn write(out: &mut String, outboxes: &Outboxes) {
    let alerts = outboxes.notifier.counts();
    let labels = |counts: &AlertCounts| {
        let target = counts.target.clone();
        [("user", counts.tenant.clone()), ("alertmanager", target)]
    };
    write_all(out, OF_ALERTS, &alerts, labels);
    if !alerts.is_empty() {
        let name = "loki_prometheus_notifications_latency_seconds";
        header(out, name, "summary", "How long requests with alerts take.");
        for counts in &alerts {
            let labels = [
                ("user", counts.tenant.as_str()),
                ("alertmanager", counts.target.as_str()),
            ];
            let latency = counts.latency;
            line(out, &format!("{name}_sum"), &labels, latency.seconds);
            line(out, &format!("{name}_count"), &labels, latency.count);
        }
    }
    let known = outboxes.notifier.alertmanagers();
    if !known.is_empty() {
        let name = "loki_prometheus_notifications_alertmanagers_discovered";
        header(out, name, "gauge", "Alertmanagers that alerts are sent to.");
        for (tenant, count) in known {
            line(out, name, &[("user", tenant.as_str())], count);
        }
    }
    let unsaved = outboxes.notifier.unsaved();
    let (name, help) = (
        "skald_alerts_unsaved_total",
        "Alerts sent without being on disk before.",
    );
    metric(out, name, "counter", help, unsaved);
    let samples = outboxes.remote_write.counts();
    let labels = |counts: &SampleCounts| {
        let client = counts.client.clone();
        [("tenant", counts.tenant.clone()), ("client", client)]
    };
    write_all(out, OF_SAMPLES, &samples, labels);
}

fn write_all<T>(
    out: &mut String,
    metrics: &[Of<T>],
    all: &[T],
    labels: impl Fn(&T) -> [(&'static str, String); 2],
) {
    if all.is_empty() {
        return;
    }
    for (name, kind, help, value) in metrics {
        header(out, name, kind, help);
        for counts in all {
            let labels = labels(counts);
            let labels = labels.each_ref().map(|(name, text)| (*name, text.as_str()));
            line(out, name, &labels, value(counts));
        }
    }
}
