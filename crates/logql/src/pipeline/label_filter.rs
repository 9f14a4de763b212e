//! Label filters compare a label with a text, number, duration, size or address.
//!
//! A missing label is empty for texts and drops the line for everything else. What an entry's error
//! does:
//!
//! - Texts compare, whatever the error is; `__error__` is the error as it stands at this moment.
//! - Numbers, durations and sizes compare too. A value that does not convert keeps the line and marks it with
//!   `LabelFilterErr`, unless the line carries an error already: the first cause is the useful one.
//! - `ip()` lets a line with an error through.
//! - Both sides of `and` are asked, so that either can mark the line; the right side of `or` only when the
//!   left side is false.

use super::StageError;
use super::ip::IpMatcher;
use super::labels::{ERROR, ERROR_DETAILS};
use super::names::{NameId, StaticNames};
use crate::ast::{CompareOp, LabelFilterExpr};
use crate::pipeline::current_line::Line;
use skald_model::{MatchOp, Matcher};
use skald_template::go::quote::quoted;
use skald_template::go::{bytes, duration, float};
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

/// What is known of a line's error before a filter is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    /// Nothing before the filter can have failed.
    None,
    /// Something may have.
    Possible,
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

    /// Whether the line is dropped whatever its other labels are when `label` is `value`. Addresses
    /// say so only of lines that are known to carry no error.
    pub(super) fn fails_with(&self, label: NameId, value: &[u8], errors: Errors) -> bool {
        self.0.fails_with(label, value, errors)
    }

    /// Names it looks at, each once.
    pub(super) fn names(&self) -> Vec<NameId> {
        let mut names = Vec::new();
        self.0.leaves(&mut |name, _| names.push(name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether it compares numbers, durations or sizes, and so may mark a line with an error.
    pub(super) fn can_fail(&self) -> bool {
        let mut converts = false;
        self.0.leaves(&mut |_, compares| converts |= compares);
        converts
    }

    /// Names compared, when all comparisons are of text; such a filter gives one answer for equal
    /// labels.
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
            Node::And(both) => {
                let left = both.0.matches(line);
                both.1.matches(line) && left
            }
            Node::Or(either) => either.0.matches(line) || either.1.matches(line),
            Node::Match(name, matcher) => holds_for(
                matcher,
                line.labels.bytes_of(line.input, *name).unwrap_or(b""),
            ),
            Node::MatchError(matcher) => matcher.matches(line.labels.error()),
            Node::Constant(answer) => *answer,
            Node::Ip(name, negated, matcher) => {
                let value = line.labels.bytes_of(line.input, *name);
                !line.labels.error().is_empty()
                    || value.is_some_and(|value| matcher.found_in(value) != *negated)
            }
            Node::Compare(name, op, bound) => compare(line, *name, *op, *bound),
        }
    }

    fn fails_with(&self, label: NameId, value: &[u8], errors: Errors) -> bool {
        match self {
            Node::And(both) => {
                both.0.fails_with(label, value, errors) || both.1.fails_with(label, value, errors)
            }
            Node::Or(either) => {
                either.0.fails_with(label, value, errors)
                    && either.1.fails_with(label, value, errors)
            }
            Node::Match(name, matcher) => *name == label && !holds_for(matcher, value),
            Node::Constant(answer) => !answer,
            Node::Ip(name, negated, matcher) => {
                errors == Errors::None && *name == label && matcher.found_in(value) == *negated
            }
            Node::Compare(name, op, bound) => {
                *name == label
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
    let value = line.labels.text(line.input, span);
    bound.holds(op, value).unwrap_or_else(|details| {
        if line.labels.error().is_empty() {
            line.labels.set_error(FILTER_ERROR, &details);
        }
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
