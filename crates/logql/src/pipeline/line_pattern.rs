//! `|>` patterns match literals with `<_>` for anything between; `| pattern` shares their syntax.

use super::StageError;
use memchr::memmem::Finder;
use skald_model::steps;

/// A piece of a pattern's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that stands there.
    Literal(String),
    /// `<name>`; `_` is unnamed.
    Capture(String),
}

/// Cuts a pattern's text into literals and captures; captures may not follow one another.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, StageError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(name) = capture_name(rest) {
            if let Some(Piece::Capture(previous)) = pieces.last() {
                return Err(StageError(format!(
                    "found consecutive capture '<{previous}><{name}>': invalid expression"
                )));
            }
            pieces.push(Piece::Capture(name.to_owned()));
            rest = &rest[name.len() + 2..];
            continue;
        }
        let next = rest
            .char_indices()
            .skip(1)
            .find(|(at, _)| capture_name(&rest[*at..]).is_some());
        let (literal, after) = rest.split_at(next.map_or(rest.len(), |(at, _)| at));
        pieces.push(Piece::Literal(literal.to_owned()));
        rest = after;
    }
    Ok(pieces)
}

/// The name when `text` starts with `<name>`.
fn capture_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let length = inner
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    let valid = length > 0
        && !inner.as_bytes()[0].is_ascii_digit()
        && inner.as_bytes().get(length) == Some(&b'>');
    valid.then(|| &inner[..length])
}

/// A compiled `|>` pattern.
#[derive(Debug, Clone)]
pub(super) struct LinePattern {
    literals: Vec<Finder<'static>>,
    starts_with_capture: bool,
    ends_with_capture: bool,
    empty: bool,
}

impl LinePattern {
    /// Compiles a pattern; names are refused because nothing would carry them.
    pub(super) fn compile(text: &str) -> Result<LinePattern, StageError> {
        let pieces = pieces(text)?;
        for piece in &pieces {
            if let Piece::Capture(name) = piece
                && name != "_"
            {
                return Err(StageError(format!(
                    "named captures are not allowed: found '<{name}>'"
                )));
            }
        }
        let literal = |piece: &Piece| match piece {
            Piece::Literal(literal) => Some(Finder::new(literal.as_bytes()).into_owned()),
            Piece::Capture(_) => None,
        };
        Ok(LinePattern {
            literals: pieces.iter().filter_map(literal).collect(),
            starts_with_capture: matches!(pieces.first(), Some(Piece::Capture(_))),
            ends_with_capture: matches!(pieces.last(), Some(Piece::Capture(_))),
            empty: pieces.is_empty(),
        })
    }

    /// The literals, in order.
    pub(super) fn literals(&self) -> impl Iterator<Item = &[u8]> {
        self.literals.iter().map(|literal| literal.needle())
    }

    /// Whether a line matches: the first literal anywhere, each further one after a gap, no capture
    /// empty.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        if line.is_empty() || self.empty {
            return line.is_empty() && self.empty;
        }
        let mut at = 0;
        for (index, literal) in self.literals.iter().enumerate() {
            let found = literal.find(&line[at..]);
            steps::count(1 + found.unwrap_or(line.len() - at));
            let Some(gap) = found else {
                return false;
            };
            if gap == 0 && (index > 0 || self.starts_with_capture) {
                return false;
            }
            at += gap + literal.needle().len();
        }
        (at < line.len()) == self.ends_with_capture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, line: &str, expected: bool) {
        let pattern_compiled = LinePattern::compile(pattern).expect("pattern is valid");
        assert_eq!(
            pattern_compiled.matches(line.as_bytes()),
            expected,
            "{pattern:?} on {line:?}"
        );
    }

    #[test]
    fn literals_stand_in_order_with_something_between() {
        check("foo <_> bar", "foo x bar", true);
        check("foo <_> bar", "xx foo x bar", true);
        check("foo <_> bar", "foo x bar y", false);
        check("foo <_>", "foo x", true);
        check("foo <_>", "foo ", false);
        check("<_>foo", "foo", false);
        check("<_>foo", "xfoo", true);
        check("bar", "bar bar", false);
        check("<_>", "x", true);
    }

    #[test]
    fn an_empty_line_matches_only_the_empty_pattern() {
        check("", "", true);
        check("", "x", false);
        check("<_>", "", false);
    }

    #[test]
    fn what_can_not_be_matched_is_refused() {
        let refused = |pattern: &str| LinePattern::compile(pattern).expect_err("refused").0;
        assert_eq!(
            refused("<a> x"),
            "named captures are not allowed: found '<a>'"
        );
        assert_eq!(
            refused("<_><_>"),
            "found consecutive capture '<_><_>': invalid expression"
        );
    }

    #[test]
    fn an_angle_bracket_that_opens_no_capture_is_text() {
        assert_eq!(pieces("a < b <9x> <ok>").map(|p| p.len()), Ok(2));
    }
}
