//! Which queries are let in: the limits that can be judged from a query's text and range, in Loki's words.

use crate::api::params::Bounds;
use crate::config::Limits;
use crate::config::limits::{BlockedQuery, nanoseconds};
use crate::duration;
use crate::error::ApiError;
use crate::telemetry::metrics::Refusal;
use crate::telemetry::query_log;
use crate::telemetry::query_log::Kind;
use axum::http::StatusCode;
use skald_logql::ast::{Expr, LogRange, MetricExpr, Selector};

/// A query that is not let in, and which limit says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For the counter.
    pub why: Refusal,
    /// For the client.
    pub error: ApiError,
}

fn refuse(why: Refusal, text: impl Into<String>) -> Result<(), Refused> {
    Err(Refused {
        why,
        error: ApiError::bad(text),
    })
}

/// Judges a query of `kind` over `bounds`; metadata requests have no range that counts.
pub fn check(
    limits: &Limits,
    text: &str,
    expr: &Expr,
    kind: Kind,
    bounds: Bounds,
) -> Result<(), Refused> {
    if limits.max_query_parallelism == 0 {
        let text = "querying is disabled, please contact your Loki operator";
        return Err(Refused {
            why: Refusal::Disabled,
            error: ApiError::new(StatusCode::TOO_MANY_REQUESTS, text),
        });
    }
    if limits
        .blocked_queries
        .iter()
        .any(|blocked| matches(blocked, text, kind))
    {
        return refuse(Refusal::Blocked, "query blocked by policy");
    }
    let mut parts = Parts::default();
    match expr {
        Expr::Log(log) => parts.selectors.push(&log.selector),
        Expr::Metric(metric) => parts.collect(metric),
    }
    for selector in &parts.selectors {
        check_selector(limits, selector)?;
    }
    check_length(limits, bounds)?;
    let (longest, widest) = (
        nanoseconds(limits.max_query_range),
        parts.ranges.iter().map(|r| r.range).max(),
    );
    match widest {
        Some(widest) if longest > 0 && widest > longest => {
            let (widest, longest) = (duration::show(widest), duration::show(longest));
            refuse(
                Refusal::Range,
                format!("[interval] value exceeds limit: [{widest}] > [{longest}]"),
            )
        }
        _ => Ok(()),
    }
}

/// Refuses a time range that is too long.
pub fn check_length(limits: &Limits, bounds: Bounds) -> Result<(), Refused> {
    let (longest, length) = (
        nanoseconds(limits.max_query_length),
        bounds.end.saturating_sub(bounds.start),
    );
    if longest == 0 || length <= longest {
        return Ok(());
    }
    let (length, limit) = (duration::show(length), duration::show(longest));
    let text =
        format!("the query time range exceeds the limit (query length: {length}, limit: {limit})");
    refuse(Refusal::Length, text)
}

fn check_selector(limits: &Limits, selector: &Selector) -> Result<(), Refused> {
    let (count, max) = (
        selector.matchers.len(),
        limits.max_streams_matchers_per_query,
    );
    if max > 0 && count > max {
        let text = format!(
            "max streams matchers per query exceeded, matchers-count > limit ({count} > {max})"
        );
        return refuse(Refusal::Matchers, text);
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
        return refuse(Refusal::RequiredLabels, text);
    }
    if count < limits.minimum_labels_number {
        let (present, required) = (present.join(", "), limits.minimum_labels_number);
        let text = format!(
            "stream selector has less label matchers than required: (present: [{present}], number_present: {count}, \
             required_number_label_matchers: {required})"
        );
        return refuse(Refusal::MinimumLabels, text);
    }
    Ok(())
}

fn matches(blocked: &BlockedQuery, text: &str, kind: Kind) -> bool {
    let type_fits =
        blocked.types.is_empty() || blocked.types.iter().any(|name| name == kind.query_type());
    let hash_fits = blocked.hash == 0 || blocked.hash == query_log::hash(text);
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

/// What of a metric query limits look at.
#[derive(Default)]
struct Parts<'a> {
    selectors: Vec<&'a Selector>,
    ranges: Vec<&'a LogRange>,
}

impl<'a> Parts<'a> {
    fn collect(&mut self, expr: &'a MetricExpr) {
        match expr {
            MetricExpr::Range(range) => {
                self.selectors.push(&range.range.log.selector);
                self.ranges.push(&range.range);
            }
            MetricExpr::Vector(vector) => self.collect(&vector.inner),
            MetricExpr::Binary(binary) => {
                self.collect(&binary.left);
                self.collect(&binary.right);
            }
            MetricExpr::LabelReplace(replace) => self.collect(&replace.inner),
            MetricExpr::Literal(_) | MetricExpr::VectorOf(_) => {}
        }
    }
}

