//! Template tokens carry the text that error messages show for them.

use crate::go::quote::quoted;
use std::fmt;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Output text outside actions.
    Text,
    LeftDelim,
    RightDelim,
    Space,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    Bool,
    /// A character constant with its quotes.
    Char,
    Number,
    /// A quoted string with its quotes.
    Str,
    /// A raw string with its backticks.
    RawStr,
    /// `.`
    Dot,
    /// `.name`
    Field,
    /// `$` or `$name`
    Variable,
    Identifier,
    Keyword(Keyword),
    /// Any other printable ASCII character, such as a comma.
    Other,
    Eof,
    Error,
}

/// Words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A piece of the source and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    /// Byte offset in the source.
    pub(crate) pos: usize,
    /// Line in the source, from 1.
    pub(crate) line: usize,
    pub(crate) text: std::borrow::Cow<'s, str>,
}

/// As Go shows tokens in messages.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
            Kind::Keyword(_) | Kind::Dot => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let short: String = self.text.chars().take(10).collect();
                write!(f, "{}...", quoted(short))
            }
            _ => f.write_str(&quoted(self.text.as_bytes())),
        }
    }
}
