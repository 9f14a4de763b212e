//! The checks of a push that ask for more than the entry itself: rates, numbers of streams, labels that are
//! enforced, tenants that are blocked. The words are Loki's.

use crate::decode::push::Decoded;
use crate::push_counters::Tally;
use crate::validate::go_time::rfc3339;
use crate::validate::limits::IngestLimits;
use crate::validate::quota::Quota;
use crate::validate::rejection::Reason;
use crate::validate::stream_cache::StreamFacts;
use crate::validate::{Rules, Validated};
use skald_model::{Labels, TenantId};

/// Too much for now: try again.
const TOO_MANY: u16 = 429;

/// The status of a block that drops data without a word.
const SILENT: u16 = 200;

/// Refuses everything: the tenant is blocked.
pub(crate) fn block(
    tenant: &TenantId,
    decoded: &Decoded<'_>,
    limits: &IngestLimits,
    out: &mut Validated<'_>,
) {
    let bytes = decoded.entries.iter().map(|e| e.line.len() as u64).sum();
    out.tally
        .discard(Reason::Blocked, decoded.entries.len() as u64, bytes);
    let (until, status) = (
        rfc3339(limits.block_ingestion_until),
        limits.block_ingestion_status_code,
    );
    if status != SILENT {
        let text = || {
            format!(
                "ingestion blocked for user '{tenant}' until '{until}' with status code '{status}'"
            )
        };
        out.refusals.add_with(status, text);
    }
}

/// Cuts lines that are too long where what is cut ends in an identifier, which needs memory of its own.
pub(crate) fn cut_lines(decoded: &mut Decoded<'_>, limits: &IngestLimits) {
    let (max, mark) = (
        limits.max_line_size,
        limits.max_line_size_truncate_identifier.as_bytes(),
    );
    if !limits.max_line_size_truncate || max == 0 || mark.is_empty() {
        return;
    }
    for entry in decoded
        .entries
        .iter_mut()
        .filter(|entry| entry.line.len() > max)
    {
        let mut line = entry.line[..max.saturating_sub(mark.len())].to_vec();
        line.extend_from_slice(&mark[..mark.len().min(max)]);
        entry.line = line.into();
        decoded.cut += 1;
    }
}

/// The message for a stream that lacks labels it must have.
pub(crate) fn missing_labels(
    tenant: &TenantId,
    labels: &Labels,
    limits: &IngestLimits,
) -> Option<String> {
    let missing = limits
        .enforced_labels
        .iter()
        .filter(|name| labels.get(name).is_none_or(str::is_empty));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    let names = missing.join(",");
    (!missing.is_empty())
        .then(|| format!("missing required labels '{names}' for user '{tenant}' for stream '{labels}' (policy: '')"))
}

/// Where the entries of a stream begin, so that all of them can be taken back.
pub(crate) struct Mark {
    entries: usize,
    metadata: usize,
    tally: Option<Tally>,
}

impl Mark {
    /// Here. Counts are copied only where they may have to come back.
    pub(crate) fn of(out: &Validated<'_>, rules: &Rules<'_>) -> Mark {
        let tally = rules.quota.map(|_| out.tally.clone());
        Mark {
            entries: out.batch.entries.len(),
            metadata: out.batch.metadata.len(),
            tally,
        }
    }

    /// Takes back what came since; counts it as refused.
    fn take_back(self, out: &mut Validated<'_>, reason: Reason, lines: u64, bytes: u64) {
        out.batch.entries.truncate(self.entries);
        out.batch.metadata.truncate(self.metadata);
        if let Some(before) = self.tally {
            let discarded = std::mem::take(&mut out.tally.discarded);
            out.tally = Tally {
                discarded,
                ..before
            };
        }
        out.tally.discard(reason, lines, bytes);
    }
}

