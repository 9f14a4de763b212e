//! Error reports give Loki's message first, then what was expected, the place, and a hint.
//!
//! The help is what would have fitted, the line of the query with a caret under the place, and the
//! nearest fix where one is known.

use crate::ast::Span;
use crate::syntax::ParseError;
use crate::syntax::grammar::{DEPTH_MAX, HEIGHT_MAX};
use crate::syntax::suggest::suggest;
use crate::syntax::token::{Kind, Token};
use crate::syntax::token_cursor::Fault;

/// Most characters of a query's line that are shown around the caret.
const EXCERPT_CHARS_MAX: usize = 100;

/// The error a fault in `text` becomes.
pub(super) fn report(text: &str, tokens: &[Token], fault: &Fault<'_>) -> ParseError {
    let (first_line, span, help) = match fault {
        Fault::Unexpected { found, .. } if found.kind == Kind::Invalid => (
            format!("{}: {}", place(text, found), found.text()),
            found.span,
            String::new(),
        ),
        Fault::Unexpected {
            found,
            expected,
            wanted,
        } => {
            let first = format!(
                "{}syntax error: unexpected {}{}",
                prefix(text, found),
                found.kind.name(),
                listed(expected)
            );
            (first, found.span, wanted_line(expected, wanted))
        }
        Fault::Refused(refusal) => (
            format!("parse error : {}", refusal.message),
            refusal.span,
            String::new(),
        ),
        Fault::TooDeep { at } => (
            format!(
                "{}: query is nested too deep (more than {DEPTH_MAX} levels or {HEIGHT_MAX} operators in a row)",
                place(text, at)
            ),
            at.span,
            String::new(),
        ),
    };
    let mut message = first_line;
    message.push_str(&help);
    message.push_str(&excerpt(text, span));
    if let Some(fix) = suggest(text, tokens, fault) {
        message.push_str(&format!("\n{fix}"));
    }
    ParseError { message, span }
}

/// `, expecting A or B`: the generated parser of Loki names four tokens at most, and so at most
/// four are given.
fn listed(expected: &[Kind]) -> String {
    match expected {
        [] => String::new(),
        kinds => format!(
            ", expecting {}",
            kinds
                .iter()
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(" or ")
        ),
    }
}

fn wanted_line(expected: &[Kind], wanted: &str) -> String {
    let names: Vec<String> = expected.iter().map(|kind| kind.plain_name()).collect();
    match (names.as_slice(), wanted) {
        ([], "") => String::new(),
        ([], wanted) => format!("\nexpected {wanted}"),
        (names, _) => format!("\nexpected {}", names.join(" or ")),
    }
}

/// What stands before `syntax error`; the empty query has no place.
fn prefix(text: &str, at: &Token) -> String {
    if text.is_empty() {
        "parse error : ".to_owned()
    } else {
        format!("{}: ", place(text, at))
    }
}

/// `parse error at line L, col C`, counted in characters from 1. A token whose end was found by
/// reading ahead shows line 0.
fn place(text: &str, at: &Token) -> String {
    let before = &text[..at.span.start as usize];
    let line = if at.read_ahead {
        0
    } else {
        before.matches('\n').count() + 1
    };
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("parse error at line {line}, col {column}")
}

/// The line of the query with the place marked under it.
fn excerpt(text: &str, span: Span) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let start = span.start as usize;
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let line: Vec<char> = text[line_start..line_end].chars().collect();
    let column = text[line_start..start].chars().count();
    let marked = text
        .get(start..(span.end as usize).clamp(start, line_end))
        .map_or(1, |t| t.chars().count().max(1));

    let from = if line.len() > EXCERPT_CHARS_MAX {
        column.saturating_sub(EXCERPT_CHARS_MAX / 2)
    } else {
        0
    };
    let to = line.len().min(from + EXCERPT_CHARS_MAX);
    let shown: String = line[from..to].iter().collect();
    // Tabs stay tabs, so that the caret stands where it should whatever their width.
    let pad: String = line[from..column.min(to)]
        .iter()
        .map(|c| if *c == '\t' { '\t' } else { ' ' })
        .collect();
    let marks = "^".repeat(marked.min(to.saturating_sub(column)).max(1));
    format!("\n    {shown}\n    {pad}{marks}")
}
