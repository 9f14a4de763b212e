//! Admission refuses queries over `max_query_length`, `max_query_range` and other limits.

use crate::config::Limits;
use crate::config::limits::{BlockedQuery, nanoseconds};
use crate::duration;
use crate::error::ApiError;
use crate::query_kind::{QueryKind, query_hash};
use crate::telemetry::metrics::RefusalReason;
use crate::time_bounds::Bounds;

use axum::http::StatusCode;
use skald_logql::ast::Selector;
use skald_query::Parsed;
use skald_query::parsed::Read;

/// A query that is refused, and the limit it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitExceeded {
    /// For the counter.
    pub reason: RefusalReason,
    /// For the client.
    pub error: ApiError,
}

fn refuse(reason: RefusalReason, text: impl Into<String>) -> Result<(), LimitExceeded> {
    Err(LimitExceeded {
        reason,
        error: ApiError::bad(text),
    })
}

/// Checks a query of `kind` over `bounds` against all limits that its text and range can break.
pub(crate) fn check(
    limits: &Limits,
    query: &Parsed,
    kind: QueryKind,
    bounds: Bounds,
) -> Result<(), LimitExceeded> {
    if limits.max_query_parallelism == 0 {
        let text = "querying is disabled, please contact your Loki operator";
        return Err(LimitExceeded {
            reason: RefusalReason::Disabled,
            error: ApiError::new(StatusCode::TOO_MANY_REQUESTS, text),
        });
    }
    if limits
        .blocked_queries
        .iter()
        .any(|blocked| matches(blocked, query.text(), kind))
    {
        return refuse(RefusalReason::Blocked, "query blocked by policy");
    }
    let reads = query.reads();
    for read in &reads {
        check_selector(limits, read.selector)?;
    }
    let range = longest_range(&reads);
    check_length(limits, bounds.length().saturating_add(range))?;
    check_range(limits, range)
}

/// Refuses a time range of more than `max_query_length`: `length` nanoseconds, which for a metric
/// query are those from start to end and its longest `[range]`. An offset moves a range and does
/// not lengthen it.
pub(crate) fn check_length(limits: &Limits, length: i64) -> Result<(), LimitExceeded> {
    let longest = nanoseconds(limits.max_query_length);
    if longest == 0 || length <= longest {
        return Ok(());
    }
    // Loki writes the one as Go does and the other as Prometheus does.
    let (length, limit) = (duration::show_go(length), duration::show(longest));
    let text =
        format!("the query time range exceeds the limit (query length: {length}, limit: {limit})");
    refuse(RefusalReason::Length, text)
}

/// Refuses a `[range]` of more than `max_query_range`.
fn check_range(limits: &Limits, range: i64) -> Result<(), LimitExceeded> {
    let longest = nanoseconds(limits.max_query_range);
    if longest == 0 || range <= longest {
        return Ok(());
    }
    let (range, limit) = (duration::show(range), duration::show(longest));
    let text = format!("[interval] value exceeds limit: [{range}] > [{limit}]");
    refuse(RefusalReason::Range, text)
}

fn check_selector(limits: &Limits, selector: &Selector) -> Result<(), LimitExceeded> {
    let (count, max) = (
        selector.matchers.len(),
        limits.max_streams_matchers_per_query,
    );
    if max > 0 && count > max {
        let text = format!(
            "max streams matchers per query exceeded, matchers-count > limit ({count} > {max})"
        );
        return refuse(RefusalReason::Matchers, text);
    }
    let present: Vec<&str> = selector.matchers.iter().map(|m| m.name.as_str()).collect();
    let missing: Vec<&str> = limits
        .required_labels
        .iter()
        .map(String::as_str)
        .filter(|n| !present.contains(n))
        .collect();
    if !missing.is_empty() {
        let (missing, present) = (missing.join(", "), present.join(", "));
        let text = format!(
            "stream selector is missing required matchers [{missing}], labels present in the query were [{present}]"
        );
        return refuse(RefusalReason::RequiredLabels, text);
    }
    if count < limits.minimum_labels_number {
        let (present, required) = (present.join(", "), limits.minimum_labels_number);
        let text = format!(
            "stream selector has less label matchers than required: (present: [{present}], number_present: {count}, \
             required_number_label_matchers: {required})"
        );
        return refuse(RefusalReason::MinimumLabels, text);
    }
    Ok(())
}

fn matches(blocked: &BlockedQuery, text: &str, kind: QueryKind) -> bool {
    let type_fits =
        blocked.types.is_empty() || blocked.types.iter().any(|name| name == kind.query_type());
    let hash_fits = blocked.hash == 0 || blocked.hash == query_hash(text);
    let pattern = blocked.pattern.trim();
    let text_fits = if pattern.is_empty() {
        true
    } else if blocked.regex {
        // Checked when the limits were read.
        skald_model::re2::search(pattern).is_ok_and(|regex| regex.is_match(text.as_bytes()))
    } else {
        pattern == text.trim()
    };
    type_fits && hash_fits && text_fits
}