/// Checks the number of streams and the rate of this one.
pub(crate) fn stream(
    tenant: &TenantId,
    quota: &Quota,
    facts: &StreamFacts,
    mark: Mark,
    rules: &Rules<'_>,
    out: &mut Validated<'_>,
) {
    let Some(before) = mark.tally.as_ref() else {
        return;
    };
    let lines = out.tally.lines - before.lines;
    let bytes =
        out.tally.line_bytes + out.tally.metadata_bytes - before.line_bytes - before.metadata_bytes;
    let (labels, limits) = (&facts.labels, &rules.profile.limits);
    if lines == 0 {
        return;
    }
    if !quota.admit(facts.id, limits, rules.now) {
        mark.take_back(out, Reason::StreamLimit, lines, bytes);
        out.refusals.add_with(TOO_MANY, || {
            format!(
                "maximum active stream limit exceeded when trying to create stream {labels}, reduce the number of active \
                 streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit \
                 can be increased, user: '{tenant}'"
            )
        });
    } else if !quota.take_stream(facts.id, bytes, limits, rules.now) {
        mark.take_back(out, Reason::StreamRateLimited, lines, bytes);
        out.refusals.add_with(TOO_MANY, || {
            format!(
                "Per stream rate limit exceeded (limit: {}/sec) while attempting to ingest for stream '{labels}' totaling \
                 {}, consider splitting a stream via additional labels or contact your Loki administrator to see if the \
                 limit can be increased",
                size(limits.per_stream_rate_limit),
                size(bytes)
            )
        });
    }
}

/// Checks the rate of the tenant over all that passed: everything or nothing.
pub(crate) fn rate(tenant: &TenantId, quota: &Quota, rules: &Rules<'_>, out: &mut Validated<'_>) {
    let (lines, bytes) = (
        out.tally.lines,
        out.tally.line_bytes + out.tally.metadata_bytes,
    );
    if lines == 0 || quota.take(bytes, &rules.profile.limits, rules.now) {
        return;
    }
    out.batch.streams.clear();
    Mark {
        entries: 0,
        metadata: 0,
        tally: Some(Tally::default()),
    }
    .take_back(out, Reason::RateLimited, lines, bytes);
    let limit = rules.profile.limits.ingestion_rate as u64;
    out.refusals.add_with(TOO_MANY, || {
        format!(
            "ingestion rate limit exceeded for user {tenant} (limit: {limit} bytes/sec) while attempting to ingest '{lines}' \
             lines totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can \
             be increased"
        )
    });
}

