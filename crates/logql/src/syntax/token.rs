//! Tokens of LogQL carry the names that error texts use for them.
//!
//! A [`Token`] knows its place in the text and whether finding its end took reading ahead, which
//! decides the line number an error shows: Loki shows line 0 for those, and so do we.

use crate::ast::{Conversion, RangeOp, Span, VectorOp};

/// What a token is; its value, where it has one, is the token's [`Payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    /// Text that is no token; the payload says why.
    Invalid,
    Bytes,
    Identifier,
    Text,
    Number,
    Flag,
    Duration,
    Range,
    Equal,
    RegexMatch,
    NotRegex,
    NotPattern,
    OpenBrace,
    CloseBrace,
    CloseBracket,
    Comma,
    Dot,
    PipeRegex,
    PipeContains,
    PipePattern,
    OpenParen,
    CloseParen,
    By,
    Without,
    RangeFn(RangeOp),
    VectorFn(VectorOp),
    Convert(Conversion),
    VectorOf,
    LabelReplace,
    Bool,
    Json,
    Regexp,
    Logfmt,
    Pipe,
    LineFormat,
    LabelFormat,
    Unwrap,
    Unpack,
    Offset,
    Pattern,
    Ip,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Decolorize,
    Drop,
    Keep,
    Or,
    And,
    Unless,
    EqualEqual,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

/// Words that are keywords wherever they stand, in any case.
const KEYWORDS: [(&str, Kind); 23] = [
    ("by", Kind::By),
    ("without", Kind::Without),
    ("bool", Kind::Bool),
    ("on", Kind::On),
    ("ignoring", Kind::Ignoring),
    ("group_left", Kind::GroupLeft),
    ("group_right", Kind::GroupRight),
    ("offset", Kind::Offset),
    ("json", Kind::Json),
    ("regexp", Kind::Regexp),
    ("logfmt", Kind::Logfmt),
    ("pattern", Kind::Pattern),
    ("unpack", Kind::Unpack),
    ("line_format", Kind::LineFormat),
    ("label_format", Kind::LabelFormat),
    ("unwrap", Kind::Unwrap),
    ("decolorize", Kind::Decolorize),
    ("drop", Kind::Drop),
    ("keep", Kind::Keep),
    ("or", Kind::Or),
    ("and", Kind::And),
    ("unless", Kind::Unless),
    ("ip", Kind::Ip),
];

/// Operators and punctuation, longest first.
const SYMBOLS: [(&str, Kind); 29] = [
    ("|=", Kind::PipeContains),
    ("|~", Kind::PipeRegex),
    ("|>", Kind::PipePattern),
    ("!=", Kind::NotEqual),
    ("!~", Kind::NotRegex),
    ("!>", Kind::NotPattern),
    ("=~", Kind::RegexMatch),
    ("==", Kind::EqualEqual),
    (">=", Kind::GreaterEqual),
    ("<=", Kind::LessEqual),
    ("|", Kind::Pipe),
    ("=", Kind::Equal),
    (">", Kind::Greater),
    ("<", Kind::Less),
    ("{", Kind::OpenBrace),
    ("}", Kind::CloseBrace),
    ("]", Kind::CloseBracket),
    ("(", Kind::OpenParen),
    (")", Kind::CloseParen),
    (",", Kind::Comma),
    (".", Kind::Dot),
    ("+", Kind::Add),
    ("-", Kind::Sub),
    ("*", Kind::Mul),
    ("/", Kind::Div),
    ("%", Kind::Mod),
    ("^", Kind::Pow),
    // Names of classes, here so that one table gives every name.
    ("$end", Kind::End),
    ("--", Kind::Flag),
];

/// Symbols the lexer may meet: the table without the class names at its end.
const SYMBOLS_LEXED: usize = 27;

impl Kind {
    /// The symbol at the start of `text`.
    pub(super) fn symbol(text: &str) -> Option<(&'static str, Kind)> {
        SYMBOLS[..SYMBOLS_LEXED]
            .iter()
            .copied()
            .find(|(symbol, _)| text.starts_with(symbol))
    }

