//! The label filter parser follows Loki's unusual precedence of `and`, `or` and commas.
//!
//! `and` binds tighter than `or`, but a comma, or nothing at all, between two filters takes
//! everything to its right as its right side: `a, b or c` is `a and (b or c)`, `a or b, c` is `a or
//! (b and c)`. So the text is first read flat, as operands and what stands between them, and then
//! folded from the right.

use super::grammar::{
    Context, HEIGHT_MAX, Tall, label, match_op, starts_comparison, text_argument, text_matcher,
};
use super::token::{Kind, Payload};
use crate::ast::{CompareOp, LabelFilterExpr};
use crate::syntax::token_cursor::{Cursor, Parsed, need};
use skald_template::go::float;

/// Longest chain that becomes a one-sided tree; longer ones are folded in halves, which keeps them
/// low and means the same.
const CHAIN_MAX: usize = 64;
const _: () = assert!(2 * CHAIN_MAX < HEIGHT_MAX);

/// What stands between two filters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
    /// A comma or nothing.
    Tight,
}

/// A whole filter.
pub(super) fn label_filter<'a>(
    cx: Context<'_>,
    c: Cursor<'a>,
) -> Parsed<'a, Tall<LabelFilterExpr>> {
    let cx = cx.deeper(c)?;
    let (mut c, first) = operand(cx, c)?;
    let mut operands = vec![first];
    let mut joints = Vec::new();
    loop {
        let (joint, at) = match c.kind() {
            Kind::And => (Joint::And, c.next()),
            Kind::Or => (Joint::Or, c.next()),
            Kind::Comma => (Joint::Tight, c.next()),
            Kind::OpenParen => (Joint::Tight, c),
            _ if starts_comparison(c) => (Joint::Tight, c),
            _ => break,
        };
        let (after, operand) = operand(cx, at)?;
        joints.push(joint);
        operands.push(operand);
        c = after;
    }
    let tall = fold(operands, &joints);
    Ok((c, Tall::above(c, tall.tree, tall.height - 1)?))
}

/// Folds from the right: each part up to a comma takes what follows the comma into its last
/// operand.
fn fold(operands: Vec<Tall<LabelFilterExpr>>, joints: &[Joint]) -> Tall<LabelFilterExpr> {
    let mut parts: Vec<(Vec<Tall<LabelFilterExpr>>, Vec<Joint>)> = vec![(Vec::new(), Vec::new())];
    for (i, operand) in operands.into_iter().enumerate() {
        match i.checked_sub(1).map(|i| joints[i]) {
            Some(Joint::Tight) => parts.push((vec![operand], Vec::new())),
            joint => {
                let last = parts.len() - 1;
                parts[last].1.extend(joint);
                parts[last].0.push(operand);
            }
        }
    }
    // Operands that only commas divide, from right to left, not yet joined.
    let mut run: Vec<Tall<LabelFilterExpr>> = Vec::new();
    for (mut operands, joints) in parts.into_iter().rev() {
        if operands.len() == 1 {
            run.append(&mut operands);
            continue;
        }
        if !run.is_empty() {
            run.extend(operands.pop());
            run.reverse();
            operands.push(chain(std::mem::take(&mut run), Joint::Tight));
        }
        run.push(fold_part(operands, &joints));
    }
    run.reverse();
    chain(run, Joint::Tight)
}

/// Folds operands between which only `and` and `or` stand.
fn fold_part(operands: Vec<Tall<LabelFilterExpr>>, joints: &[Joint]) -> Tall<LabelFilterExpr> {
    let mut alternatives = Vec::new();
    let mut all = Vec::new();
    for (i, operand) in operands.into_iter().enumerate() {
        if i > 0 && joints[i - 1] == Joint::Or {
            alternatives.push(chain(std::mem::take(&mut all), Joint::And));
        }
        all.push(operand);
    }
    alternatives.push(chain(all, Joint::And));
    chain(alternatives, Joint::Or)
}

