//! The grammar reads expressions, selectors and what stands around them, as nom parsers over
//! tokens.
//!
//! Parsing never goes back, so its time is linear; recursion is bounded by [`Context::deeper`] and
//! the height of trees by [`Tall`], so that code that walks a tree may recurse. Binary operators
//! climb by precedence. Where Loki reports an error only after the whole text has been read as well
//! formed, the first one is kept in the context.

use super::token::Kind;
use super::{lexer, range, stage, vector};
use crate::ast::{
    BinaryOp, Expr, Grouping, LogExpr, MatchGroup, MatcherExpr, MetricExpr, Selector, Span,
    VectorMatching,
};
use crate::syntax::token_cursor::{Cursor, Fault, Parsed, Refusal, need, token};
use nom::combinator::map;
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};
use nom::{Err, Parser};
use skald_model::{MatchOp, Matcher};
use std::cell::RefCell;

/// How deep parentheses and functions may nest. People write less than ten; at this depth the
/// parser takes 1 MiB of stack in a build without optimisation, half of what a thread has.
pub const DEPTH_MAX: usize = 100;

/// How high a tree may grow, in nodes: a chain such as `a + b + c` grows it without nesting.
/// Walking such a tree takes less than 2 KiB of stack a node in a build without optimisation.
pub const HEIGHT_MAX: usize = 250;
const _: () = assert!(DEPTH_MAX < HEIGHT_MAX);

/// What parsers know of where they are.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    depth: usize,
    /// The first error that waits for the end of the text.
    refused: &'c RefCell<Option<Refusal>>,
}

