//! Conditions on labels: text, numbers, durations, sizes and addresses.
//!
//! A label that is missing is empty for text and drops the line for everything else. A value that is no
//! number keeps the line and marks it with `LabelFilterErr`; further such filters keep a line so marked.

use super::StageError;
use super::ip::IpMatcher;
use super::labels::{ERROR, ERROR_DETAILS};
use super::line::Line;
use super::names::{NameId, StaticNames};
use crate::ast::{CompareOp, LabelFilterExpr};
use crate::go::{bytes, duration, float, quote::quoted};
use skald_model::{MatchOp, Matcher};
use std::sync::Arc;

/// `__error__` of a comparison.
const FILTER_ERROR: &str = "LabelFilterErr";

/// What a value is compared with.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Number(f64),
    Nanos(i64),
    Bytes(u64),
}

/// A compiled label filter.
#[derive(Debug, Clone)]
pub(super) struct LabelFilter(Arc<Node>);

#[derive(Debug)]
enum Node {
    And(Node2),
    Or(Node2),
    Match(NameId, Matcher),
    MatchError(Matcher),
    /// `__error_details__` reads as empty in filters: the answer is known.
    Constant(bool),
    Ip(NameId, bool, IpMatcher),
    Compare(NameId, CompareOp, Bound),
}

type Node2 = Box<(Node, Node)>;

impl LabelFilter {
    /// Compiles a condition.
    pub(super) fn compile(
        expr: &LabelFilterExpr,
        names: &mut StaticNames,
    ) -> Result<LabelFilter, StageError> {
        Node::compile(expr, names).map(|node| LabelFilter(Arc::new(node)))
    }

    /// Whether the line stays; may mark it.
    pub(super) fn matches(&self, line: &mut Line<'_>) -> bool {
        self.0.matches(line)
    }

    /// Whether the line is dropped whatever its other labels are when `label` is `value`. Comparisons with
    /// numbers say so only when they are asked to: one that failed before would let the line pass.
    pub(super) fn fails_with(&self, label: NameId, value: &[u8], compares: bool) -> bool {
        self.0.fails_with(label, value, compares)
    }

