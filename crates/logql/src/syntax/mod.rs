//! Parsing turns text into [`crate::ast`], with errors in Loki's words; printing turns it back.
//!
//! The way of a text: `lexer` cuts it into `token`s, `grammar` and its neighbours (`stage`,
//! `filter`, `range`, `vector`) read them as nom parsers over a `cursor`, `expect` and `suggest`
//! turn a fault into words. [`complete()`] says what may follow what is written so far. Back again: [`print()`] on one line, [`pretty()`] over several. Nothing
//! is compiled here but what must be known to refuse a query as early as Loki does.

mod capture;
mod complete;
pub mod duration;
pub(crate) mod error_report;
mod filter;
mod grammar;
mod lexer;
mod pretty;
mod print;
mod range;
mod stage;
mod suggest;
mod token;
pub(crate) mod token_cursor;
mod vector;

#[cfg(test)]
mod tests;

pub use complete::{Gap, STAGE_WORDS, Wanted, complete, functions};
pub use grammar::{DEPTH_MAX, HEIGHT_MAX};
pub use pretty::pretty;
pub use print::{
    print, print_label_filter, print_log, print_matcher, print_metric, print_selector, print_stage,
};

use crate::ast::{Expr, LogExpr, Selector, Span};
use grammar::Context;
use skald_model::Matcher;
use std::cell::RefCell;
use token_cursor::{Cursor, Fault, Parsed};

/// Longest query, in bytes; Loki's own limit.
pub const QUERY_BYTES_MAX: usize = 131_072;

/// What Loki says to a selector that would match streams without any of its labels.
pub const EMPTY_SELECTOR_REFUSAL: &str = "parse error : queries require at least one regexp or equality matcher that does not \
                                          have an empty-compatible value. For instance, app=~\".*\" does not meet this \
                                          requirement, but app=~\".+\" will";

/// A query that can't be read: Loki's text first, help below it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Everything the user sees, `parse error at line 1, col 2: …` first.
    pub message: String,
    /// Where in the text.
    pub span: Span,
}

impl ParseError {
    fn of_all(text: &str, message: impl Into<String>) -> ParseError {
        ParseError {
            message: message.into(),
            span: Span {
                start: 0,
                end: text.len() as u32,
            },
        }
    }

    /// Loki's words alone, without the help below them.
    pub fn first_line(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// Parses a whole query.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    read(text, grammar::query)
}

/// Parses a query for lines, as tail takes it.
pub fn parse_log(text: &str) -> Result<LogExpr, ParseError> {
    match parse(text)? {
        Expr::Log(log) => Ok(log),
        Expr::Metric(_) => Err(ParseError::of_all(text, "only log selector is supported")),
    }
}

/// Parses `{…}` alone, as label endpoints take it.
pub fn parse_selector(text: &str) -> Result<Selector, ParseError> {
    match parse(text)? {
        Expr::Log(log) if log.stages.is_empty() => Ok(log.selector),
        _ => Err(ParseError::of_all(
            text,
            "only label matchers are supported",
        )),
    }
}

/// Whether a selector names no label a stream must have: `{}`, `{a=""}`, `{a=~".*"}`. Skald answers
/// such queries; what must refuse them as Loki does says [`EMPTY_SELECTOR_REFUSAL`].
pub fn matches_every_stream(selector: &Selector) -> bool {
    selector
        .matchers
        .iter()
        .all(|m| Matcher::new(&m.name, m.op, &m.value).is_ok_and(|m| m.matches_empty()))
}

/// Runs a parser over a whole text.
fn read<T>(
    text: &str,
    parser: impl for<'a> Fn(Context<'_>, Cursor<'a>) -> Parsed<'a, T>,
) -> Result<T, ParseError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!(
            "parse error : input size too long ({} > {QUERY_BYTES_MAX})",
            text.len()
        );
        return Err(ParseError::of_all(text, message));
    }
    let tokens = lexer::lex(text);
    let refused = RefCell::new(None);
    let parsed = parser(Context::new(&refused), Cursor::new(&tokens));
    match (parsed, refused.into_inner()) {
        (Ok(_), Some(refusal)) => Err(error_report::report(
            text,
            &tokens,
            &Fault::Refused(refusal),
        )),
        (Ok((_, tree)), None) => Ok(tree),
        (Err(nom::Err::Error(fault) | nom::Err::Failure(fault)), _) => {
            Err(error_report::report(text, &tokens, &fault))
        }
        // Only streaming parsers ask for more input, and none is used.
        (Err(nom::Err::Incomplete(_)), _) => {
            let fault = Fault::Unexpected {
                found: Cursor::new(&tokens).peek(),
                expected: Vec::new(),
                wanted: "",
            };
            Err(error_report::report(text, &tokens, &fault))
        }
    }
}
