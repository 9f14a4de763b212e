//! Typed queries have names resolved, regexes compiled, constants folded, and know what each leaf
//! must read.
//!
//! [`compile`] gives a [`Query`]: a [`LogQuery`] with its pipeline, or a [`MetricQuery`] whose
//! [`Leaf`]s read lines and whose [`Node`]s combine them. Nothing here looks at data.

mod leaf;
mod log;
mod metric;

use crate::ast::{Expr, Grouping, RangeOp, SortKey};
use crate::pipeline::{ColumnPlan, Extractor, Pipeline, RequiredLabels};
use skald_model::{Labels, Matcher};
use std::sync::Arc;

pub use crate::plan::{Node, RangeSpec};

/// Settings of a compilation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Skip (and count) entries with `__error__` in metric queries instead of failing.
    pub skip_errors: bool,
}

/// A query that parses and still can't run; the whole message as the user sees it (`parse error :
/// …`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueryError(pub String);

/// A query ready to run.
#[derive(Clone, Debug)]
pub enum Query {
    /// Lines out.
    Log(LogQuery),
    /// Numbers out.
    Metric(MetricQuery),
}

/// A log query.
#[derive(Clone, Debug)]
pub struct LogQuery {
    /// The selector.
    pub matchers: Vec<Matcher>,
    /// The stages.
    pub pipeline: Arc<Pipeline>,
    /// Queries of the `| a in ({…})` stages, in order of the stages.
    pub subqueries: Vec<SubQuery>,
    /// `| distinct a, b` at the end; before `sort` and `limit`.
    pub distinct: Option<Vec<String>>,
    /// `| sort by …` at the end; before `limit`.
    pub sort: Vec<SortKey>,
    /// `| limit n` at the end.
    pub limit: Option<u64>,
    /// The label filters, run over columns before lines are read.
    pub prefilter: Option<ColumnPlan<Pipeline>>,
}

/// The inner query of a semi-join.
#[derive(Clone, Debug)]
pub struct SubQuery {
    /// Label of the inner query's entries that holds the values: the one it ends in keeping, or the
    /// one that is compared.
    pub label: String,
    /// The query.
    pub query: LogQuery,
}

/// A metric query: leaves that read lines, and the operators over them.
#[derive(Clone, Debug)]
pub struct MetricQuery {
    /// Range aggregations, in order of their numbers in `root`.
    pub leaves: Vec<Leaf>,
    /// The expression.
    pub root: Node,
}

/// One range aggregation.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The selector.
    pub matchers: Vec<Matcher>,
    /// Lines to samples.
    pub extractor: Arc<Extractor>,
    /// Samples to points.
    pub spec: RangeSpec,
    /// Queries of the `| a in ({…})` stages, in order of the stages.
    pub subqueries: Vec<SubQuery>,
    /// Labels of the series: `None` keeps those of the entries.
    pub grouping: Option<Grouping>,
    /// Labels of the series that `absent_over_time` gives.
    pub absent_labels: Labels,
    /// Whether no stage looks at entries: each one there is gives a sample.
    pub passthrough: bool,
    /// The same for leaves that take the same samples of the same entries, whatever their windows;
    /// `None` when samples depend on more than the entry: on the time of day or on other entries,
    /// or when some are counted as skipped.
    pub fingerprint: Option<u128>,
    /// How to take the same samples of entries whose parsed labels come as metadata.
    pub column_plan: Option<ColumnPlan<Extractor>>,
}

impl Leaf {
    /// For `absent_over_time` the labels of the series it gives where there is none.
    pub fn labels_where_absent(&self) -> Option<&Labels> {
        (self.spec.op == RangeOp::AbsentOverTime).then_some(&self.absent_labels)
    }

    /// Whether the number and bytes of entries are all the leaf needs of a whole run: no stage, and
    /// labels of series taken by name. Where a block has metadata of none of `grouping`'s names,
    /// its directory answers for it.
    pub fn counts_whole_runs(&self) -> bool {
        let op = match self.spec.op {
            RangeOp::CountOverTime
            | RangeOp::BytesOverTime
            | RangeOp::BytesRate
            | RangeOp::AbsentOverTime => true,
            RangeOp::Rate => !self.spec.unwrapped,
            _ => false,
        };
        op && self.passthrough
            && self
                .grouping
                .as_ref()
                .is_some_and(|grouping| !grouping.without)
    }
}

/// Compiles a parsed query.
pub fn compile(expr: &Expr, options: &Options) -> Result<Query, QueryError> {
    Ok(match expr {
        Expr::Log(expr) => Query::Log(log::compile(expr, &RequiredLabels::All)?),
        Expr::Metric(expr) => Query::Metric(metric::compile(expr, options)?),
    })
}

impl QueryError {
    /// Loki's form of an error that has no place in the text.
    fn parse(reason: impl std::fmt::Display) -> QueryError {
        QueryError(format!("parse error : {reason}"))
    }
}