impl<'c> Context<'c> {
    /// The context of a whole query.
    pub(super) fn new(refused: &'c RefCell<Option<Refusal>>) -> Context<'c> {
        Context { depth: 0, refused }
    }

    /// One level further in.
    pub(super) fn deeper<'a>(self, c: Cursor<'a>) -> Result<Context<'c>, Err<Fault<'a>>> {
        if self.depth == DEPTH_MAX {
            return Err(Err::Failure(Fault::TooDeep { at: c.peek() }));
        }
        Ok(Context {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Notes an error that is reported if no later text is malformed.
    pub(super) fn refuse(self, refusal: Refusal) {
        self.refused.borrow_mut().get_or_insert(refusal);
    }
}

/// A tree with its height.
pub(super) struct Tall<T> {
    pub(super) tree: T,
    pub(super) height: usize,
}

impl<T> Tall<T> {
    /// A tree on top of others whose highest is `below`; too high a tree is a failure.
    pub(super) fn above(c: Cursor<'_>, tree: T, below: usize) -> Result<Tall<T>, Err<Fault<'_>>> {
        if below >= HEIGHT_MAX {
            return Err(Err::Failure(Fault::TooDeep { at: c.peek() }));
        }
        Ok(Tall {
            tree,
            height: below + 1,
        })
    }
}

/// A whole query.
pub(super) fn query<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Expr> {
    let (c, expr) = expression(cx, c, 0)?;
    if c.kind() != Kind::End {
        return Err(c.stray("an operator, a stage or the end of the query"));
    }
    Ok((c, expr.tree))
}

/// Operands joined by operators that bind at least as tightly as `floor`.
pub(super) fn expression<'a>(cx: Context<'_>, c: Cursor<'a>, floor: u8) -> Parsed<'a, Tall<Expr>> {
    let cx = cx.deeper(c)?;
    let start = c.peek().span.start;
    let (mut c, mut left) = operand(cx, c)?;
    while let Some((op, precedence)) =
        binary_op(c.kind()).filter(|(_, precedence)| *precedence >= floor)
    {
        let (after, (return_bool, matching)) = modifiers(c.next())?;
        let right_floor = if op == BinaryOp::Pow {
            precedence
        } else {
            precedence + 1
        };
        let (after, right) = expression(cx, after, right_floor)?;
        let below = left.height.max(right.height);
        let span = Span {
            start,
            end: end_before(after),
        };
        let operation = vector::Operation {
            op,
            return_bool: return_bool && op.is_comparison(),
            matching,
            span,
        };
        let tree = Expr::Metric(vector::join(cx, operation, left.tree, right.tree));
        left = Tall::above(after, tree, below)?;
        c = after;
    }
    Ok((c, left))
}

/// An expression that gives numbers, up to a token that can't continue it.
pub(super) fn metric<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<MetricExpr>> {
    let (c, expr) = expression(cx, c, 0)?;
    match expr.tree {
        Expr::Metric(tree) => Ok((c, Tall { tree, height: expr.height })),
        Expr::Log(_) => Err(c.stray("a range such as [5m] in an aggregation such as rate({…}[5m]), for numbers are needed here")),
    }
}

fn operand<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<Expr>> {
    let metric = |(c, tall): (Cursor<'a>, Tall<MetricExpr>)| {
        (
            c,
            Tall {
                tree: Expr::Metric(tall.tree),
                height: tall.height,
            },
        )
    };
    match c.kind() {
        Kind::OpenBrace => {
            let (c, (log, height)) = log(cx, c)?;
            Ok((
                c,
                Tall {
                    tree: Expr::Log(log),
                    height,
                },
            ))
        }
        Kind::OpenParen => {
            let (c, inner) = expression(cx, c.next(), 0)?;
            if c.kind() != Kind::CloseParen {
                return Err(c.stray("`)` or an operator"));
            }
            Ok((c.next(), inner))
        }
        Kind::Number | Kind::Add | Kind::Sub => vector::literal(cx, c).map(metric),
        Kind::RangeFn(op) => range::aggregation(cx, c, op).map(metric),
        Kind::VectorFn(op) => vector::aggregation(cx, c, op).map(metric),
        Kind::LabelReplace => vector::label_replace(cx, c).map(metric),
        Kind::VectorOf => vector::vector_of(cx, c).map(metric),
        _ => Err(c.stray("a selector such as {app=\"api\"}, a function or a number")),
    }
}

/// A selector and its stages, with the height of the highest of them.
pub(super) fn log<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, (LogExpr, usize)> {
    let start = c.peek().span.start;
    let (c, selector) = selector(c)?;
    let (c, stages) = stage::stages(cx, c, stage::Place::Log)?;
    let span = Span {
        start,
        end: end_before(c),
    };
    Ok((
        c,
        (
            LogExpr {
                selector,
                stages: stages.tree,
                span,
            },
            stages.height,
        ),
    ))
}

/// `{…}`, empty or not.
pub(super) fn selector(c: Cursor<'_>) -> Parsed<'_, Selector> {
    let start = c.peek().span.start;
    let (c, _) = need(Kind::OpenBrace)(c)?;
    let (c, matchers) = if c.kind() == Kind::CloseBrace {
        (c, Vec::new())
    } else if !starts_comparison(c) {
        return Err(c.expected(&[Kind::Identifier, Kind::CloseBrace]));
    } else {
        separated_list1(token(Kind::Comma), matcher).parse(c)?
    };
    if c.kind() != Kind::CloseBrace {
        return Err(c.expected(&[Kind::CloseBrace, Kind::Comma]));
    }
    let c = c.next();
    Ok((
        c,
        Selector {
            matchers,
            span: Span {
                start,
                end: end_before(c),
            },
        },
    ))
}

/// `name op "value"`.
pub(super) fn matcher(c: Cursor<'_>) -> Parsed<'_, MatcherExpr> {
    let start = c.peek().span.start;
    if !starts_comparison(c) {
        return Err(c.expected(&[Kind::Identifier]));
    }
    let (c, name) = label(c)?;
    let Some(op) = match_op(c.kind()) else {
        return Err(c.expected(&[
            Kind::Equal,
            Kind::RegexMatch,
            Kind::NotRegex,
            Kind::NotEqual,
        ]));
    };
    text_matcher(c.next(), name, op, start)
}

/// The value of a matcher whose name and operator have been read.
pub(super) fn text_matcher(
    c: Cursor<'_>,
    name: String,
    op: MatchOp,
    start: u32,
) -> Parsed<'_, MatcherExpr> {
    let (after, value) = need(Kind::Text)(c)?;
    let value = value.text().to_owned();
    if let Err(error) = Matcher::new(&name, op, &value) {
        return Err(c.refused(error.to_string()));
    }
    Ok((
        after,
        MatcherExpr {
            name,
            op,
            value,
            span: Span {
                start,
                end: end_before(after),
            },
        },
    ))
}

/// The comparison of texts a token stands for.
pub(super) fn match_op(kind: Kind) -> Option<MatchOp> {
    match kind {
        Kind::Equal => Some(MatchOp::Equal),
        Kind::NotEqual => Some(MatchOp::NotEqual),
        Kind::RegexMatch => Some(MatchOp::Regex),
        Kind::NotRegex => Some(MatchOp::NotRegex),
        _ => None,
    }
}

/// Whether a label's name can start with this token.
pub(super) fn starts_label(kind: Kind) -> bool {
    matches!(kind, Kind::Identifier | Kind::Text)
}

/// Whether a comparison of a label starts here: a text is a label's name only before an operator.
pub(super) fn starts_comparison(c: Cursor<'_>) -> bool {
    use Kind::{EqualEqual, Greater, GreaterEqual, Less, LessEqual};
    let operator = c.ahead(1).kind;
    let compares = match_op(operator).is_some()
        || matches!(
            operator,
            EqualEqual | Greater | GreaterEqual | Less | LessEqual
        );
    c.kind() == Kind::Identifier || (c.kind() == Kind::Text && compares)
}

/// A label's name, bare or in quotes.
pub(super) fn label(c: Cursor<'_>) -> Parsed<'_, String> {
    match c.kind() {
        Kind::Identifier => Ok((c.next(), c.peek().text().to_owned())),
        Kind::Text if c.peek().text().is_empty() => {
            Err(c.refused("a label name can't be empty".to_owned()))
        }
        Kind::Text => Ok((c.next(), sanitised(c.peek().text()))),
        _ => Err(c.expected(&[Kind::Identifier])),
    }
}

/// The name a quoted name stands for: what is stored of attributes such as `service.name`.
fn sanitised(name: &str) -> String {
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    let legal = name.chars().map(|c| {
        if c == '_' || c.is_ascii_alphanumeric() {
            c
        } else {
            '_'
        }
    });
    digit_first
        .then_some('_')
        .into_iter()
        .chain(legal)
        .collect()
}

/// One name or more between commas.
pub(super) fn label_list(c: Cursor<'_>) -> Parsed<'_, Vec<String>> {
    separated_list1(token(Kind::Comma), label).parse(c)
}

/// `(a, b)` or `()`.
pub(super) fn parenthesised_labels(c: Cursor<'_>) -> Parsed<'_, Vec<String>> {
    let (c, _) = need(Kind::OpenParen)(c)?;
    if c.kind() == Kind::CloseParen {
        return Ok((c.next(), Vec::new()));
    }
    if !starts_label(c.kind()) {
        return Err(c.expected(&[Kind::Identifier, Kind::CloseParen]));
    }
    let (c, labels) = label_list(c)?;
    if c.kind() != Kind::CloseParen {
        return Err(c.expected(&[Kind::Comma, Kind::CloseParen]));
    }
    Ok((c.next(), labels))
}

/// `by (…)` or `without (…)`, where one stands.
pub(super) fn grouping(c: Cursor<'_>) -> Parsed<'_, Option<Grouping>> {
    match c.kind() {
        Kind::By => map(parenthesised_labels, |labels| {
            Some(Grouping {
                without: false,
                labels,
            })
        })
        .parse(c.next()),
        Kind::Without => map(parenthesised_labels, |labels| {
            Some(Grouping {
                without: true,
                labels,
            })
        })
        .parse(c.next()),
        _ => Ok((c, None)),
    }
}

/// `bool on (…) group_left (…)`, all of it optional.
fn modifiers(c: Cursor<'_>) -> Parsed<'_, (bool, Option<VectorMatching>)> {
    let return_bool = c.kind() == Kind::Bool;
    let c = if return_bool { c.next() } else { c };
    let on = c.kind() == Kind::On;
    if !on && c.kind() != Kind::Ignoring {
        return Ok((c, (return_bool, None)));
    }
    let (c, labels) = parenthesised_labels(c.next())?;
    let group = match c.kind() {
        Kind::GroupLeft => MatchGroup::Left,
        Kind::GroupRight => MatchGroup::Right,
        // Ignoring nothing is what happens anyway.
        _ if !on && labels.is_empty() => return Ok((c, (return_bool, None))),
        _ => {
            return Ok((
                c,
                (
                    return_bool,
                    Some(VectorMatching {
                        on,
                        labels,
                        group: MatchGroup::OneToOne,
                        include: Vec::new(),
                    }),
                ),
            ));
        }
    };
    let c = c.next();
    let (c, include) = if c.kind() == Kind::OpenParen {
        parenthesised_labels(c)?
    } else {
        (c, Vec::new())
    };
    Ok((
        c,
        (
            return_bool,
            Some(VectorMatching {
                on,
                labels,
                group,
                include,
            }),
        ),
    ))
}

/// A text in parentheses after a function's name.
pub(super) fn text_argument(c: Cursor<'_>) -> Parsed<'_, String> {
    let inner = delimited(
        need(Kind::OpenParen),
        need(Kind::Text),
        need(Kind::CloseParen),
    );
    map(inner, |token| token.text().to_owned()).parse(c)
}

/// A text after a comma.
pub(super) fn next_text(c: Cursor<'_>) -> Parsed<'_, String> {
    map(preceded(need(Kind::Comma), need(Kind::Text)), |token| {
        token.text().to_owned()
    })
    .parse(c)
}

/// The operator a token stands for and how tightly it binds.
fn binary_op(kind: Kind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Kind::Or => (BinaryOp::Or, 1),
        Kind::And => (BinaryOp::And, 2),
        Kind::Unless => (BinaryOp::Unless, 2),
        Kind::EqualEqual => (BinaryOp::Equal, 3),
        Kind::NotEqual => (BinaryOp::NotEqual, 3),
        Kind::Less => (BinaryOp::Less, 3),
        Kind::LessEqual => (BinaryOp::LessEqual, 3),
        Kind::Greater => (BinaryOp::Greater, 3),
        Kind::GreaterEqual => (BinaryOp::GreaterEqual, 3),
        Kind::Add => (BinaryOp::Add, 4),
        Kind::Sub => (BinaryOp::Sub, 4),
        Kind::Mul => (BinaryOp::Mul, 5),
        Kind::Div => (BinaryOp::Div, 5),
        Kind::Mod => (BinaryOp::Mod, 5),
        Kind::Pow => (BinaryOp::Pow, 6),
        _ => return None,
    })
}

/// How tightly an operator binds, for the printer.
pub(super) fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        op if op.is_comparison() => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Pow => 6,
        _ => 5,
    }
}

/// Where what has been read ends: close to the next token, for spans only tell a region.
pub(super) fn end_before(c: Cursor<'_>) -> u32 {
    c.peek().span.start
}

/// Whether `name` can be written without quotes wherever a label's name stands.
pub(super) fn is_bare_label(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c == '_' || c.is_alphabetic());
    starts && name.chars().all(lexer::is_word) && Kind::keyword(name).is_none()
}

/// Whether `name` is one that only stands bare: an odd character or a character in single quotes.
pub(super) fn is_odd_label(name: &str) -> bool {
    let tokens = lexer::lex(name);
    matches!(&*tokens, [only, end] if only.kind == Kind::Identifier && only.text() == name && end.kind == Kind::End)
}