/// One tree of a chain that is not empty: `and` and `or` lean left, commas right.
fn chain(mut items: Vec<Tall<LabelFilterExpr>>, joint: Joint) -> Tall<LabelFilterExpr> {
    if items.len() > CHAIN_MAX {
        let right = items.split_off(items.len() / 2);
        return join(chain(items, joint), chain(right, joint), joint);
    }
    let joined = if joint == Joint::Tight {
        items
            .into_iter()
            .rev()
            .reduce(|right, left| join(left, right, joint))
    } else {
        items
            .into_iter()
            .reduce(|left, right| join(left, right, joint))
    };
    joined.expect("a chain has an operand")
}

fn join(
    left: Tall<LabelFilterExpr>,
    right: Tall<LabelFilterExpr>,
    joint: Joint,
) -> Tall<LabelFilterExpr> {
    let height = left.height.max(right.height) + 1;
    let (left, right) = (Box::new(left.tree), Box::new(right.tree));
    let tree = if joint == Joint::Or {
        LabelFilterExpr::Or(left, right)
    } else {
        LabelFilterExpr::And(left, right)
    };
    Tall { tree, height }
}

/// One comparison, or a filter in parentheses.
fn operand<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<LabelFilterExpr>> {
    if c.kind() == Kind::OpenParen {
        let (c, inner) = label_filter(cx, c.next())?;
        if c.kind() != Kind::CloseParen {
            return Err(c.stray("`)`, `and`, `or` or another filter"));
        }
        return Ok((c.next(), inner));
    }
    if !starts_comparison(c) {
        return Err(c.expected(&[Kind::Identifier, Kind::OpenParen]));
    }
    let (c, tree) = comparison(c)?;
    Ok((c, Tall { tree, height: 1 }))
}

fn comparison(c: Cursor<'_>) -> Parsed<'_, LabelFilterExpr> {
    let start = c.peek().span.start;
    let (c, name) = label(c)?;
    let op = c.kind();
    let value = c.next();
    if let Some(text_op) = match_op(op)
        && (value.kind() == Kind::Text || matches!(op, Kind::RegexMatch | Kind::NotRegex))
    {
        let (c, matcher) = text_matcher(value, name, text_op, start)?;
        return Ok((c, LabelFilterExpr::Match(matcher)));
    }
    let op = match op {
        Kind::Equal | Kind::EqualEqual => CompareOp::Equal,
        Kind::NotEqual => CompareOp::NotEqual,
        Kind::Greater => CompareOp::Greater,
        Kind::GreaterEqual => CompareOp::GreaterEqual,
        Kind::Less => CompareOp::Less,
        Kind::LessEqual => CompareOp::LessEqual,
        _ => return Err(c.stray("a comparison: =, !=, =~, !~, ==, >, >=, < or <=")),
    };
    if value.kind() == Kind::Ip && matches!(c.kind(), Kind::Equal | Kind::NotEqual) {
        let (c, pattern) = text_argument(value.next())?;
        return Ok((
            c,
            LabelFilterExpr::Ip {
                name,
                negated: op == CompareOp::NotEqual,
                pattern,
            },
        ));
    }
    quantity(value, name, op)
}

/// The right side of a comparison by size.
fn quantity(c: Cursor<'_>, name: String, op: CompareOp) -> Parsed<'_, LabelFilterExpr> {
    let filter = match (c.kind(), &c.peek().payload) {
        (Kind::Duration, Payload::Nanos(nanos)) => LabelFilterExpr::Duration {
            name,
            op,
            nanos: *nanos,
        },
        (Kind::Bytes, Payload::Bytes(bytes)) => LabelFilterExpr::Bytes {
            name,
            op,
            bytes: *bytes,
        },
        (Kind::Number | Kind::Add | Kind::Sub, _) => return number(c, name, op),
        _ => return Err(c.stray("a number, a duration such as 5s or a size such as 20MB")),
    };
    Ok((c.next(), filter))
}

fn number(c: Cursor<'_>, name: String, op: CompareOp) -> Parsed<'_, LabelFilterExpr> {
    let negative = c.kind() == Kind::Sub;
    let c = if c.kind() == Kind::Number {
        c
    } else {
        c.next()
    };
    let (after, number) = need(Kind::Number)(c)?;
    match float::parse(number.text()) {
        Ok(value) => Ok((
            after,
            LabelFilterExpr::Number {
                name,
                op,
                value: if negative { -value } else { value },
            },
        )),
        Err(error) => Err(c.refused(format!("unable to parse literal as a float: {error}"))),
    }
}
