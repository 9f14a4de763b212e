//! Results of recording rules are stored as lines of their tenant, a stream for each series.
//!
//! A stream has the labels of its series with `__name__`; a line holds the value, which is structured
//! metadata too: `last_over_time({__name__="errors:rate5m"} | unwrap value [5m])` needs no parser
//! and gives what remote write sent. Equal lines are one, so that samples that are handed over again
//! change nothing.

use skald_model::{Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_ruler::outbox::{Recorded, Refused, Samples, is_stale};
use skald_store::Store;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::{Arc, mpsc};

/// The metadata that holds a value.
const VALUE: &str = "value";

/// Series that Prometheus' alerts have, which are not results of rules.
const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// Stores samples and hands them on.
pub(crate) struct StoredResults {
    store: Arc<Store>,
    next: Arc<dyn Samples>,
}

impl StoredResults {
    /// Into this store; `next` gets all samples too.
    pub(crate) fn new(store: Arc<Store>, next: Arc<dyn Samples>) -> StoredResults {
        StoredResults { store, next }
    }

    /// Ends when the samples are durable.
    fn store(&self, tenant: &TenantId, samples: &[Recorded]) -> Result<(), Refused> {
        let kept = samples.iter().filter(|sample| is_result(sample));
        let values: Vec<(&Recorded, String)> = kept.map(|s| (s, text(s.value))).collect();
        if values.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = values.iter().map(|(_, v)| format!("{VALUE}={v}")).collect();
        let (sender, durable) = mpsc::sync_channel(1);
        let done = move |result| {
            // Without a receiver nobody waits any more.
            let _ = sender.send(result);
        };
        let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
        let batch = batch(&values, &lines);
        self.store
            .write(tenant, &batch, Box::new(done))
            .map_err(|error| refused(&error))?;
        match durable.recv() {
            Ok(result) => result.map_err(|error| refused(&error)),
            Err(_) => Err(Refused("the server is stopping".to_owned())),
        }
    }
}

impl Samples for StoredResults {
    fn append(&self, tenant: &TenantId, samples: Vec<Recorded>) -> Result<(), Refused> {
        self.store(tenant, &samples)?;
        self.next.append(tenant, samples)
    }
}

fn is_result(sample: &Recorded) -> bool {
    let name = sample.labels.get("__name__").unwrap_or_default();
    !is_stale(sample.value) && !OF_ALERTS.contains(&name)
}

fn batch<'a>(values: &'a [(&Recorded, String)], lines: &'a [String]) -> WriteBatch<'a> {
    let mut batch = WriteBatch::default();
    for (row, ((sample, value), line)) in (0u32..).zip(values.iter().zip(lines)) {
        batch
            .metadata
            .push((Cow::Borrowed(VALUE), Cow::Borrowed(value)));
        batch.entries.push(WriteEntry {
            timestamp: sample.at,
            line: line.as_bytes(),
            metadata: row..row + 1,
        });
        batch.streams.push(WriteStream {
            id: StreamId::of(&sample.labels),
            labels: Labels::clone(&sample.labels),
            rows: row..row + 1,
        });
    }
    batch
}

/// The shortest text that reads back as the same number, as Prometheus writes it.
pub(crate) fn text(value: f64) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-5..1e21;
    let mut out = String::new();
    let written = if value.is_nan() {
        write!(out, "NaN")
    } else if value.is_infinite() {
        write!(out, "{}Inf", if value > 0.0 { '+' } else { '-' })
    } else if value == 0.0 || PLAIN.contains(&value.abs()) {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
    written.expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_ruler::outbox::stale_marker;

    #[test]
    fn numbers_read_back_as_what_they_were() {
        for (value, expected) in [
            (0.0, "0"),
            (1.5, "1.5"),
            (-3.0, "-3"),
            (1e300, "1e300"),
            (2.5e-9, "2.5e-9"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn marks_and_series_of_alerts_are_no_results() {
        let sample = |name: &str, value| Recorded {
            labels: Labels::from_pairs([("__name__", name)]),
            at: 0,
            value,
        };
        assert!(is_result(&sample("x", 1.0)));
        assert!(!is_result(&sample("x", stale_marker())));
        assert!(!is_result(&sample("ALERTS", 1.0)));
        assert!(!is_result(&sample("ALERTS_FOR_STATE", 1.0)));
    }
}
