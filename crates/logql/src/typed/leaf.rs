//! Leaf compilation decides what a range aggregation reads and which labels make its series.

use super::log::{matchers, open_stages, subqueries};
use super::{Leaf, Options, QueryError};
use crate::ast::{Grouping, LabelFilterExpr, LabelFormatSource, RangeExpr, RangeOp, StageExpr};
use crate::metric::RangeSpec;
use crate::pipeline::{
    ColumnPlan, ERROR, ERROR_DETAILS, Empty, Extractor, RequiredLabels, SampleOptions, Value,
    without_parser,
};
use crate::syntax::print_stage;
use skald_model::{Labels, MatchOp, Matcher};
use std::sync::Arc;

/// How an outer aggregation is taken over by the leaf.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pushed {
    /// Its grouping.
    pub(super) grouping: Grouping,
    /// Whether labels outside the grouping need not be read. Loki does so below `sum` alone, and
    /// errors of parsers that would have read them are unseen then; elsewhere they fail the query.
    pub(super) narrow: bool,
}

/// Compiles a range aggregation.
pub(super) fn compile(
    expr: &RangeExpr,
    pushed: Option<&Pushed>,
    options: &Options,
) -> Result<Leaf, QueryError> {
    let value = value(expr)?;
    let grouping = grouping(expr, pushed, &value);
    let wanted = match &grouping {
        Some(grouping) if !grouping.without && pushed.is_none_or(|p| p.narrow) => {
            RequiredLabels::Names(grouping.labels.clone())
        }
        _ => RequiredLabels::All,
    };
    let matchers = matchers(&expr.range.log.selector)?;
    let written = open_stages(&expr.range.log.stages)?;
    let stages = if value == Value::Bytes {
        written.to_vec()
    } else {
        without_idle_formats(written)
    };
    let fingerprint = fingerprint(
        &stages,
        &value,
        (&grouping, &wanted, pushed.is_some()),
        options,
    );
    let sample_options = SampleOptions {
        grouping: grouping.clone(),
        // What is grouped around the leaf does not tell empty from absent.
        empty: if pushed.is_some() {
            Empty::Hidden
        } else {
            Empty::Shown
        },
        skip_errors: options.skip_errors,
    };
    let mut extractor =
        Extractor::compile(&stages, &value, &wanted, &sample_options).map_err(QueryError::parse)?;
    if wants_nothing(&wanted)
        && matches!(value, Value::Count | Value::Bytes)
        && stages.iter().all(|stage| {
            only_adds_labels(stage) || (value == Value::Count && matches!(stage, StageExpr::Unpack))
        })
    {
        // Built above for its errors; without readers of labels there is nothing for it to do.
        extractor =
            Extractor::compile(&[], &value, &wanted, &sample_options).map_err(QueryError::parse)?;
    }
    let subqueries = subqueries(&stages)?;
    Ok(Leaf {
        column_plan: column_plan(&stages, &value, &wanted, &sample_options, &extractor),
        absent_labels: absent_labels(&matchers),
        matchers,
        passthrough: extractor.pipeline().is_passthrough() && expr.range.unwrap.is_none(),
        extractor: Arc::new(extractor),
        spec: RangeSpec {
            op: expr.op,
            unwrapped: expr.range.unwrap.is_some(),
            range: expr.range.range,
            offset: expr.range.offset,
            param: expr.param,
        },
        subqueries,
        grouping,
        fingerprint,
    })
}

/// The extractor for entries whose parsed labels come as metadata, where one gives the same
/// samples.
fn column_plan(
    stages: &[StageExpr],
    value: &Value,
    wanted: &RequiredLabels,
    options: &SampleOptions,
    whole: &Extractor,
) -> Option<ColumnPlan<Extractor>> {
    let (form, rest) = without_parser(stages).filter(|_| !whole.pipeline().is_passthrough())?;
    if reads_error(value) {
        return None;
    }
    let extractor = Extractor::compile(&rest, value, wanted, options)
        .ok()?
        .counting_with(whole);
    let labels = extractor.pipeline().named_labels()?;
    Some(ColumnPlan {
        form,
        labels,
        program: Arc::new(extractor),
    })
}

/// Whether a sample's value comes from a label named as the error, or a filter after `unwrap`
/// compares one by its size: metadata of these names is the entry's error, and a field is not.
fn reads_error(value: &Value) -> bool {
    let is_error = |name: &str| matches!(name, ERROR | ERROR_DETAILS);
    match value {
        Value::Count | Value::Bytes => false,
        Value::Hash(label) => is_error(label),
        Value::Unwrap { label, filters, .. } => {
            is_error(label)
                || filters
                    .iter()
                    .any(|filter| compares_by_size(filter, &is_error))
        }
    }
}