/// What a query reads: each selector as text, and how far before the range's start.
pub fn reads(text: &str, expr: &Expr) -> Vec<(String, i64)> {
    let mut parts = Parts::default();
    match expr {
        Expr::Log(log) => parts.selectors.push(&log.selector),
        Expr::Metric(metric) => parts.collect(metric),
    }
    let before = |at: usize| {
        parts
            .ranges
            .get(at)
            .map_or(0, |range| range.range.saturating_add(range.offset.max(0)))
    };
    let selectors = parts.selectors.iter().enumerate();
    let of = |selector: &Selector| {
        text.get(selector.span.start as usize..selector.span.end as usize)
            .map(str::to_owned)
    };
    selectors
        .filter_map(|(at, selector)| Some((of(selector)?, before(at))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check_with(
        set: impl FnOnce(&mut Limits),
        query: &str,
        expected: Result<(), (Refusal, &str)>,
    ) {
        let mut limits = Limits::default();
        set(&mut limits);
        let expr = skald_logql::parse(query).expect("the query is good");
        let kind = if matches!(expr, Expr::Log(_)) {
            Kind::Limited
        } else {
            Kind::Metric
        };
        let found = check(
            &limits,
            query,
            &expr,
            kind,
            Bounds {
                start: 0,
                end: 7_200_000_000_000,
            },
        );
        let found = found.map_err(|r| (r.why, r.error.message));
        assert_eq!(
            found,
            expected.map_err(|(why, text)| (why, text.to_owned())),
            "{query}"
        );
    }

    const METRIC: &str = "sum(rate({a=\"b\"}[5m])) / sum(rate({c=\"d\", e=\"f\"}[1h]))";

    #[test]
    fn nothing_is_refused_unless_it_is_set() {
        check_with(|_| (), METRIC, Ok(()));
    }

    #[test]
    fn ranges_have_limits() {
        let text = "the query time range exceeds the limit (query length: 2h, limit: 1h)";
        check_with(
            |l| l.max_query_length = Duration::from_secs(3600),
            "{a=\"b\"}",
            Err((Refusal::Length, text)),
        );
        let text = "[interval] value exceeds limit: [1h] > [30m]";
        check_with(
            |l| l.max_query_range = Duration::from_secs(1800),
            METRIC,
            Err((Refusal::Range, text)),
        );
    }

    #[test]
    fn selectors_have_limits() {
        let text = "max streams matchers per query exceeded, matchers-count > limit (2 > 1)";
        check_with(
            |l| l.max_streams_matchers_per_query = 1,
            METRIC,
            Err((Refusal::Matchers, text)),
        );
        let text = "stream selector is missing required matchers [x, y], labels present in the query were [a]";
        let required =
            |l: &mut Limits| l.required_labels = vec!["x".into(), "a".into(), "y".into()];
        check_with(required, METRIC, Err((Refusal::RequiredLabels, text)));
        let text = "stream selector has less label matchers than required: (present: [a], number_present: 1, required_number_label_matchers: 2)";
        check_with(
            |l| l.minimum_labels_number = 2,
            METRIC,
            Err((Refusal::MinimumLabels, text)),
        );
    }

    #[test]
    fn queries_may_be_blocked() {
        let block = |blocked: BlockedQuery| move |l: &mut Limits| l.blocked_queries = vec![blocked];
        let refused = Err((Refusal::Blocked, "query blocked by policy"));
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
        let hash = query_log::hash("{a=\"b\"}");
        check_with(
            block(BlockedQuery {
                hash,
                ..BlockedQuery::default()
            }),
            "{a=\"b\"}",
            refused,
        );
        let disabled = Err((
            Refusal::Disabled,
            "querying is disabled, please contact your Loki operator",
        ));
        check_with(|l| l.max_query_parallelism = 0, "{a=\"b\"}", disabled);
    }

    #[test]
    fn what_is_read_is_told_as_it_was_written() {
        let expr = skald_logql::parse(METRIC).expect("good");
        let minute = 60_000_000_000;
        let expected = [
            ("{a=\"b\"}".to_owned(), 5 * minute),
            ("{c=\"d\", e=\"f\"}".to_owned(), 60 * minute),
        ];
        assert_eq!(reads(METRIC, &expr), expected);
    }
}
