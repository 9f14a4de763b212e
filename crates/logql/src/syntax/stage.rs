//! The stage parser reads line filters, parsers, formatters, and the stages Loki lacks.
//!
//! A word that Loki does not know (`distinct`, `limit`, `sort`, `in`) starts a stage only where
//! Loki would report an error, so that labels of those names filter as they do there.

use super::grammar::{
    Context, Tall, end_before, is_bare_label, label, label_list, log, match_op, matcher,
    starts_comparison, starts_label, text_argument,
};
use super::token::Kind;
use super::{capture, filter};
use crate::ast::{
    Extraction, LabelFormat, LabelFormatSource, LineFilterArg, LineFilterExpr, LineFilterOp,
    NamedMatcher, SortKey, Span, StageExpr, VectorOp,
};
use crate::syntax::token_cursor::{Cursor, Parsed, need, token};
use nom::Parser;
use nom::combinator::map;
use nom::multi::separated_list1;
use nom::sequence::delimited;

/// Where a pipeline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a query for lines.
    Log,
    /// In a range, where `| unwrap` ends it.
    Range,
}

/// What stands after a pipe, for people.
const STAGE_WANTED: &str = "a label filter such as status>=500, or one of json, logfmt, pattern, regexp, unpack, line_format, \
                            label_format, drop, keep, decolorize, distinct, limit, sort by";

/// As many stages as follow, with the height of the highest.
pub(super) fn stages<'a>(
    cx: Context<'_>,
    mut c: Cursor<'a>,
    place: Place,
) -> Parsed<'a, Tall<Vec<StageExpr>>> {
    let mut stages = Tall {
        tree: Vec::new(),
        height: 1,
    };
    loop {
        if let Some(op) = line_filter_op(c.kind()) {
            let (after, filters) = line_filter(c, op)?;
            stages.tree.extend(filters);
            c = after;
        } else if c.kind() == Kind::Pipe
            && !(place == Place::Range && c.ahead(1).kind == Kind::Unwrap)
        {
            let (after, stage) = stage(cx, c.next())?;
            stages.height = stages.height.max(stage.height);
            stages.tree.push(stage.tree);
            c = after;
        } else {
            return Ok((c, stages));
        }
    }
}

fn line_filter_op(kind: Kind) -> Option<LineFilterOp> {
    match kind {
        Kind::PipeContains => Some(LineFilterOp::Contains),
        Kind::NotEqual => Some(LineFilterOp::NotContains),
        Kind::PipeRegex => Some(LineFilterOp::Regex),
        Kind::NotRegex => Some(LineFilterOp::NotRegex),
        Kind::PipePattern => Some(LineFilterOp::Pattern),
        Kind::NotPattern => Some(LineFilterOp::NotPattern),
        _ => None,
    }
}

/// `|= "x" or "y"`. A negated chain means that no argument matches: it becomes a filter for each.
fn line_filter<'a>(c: Cursor<'a>, op: LineFilterOp) -> Parsed<'a, Vec<StageExpr>> {
    let start = c.peek().span.start;
    let (c, args) = separated_list1(token(Kind::Or), line_filter_arg).parse(c.next())?;
    let span = Span {
        start,
        end: end_before(c),
    };
    let negated = matches!(
        op,
        LineFilterOp::NotContains | LineFilterOp::NotRegex | LineFilterOp::NotPattern
    );
    let filter = |args| StageExpr::LineFilter(LineFilterExpr { op, args, span });
    let filters = if negated {
        args.into_iter().map(|arg| filter(vec![arg])).collect()
    } else {
        vec![filter(args)]
    };
    Ok((c, filters))
}

