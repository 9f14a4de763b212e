//! AST → typed query: names resolved, regexes compiled, constants folded, what each leaf must read known.

use crate::ast::{BinaryOp, Expr, Grouping, SortKey, VectorMatching, VectorOp};
use crate::metric::RangeSpec;
use crate::pipeline::{Extractor, Pipeline};
use skald_model::Matcher;
use std::sync::Arc;

/// Settings of a compilation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Skip (and count) entries with `__error__` in metric queries instead of failing.
    pub skip_errors: bool,
}

/// A query that parses and still can't run; the whole message as the user sees it (`parse error : …`).
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
    /// `| distinct a, b` at the end.
    pub distinct: Option<Vec<String>>,
    /// `| limit n` at the end.
    pub limit: Option<u64>,
    /// `| sort by …` at the end.
    pub sort: Vec<SortKey>,
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
}

/// Operators over leaves.
#[derive(Clone, Debug)]
pub enum Node {
    /// Leaf number so and so.
    Leaf(usize),
    /// A number.
    Scalar(f64),
    /// `vector(n)`
    VectorOf(f64),
    /// A vector aggregation.
    Vector {
        /// Function.
        op: VectorOp,
        /// k.
        param: Option<i64>,
        /// Grouping.
        grouping: Option<Grouping>,
        /// Operand.
        inner: Box<Node>,
    },
    /// A binary operation.
    Binary {
        /// Operator.
        op: BinaryOp,
        /// `bool`
        return_bool: bool,
        /// Matching.
        matching: Option<VectorMatching>,
        /// Left side.
        left: Box<Node>,
        /// Right side.
        right: Box<Node>,
    },
    /// `label_replace`
    LabelReplace {
        /// Operand.
        inner: Box<Node>,
        /// Label that is set.
        dst: String,
        /// Replacement in Go's syntax.
        replacement: String,
        /// Label that is read.
        src: String,
        /// Anchored.
        regex: regex::Regex,
    },
}

/// Compiles a parsed query.
pub fn compile(_expr: &Expr, _options: &Options) -> Result<Query, QueryError> {
    todo!()
}
