//! Metrics of pushes: received, taken and refused, under the names Loki's dashboards read.

use crate::push_counters::{LINE_BUCKETS, PushCounters};
use crate::rejection::{Dropped, Reason};
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_store::{NAMED_TENANTS, OTHER_TENANTS};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Where the time of a push went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Decompressing and decoding.
    pub(crate) decode: Duration,
    /// Validating.
    pub(crate) validate: Duration,
    /// Handing over to the store.
    pub(crate) write: Duration,
    /// Bytes of the body as it came.
    pub(crate) received: u64,
    /// Bytes of the body without its encodings.
    pub(crate) decompressed: u64,
}

impl Spent {
    /// Nothing yet, on a body of that many bytes.
    pub(crate) fn of_body(bytes: usize) -> Spent {
        Spent {
            received: bytes as u64,
            ..Spent::default()
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    lines: u64,
    line_bytes: u64,
    metadata_bytes: u64,
    truncated: u64,
    dropped_names: u64,
    discarded: BTreeMap<Reason, (u64, u64)>,
    dropped: Dropped,
}

#[derive(Debug, Default)]
struct Totals {
    /// The first [`NAMED_TENANTS`] that came, and all others together as `None`.
    /// With the name of the receiver, which is the `format` label.
    tenants: BTreeMap<(Option<TenantId>, &'static str), Counters>,
    line_sizes: [u64; LINE_BUCKETS.len() + 1],
    line_bytes: u64,
    lines: u64,
    replies: BTreeMap<u16, u64>,
    waits: u64,
    spent: Spent,
}

/// All counters of an ingest.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Totals>);

impl Metrics {
    /// Adds what one push counted.
    pub(crate) fn add(
        &self,
        tenant: &TenantId,
        format: &'static str,
        pushed: &PushCounters,
        spent: &Spent,
    ) {
        let mut totals = self.0.lock();
        let totals = &mut *totals;
        for (sum, count) in totals.line_sizes.iter_mut().zip(pushed.line_sizes) {
            *sum += count;
        }
        totals.lines += pushed.lines;
        totals.line_bytes += pushed.line_bytes;
        totals.spent.decode += spent.decode;
        totals.spent.validate += spent.validate;
        totals.spent.write += spent.write;
        totals.spent.received += spent.received;
        totals.spent.decompressed += spent.decompressed;
        if pushed.lines == 0 && pushed.discarded.is_empty() && pushed.dropped.is_empty() {
            return;
        }
        let mut key = (Some(tenant.clone()), format);
        if totals.tenants.len() >= NAMED_TENANTS && !totals.tenants.contains_key(&key) {
            key.0 = None;
        }
        let counters = totals.tenants.entry(key).or_default();
        counters.lines += pushed.lines;
        counters.line_bytes += pushed.line_bytes;
        counters.metadata_bytes += pushed.metadata_bytes;
        counters.truncated += pushed.truncated;
        counters.dropped_names += pushed.dropped_names;
        for (reason, (samples, bytes)) in &pushed.discarded {
            let discarded = counters.discarded.entry(*reason).or_default();
            discarded.0 += samples;
            discarded.1 += bytes;
        }
        for (reason, (samples, bytes)) in &pushed.dropped {
            let dropped = counters.dropped.entry(reason.clone()).or_default();
            *dropped = (dropped.0 + samples, dropped.1 + bytes);
        }
    }

    /// Counts a push that waited for room.
    pub(crate) fn count_wait(&self) {
        self.0.lock().waits += 1;
    }

    /// Counts an answer.
    pub(crate) fn count_reply(&self, status: u16) {
        *self.0.lock().replies.entry(status).or_default() += 1;
    }

    /// Writes all of them in Prometheus text form.
    pub(crate) fn write(&self, out: &mut String) {
        let totals = self.0.lock();
        write_received(&totals, out);
        write_refused(&totals, out);
        write_dropped(&totals, out);
        write_sizes(&totals, out);
        write_own(&totals, out);
    }
}

/// The `tenant` label.
fn label_of(tenant: &Option<TenantId>) -> &str {
    tenant.as_ref().map_or(OTHER_TENANTS, TenantId::as_str)
}

/// Appends one metric's head and samples; each sample is its labels and value.
fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl Iterator<Item = (String, String)>,
) {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return;
    }
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        .expect("writing to a string succeeds");
    for (labels, value) in samples {
        writeln!(out, "{name}{labels} {value}").expect("writing to a string succeeds");
    }
}

fn write_received(totals: &Totals, out: &mut String) {
    let mut sum = |name: &str, help: &str, retention: bool, value: fn(&Counters) -> u64| {
        let samples = totals.tenants.iter().map(|((tenant, format), counters)| {
            let (tenant, format) = (label_of(tenant), *format);
            let retention = if retention { "retention_hours=\"\"," } else { "" };
            let labels =
                format!("{{tenant=\"{tenant}\",{retention}is_internal_stream=\"false\",policy=\"\",format=\"{format}\"}}");
            (labels, value(counters).to_string())
        });
        family(out, name, "counter", help, samples);
    };
    sum(
        "loki_distributor_bytes_received_total",
        "Bytes of lines and metadata taken.",
        true,
        |c| c.line_bytes + c.metadata_bytes,
    );
    sum(
        "loki_distributor_structured_metadata_bytes_received_total",
        "Bytes of metadata taken.",
        true,
        |c| c.metadata_bytes,
    );
    sum(
        "loki_distributor_lines_received_total",
        "Lines taken.",
        false,
        |c| c.lines,
    );
}

fn write_refused(totals: &Totals, out: &mut String) {
    let mut discarded = |name: &str, help: &str, value: fn(&(u64, u64)) -> u64| {
        let samples = totals.tenants.iter().flat_map(|((tenant, format), counters)| {
            counters.discarded.iter().map(move |(reason, counts)| {
                let (reason, tenant) = (reason.as_str(), label_of(tenant));
                let labels =
                    format!("{{reason=\"{reason}\",tenant=\"{tenant}\",retention_hours=\"\",policy=\"\",format=\"{format}\"}}");
                (labels, value(counts).to_string())
            })
        });
        family(out, name, "counter", help, samples);
    };
    discarded("loki_discarded_samples_total", "Lines refused.", |c| c.0);
    discarded(
        "loki_discarded_bytes_total",
        "Bytes of lines refused.",
        |c| c.1,
    );
    let mutated = totals.tenants.iter().flat_map(|((tenant, _), counters)| {
        [
            ("line_too_long", counters.truncated),
            ("metadata_name_empty", counters.dropped_names),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(move |(reason, count)| {
            (
                format!("{{reason=\"{reason}\",tenant=\"{}\"}}", label_of(tenant)),
                count.to_string(),
            )
        })
    });
    family(
        out,
        "loki_mutated_samples_total",
        "counter",
        "Lines taken with a change.",
        mutated,
    );
}

fn write_dropped(totals: &Totals, out: &mut String) {
    let mut dropped = |name: &str, help: &str, value: fn(&(u64, u64)) -> u64| {
        let samples = totals
            .tenants
            .iter()
            .flat_map(|((tenant, format), counters)| {
                counters.dropped.iter().map(move |(reason, counts)| {
                    let (reason, tenant) = (reason.escape_debug(), label_of(tenant));
                    let labels =
                        format!("{{reason=\"{reason}\",tenant=\"{tenant}\",format=\"{format}\"}}");
                    (labels, value(counts).to_string())
                })
            });
        family(out, name, "counter", help, samples);
    };
    let lines = "Lines left out on purpose: noise, and what came before.";
    dropped("skald_ingest_dropped_lines_total", lines, |c| c.0);
    dropped("skald_ingest_dropped_bytes_total", "Their bytes.", |c| c.1);
}

fn write_sizes(totals: &Totals, out: &mut String) {
    let mut below = 0;
    let mut samples = Vec::new();
    for (i, count) in totals.line_sizes.iter().enumerate() {
        below += count;
        let bound = LINE_BUCKETS
            .get(i)
            .map_or("+Inf".to_owned(), u64::to_string);
        samples.push((format!("_bucket{{le=\"{bound}\"}}"), below.to_string()));
    }
    samples.push(("_sum".to_owned(), totals.line_bytes.to_string()));
    samples.push(("_count".to_owned(), totals.lines.to_string()));
    family(
        out,
        "loki_bytes_per_line",
        "histogram",
        "Bytes of lines taken.",
        samples.into_iter(),
    );
}

fn write_own(totals: &Totals, out: &mut String) {
    let waits = [(String::new(), totals.waits.to_string())];
    family(
        out,
        "skald_ingest_waits_total",
        "counter",
        "Pushes that waited for memory while flushing was behind.",
        waits.into_iter(),
    );
    let replies = totals
        .replies
        .iter()
        .map(|(status, count)| (format!("{{status_code=\"{status}\"}}"), count.to_string()));
    family(
        out,
        "skald_ingest_pushes_total",
        "counter",
        "Pushes answered.",
        replies,
    );
    let spent = &totals.spent;
    let phases = [
        ("decode", spent.decode),
        ("validate", spent.validate),
        ("write", spent.write),
    ];
    let phases = phases.map(|(phase, time)| {
        (
            format!("{{phase=\"{phase}\"}}"),
            time.as_secs_f64().to_string(),
        )
    });
    family(
        out,
        "skald_ingest_seconds_total",
        "counter",
        "Time spent on pushes, waiting for the disk left out.",
        phases.into_iter(),
    );
    let bytes = [
        ("received", spent.received),
        ("decompressed", spent.decompressed),
    ];
    let bytes = bytes.map(|(state, bytes)| (format!("{{state=\"{state}\"}}"), bytes.to_string()));
    family(
        out,
        "skald_ingest_body_bytes_total",
        "counter",
        "Bytes of push bodies.",
        bytes.into_iter(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_under_lokis_names() {
        let metrics = Metrics::default();
        let mut pushed = PushCounters::default();
        pushed.count_accepted(10, 5);
        pushed.count_accepted(100, 0);
        pushed.truncated = 1;
        pushed.count_discarded(Reason::LineTooLong, 1, 300_000);
        metrics.add(&TenantId::fake(), "loki", &pushed, &Spent::default());
        metrics.count_reply(204);
        let mut out = String::new();
        metrics.write(&mut out);
        for line in [
            r#"loki_distributor_bytes_received_total{tenant="fake",retention_hours="",is_internal_stream="false",policy="",format="loki"} 115"#,
            r#"loki_distributor_lines_received_total{tenant="fake",is_internal_stream="false",policy="",format="loki"} 2"#,
            r#"loki_discarded_samples_total{reason="line_too_long",tenant="fake",retention_hours="",policy="",format="loki"} 1"#,
            r#"loki_mutated_samples_total{reason="line_too_long",tenant="fake"} 1"#,
            r#"loki_bytes_per_line_bucket{le="64"} 1"#,
            r#"loki_bytes_per_line_bucket{le="+Inf"} 2"#,
            "loki_bytes_per_line_sum 110",
            r#"skald_ingest_pushes_total{status_code="204"} 1"#,
        ] {
            assert!(out.lines().any(|l| l == line), "{line} is not in\n{out}");
        }
    }

    #[test]
    fn tenants_beyond_the_named_ones_are_summed_up() {
        let metrics = Metrics::default();
        let mut pushed = PushCounters::default();
        pushed.count_accepted(10, 0);
        for number in 0..NAMED_TENANTS + 7 {
            let tenant = TenantId::parse(&format!("t{number}")).expect("the name is good");
            metrics.add(&tenant, "loki", &pushed, &Spent::default());
        }
        let mut out = String::new();
        metrics.write(&mut out);
        let named = "loki_distributor_lines_received_total{tenant=";
        let lines: Vec<&str> = out.lines().filter(|l| l.starts_with(named)).collect();
        assert_eq!(lines.len(), NAMED_TENANTS + 1);
        let others = lines.iter().find(|line| line.contains(OTHER_TENANTS));
        assert!(
            others.is_some_and(|line| line.ends_with(" 7")),
            "{others:?}"
        );
    }
}
