//! The parser of series expressions reads literals, aggregations, operators and `label_replace`.

use super::grammar::{Context, Tall, end_before, grouping, metric, next_text};
use super::suggest::SELECTORS_JOINED;
use super::token::{Kind, Token};
use crate::ast::{
    BinaryExpr, BinaryOp, Expr, Grouping, LabelReplaceExpr, MetricExpr, Span, VectorExpr,
    VectorMatching, VectorOp,
};
use crate::syntax::token_cursor::{Cursor, Parsed, Refusal, need};
use nom::Parser;
use nom::sequence::delimited;
use skald_model::re2;
use skald_template::go::float;

/// A number, signed or not.
pub(super) fn literal<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<MetricExpr>> {
    let negative = c.kind() == Kind::Sub;
    let c = if c.kind() == Kind::Number {
        c
    } else {
        c.next()
    };
    let (c, number) = need(Kind::Number)(c)?;
    let value = number_or_refuse(cx, number, "literal");
    Ok((
        c,
        Tall {
            tree: MetricExpr::Literal(if negative { -value } else { value }),
            height: 1,
        },
    ))
}

/// `vector(n)`
pub(super) fn vector_of<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<MetricExpr>> {
    let (c, number) = delimited(
        need(Kind::OpenParen),
        need(Kind::Number),
        need(Kind::CloseParen),
    )
    .parse(c.next())?;
    let value = number_or_refuse(cx, number, "vectorExpr");
    Ok((
        c,
        Tall {
            tree: MetricExpr::VectorOf(value),
            height: 1,
        },
    ))
}

/// The value of a number; what can't be read is refused at the end.
fn number_or_refuse(cx: Context<'_>, number: &Token, what: &str) -> f64 {
    float::parse(number.text()).unwrap_or_else(|error| {
        let message = format!("unable to parse {what} as a float: {error}");
        cx.refuse(Refusal {
            message,
            span: number.span,
            help: "numbers are decimal: 16, 1.5, 1e6",
        });
        0.0
    })
}

/// `sum by (a) (…)`, `topk(3, …) by (a)`
pub(super) fn aggregation<'a>(
    cx: Context<'_>,
    c: Cursor<'a>,
    op: VectorOp,
) -> Parsed<'a, Tall<MetricExpr>> {
    let start = c.peek().span.start;
    let (c, before) = grouping(c.next())?;
    let (c, _) = need(Kind::OpenParen)(c)?;
    let has_param = c.kind() == Kind::Number && c.ahead(1).kind == Kind::Comma;
    let param = has_param.then(|| c.peek().text());
    let c = if has_param { c.next().next() } else { c };
    let (c, inner) = metric(cx, c)?;
    if c.kind() != Kind::CloseParen {
        return Err(c.stray("`)` or an operator"));
    }
    let (c, grouping) = if before.is_some() {
        (c.next(), before)
    } else {
        grouping(c.next())?
    };
    let span = Span {
        start,
        end: end_before(c),
    };
    let param = check_param(op, param, grouping.as_ref()).unwrap_or_else(|message| {
        let takes_k = matches!(
            op,
            VectorOp::Topk | VectorOp::Bottomk | VectorOp::ApproxTopk
        );
        let help = if takes_k {
            "it takes how many series to keep, a whole number from 1 up: topk(10, …)"
        } else {
            ""
        };
        cx.refuse(Refusal {
            message,
            span,
            help,
        });
        None
    });
    let tree = MetricExpr::Vector(Box::new(VectorExpr {
        op,
        param,
        grouping,
        inner: inner.tree,
        span,
    }));
    Ok((c, Tall::above(c, tree, inner.height)?))
}

/// The k of an aggregation that has one, and what may not stand with it.
fn check_param(
    op: VectorOp,
    param: Option<&str>,
    grouping: Option<&Grouping>,
) -> Result<Option<i64>, String> {
    let name = op.as_str();
    let sorts = matches!(op, VectorOp::Sort | VectorOp::SortDesc);
    if sorts && grouping.is_some_and(|g| !g.labels.is_empty()) {
        return Err("sort and sort_desc doesn't allow grouping by ".to_owned());
    }
    match (op, param) {
        (VectorOp::Topk | VectorOp::Bottomk | VectorOp::ApproxTopk, None) => {
            Err(format!("parameter required for operation {name}"))
        }
        (VectorOp::Topk | VectorOp::Bottomk | VectorOp::ApproxTopk, Some(text)) => {
            let k: i64 = text
                .parse()
                .map_err(|_| format!("invalid parameter {name}({text},"))?;
            if k <= 0 {
                return Err(format!(
                    "invalid parameter (must be greater than 0) {name}({text}"
                ));
            }
            if op == VectorOp::ApproxTopk && grouping.is_some() {
                return Err("grouping not allowed for approx_topk aggregation".to_owned());
            }
            Ok(Some(k))
        }
        (_, Some(text)) => Err(format!(
            "unsupported parameter for operation {name}({text},"
        )),
        (_, None) => Ok(None),
    }
}