/// The longest `[range]` of a query, in nanoseconds; 0 of a log query.
fn longest_range(reads: &[Read<'_>]) -> i64 {
    let ranges = reads.iter().filter_map(|read| read.window);
    ranges.map(|window| window.range).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_logql::ast::Expr;
    use std::time::Duration;

    fn check_with(
        set: impl FnOnce(&mut Limits),
        query: &str,
        expected: Result<(), (RefusalReason, &str)>,
    ) {
        let mut limits = Limits::default();
        set(&mut limits);
        let parsed = Parsed::parse(query).expect("the query is good");
        let kind = if matches!(parsed.expr(), Expr::Log(_)) {
            QueryKind::Limited
        } else {
            QueryKind::Metric
        };
        let found = check(
            &limits,
            &parsed,
            kind,
            Bounds {
                start: 0,
                end: 7_200_000_000_000,
            },
        );
        let found = found.map_err(|r| (r.reason, r.error.message));
        assert_eq!(
            found,
            expected.map_err(|(why, text)| (why, text.to_owned())),
            "{query}"
        );
    }

    fn check_length_of(query: &str, minutes: i64, expected: Option<&str>) {
        let limits = Limits {
            max_query_length: Duration::from_secs(3600),
            ..Limits::default()
        };
        let bounds = Bounds {
            start: 0,
            end: minutes * 60_000_000_000,
        };
        let parsed = Parsed::parse(query).expect("the query is good");
        let found = check(&limits, &parsed, QueryKind::Metric, bounds);
        let expected = expected.map(|length| {
            format!("the query time range exceeds the limit (query length: {length}, limit: 1h)")
        });
        let found = found.err().map(|refused| refused.error.message);
        assert_eq!(found, expected, "{query} over {minutes} min");
    }

    #[test]
    fn the_length_of_a_metric_query_includes_its_longest_range() {
        check_length_of("{a=\"b\"}", 60, None);
        check_length_of("{a=\"b\"}", 61, Some("1h1m0s"));
        check_length_of("rate({a=\"b\"}[30m])", 30, None);
        check_length_of("rate({a=\"b\"}[31m])", 30, Some("1h1m0s"));
        check_length_of("rate({a=\"b\"}[2h])", 1, Some("2h1m0s"));
        check_length_of("rate({a=\"b\"}[61m])", 0, Some("1h1m0s"));
        check_length_of("rate({a=\"b\"}[60m])", 0, None);
        check_length_of("rate({a=\"b\"}[10m] offset 7d)", 30, None);
        let binary = "rate({a=\"b\"}[1m]) + on() sum(rate({a=\"c\"}[40m]))";
        check_length_of(binary, 20, None);
        check_length_of(binary, 21, Some("1h1m0s"));
        let nested = "label_replace(topk(2, max_over_time({a=\"b\"} | unwrap x [50m])), \"c\", \"d\", \"a\", \"e\")";
        check_length_of(nested, 11, Some("1h1m0s"));
        check_length_of("vector(1) + 1", 60, None);
        check_length_of("vector(1) + 1", 61, Some("1h1m0s"));
    }

    const METRIC: &str = "sum(rate({a=\"b\"}[5m])) / sum(rate({c=\"d\", e=\"f\"}[1h]))";

    #[test]
    fn nothing_is_refused_unless_it_is_set() {
        check_with(|_| (), METRIC, Ok(()));
    }

    #[test]
    fn ranges_have_limits() {
        let text = "the query time range exceeds the limit (query length: 2h0m0s, limit: 1h)";
        check_with(
            |l| l.max_query_length = Duration::from_secs(3600),
            "{a=\"b\"}",
            Err((RefusalReason::Length, text)),
        );
        let text = "[interval] value exceeds limit: [1h] > [30m]";
        check_with(
            |l| l.max_query_range = Duration::from_secs(1800),
            METRIC,
            Err((RefusalReason::Range, text)),
        );
    }

    #[test]
    fn selectors_have_limits() {
        let text = "max streams matchers per query exceeded, matchers-count > limit (2 > 1)";
        check_with(
            |l| l.max_streams_matchers_per_query = 1,
            METRIC,
            Err((RefusalReason::Matchers, text)),
        );
        let text = "stream selector is missing required matchers [x, y], labels present in the query were [a]";
        let required =
            |l: &mut Limits| l.required_labels = vec!["x".into(), "a".into(), "y".into()];
        check_with(required, METRIC, Err((RefusalReason::RequiredLabels, text)));
        let text = "stream selector has less label matchers than required: (present: [a], number_present: 1, required_number_label_matchers: 2)";
        check_with(
            |l| l.minimum_labels_number = 2,
            METRIC,
            Err((RefusalReason::MinimumLabels, text)),
        );
    }

    #[test]
    fn queries_may_be_blocked() {
        let block = |blocked: BlockedQuery| move |l: &mut Limits| l.blocked_queries = vec![blocked];
        let refused = Err((RefusalReason::Blocked, "query blocked by policy"));
        let by_text = |pattern: &str, regex| BlockedQuery {
            pattern: pattern.into(),
            regex,
            ..BlockedQuery::default()
        };
        check_with(block(by_text(" {a=\"b\"} ", false)), "{a=\"b\"}", refused);
        check_with(block(by_text("{a=", false)), "{a=\"b\"}", Ok(()));
        check_with(block(by_text("a=.b", true)), "{a=\"b\"}", refused);
        let by_type = |name: &str| BlockedQuery {
            types: vec![name.into()],
            ..BlockedQuery::default()
        };
        check_with(block(by_type("metric")), "{a=\"b\"}", Ok(()));
        check_with(block(by_type("metric")), METRIC, refused);
        let hash = query_hash("{a=\"b\"}");
        check_with(
            block(BlockedQuery {
                hash,
                ..BlockedQuery::default()
            }),
            "{a=\"b\"}",
            refused,
        );
        let disabled = Err((
            RefusalReason::Disabled,
            "querying is disabled, please contact your Loki operator",
        ));
        check_with(|l| l.max_query_parallelism = 0, "{a=\"b\"}", disabled);
    }
}