/// Whether a filter compares a label of such a name other than as a text.
fn compares_by_size(filter: &LabelFilterExpr, named: &dyn Fn(&str) -> bool) -> bool {
    match filter {
        LabelFilterExpr::And(a, b) | LabelFilterExpr::Or(a, b) => {
            compares_by_size(a, named) || compares_by_size(b, named)
        }
        LabelFilterExpr::Match(_) => false,
        LabelFilterExpr::Ip { name, .. }
        | LabelFilterExpr::Number { name, .. }
        | LabelFilterExpr::Duration { name, .. }
        | LabelFilterExpr::Bytes { name, .. } => named(name),
    }
}

/// What [`Leaf::fingerprint`] says: a hash of all that an extractor is compiled from.
fn fingerprint(
    stages: &[StageExpr],
    value: &Value,
    told_apart: (&Option<Grouping>, &RequiredLabels, bool),
    options: &Options,
) -> Option<u128> {
    let depends = options.skip_errors || stages.iter().any(depends_on_more);
    (!depends).then(|| {
        let stages: Vec<String> = stages.iter().map(print_stage).collect();
        xxhash_rust::xxh3::xxh3_128(format!("{stages:?} {value:?} {told_apart:?}").as_bytes())
    })
}

/// Whether what a stage makes of an entry depends on more than the entry.
fn depends_on_more(stage: &StageExpr) -> bool {
    match stage {
        StageExpr::In { .. } => true,
        StageExpr::LineFormat(text) => names_the_clock(text),
        StageExpr::LabelFormat(formats) => formats.iter().any(
            |f| matches!(&f.source, LabelFormatSource::Template(text) if names_the_clock(text)),
        ),
        _ => false,
    }
}

/// Whether a word of a template is a function that may look at the clock.
fn names_the_clock(template: &str) -> bool {
    template
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| matches!(word, "now" | "date"))
}

fn value(expr: &RangeExpr) -> Result<Value, QueryError> {
    Ok(match (expr.op, &expr.range.unwrap) {
        (RangeOp::BytesOverTime | RangeOp::BytesRate, None) => Value::Bytes,
        (RangeOp::CountDistinct, Some(unwrap)) => Value::Hash(unwrap.label.clone()),
        (_, Some(unwrap)) => Value::Unwrap {
            label: unwrap.label.clone(),
            conversion: unwrap.conversion,
            filters: unwrap.filters.clone(),
        },
        (RangeOp::CountOverTime | RangeOp::Rate | RangeOp::AbsentOverTime, None) => Value::Count,
        _ => {
            return Err(QueryError::parse(
                "the aggregation needs a label to take values from",
            ));
        }
    })
}

/// How the leaf groups samples; `None` keeps the labels of entries.
fn grouping(expr: &RangeExpr, pushed: Option<&Pushed>, value: &Value) -> Option<Grouping> {
    let mut grouping = match (expr.op, &expr.grouping, pushed) {
        // Absence is of all series together.
        (RangeOp::AbsentOverTime, _, _) => Some(everything()),
        (_, Some(grouping), _) => Some(grouping.clone()),
        (_, None, Some(pushed)) => Some(pushed.grouping.clone()),
        (RangeOp::CountDistinct, None, None) => Some(everything()),
        (_, None, None) => None,
    };
    // The label that values come from never tells series apart, unless it is asked for by name.
    if let (Some(grouping), Value::Unwrap { label, .. } | Value::Hash(label)) =
        (&mut grouping, value)
        && grouping.without
        && !grouping.labels.contains(label)
    {
        grouping.labels.push(label.clone());
    }
    grouping
}

/// `by ()`: one group.
pub(super) fn everything() -> Grouping {
    Grouping {
        without: false,
        labels: Vec::new(),
    }
}

/// The stages but for each `line_format` whose line nothing looks at any more.
fn without_idle_formats(stages: &[StageExpr]) -> Vec<StageExpr> {
    let idle = |index: usize| {
        matches!(stages[index], StageExpr::LineFormat(_))
            && !stages[index + 1..].iter().any(reads_line)
    };
    (0..stages.len())
        .filter(|index| !idle(*index))
        .map(|index| stages[index].clone())
        .collect()
}