/// `label_replace(v, "dst", "replacement", "src", "regex")`
pub(super) fn label_replace<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<MetricExpr>> {
    let start = c.peek().span.start;
    let (c, _) = need(Kind::OpenParen)(c.next())?;
    let (c, inner) = metric(cx, c)?;
    if c.kind() != Kind::Comma {
        return Err(c.stray("`,` or an operator"));
    }
    let (c, dst) = next_text(c)?;
    let (c, replacement) = next_text(c)?;
    let (c, src) = next_text(c)?;
    let (c, regex) = next_text(c)?;
    let (c, _) = need(Kind::CloseParen)(c)?;
    let span = Span {
        start,
        end: end_before(c),
    };
    if let Err(error) = re2::search(&format!("^(?:{regex})$")) {
        cx.refuse(Refusal {
            message: format!("invalid regex in label_replace: {error}"),
            span,
            help: "",
        });
    }
    let replace = LabelReplaceExpr {
        inner: inner.tree,
        dst,
        replacement,
        src,
        regex,
        span,
    };
    Ok((
        c,
        Tall::above(c, MetricExpr::LabelReplace(Box::new(replace)), inner.height)?,
    ))
}

/// An operator and what was written about it.
pub(super) struct Operation {
    pub(super) op: BinaryOp,
    pub(super) return_bool: bool,
    pub(super) matching: Option<VectorMatching>,
    pub(super) span: Span,
}

/// Joins two operands; of two literals only their result is left.
pub(super) fn join(cx: Context<'_>, operation: Operation, left: Expr, right: Expr) -> MetricExpr {
    let span = operation.span;
    match typed(&operation, left, right) {
        Ok(joined) => joined,
        Err((message, help)) => {
            cx.refuse(Refusal {
                message,
                span,
                help,
            });
            MetricExpr::Literal(0.0)
        }
    }
}

/// A message of Loki's and what to do about it.
type Complaint = (String, &'static str);

fn typed(operation: &Operation, left: Expr, right: Expr) -> Result<MetricExpr, Complaint> {
    let op = operation.op;
    let left = numbers(op, "left", left)?;
    let right = numbers(op, "right", right)?;
    if op.is_set() {
        for (side, operand) in [("left", &left), ("right", &right)] {
            if let MetricExpr::Literal(value) = operand {
                let op = op.as_str();
                let message = format!(
                    "unexpected literal for {side} leg of logical/set binary operation ({op}): {value:.6}"
                );
                return Err((message, "a number becomes a series with vector(…)"));
            }
        }
    }
    if let (MetricExpr::Literal(a), MetricExpr::Literal(b)) = (&left, &right) {
        return Ok(MetricExpr::Literal(fold(op, *a, *b)));
    }
    let Operation {
        op,
        return_bool,
        ref matching,
        span,
    } = *operation;
    Ok(MetricExpr::Binary(Box::new(BinaryExpr {
        op,
        return_bool,
        matching: matching.clone(),
        left,
        right,
        span,
    })))
}

/// The operand as a metric expression; the error names Loki's own types, for its texts do.
fn numbers(op: BinaryOp, side: &str, operand: Expr) -> Result<MetricExpr, Complaint> {
    let type_name = match operand {
        Expr::Metric(metric) => return Ok(metric),
        Expr::Log(log) if log.stages.is_empty() => "MatchersExpr",
        Expr::Log(_) => "PipelineExpr",
    };
    let message = format!(
        "unexpected type for {side} leg of binary operation ({}): *syntax.{type_name}",
        op.as_str()
    );
    let help = if op.is_comparison() {
        "a filter on a label has a pipe of its own, `| json | status >= 500`; operators join numbers, as rate({…}[5m]) gives"
    } else if op.is_set() {
        SELECTORS_JOINED
    } else {
        "operators join numbers, as rate({…}[5m]) gives"
    };
    Err((message, help))
}

/// The result of an operator on two numbers; dividing by zero gives no number, comparisons give 1
/// and 0.
fn fold(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div | BinaryOp::Mod if b == 0.0 => f64::NAN,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::NotEqual => truth(a != b),
        BinaryOp::Greater => truth(a > b),
        BinaryOp::GreaterEqual => truth(a >= b),
        BinaryOp::Less => truth(a < b),
        BinaryOp::LessEqual => truth(a <= b),
        // Set operators refuse literals before.
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}
