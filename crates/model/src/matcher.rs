//! `name op "value"` on a label, compiled.

use crate::re2;
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
    regex: Option<regex::Regex>,
}

impl Matcher {
    /// Compiles one; a bad regex gives Go's text (`error parsing regexp: …`).
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, re2::RegexError> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(re2::anchored(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher { name: name.to_owned(), op, value: value.to_owned(), regex })
    }

    /// `name="value"`, which can't fail.
    pub fn equal(name: &str, value: &str) -> Matcher {
        Matcher { name: name.to_owned(), op: MatchOp::Equal, value: value.to_owned(), regex: None }
    }

    /// Whether a label of this value satisfies the comparison; an absent label is `""`.
    pub fn matches(&self, value: &str) -> bool {
        let positive = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        positive == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }

    /// Whether streams without the label match.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
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
    fn regexes_are_anchored_and_absent_is_empty() {
        let m = Matcher::new("app", MatchOp::Regex, "ng.*|edge").expect("regex is valid");
        assert!(m.matches("nginx") && m.matches("edge") && !m.matches("xnginx") && !m.matches(""));
        let n = Matcher::new("app", MatchOp::NotRegex, "ng.*").expect("regex is valid");
        assert!(n.matches("") && n.matches_empty() && !n.matches("nginx"));
        assert!(Matcher::new("app", MatchOp::NotEqual, "x").expect("no regex").matches_empty());
    }
}
