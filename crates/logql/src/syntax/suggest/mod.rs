//! Hints for parse errors name the likely fix: a misspelt word, missing quotes, a bad escape.
//!
//! Each rule looks at the token a query broke at and at its neighbours, and either knows what was
//! meant or says nothing; the first that knows is taken. `shape` is about how parts of a query
//! stand to one another, `lines` about line filters, `values` about what is written in the wrong
//! quotes or none, `words` about words.

mod lines;
mod shape;
mod values;
mod words;

pub(super) use shape::SELECTORS_JOINED;

use super::token::{Kind, Token};
use crate::syntax::token_cursor::Fault;

/// One line that tells how to repair the query.
pub(super) fn suggest(text: &str, tokens: &[Token], fault: &Fault<'_>) -> Option<String> {
    let (found, expected) = match fault {
        Fault::Unexpected {
            found, expected, ..
        } => (*found, expected),
        Fault::Refused(refusal) => {
            return Some(refusal.help.to_owned()).filter(|help| !help.is_empty());
        }
        Fault::TooDeep { .. } => return None,
    };
    let index = tokens
        .iter()
        .position(|token| token.span.start == found.span.start && token.kind == found.kind)?;
    let place = Place {
        text,
        tokens,
        index,
        found,
        expected,
    };
    shape::array_element(&place)
        .or_else(|| values::invalid_text(&place))
        .or_else(|| shape::suggest(&place))
        .or_else(|| lines::suggest(&place))
        .or_else(|| values::suggest(&place))
        .or_else(|| words::suggest(&place))
        .or_else(|| shape::unclosed(&place))
}

/// Where a query broke.
struct Place<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// Of the token found, among all.
    index: usize,
    found: &'a Token,
    /// What would have fitted, where that can be listed.
    expected: &'a [Kind],
}

impl<'a> Place<'a> {
    /// The token `n` places before the one found.
    fn before(&self, n: usize) -> Option<&'a Token> {
        self.index.checked_sub(n).and_then(|i| self.tokens.get(i))
    }

    /// The token `n` places after it.
    fn after(&self, n: usize) -> Option<&'a Token> {
        self.tokens.get(self.index + n)
    }

    /// Whether the token `n` places before is of this kind.
    fn follows(&self, n: usize, kind: Kind) -> bool {
        self.before(n).is_some_and(|token| token.kind == kind)
    }

    /// How a token is written.
    fn spelled(&self, token: &Token) -> &'a str {
        self.between(token, token)
    }

    /// How tokens from one to another are written, with what stands between them.
    fn between(&self, first: &Token, last: &Token) -> &'a str {
        self.text
            .get(first.span.start as usize..last.span.end as usize)
            .unwrap_or("")
    }

    /// What is written from a token on up to a character that ends a word.
    fn run_from(&self, token: &Token, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.text.get(token.span.start as usize..).unwrap_or("");
        let end = rest.find(ends).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Whether an aggregation over a range was opened before.
    fn in_aggregation(&self) -> bool {
        self.tokens[..self.index]
            .iter()
            .any(|token| matches!(token.kind, Kind::RangeFn(_)))
    }
}