fn wants_nothing(wanted: &RequiredLabels) -> bool {
    matches!(wanted, RequiredLabels::Names(names) if names.is_empty())
}

/// Whether a stage leaves lines as they are and drops none.
fn only_adds_labels(stage: &StageExpr) -> bool {
    matches!(
        stage,
        StageExpr::Json(_)
            | StageExpr::Logfmt { .. }
            | StageExpr::Regexp(_)
            | StageExpr::Pattern(_)
    )
}

/// Whether a stage looks at the line.
fn reads_line(stage: &StageExpr) -> bool {
    match stage {
        StageExpr::LineFilter(_)
        | StageExpr::Json(_)
        | StageExpr::Logfmt { .. }
        | StageExpr::Regexp(_)
        | StageExpr::Pattern(_)
        | StageExpr::Unpack => true,
        StageExpr::LabelFormat(formats) => formats.iter().any(
            |f| matches!(&f.source, LabelFormatSource::Template(text) if text.contains("__line__")),
        ),
        _ => false,
    }
}

/// Labels that a selector says the absent series would have: names compared once, for equality.
fn absent_labels(matchers: &[Matcher]) -> Labels {
    let once = |m: &&Matcher| {
        m.op == MatchOp::Equal && matchers.iter().filter(|other| other.name == m.name).count() == 1
    };
    Labels::from_pairs(matchers.iter().filter(once).map(|m| (&m.name, &m.value)))
}

#[cfg(test)]
mod tests {
    use super::super::{Query, compile};
    use super::*;
    use crate::typed::MetricQuery;

    fn query(text: &str) -> MetricQuery {
        let expr = crate::parse(text).expect("query parses");
        match compile(&expr, &Options::default()).expect("query compiles") {
            Query::Metric(query) => query,
            Query::Log(_) => panic!("{text} is a log query"),
        }
    }

    fn check_grouping(text: &str, expected: Option<(bool, &[&str])>) {
        let query = query(text);
        let found = query.leaves[0]
            .grouping
            .as_ref()
            .map(|g| (g.without, g.labels.iter().map(String::as_str).collect()));
        assert_eq!(
            found,
            expected.map(|(without, labels)| (without, labels.to_vec())),
            "{text}"
        );
    }

