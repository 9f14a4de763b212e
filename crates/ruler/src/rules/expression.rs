//! A rule's query: the text as it was written, and what it means.

use skald_logql::ast::{BinaryOp, Expr, MetricExpr};
use skald_logql::syntax::{print, print_metric};
use skald_logql::typed;
use skald_model::re2;
use std::fmt;
use std::sync::Arc;

/// A metric query that compiles. Cheap to clone; two are equal when their texts are.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    printed: Arc<str>,
    asked: Asked,
    reads_streams: bool,
}

/// What has to be asked of the engine for an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The query: of `x > 5` it is `x`, so that rules that differ in their threshold ask once.
    pub query: Arc<str>,
    /// What is left to do with each sample.
    pub threshold: Option<Threshold>,
}

/// A comparison with a number, which leaves samples out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    op: Comparison,
    number: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Threshold {
    /// Whether a sample of this value stays.
    pub fn passes(self, value: f64) -> bool {
        match self.op {
            Comparison::Equal => value == self.number,
            Comparison::NotEqual => value != self.number,
            Comparison::Greater => value > self.number,
            Comparison::GreaterOrEqual => value >= self.number,
            Comparison::Less => value < self.number,
            Comparison::LessOrEqual => value <= self.number,
        }
    }
}

impl Expression {
    /// Parses and compiles a text; the error is for its author. A log query is refused: it gives
    /// lines, and a rule needs numbers.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let (compiled, _) = re2::together(|| {
            let expr = skald_logql::parse(text).map_err(|e| e.message)?;
            if let Expr::Metric(_) = &expr {
                typed::compile(&expr, &typed::Options::default()).map_err(|e| e.0)?;
            }
            Ok::<_, String>(expr)
        });
        let expr = compiled?;
        let Expr::Metric(metric) = &expr else {
            return Err(LOG_QUERY.to_owned());
        };
        Ok(Expression {
            text: Arc::from(text),
            printed: Arc::from(print(&expr)),
            asked: asked(metric, text),
            reads_streams: reads_streams(metric),
        })
    }

    /// The text as it was written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The query printed back, as Prometheus' API shows it.
    pub fn printed(&self) -> &Arc<str> {
        &self.printed
    }

    /// Whether it reads lines at all: `vector(1)` does not.
    pub fn reads_streams(&self) -> bool {
        self.reads_streams
    }

    /// What has to be asked of the engine.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }
}

/// What is said of a log query.
const LOG_QUERY: &str = "the query gives log lines, a rule needs a number: count them, for example \
                         count_over_time({…} [5m]) > 0";

/// Takes a comparison with a number off the top of a query. What is left must itself be a vector:
/// between two numbers a comparison gives 0 or 1 and leaves nothing out.
fn asked(metric: &MetricExpr, text: &str) -> Asked {
    let whole = Asked {
        query: Arc::from(text),
        threshold: None,
    };
    let MetricExpr::Binary(binary) = metric else {
        return whole;
    };
    let (MetricExpr::Range(_) | MetricExpr::Vector(_), MetricExpr::Literal(number)) =
        (&binary.left, &binary.right)
    else {
        return whole;
    };
    let op = match binary.op {
        BinaryOp::Equal => Comparison::Equal,
        BinaryOp::NotEqual => Comparison::NotEqual,
        BinaryOp::Greater => Comparison::Greater,
        BinaryOp::GreaterEqual => Comparison::GreaterOrEqual,
        BinaryOp::Less => Comparison::Less,
        BinaryOp::LessEqual => Comparison::LessOrEqual,
        _ => return whole,
    };
    if binary.return_bool {
        return whole;
    }
    Asked {
        query: Arc::from(print_metric(&binary.left)),
        threshold: Some(Threshold {
            op,
            number: *number,
        }),
    }
}

fn reads_streams(metric: &MetricExpr) -> bool {
    match metric {
        MetricExpr::Range(_) => true,
        MetricExpr::Vector(vector) => reads_streams(&vector.inner),
        MetricExpr::Binary(binary) => reads_streams(&binary.left) || reads_streams(&binary.right),
        MetricExpr::LabelReplace(replace) => reads_streams(&replace.inner),
        MetricExpr::Literal(_) | MetricExpr::VectorOf(_) => false,
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.text == other.text
    }
}
