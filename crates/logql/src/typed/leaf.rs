//! Range aggregations: what is read of the entries, and how samples are told apart.

use super::log::{matchers, open_stages, subqueries};
use super::{Leaf, Options, QueryError};
use crate::ast::{Grouping, LabelFormatSource, RangeExpr, RangeOp, StageExpr};
use crate::metric::RangeSpec;
use crate::pipeline::{Extractor, SampleOptions, Value, Wanted};
use skald_model::{Labels, MatchOp, Matcher};
use std::sync::Arc;

/// How an outer aggregation is taken over by the leaf.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pushed {
    /// Its grouping.
    pub(super) grouping: Grouping,
    /// Whether labels outside the grouping need not be read. Loki does so below `sum` alone, and errors of
    /// parsers that would have read them are unseen then; elsewhere they fail the query.
    pub(super) narrow: bool,
}

/// Compiles a range aggregation.
pub(super) fn compile(expr: &RangeExpr, pushed: Option<&Pushed>, options: &Options) -> Result<Leaf, QueryError> {
    let value = value(expr)?;
    let grouping = grouping(expr, pushed, &value);
    let wanted = match &grouping {
        Some(grouping) if !grouping.without && pushed.is_none_or(|p| p.narrow) => Wanted::Names(grouping.labels.clone()),
        _ => Wanted::All,
    };
    let matchers = matchers(&expr.range.log.selector)?;
    let written = open_stages(&expr.range.log.stages)?;
    let stages = if value == Value::Bytes { written.to_vec() } else { without_idle_formats(written) };
    let sample_options = SampleOptions { grouping: grouping.clone(), skip_errors: options.skip_errors };
    let extractor = Extractor::compile(&stages, &value, &wanted, &sample_options).map_err(QueryError::parse)?;
    Ok(Leaf {
        absent_labels: absent_labels(&matchers),
        matchers,
        extractor: Arc::new(extractor),
        spec: RangeSpec {
            op: expr.op,
            unwrapped: expr.range.unwrap.is_some(),
            range: expr.range.range,
            offset: expr.range.offset,
            param: expr.param,
        },
        subqueries: subqueries(&stages)?,
        grouping,
        passthrough: stages.is_empty() && expr.range.unwrap.is_none(),
    })
}

fn value(expr: &RangeExpr) -> Result<Value, QueryError> {
    Ok(match (expr.op, &expr.range.unwrap) {
        (RangeOp::BytesOverTime | RangeOp::BytesRate, None) => Value::Bytes,
        (RangeOp::CountDistinct, Some(unwrap)) => Value::Hash(unwrap.label.clone()),
        (_, Some(unwrap)) => {
            Value::Unwrap { label: unwrap.label.clone(), conversion: unwrap.conversion, filters: unwrap.filters.clone() }
        }
        (RangeOp::CountOverTime | RangeOp::Rate | RangeOp::AbsentOverTime, None) => Value::Count,
        _ => return Err(QueryError::parse("the aggregation needs a label to take values from")),
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
    if let (Some(grouping), Value::Unwrap { label, .. } | Value::Hash(label)) = (&mut grouping, value)
        && grouping.without
        && !grouping.labels.contains(label)
    {
        grouping.labels.push(label.clone());
    }
    grouping
}

/// `by ()`: one group.
pub(super) fn everything() -> Grouping {
    Grouping { without: false, labels: Vec::new() }
}

/// The stages but for each `line_format` whose line nothing looks at any more.
fn without_idle_formats(stages: &[StageExpr]) -> Vec<StageExpr> {
    let idle = |index: usize| matches!(stages[index], StageExpr::LineFormat(_)) && !stages[index + 1..].iter().any(reads_line);
    (0..stages.len()).filter(|index| !idle(*index)).map(|index| stages[index].clone()).collect()
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
        StageExpr::LabelFormat(formats) => {
            formats.iter().any(|f| matches!(&f.source, LabelFormatSource::Template(text) if text.contains("__line__")))
        }
        _ => false,
    }
}

/// Labels that a selector says the absent series would have: names compared once, for equality.
fn absent_labels(matchers: &[Matcher]) -> Labels {
    let once = |m: &&Matcher| m.op == MatchOp::Equal && matchers.iter().filter(|other| other.name == m.name).count() == 1;
    Labels::from_pairs(matchers.iter().filter(once).map(|m| (&m.name, &m.value)))
}