fn line_filter_arg(c: Cursor<'_>) -> Parsed<'_, LineFilterArg> {
    match c.kind() {
        Kind::Text => Ok((c.next(), LineFilterArg::Text(c.peek().text().to_owned()))),
        Kind::Ip => map(text_argument, LineFilterArg::Ip).parse(c.next()),
        _ => Err(c.expected(&[Kind::Text, Kind::Ip])),
    }
}

/// One stage after its pipe.
fn stage<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<StageExpr>> {
    let text = |make: fn(String) -> StageExpr| {
        map(need(Kind::Text), move |token| make(token.text().to_owned()))
    };
    let (c, tree) = match c.kind() {
        Kind::Json => {
            let (c, extractions) = extractions(c.next())?;
            (c, StageExpr::Json(extractions))
        }
        Kind::Logfmt => logfmt(c.next())?,
        Kind::Regexp => regexp(c.next())?,
        Kind::Pattern => pattern(c.next())?,
        Kind::Unpack => (c.next(), StageExpr::Unpack),
        Kind::Decolorize => (c.next(), StageExpr::Decolorize),
        Kind::LineFormat => text(StageExpr::LineFormat).parse(c.next())?,
        Kind::LabelFormat => label_formats(c.next())?,
        Kind::Drop => map(named_matchers, StageExpr::Drop).parse(c.next())?,
        Kind::Keep => map(named_matchers, StageExpr::Keep).parse(c.next())?,
        Kind::VectorFn(VectorOp::Sort) if c.ahead(1).kind == Kind::By => sort(c.next().next())?,
        kind if starts_label(kind) && in_words(c) > 0 => return membership(cx, c),
        Kind::Identifier if is_word(c, 0, "distinct") && starts_label(c.ahead(1).kind) => {
            map(label_list, StageExpr::Distinct).parse(c.next())?
        }
        Kind::Identifier if is_word(c, 0, "limit") && c.ahead(1).kind == Kind::Number => {
            limit(c.next())?
        }
        // `| "error" != "x"` is a line filter that lost its `=`: it must not filter by a label
        // named error.
        Kind::Text if starts_comparison(c) && is_bare_label(c.peek().text()) => {
            return Err(c.stray(STAGE_WANTED));
        }
        kind if kind == Kind::OpenParen || starts_comparison(c) => {
            let (c, filter) = filter::label_filter(cx, c)?;
            return Ok((
                c,
                Tall {
                    tree: StageExpr::LabelFilter(filter.tree),
                    height: filter.height,
                },
            ));
        }
        _ => return Err(c.stray(STAGE_WANTED)),
    };
    Ok((c, Tall { tree, height: 1 }))
}

/// Whether the token `n` places on is this word in any case.
fn is_word(c: Cursor<'_>, n: usize, word: &str) -> bool {
    let token = c.ahead(n);
    token.kind == Kind::Identifier && token.text().eq_ignore_ascii_case(word)
}

fn logfmt(mut c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    let (mut strict, mut keep_empty) = (false, false);
    while c.kind() == Kind::Flag {
        strict |= c.peek().text() == "--strict";
        keep_empty |= c.peek().text() == "--keep-empty";
        c = c.next();
    }
    let (c, expressions) = extractions(c)?;
    Ok((
        c,
        StageExpr::Logfmt {
            strict,
            keep_empty,
            expressions,
        },
    ))
}

/// `a="b", c`, or nothing.
fn extractions(c: Cursor<'_>) -> Parsed<'_, Vec<Extraction>> {
    if c.kind() != Kind::Identifier {
        return Ok((c, Vec::new()));
    }
    separated_list1(token(Kind::Comma), extraction).parse(c)
}

fn extraction(c: Cursor<'_>) -> Parsed<'_, Extraction> {
    // A `\` is read as a name, but one that touches a pipe comes from a table in Markdown.
    if c.peek().text() == "\\" && c.peek().span.end == c.ahead(1).span.start {
        return Err(c.stray("a label name"));
    }
    let (c, name) = need(Kind::Identifier)(c)?;
    let label = name.text().to_owned();
    if c.kind() != Kind::Equal {
        return Ok((
            c,
            Extraction {
                expression: label.clone(),
                label,
            },
        ));
    }
    let (c, expression) = need(Kind::Text)(c.next())?;
    Ok((
        c,
        Extraction {
            label,
            expression: expression.text().to_owned(),
        },
    ))
}

fn regexp(c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    let (after, text) = need(Kind::Text)(c)?;
    match capture::check_regexp(text.text()) {
        Ok(()) => Ok((after, StageExpr::Regexp(text.text().to_owned()))),
        Err(error) => Err(c.refused_with(format!("invalid regexp parser: {error}"), error.help())),
    }
}

fn pattern(c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    let (after, text) = need(Kind::Text)(c)?;
    match capture::check_pattern(text.text()) {
        Ok(()) => Ok((after, StageExpr::Pattern(text.text().to_owned()))),
        Err(error) => Err(c.refused_with(format!("invalid pattern parser: {error}"), error.help())),
    }
}

fn label_formats(c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    map(
        separated_list1(token(Kind::Comma), label_format),
        StageExpr::LabelFormat,
    )
    .parse(c)
}

fn label_format(c: Cursor<'_>) -> Parsed<'_, LabelFormat> {
    let (c, target) = label(c)?;
    let (c, _) = need(Kind::Equal)(c)?;
    let text = c.peek().text().to_owned();
    let source = match c.kind() {
        Kind::Identifier => LabelFormatSource::Label(text),
        Kind::Text => LabelFormatSource::Template(text),
        _ => return Err(c.expected(&[Kind::Identifier, Kind::Text])),
    };
    Ok((c.next(), LabelFormat { target, source }))
}

/// Items of drop and keep.
fn named_matchers(c: Cursor<'_>) -> Parsed<'_, Vec<NamedMatcher>> {
    separated_list1(token(Kind::Comma), named_matcher).parse(c)
}

fn named_matcher(c: Cursor<'_>) -> Parsed<'_, NamedMatcher> {
    if match_op(c.ahead(1).kind).is_some() && starts_label(c.kind()) {
        return map(matcher, NamedMatcher::Matcher).parse(c);
    }
    map(label, NamedMatcher::Name).parse(c)
}

/// `sort by (a desc, b)`, its `by` read.
fn sort(c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    let keys = separated_list1(token(Kind::Comma), sort_key);
    map(
        delimited(need(Kind::OpenParen), keys, need(Kind::CloseParen)),
        StageExpr::Sort,
    )
    .parse(c)
}

fn sort_key(c: Cursor<'_>) -> Parsed<'_, SortKey> {
    let (c, label) = label(c)?;
    let descending = is_word(c, 0, "desc");
    let c = if descending || is_word(c, 0, "asc") {
        c.next()
    } else {
        c
    };
    Ok((c, SortKey { label, descending }))
}

fn limit(c: Cursor<'_>) -> Parsed<'_, StageExpr> {
    match c.peek().text().parse() {
        Ok(entries) => Ok((c.next(), StageExpr::Limit(entries))),
        Err(_) => Err(c.refused("limit takes a whole number of entries".to_owned())),
    }
}

/// How many words make `in` or `not in` before a parenthesis, after the label at `c`; 0 if it is
/// neither.
fn in_words(c: Cursor<'_>) -> usize {
    if is_word(c, 1, "in") && c.ahead(2).kind == Kind::OpenParen {
        1
    } else if is_word(c, 1, "not") && is_word(c, 2, "in") && c.ahead(3).kind == Kind::OpenParen {
        2
    } else {
        0
    }
}

/// `a in ({…} …)`
fn membership<'a>(cx: Context<'_>, c: Cursor<'a>) -> Parsed<'a, Tall<StageExpr>> {
    let negated = in_words(c) == 2;
    let cx = cx.deeper(c)?;
    let (c, label) = label(c)?;
    let c = if negated {
        c.next().next().next()
    } else {
        c.next().next()
    };
    if c.kind() != Kind::OpenBrace {
        return Err(c.expected(&[Kind::OpenBrace]));
    }
    let (c, (query, height)) = log(cx, c)?;
    let (c, _) = need(Kind::CloseParen)(c)?;
    let tree = StageExpr::In {
        label,
        negated,
        query: Box::new(query),
    };
    Ok((c, Tall::above(c, tree, height)?))
}
