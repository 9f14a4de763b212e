//! Text → [`crate::ast`]: lexer, grammar, errors in Loki's words, and the canonical printer.

use crate::ast::{Expr, Selector, Span};

/// A query that can't be read: Loki's text first, help below it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Everything the user sees, `parse error at line 1, col 2: …` first.
    pub message: String,
    /// Where in the text.
    pub span: Span,
}

/// Parses a whole query.
pub fn parse(_text: &str) -> Result<Expr, ParseError> {
    todo!()
}

/// Parses `{…}` alone, as label endpoints take it.
pub fn parse_selector(_text: &str) -> Result<Selector, ParseError> {
    todo!()
}