    /// Names it looks at, each once.
    pub(super) fn names(&self) -> Vec<NameId> {
        let mut names = Vec::new();
        self.0.leaves(&mut |name, _| names.push(name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many comparisons with numbers it has.
    pub(super) fn comparisons(&self) -> usize {
        let mut count = 0;
        self.0
            .leaves(&mut |_, compares| count += usize::from(compares));
        count
    }

    /// Names compared, when all comparisons are of text; such a filter gives one answer for equal labels.
    pub(super) fn text_names(&self) -> Option<Vec<NameId>> {
        let mut names = Vec::new();
        self.0.text_names(&mut names).then_some(names)
    }
}

impl Node {
    fn compile(expr: &LabelFilterExpr, names: &mut StaticNames) -> Result<Node, StageError> {
        let mut compare =
            |name: &String, op: &CompareOp, bound| Ok(Node::Compare(names.id(name), *op, bound));
        match expr {
            LabelFilterExpr::And(left, right) => Ok(Node::And(Box::new((
                Node::compile(left, names)?,
                Node::compile(right, names)?,
            )))),
            LabelFilterExpr::Or(left, right) => Ok(Node::Or(Box::new((
                Node::compile(left, names)?,
                Node::compile(right, names)?,
            )))),
            LabelFilterExpr::Match(m) => {
                let matcher =
                    Matcher::new(&m.name, m.op, &m.value).map_err(|e| StageError(e.to_string()))?;
                Ok(match m.name.as_str() {
                    ERROR => Node::MatchError(matcher),
                    ERROR_DETAILS => Node::Constant(matcher.matches_empty()),
                    name => Node::Match(names.id(name), matcher),
                })
            }
            LabelFilterExpr::Ip {
                name,
                negated,
                pattern,
            } => {
                let invalid = || StageError(format!("ip: invalid pattern: {}", quoted(pattern)));
                Ok(Node::Ip(
                    names.id(name),
                    *negated,
                    IpMatcher::parse(pattern).ok_or_else(invalid)?,
                ))
            }
            LabelFilterExpr::Number { name, op, value } => compare(name, op, Bound::Number(*value)),
            LabelFilterExpr::Duration { name, op, nanos } => {
                compare(name, op, Bound::Nanos(*nanos))
            }
            LabelFilterExpr::Bytes { name, op, bytes } => compare(name, op, Bound::Bytes(*bytes)),
        }
    }

    fn matches(&self, line: &mut Line<'_>) -> bool {
        match self {
            Node::And(both) => both.0.matches(line) && both.1.matches(line),
            Node::Or(either) => either.0.matches(line) || either.1.matches(line),
            Node::Match(name, matcher) => holds_for(
                matcher,
                line.labels.bytes_of(line.input, *name).unwrap_or(b""),
            ),
            Node::MatchError(matcher) => matcher.matches(line.labels.error()),
            Node::Constant(answer) => *answer,
            Node::Ip(name, negated, matcher) => line
                .labels
                .bytes_of(line.input, *name)
                .is_some_and(|value| matcher.found_in(value) != *negated),
            Node::Compare(name, op, bound) => compare(line, *name, *op, *bound),
        }
    }

    fn fails_with(&self, label: NameId, value: &[u8], compares: bool) -> bool {
        match self {
            Node::And(both) => {
                both.0.fails_with(label, value, compares)
                    || both.1.fails_with(label, value, compares)
            }
            Node::Or(either) => {
                either.0.fails_with(label, value, compares)
                    && either.1.fails_with(label, value, compares)
            }
            Node::Match(name, matcher) => *name == label && !holds_for(matcher, value),
            Node::Constant(answer) => !answer,
            Node::Ip(name, negated, matcher) => {
                *name == label && matcher.found_in(value) == *negated
            }
            Node::Compare(name, op, bound) => {
                compares
                    && *name == label
                    && std::str::from_utf8(value)
                        .is_ok_and(|value| bound.holds(*op, value) == Ok(false))
            }
            Node::MatchError(_) => false,
        }
    }

    /// Calls `found` with each name looked at and whether it is compared with a number.
    fn leaves(&self, found: &mut impl FnMut(NameId, bool)) {
        match self {
            Node::And(both) | Node::Or(both) => {
                both.0.leaves(found);
                both.1.leaves(found);
            }
            Node::Match(name, _) | Node::Ip(name, ..) => found(*name, false),
            Node::Compare(name, ..) => found(*name, true),
            Node::MatchError(_) | Node::Constant(_) => {}
        }
    }

    fn text_names(&self, names: &mut Vec<NameId>) -> bool {
        match self {
            Node::And(both) | Node::Or(both) => {
                both.0.text_names(names) && both.1.text_names(names)
            }
            Node::Match(name, _) => {
                names.push(*name);
                true
            }
            Node::Constant(_) => true,
            Node::MatchError(_) | Node::Ip(..) | Node::Compare(..) => false,
        }
    }
}

impl Bound {
    /// Whether the number that `value` is stands so to the bound; the error is why it is none.
    fn holds(self, op: CompareOp, value: &str) -> Result<bool, String> {
        match self {
            Bound::Number(bound) => float::parse(value).map(|value| holds(op, &value, &bound)),
            Bound::Nanos(bound) => duration::parse(value).map(|value| holds(op, &value, &bound)),
            Bound::Bytes(bound) => bytes::parse(value).map(|value| holds(op, &value, &bound)),
        }
    }
}

fn holds_for(matcher: &Matcher, value: &[u8]) -> bool {
    match matcher.op {
        MatchOp::Equal => value == matcher.value.as_bytes(),
        MatchOp::NotEqual => value != matcher.value.as_bytes(),
        MatchOp::Regex | MatchOp::NotRegex => {
            matcher.matches(std::str::from_utf8(value).unwrap_or("\u{fffd}"))
        }
    }
}

fn compare(line: &mut Line<'_>, name: NameId, op: CompareOp, bound: Bound) -> bool {
    let Some((span, _)) = line.labels.find(line.input, name) else {
        return false;
    };
    if line.labels.error() == FILTER_ERROR {
        return true;
    }
    let value = line.labels.text(line.input, span);
    bound.holds(op, value).unwrap_or_else(|details| {
        line.labels.set_error(FILTER_ERROR, &details);
        true
    })
}

fn holds<T: PartialOrd>(op: CompareOp, value: &T, bound: &T) -> bool {
    match op {
        CompareOp::Equal => value == bound,
        CompareOp::NotEqual => value != bound,
        CompareOp::Greater => value > bound,
        CompareOp::GreaterEqual => value >= bound,
        CompareOp::Less => value < bound,
        CompareOp::LessEqual => value <= bound,
    }
}
