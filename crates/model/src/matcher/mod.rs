//! Matchers compare a label with a text or a regex: `name op "value"`, compiled once.

mod plain;

use crate::re2;
use plain::Plain;
use regex_syntax::hir::{Hir, HirKind};
use std::fmt;

/// The four comparisons of a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as written in LogQL.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// One compiled comparison. A missing label counts as the empty text; regexes are anchored at both
/// ends and their dot matches a newline, as in Loki's selectors.
#[derive(Clone)]
pub struct Matcher {
    /// Label name.
    pub name: String,
    /// Comparison.
    pub op: MatchOp,
    /// Right-hand side as the user wrote it (unquoted).
    pub value: String,
    regex: Option<Compiled>,
}

/// The regex of a matcher.
#[derive(Clone)]
enum Compiled {
    Plain(Plain),
    Engine(regex::Regex),
}

impl Compiled {
    fn new(pattern: &str) -> Result<Compiled, re2::RegexError> {
        let plain = Plain::of(&re2::whole(pattern)?);
        plain.map_or_else(
            || re2::anchored(pattern).map(Compiled::Engine),
            |plain| Ok(Compiled::Plain(plain)),
        )
    }

    fn matches(&self, value: &str) -> bool {
        match self {
            Compiled::Plain(plain) => plain.matches(value),
            Compiled::Engine(regex) => regex.is_match(value),
        }
    }
}

impl Matcher {
    /// Compiles one; a bad regex gives Go's text (`error parsing regexp: …`).
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, re2::RegexError> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(Compiled::new(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher {
            name: name.to_owned(),
            op,
            value: value.to_owned(),
            regex,
        })
    }

    /// `name="value"`, which can't fail.
    pub fn equal(name: &str, value: &str) -> Matcher {
        Matcher {
            name: name.to_owned(),
            op: MatchOp::Equal,
            value: value.to_owned(),
            regex: None,
        }
    }

    /// Whether a label of this value satisfies the comparison; an absent label is `""`.
    pub fn matches(&self, value: &str) -> bool {
        let positive = match &self.regex {
            Some(regex) => regex.matches(value),
            None => self.value == value,
        };
        positive == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Bytes that stand in every value which equals the matcher's or matches its regex, if any are
    /// known: what a search through very many values looks for before it compares.
    pub fn required_literal(&self) -> Option<Vec<u8>> {
        let literal = match self.op {
            MatchOp::Equal | MatchOp::NotEqual => self.value.clone().into_bytes(),
            MatchOp::Regex | MatchOp::NotRegex => {
                let pattern = re2::translate(&self.value).ok()?;
                longest_literal(&regex_syntax::parse(&pattern).ok()?)
            }
        };
        (!literal.is_empty()).then_some(literal)
    }

    /// Whether streams without the label match.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

/// The longest text that all matches contain; empty when none is known.
fn longest_literal(hir: &Hir) -> Vec<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.to_vec(),
        HirKind::Capture(capture) => longest_literal(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub),
        HirKind::Concat(parts) => {
            let longest = parts.iter().map(longest_literal).max_by_key(Vec::len);
            longest.unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.op.as_str())?;
        crate::labels::write_quoted(f, &self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_match_contains_is_known() {
        let check = |op, value: &str, expected: &str| {
            let literal = Matcher::new("app", op, value)
                .expect("regex is valid")
                .required_literal();
            assert_eq!(literal.unwrap_or_default(), expected.as_bytes(), "{value}");
        };
        check(MatchOp::Regex, ".*-77-.*", "-77-");
        check(MatchOp::Regex, "a(bcd)+.e?", "bcd");
        check(MatchOp::NotRegex, "api-.*-blue", "-blue");
        check(MatchOp::Regex, "(abc)?x|.*", "");
        check(MatchOp::Regex, "(?i)abc", "");
        check(MatchOp::Equal, "x", "x");
        check(MatchOp::NotEqual, "", "");
    }

    #[test]
    fn regexes_are_anchored_and_absent_is_empty() {
        let m = Matcher::new("app", MatchOp::Regex, "ng.*|edge").expect("regex is valid");
        assert!(m.matches("nginx") && m.matches("edge") && !m.matches("xnginx") && !m.matches(""));
        let n = Matcher::new("app", MatchOp::NotRegex, "ng.*").expect("regex is valid");
        assert!(n.matches("") && n.matches_empty() && !n.matches("nginx"));
        assert!(
            Matcher::new("app", MatchOp::NotEqual, "x")
                .expect("no regex")
                .matches_empty()
        );
    }
}