    #[test]
    fn sums_group_samples_as_they_are_taken() {
        check_grouping(r#"sum by (x) (rate({a="b"}[1m]))"#, Some((false, &["x"])));
        check_grouping(r#"sum(bytes_over_time({a="b"}[1m]))"#, Some((false, &[])));
        check_grouping(
            r#"sum without (x) (count_over_time({a="b"}[1m]))"#,
            Some((true, &["x"])),
        );
        check_grouping(
            r#"max by (x) (max_over_time({a="b"} | unwrap y [1m]))"#,
            Some((false, &["x"])),
        );
        check_grouping(
            r#"sum without (x) (sum_over_time({a="b"} | unwrap y [1m]))"#,
            Some((true, &["x", "y"])),
        );
    }

    #[test]
    fn other_aggregations_keep_the_labels_of_entries() {
        check_grouping(r#"rate({a="b"}[1m])"#, None);
        check_grouping(r#"avg by (x) (rate({a="b"}[1m]))"#, None);
        check_grouping(
            r#"max by (x) (min_over_time({a="b"} | unwrap y [1m]))"#,
            None,
        );
        check_grouping(
            r#"sum by (x) (avg_over_time({a="b"} | unwrap y [1m]) by (y))"#,
            Some((false, &["y"])),
        );
        check_grouping(r#"count_distinct(y, {a="b"}[1m])"#, Some((false, &[])));
        check_grouping(r#"absent_over_time({a="b"}[1m])"#, Some((false, &[])));
    }

    fn check_whole_runs(text: &str, expected: bool) {
        assert_eq!(
            query(text).leaves[0].counts_whole_runs(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn counts_without_stages_need_no_lines() {
        check_whole_runs(r#"sum by (x) (rate({a="b"}[1m]))"#, true);
        check_whole_runs(r#"sum(bytes_rate({a="b"}[1m]))"#, true);
        check_whole_runs(r#"absent_over_time({a="b"}[1m])"#, true);
        check_whole_runs(
            r#"sum(count_over_time({a="b"} | json | logfmt [1m]))"#,
            true,
        );
        check_whole_runs(
            r#"sum(count_over_time({a="b"} | line_format "x" [1m]))"#,
            true,
        );
        check_whole_runs(
            r#"sum(bytes_over_time({a="b"} | line_format "x" [1m]))"#,
            false,
        );
        check_whole_runs(r#"sum(count_over_time({a="b"} |= "x" [1m]))"#, false);
        check_whole_runs(
            r#"sum by (x) (count_over_time({a="b"} | json [1m]))"#,
            false,
        );
        check_whole_runs(r#"count_over_time({a="b"}[1m])"#, false);
        check_whole_runs(r#"sum(rate({a="b"} | unwrap y [1m]))"#, false);
    }

    fn check_fingerprints(a: &str, b: &str, same: bool) {
        let of = |text| query(text).leaves[0].fingerprint;
        assert!(of(a).is_some(), "{a}");
        assert_eq!(of(a) == of(b), same, "{a} and {b}");
    }

    #[test]
    fn leaves_that_take_the_same_samples_have_one_fingerprint() {
        let base = r#"sum by (x) (rate({a="b"} |= "c" | json [1m]))"#;
        check_fingerprints(
            base,
            r#"sum by (x) (count_over_time({d="e"} |= "c" | json [5m] offset 1h))"#,
            true,
        );
        check_fingerprints(
            base,
            r#"sum by (y) (rate({a="b"} |= "c" | json [1m]))"#,
            false,
        );
        check_fingerprints(
            base,
            r#"sum by (x) (rate({a="b"} |= "d" | json [1m]))"#,
            false,
        );
        check_fingerprints(
            base,
            r#"sum by (x) (rate({a="b"} |= "c" | logfmt [1m]))"#,
            false,
        );
        check_fingerprints(
            base,
            r#"sum by (x) (bytes_rate({a="b"} |= "c" | json [1m]))"#,
            false,
        );
        check_fingerprints(
            base,
            r#"sum without (x) (rate({a="b"} |= "c" | json [1m]))"#,
            false,
        );
        check_fingerprints(
            base,
            r#"sum by (x) (rate({a="b"} |= "c" | json | unwrap y [1m]))"#,
            false,
        );
        let quantile = r#"quantile_over_time(0.9, {a="b"} | json | unwrap y [1m]) by (x)"#;
        check_fingerprints(
            quantile,
            r#"quantile_over_time(0.5, {a="b"} | json | unwrap y [1m]) by (x)"#,
            true,
        );
        check_fingerprints(
            quantile,
            r#"quantile_over_time(0.9, {a="b"} | json | unwrap y | y > 1 [1m]) by (x)"#,
            false,
        );
    }

    #[test]
    fn samples_that_depend_on_more_than_the_entry_have_no_fingerprint() {
        for stages in [
            r#"| label_format x="{{ now }}""#,
            r#"| line_format `{{ date "2006" .x }}` |= "y""#,
            r#"| label_format x=y, z=`{{ . | date "15" }}`"#,
            r#"| json | x in ({c="d"} | keep x)"#,
        ] {
            let text = format!(r#"count_over_time({{a="b"}} {stages} [1m])"#);
            assert_eq!(query(&text).leaves[0].fingerprint, None, "{text}");
        }
        let dated = query(
            r#"count_over_time({a="b"} | label_format x=`{{ .updated | toDate "2006" }}` [1m])"#,
        );
        assert!(dated.leaves[0].fingerprint.is_some());
    }

    fn check_kept(stages: &str, expected: usize) {
        let expr = crate::parse(&format!(r#"{{a="b"}} {stages}"#)).expect("query parses");
        let crate::ast::Expr::Log(log) = expr else {
            panic!("{stages} makes a log query")
        };
        assert_eq!(
            without_idle_formats(&log.stages).len(),
            expected,
            "{stages}"
        );
    }

    #[test]
    fn a_line_format_that_nothing_reads_is_left_out() {
        check_kept(r#"| json | line_format "x""#, 1);
        check_kept(r#"| line_format "x" | line_format "y" | a="b""#, 1);
        check_kept(r#"| line_format "x" |= "y""#, 2);
        check_kept(r#"| line_format "x" | logfmt"#, 2);
        check_kept(r#"| line_format "x" | label_format y=z"#, 1);
        check_kept(r#"| line_format "x" | label_format y="{{ __line__ }}""#, 2);
    }

    #[test]
    fn absence_has_the_labels_compared_once_for_equality() {
        let leaf =
            &query(r#"absent_over_time({a="b", c=~"d.*", e!="f", g="h", g="i", j="k"}[1m])"#)
                .leaves[0];
        assert_eq!(leaf.absent_labels.to_string(), r#"{a="b", j="k"}"#);
    }
}
