//! Metric expressions: leaves found and shared, outer groupings handed down, constants folded.

use super::leaf::{self, Pushed};
use super::{Leaf, MetricQuery, Node, Options, QueryError};
use crate::ast::{BinaryExpr, LabelReplaceExpr, MetricExpr, RangeExpr, RangeOp, VectorExpr, VectorOp};
use crate::metric::{numbers, unexpected_literal};
use skald_model::re2;

/// Compiles a metric query.
pub(super) fn compile(expr: &MetricExpr, options: &Options) -> Result<MetricQuery, QueryError> {
    let mut compiler = Compiler { options: *options, known: Vec::new(), leaves: Vec::new() };
    let root = compiler.node(expr)?;
    Ok(MetricQuery { leaves: compiler.leaves, root })
}

struct Compiler<'a> {
    options: Options,
    /// What each leaf was made from: equal parts of a query are read once.
    known: Vec<(&'a RangeExpr, Option<Pushed>)>,
    leaves: Vec<Leaf>,
}

impl<'a> Compiler<'a> {
    fn node(&mut self, expr: &'a MetricExpr) -> Result<Node, QueryError> {
        match expr {
            MetricExpr::Range(range) => self.leaf(range, None),
            MetricExpr::Vector(vector) => self.vector(vector),
            MetricExpr::Binary(expr) => self.binary(expr),
            MetricExpr::Literal(value) => Ok(Node::Scalar(*value)),
            MetricExpr::VectorOf(value) => Ok(Node::VectorOf(*value)),
            MetricExpr::LabelReplace(expr) => self.label_replace(expr),
        }
    }

    fn leaf(&mut self, range: &'a RangeExpr, pushed: Option<Pushed>) -> Result<Node, QueryError> {
        let known = self.known.iter().position(|(other, other_pushed)| *other == range && *other_pushed == pushed);
        if let Some(index) = known {
            return Ok(Node::Leaf(index));
        }
        self.leaves.push(leaf::compile(range, pushed.as_ref(), &self.options)?);
        self.known.push((range, pushed));
        Ok(Node::Leaf(self.leaves.len() - 1))
    }

    fn vector(&mut self, vector: &'a VectorExpr) -> Result<Node, QueryError> {
        if let MetricExpr::Range(range) = &vector.inner
            && let Some(pushed) = hand_down(vector, range)
        {
            // Series are groups already, and a fold of one series is the series.
            return self.leaf(range, Some(pushed));
        }
        let inner = self.node(&vector.inner)?;
        if let Node::Scalar(value) = inner {
            return Err(QueryError::parse(format!("a number ({value}) can't be aggregated: write vector({value})")));
        }
        Ok(Node::Vector { op: vector.op, param: vector.param, grouping: vector.grouping.clone(), inner: Box::new(inner) })
    }

    fn binary(&mut self, expr: &'a BinaryExpr) -> Result<Node, QueryError> {
        let (left, right) = (self.node(&expr.left)?, self.node(&expr.right)?);
        match (&left, &right) {
            (Node::Scalar(a), _) if expr.op.is_set() => return Err(QueryError::parse(unexpected_literal("left", expr.op, *a))),
            (_, Node::Scalar(b)) if expr.op.is_set() => return Err(QueryError::parse(unexpected_literal("right", expr.op, *b))),
            (Node::Scalar(a), Node::Scalar(b)) => return Ok(Node::Scalar(numbers(expr.op, *a, *b))),
            _ => {}
        }
        Ok(Node::Binary {
            op: expr.op,
            return_bool: expr.return_bool,
            matching: expr.matching.clone(),
            left: Box::new(left),
            right: Box::new(right),
        })
    }

    fn label_replace(&mut self, expr: &'a LabelReplaceExpr) -> Result<Node, QueryError> {
        // The regex is quoted in errors as Loki anchors it.
        let wrapped = format!("^(?:{})$", expr.regex);
        let bad = |e: re2::RegexError| QueryError::parse(format!("invalid regex in label_replace: {e}"));
        re2::search(&wrapped).map_err(bad)?;
        let regex = re2::anchored(&expr.regex).map_err(bad)?;
        let inner = self.node(&expr.inner)?;
        if let Node::Scalar(value) = inner {
            return Err(QueryError::parse(format!("a number ({value}) has no labels to replace")));
        }
        Ok(Node::LabelReplace {
            inner: Box::new(inner),
            dst: expr.dst.clone(),
            replacement: expr.replacement.clone(),
            src: expr.src.clone(),
            regex,
        })
    }
}

/// The grouping of a vector aggregation that samples can be grouped by at once, without series between.
fn hand_down(vector: &VectorExpr, range: &RangeExpr) -> Option<Pushed> {
    if range.grouping.is_some() {
        return None;
    }
    let narrow = match (vector.op, range.op) {
        (
            VectorOp::Sum,
            RangeOp::CountOverTime | RangeOp::Rate | RangeOp::BytesOverTime | RangeOp::BytesRate | RangeOp::SumOverTime,
        ) => true,
        (VectorOp::Min, RangeOp::MinOverTime) | (VectorOp::Max, RangeOp::MaxOverTime) => false,
        _ => return None,
    };
    Some(Pushed { grouping: vector.grouping.clone().unwrap_or_else(leaf::everything), narrow })
}