/// Bytes in the largest unit they fill, with one decimal where it says something.
fn size(bytes: u64) -> String {
    for (unit, shift) in [("GB", 30), ("MB", 20), ("KB", 10)] {
        if bytes >= 1 << shift {
            let tenths = (bytes as f64 / (1u64 << shift) as f64 * 10.0).round() as u64;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if tenth == 0 {
                format!("{whole}{unit}")
            } else {
                format!("{whole}.{tenth}{unit}")
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json;
    use crate::validate::tenant_policy::Profile;
    use crate::validate::validate;

    const BODY: &str = r#"{"streams":[{"stream":{"app":"a"},"values":[["1","0123456789"]]},{"stream":{"app":"b"},"values":[["1","0123456789"],["2","x"]]}]}"#;

    /// Lines taken, status and start of the message of each push in turn, and what was discarded at the end.
    fn check(limits: &IngestLimits, expected: &[(usize, u16, &str)], discarded: &[(&str, u64)]) {
        let decoded = json::decode(BODY.as_bytes()).expect("body is JSON");
        let (profile, quota) = (Profile::new(limits.clone()), Quota::default());
        let mut found = Vec::new();
        for (lines, status, text) in expected {
            let out = validate(
                &TenantId::fake(),
                &decoded,
                &Rules {
                    profile: &profile,
                    quota: Some(&quota),
                    now: 10,
                },
            );
            let message = out.refusals.text().unwrap_or_default();
            assert_eq!(
                (out.batch.entries.len(), out.refusals.status()),
                (*lines, *status),
                "{message}"
            );
            assert!(
                message.starts_with(text) && message.is_empty() == text.is_empty(),
                "{message}"
            );
            assert_eq!(out.tally.lines, *lines as u64);
            let rows: u32 = out
                .batch
                .streams
                .iter()
                .map(|s| s.rows.end - s.rows.start)
                .sum();
            assert_eq!(rows as usize, *lines, "streams cover the entries");
            found = out
                .tally
                .discarded
                .iter()
                .map(|(reason, (lines, _))| (reason.as_str(), *lines))
                .collect();
        }
        assert_eq!(found, discarded);
    }

    fn limits() -> IngestLimits {
        IngestLimits {
            discover_log_levels: false,
            ..IngestLimits::default()
        }
    }

    #[test]
    fn a_tenant_over_its_rate_is_refused_whole() {
        let limits = IngestLimits {
            ingestion_rate: 30.0,
            ingestion_burst: 30.0,
            ..limits()
        };
        let text = "ingestion rate limit exceeded for user fake (limit: 30 bytes/sec) while attempting to ingest '3' lines totaling '21' bytes, ";
        check(
            &limits,
            &[(3, 400, ""), (0, 429, text)],
            &[("rate_limited", 3)],
        );
    }

    #[test]
    fn streams_over_a_limit_do_not_take_their_neighbours_along() {
        let few = IngestLimits {
            max_streams: 1,
            ..limits()
        };
        let text = "maximum active stream limit exceeded when trying to create stream {app=\"b\", service_name=\"b\"}, ";
        check(
            &few,
            &[(1, 429, text), (1, 429, text)],
            &[("stream_limit", 2)],
        );
        let slow = IngestLimits {
            per_stream_rate_limit: 10,
            per_stream_rate_limit_burst: 10,
            ..limits()
        };
        let text = "Per stream rate limit exceeded (limit: 10B/sec) while attempting to ingest for stream '{app=\"b\", service_name=\"b\"}' totaling 11B, ";
        check(&slow, &[(1, 429, text)], &[("per_stream_rate_limit", 2)]);
    }

    #[test]
    fn labels_may_be_enforced_and_tenants_blocked() {
        let labels = IngestLimits {
            enforced_labels: vec!["app".into(), "env".into()],
            ..limits()
        };
        let text = "1 errors like: missing required labels 'env' for user 'fake' for stream '{app=\"a\", service_name=\"a\"}' (policy: ''); ";
        check(
            &labels,
            &[(0, 400, text)],
            &[("missing_enforced_labels", 3)],
        );
        let mut blocked = IngestLimits {
            block_ingestion_until: 11,
            ..limits()
        };
        let text =
            "ingestion blocked for user 'fake' until '1970-01-01T00:00:00Z' with status code '260'";
        check(&blocked, &[(0, 260, text)], &[("blocked_ingestion", 3)]);
        blocked.block_ingestion_status_code = 200;
        check(&blocked, &[(0, 400, "")], &[("blocked_ingestion", 3)]);
    }

    #[test]
    fn a_line_that_was_cut_ends_in_the_identifier() {
        let cut = |max: usize, mark: &str| {
            let mut decoded = json::decode(BODY.as_bytes()).expect("body is JSON");
            let limits = IngestLimits {
                max_line_size: max,
                max_line_size_truncate: true,
                max_line_size_truncate_identifier: mark.to_owned(),
                ..limits()
            };
            cut_lines(&mut decoded, &limits);
            (
                String::from_utf8_lossy(&decoded.entries[0].line).into_owned(),
                decoded.cut,
            )
        };
        assert_eq!(cut(5, "..."), ("01...".to_owned(), 2));
        assert_eq!(cut(2, "..."), ("..".to_owned(), 2));
        assert_eq!(cut(5, ""), ("0123456789".to_owned(), 0));
        assert_eq!(cut(0, "..."), ("0123456789".to_owned(), 0));
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (900, "900B"),
            (3 << 20, "3MB"),
            (3 << 19, "1.5MB"),
            (262_144, "256KB"),
            (1 << 31, "2GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