    /// The keyword `word` is (`ip` is one of the function words: see [`Kind::function`]).
    pub(super) fn keyword(word: &str) -> Option<Kind> {
        KEYWORDS
            .iter()
            .find(|(k, kind)| *kind != Kind::Ip && k.eq_ignore_ascii_case(word))
            .map(|(_, kind)| *kind)
    }

    /// The function `word` names when a parenthesis or a grouping follows it.
    pub(super) fn function(word: &str) -> Option<Kind> {
        let lower = word.to_ascii_lowercase();
        let word = lower.as_str();
        let range = RangeOp::ALL
            .iter()
            .find(|op| op.as_str() == word)
            .map(|op| Kind::RangeFn(*op));
        let vector = VectorOp::ALL
            .iter()
            .find(|op| op.as_str() == word)
            .map(|op| Kind::VectorFn(*op));
        range.or(vector).or(match word {
            "approx_count_distinct" => Some(Kind::RangeFn(RangeOp::CountDistinct)),
            "bytes" => Some(Kind::Convert(Conversion::Bytes)),
            "duration" => Some(Kind::Convert(Conversion::Duration)),
            "duration_seconds" => Some(Kind::Convert(Conversion::DurationSeconds)),
            "vector" => Some(Kind::VectorOf),
            "label_replace" => Some(Kind::LabelReplace),
            "ip" => Some(Kind::Ip),
            _ => None,
        })
    }

    /// The name Loki's error texts use.
    pub(super) fn name(self) -> String {
        let class = match self {
            Kind::Bytes => "BYTES",
            Kind::Identifier | Kind::Invalid => "IDENTIFIER",
            Kind::Text => "STRING",
            Kind::Number => "NUMBER",
            Kind::Flag => "FUNCTION_FLAG",
            Kind::Duration => "DURATION",
            Kind::Range => "RANGE",
            Kind::VectorOf => "VECTOR",
            Kind::LabelReplace => "LABEL_REPLACE",
            Kind::RangeFn(op) => return op.as_str().to_ascii_uppercase(),
            Kind::VectorFn(op) => return op.as_str().to_ascii_uppercase(),
            Kind::Convert(conversion) => {
                return format!("{}_CONV", conversion.as_str().to_ascii_uppercase());
            }
            _ => KEYWORDS
                .iter()
                .chain(&SYMBOLS)
                .find(|(_, kind)| *kind == self)
                .map_or("$unk", |(name, _)| name),
        };
        class.to_owned()
    }

    /// What a person would call it.
    pub(super) fn plain_name(self) -> String {
        match self {
            Kind::Identifier => "a label name".to_owned(),
            Kind::Text => "a text in double quotes".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Duration => "a duration such as 5m".to_owned(),
            Kind::Range => "a range such as [5m]".to_owned(),
            Kind::Convert(conversion) => format!("`{}(`", conversion.as_str()),
            Kind::End => "the end of the query".to_owned(),
            kind => format!("`{}`", kind.name()),
        }
    }
}

/// The value of a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    /// The kind says all.
    None,
    /// Unquoted text of a string, spelling of an identifier, number or flag, reason of an invalid
    /// token.
    Text(String),
    /// Duration or range, in nanoseconds.
    Nanos(i64),
    /// Bytes.
    Bytes(u64),
}

/// One token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Its value.
    pub(super) payload: Payload,
    /// Its place.
    pub(super) span: Span,
    /// Its end was found by reading on, so that errors at it show line 0.
    pub(super) read_ahead: bool,
}

impl Token {
    /// The text of the payload; empty when it has none.
    pub(super) fn text(&self) -> &str {
        match &self.payload {
            Payload::Text(text) => text,
            _ => "",
        }
    }

    /// The nanoseconds of a duration or range.
    pub(super) fn nanos(&self) -> i64 {
        match self.payload {
            Payload::Nanos(nanos) => nanos,
            _ => 0,
        }
    }
}
