//! The cursor walks tokens as a nom input; the grammar is built from its parsers of single tokens.
//!
//! A recoverable error means "not here, another form may fit"; a failure is final. Failures carry
//! what would have fitted exactly where Loki's generated parser can name it: see [`Fault`].

use crate::ast::Span;
use crate::syntax::token::{Kind, Token};
use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Input, Needed};

/// The rest of the tokens; never empty, for its last one ends the query and is never passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [Token],
}

/// Why tokens are no query.
#[derive(Clone, Debug)]
pub(super) enum Fault<'a> {
    /// A token stands where it can't.
    Unexpected {
        /// It.
        found: &'a Token,
        /// The tokens that fit, in the order Loki lists them; empty where it lists none.
        expected: Vec<Kind>,
        /// What fits, for people, where the list says nothing.
        wanted: &'static str,
    },
    /// Well-formed text that means nothing.
    Refused(Refusal),
    /// Too deep to follow.
    TooDeep {
        /// The token that goes too far.
        at: &'a Token,
    },
}

/// Why well-formed text means nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    /// Loki's words, without the prefix.
    pub(super) message: String,
    /// The place to show.
    pub(super) span: Span,
    /// What to do about it; may be empty.
    pub(super) help: &'static str,
}

/// What every parser of the grammar gives.
pub(super) type Parsed<'a, T> = IResult<Cursor<'a>, T, Fault<'a>>;

impl<'a> Cursor<'a> {
    /// The whole list of a lexer.
    pub(super) fn new(tokens: &'a [Token]) -> Cursor<'a> {
        Cursor { rest: tokens }
    }

    /// The next token.
    pub(super) fn peek(self) -> &'a Token {
        &self.rest[0]
    }

    /// The kind of the next token.
    pub(super) fn kind(self) -> Kind {
        self.rest[0].kind
    }

    /// The token `n` places on; the last one stands for all beyond.
    pub(super) fn ahead(self, n: usize) -> &'a Token {
        &self.rest[n.min(self.rest.len() - 1)]
    }

    /// Passes one token.
    pub(super) fn next(self) -> Cursor<'a> {
        Cursor {
            rest: if self.rest.len() > 1 {
                &self.rest[1..]
            } else {
                self.rest
            },
        }
    }

    /// A failure at the next token that names what fits.
    pub(super) fn expected(self, expected: &[Kind]) -> Err<Fault<'a>> {
        Err::Failure(Fault::Unexpected {
            found: self.peek(),
            expected: expected.to_vec(),
            wanted: "",
        })
    }

    /// A failure at the next token where too much would fit to name it.
    pub(super) fn stray(self, wanted: &'static str) -> Err<Fault<'a>> {
        Err::Failure(Fault::Unexpected {
            found: self.peek(),
            expected: Vec::new(),
            wanted,
        })
    }

    /// A failure of meaning at the next token.
    pub(super) fn refused(self, message: String) -> Err<Fault<'a>> {
        self.refused_with(message, "")
    }

    /// A failure of meaning at the next token, and what to do about it.
    pub(super) fn refused_with(self, message: String, help: &'static str) -> Err<Fault<'a>> {
        Err::Failure(Fault::Refused(Refusal {
            message,
            span: self.peek().span,
            help,
        }))
    }
}

/// Takes a token of this kind, or lets another form try.
pub(super) fn token<'a>(kind: Kind) -> impl Fn(Cursor<'a>) -> Parsed<'a, &'a Token> {
    move |c| {
        if c.kind() == kind {
            Ok((c.next(), c.peek()))
        } else {
            Err(Err::Error(Fault::Unexpected {
                found: c.peek(),
                expected: Vec::new(),
                wanted: "",
            }))
        }
    }
}

/// Takes a token of this kind; nothing else fits.
pub(super) fn need<'a>(kind: Kind) -> impl Fn(Cursor<'a>) -> Parsed<'a, &'a Token> {
    move |c| {
        if c.kind() == kind {
            Ok((c.next(), c.peek()))
        } else {
            Err(c.expected(&[kind]))
        }
    }
}

impl<'a> ParseError<Cursor<'a>> for Fault<'a> {
    fn from_error_kind(input: Cursor<'a>, _: ErrorKind) -> Fault<'a> {
        Fault::Unexpected {
            found: input.peek(),
            expected: Vec::new(),
            wanted: "",
        }
    }

    fn append(_: Cursor<'a>, _: ErrorKind, other: Fault<'a>) -> Fault<'a> {
        other
    }
}

impl<'a> Input for Cursor<'a> {
    type Item = &'a Token;
    type Iter = std::slice::Iter<'a, Token>;
    type IterIndices = std::iter::Enumerate<std::slice::Iter<'a, Token>>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Cursor<'a> {
        Cursor {
            rest: &self.rest[..index],
        }
    }

    fn take_from(&self, index: usize) -> Cursor<'a> {
        Cursor {
            rest: &self.rest[index..],
        }
    }

    fn take_split(&self, index: usize) -> (Cursor<'a>, Cursor<'a>) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(&'a Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(predicate)
    }

    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.rest.iter().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.rest.len() {
            Ok(count)
        } else {
            Err(Needed::new(count - self.rest.len()))
        }
    }
}
