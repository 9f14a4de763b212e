//! Metric compilation shares equal leaves, pushes groupings into them and folds constants.

use super::leaf::Pushed;
use super::{Leaf, MetricQuery, Node, Options, QueryError, leaf};
use crate::ast::{
    BinaryExpr, LabelReplaceExpr, MetricExpr, RangeExpr, RangeOp, VectorExpr, VectorOp,
};
use crate::metric::{numbers, unexpected_literal};
use skald_model::re2;

/// Compiles a metric query.
pub(super) fn compile(expr: &MetricExpr, options: &Options) -> Result<MetricQuery, QueryError> {
    let mut compiler = Compiler {
        options: *options,
        known: Vec::new(),
        leaves: Vec::new(),
    };
    let root = compiler.node(expr)?;
    Ok(MetricQuery {
        leaves: compiler.leaves,
        root,
    })
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
        let known = self
            .known
            .iter()
            .position(|(other, other_pushed)| *other == range && *other_pushed == pushed);
        if let Some(index) = known {
            return Ok(Node::Leaf(index));
        }
        self.leaves
            .push(leaf::compile(range, pushed.as_ref(), &self.options)?);
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
            return Err(QueryError::parse(format!(
                "a number ({value}) can't be aggregated: write vector({value})"
            )));
        }
        Ok(Node::Vector {
            op: vector.op,
            param: vector.param,
            grouping: vector.grouping.clone(),
            inner: Box::new(inner),
        })
    }

    fn binary(&mut self, expr: &'a BinaryExpr) -> Result<Node, QueryError> {
        let (left, right) = (self.node(&expr.left)?, self.node(&expr.right)?);
        match (&left, &right) {
            (Node::Scalar(a), _) if expr.op.is_set() => {
                return Err(QueryError::parse(unexpected_literal("left", expr.op, *a)));
            }
            (_, Node::Scalar(b)) if expr.op.is_set() => {
                return Err(QueryError::parse(unexpected_literal("right", expr.op, *b)));
            }
            (Node::Scalar(a), Node::Scalar(b)) => {
                return Ok(Node::Scalar(numbers(expr.op, *a, *b)));
            }
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
        let bad =
            |e: re2::RegexError| QueryError::parse(format!("invalid regex in label_replace: {e}"));
        re2::search(&wrapped).map_err(bad)?;
        let regex = re2::anchored(&expr.regex).map_err(bad)?;
        let inner = self.node(&expr.inner)?;
        if let Node::Scalar(value) = inner {
            return Err(QueryError::parse(format!(
                "a number ({value}) has no labels to replace"
            )));
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

/// The grouping of a vector aggregation that samples can be grouped by at once, without series
/// between.
fn hand_down(vector: &VectorExpr, range: &RangeExpr) -> Option<Pushed> {
    if range.grouping.is_some() {
        return None;
    }
    let narrow = match (vector.op, range.op) {
        (
            VectorOp::Sum,
            RangeOp::CountOverTime
            | RangeOp::Rate
            | RangeOp::BytesOverTime
            | RangeOp::BytesRate
            | RangeOp::SumOverTime,
        ) => true,
        (VectorOp::Min, RangeOp::MinOverTime) | (VectorOp::Max, RangeOp::MaxOverTime) => false,
        _ => return None,
    };
    Some(Pushed {
        grouping: vector.grouping.clone().unwrap_or_else(leaf::everything),
        narrow,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Query, compile};
    use super::*;

    fn query(text: &str) -> Result<MetricQuery, String> {
        let expr = crate::parse(text).map_err(|e| e.to_string())?;
        match compile(&expr, &Options::default()) {
            Ok(Query::Metric(query)) => Ok(query),
            Ok(Query::Log(_)) => Err("a log query".to_owned()),
            Err(error) => Err(error.0),
        }
    }

    fn check_leaves(text: &str, expected: usize) {
        assert_eq!(query(text).map(|q| q.leaves.len()), Ok(expected), "{text}");
    }

    #[test]
    fn equal_parts_of_a_query_are_read_once() {
        check_leaves(r#"rate({a="b"}[1m]) / rate({a="b"}[1m])"#, 1);
        check_leaves(r#"sum(rate({a="b"}[1m])) / sum(rate({a="b"} [1m]))"#, 1);
        check_leaves(r#"sum(rate({a="b"}[1m])) / rate({a="b"}[1m])"#, 2);
        check_leaves(r#"rate({a="b"}[1m]) / rate({a="b"}[2m])"#, 2);
        check_leaves(r#"rate({a="b"} |= "x" [1m]) / rate({a="b"}[1m])"#, 2);
        check_leaves("vector(1) + 2", 0);
    }

    #[test]
    fn numbers_are_folded() {
        let value = |text| match query(text).map(|q| q.root) {
            Ok(Node::Scalar(value)) => value,
            other => panic!("{text} is {other:?}"),
        };
        assert_eq!(value("1 + 2 * 3"), 7.0);
        assert_eq!(value("2 ^ 3 ^ 2"), 512.0);
        assert_eq!(value("1 > bool 2"), 0.0);
        assert!(value("1 / 0").is_nan());
    }

    fn check_error(text: &str, expected: &str) {
        let found = query(text).map(|_| ()).expect_err("query is refused");
        assert!(
            found.starts_with(expected),
            "{text} is refused with {found}"
        );
    }

    #[test]
    fn what_cannot_run_is_refused_in_lokis_words() {
        check_error(
            r#"1 or rate({a="b"}[1m])"#,
            "parse error : unexpected literal for left leg of logical/set binary operation (or): 1.000000",
        );
        check_error(
            r#"label_replace(rate({a="b"}[1m]), "x", "$1", "a", "(")"#,
            "parse error : invalid regex in label_replace: error parsing regexp: ",
        );
        check_error(
            r#"rate({a="b"} | line_format "{{ nofunc }}" |= "x" [1m])"#,
            "parse error : stage '| line_format ",
        );
        check_error(
            r#"rate({a="b"} | limit 5 [1m])"#,
            "parse error : '| limit' is only allowed in log queries",
        );
    }
}
