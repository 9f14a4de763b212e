//! Searchers find literals in a buffer: one, one of many, or one in any ASCII case. Chosen once a
//! query.

use super::StageError;
use aho_corasick::packed::{self, MatchKind};
use aho_corasick::{AhoCorasick, Input, Span};
use memchr::memmem;
use skald_model::{Literal, steps};
use std::sync::Arc;

/// Longest literal that is compared wherever its rarest byte stands: a longer one would cost the
/// product of both lengths on a line of that byte.
const CASE_BYTES_MAX: usize = 64;

/// Most literals in any case that are each looked for in a pass of their own; beyond, one automaton
/// is faster.
const CASE_PASSES_MAX: usize = 6;

/// Looks for literals: a text that has one of them is found by one pass or several, each for some
/// of them.
#[derive(Debug, Clone)]
pub(super) struct Searcher(Arc<[Pass]>);

/// One way over a text.
#[derive(Debug, Clone)]
pub(super) enum Pass {
    /// One literal.
    One(Box<memmem::Finder<'static>>),
    /// One of a few, by vector instructions.
    Few(Box<packed::Searcher>),
    /// One of many, or of some in any case.
    Many(AhoCorasick),
    /// One, whatever the case of its ASCII letters.
    AnyCase(CaseSearcher),
}

/// Whether a literal is one for a [`CaseSearcher`].
fn in_any_case(literal: &Literal) -> bool {
    literal.ignore_case && literal.bytes.len() <= CASE_BYTES_MAX
}

impl Searcher {
    /// Looks for any of these; they must not be empty.
    pub(super) fn new(literals: &[Literal]) -> Result<Searcher, StageError> {
        let passes = match literals {
            [
                Literal {
                    bytes,
                    ignore_case: false,
                },
            ] => vec![Pass::One(Box::new(memmem::Finder::new(bytes).into_owned()))],
            few if few.len() <= CASE_PASSES_MAX && few.iter().all(in_any_case) => few
                .iter()
                .map(|l| Pass::AnyCase(CaseSearcher::new(&l.bytes)))
                .collect(),
            many => vec![Pass::any_of(many)?],
        };
        Ok(Searcher(passes.into()))
    }

    /// The passes; a text has a literal if one of them finds a match.
    pub(super) fn passes(&self) -> &[Pass] {
        &self.0
    }

    /// Whether `text` has a match.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|pass| pass.find(text, 0).is_some())
    }
}

impl Pass {
    fn any_of(literals: &[Literal]) -> Result<Pass, StageError> {
        let ignore_case = literals.iter().any(|l| l.ignore_case);
        if !ignore_case {
            // What `find` promises: of two matches that start together the shorter comes first.
            let mut shortest_first: Vec<&[u8]> = literals.iter().map(|l| &l.bytes[..]).collect();
            shortest_first.sort_by_key(|bytes| bytes.len());
            let packed = packed::Config::new()
                .match_kind(MatchKind::LeftmostFirst)
                .builder()
                .extend(shortest_first)
                .build();
            if let Some(packed) = packed {
                return Ok(Pass::Few(Box::new(packed)));
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(ignore_case)
            .build(literals.iter().map(|l| &l.bytes));
        automaton
            .map(Pass::Many)
            .map_err(|e| StageError(e.to_string()))
    }

    /// A match at or after `at`, as start and end. No other match starts as early and ends earlier,
    /// so when this one reaches over the end of a line, no match that starts where it does lies
    /// within the line.
    pub(super) fn find(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        match self {
            Pass::One(finder) => finder
                .find(&text[at..])
                .map(|i| (at + i, at + i + finder.needle().len())),
            Pass::Few(packed) => packed
                .find_in(text, Span::from(at..text.len()))
                .map(|m| (m.start(), m.end())),
            Pass::Many(automaton) => automaton
                .find(Input::new(text).span(at..text.len()))
                .map(|m| (m.start(), m.end())),
            Pass::AnyCase(searcher) => searcher
                .find(text, at)
                .map(|i| (i, i + searcher.needle.len())),
        }
    }
}

/// One literal in any ASCII case: its rarest byte is looked for, then the rest compared.
#[derive(Debug, Clone)]
pub(super) struct CaseSearcher {
    needle: Arc<[u8]>,
    anchor: usize,
    lower: u8,
    upper: u8,
}

/// Letters of logs from frequent to rare, by a count over the sample corpus.
const FREQUENT_FIRST: &[u8] = b"etaoinsrdlcupmhgfbvwykxjqz";

impl CaseSearcher {
    fn new(literal: &[u8]) -> CaseSearcher {
        let needle: Arc<[u8]> = literal.to_ascii_lowercase().into();
        let rarity = |byte: &u8| FREQUENT_FIRST.iter().position(|f| f == byte).unwrap_or(10);
        let anchor = (0..needle.len())
            .max_by_key(|i| rarity(&needle[*i]))
            .unwrap_or(0);
        let lower = needle.get(anchor).copied().unwrap_or(0);
        CaseSearcher {
            needle,
            anchor,
            lower,
            upper: lower.to_ascii_uppercase(),
        }
    }

    fn find(&self, text: &[u8], at: usize) -> Option<usize> {
        let mut from = at + self.anchor;
        while from < text.len() {
            let rest = &text[from..];
            let hit = if self.lower == self.upper {
                memchr::memchr(self.lower, rest)
            } else {
                memchr::memchr2(self.lower, self.upper, rest)
            };
            let start = from + hit? - self.anchor;
            steps::count(self.needle.len());
            match text.get(start..start + self.needle.len()) {
                Some(window) if window.eq_ignore_ascii_case(&self.needle) => return Some(start),
                Some(_) => from = start + self.anchor + 1,
                None => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        literals: &[&str],
        ignore_case: bool,
        text: &str,
        at: usize,
        expected: Option<(usize, usize)>,
    ) {
        let literals: Vec<Literal> = literals
            .iter()
            .map(|l| Literal {
                bytes: l.as_bytes().to_vec(),
                ignore_case,
            })
            .collect();
        let searcher = Searcher::new(&literals).expect("literals are few");
        let found = searcher
            .passes()
            .iter()
            .filter_map(|pass| pass.find(text.as_bytes(), at))
            .min();
        assert_eq!(found, expected, "{literals:?} in {text:?}");
        assert_eq!(
            searcher.is_in(&text.as_bytes()[at..]),
            expected.is_some(),
            "{literals:?} in {text:?}"
        );
    }

    #[test]
    fn every_searcher_finds_the_first_match_from_a_place() {
        check(&["ab"], false, "xabab", 2, Some((3, 5)));
        check(&["ab", "ba"], false, "xxbab", 0, Some((2, 4)));
        check(
            &["abcd", "ab"],
            false,
            "some text before xabcd",
            0,
            Some((18, 20)),
        );
        check(&["error"], true, "an eRRor ERROR", 0, Some((3, 8)));
        check(&["error"], true, "an eRRor ERROR", 4, Some((9, 14)));
        check(&["error"], true, "erro", 0, None);
        check(&["[x]"], true, "a[X]", 0, Some((1, 4)));
        check(&["warn", "fail"], true, "some FAILure", 0, Some((5, 9)));
        check(
            &["a1", "b2", "c3", "d4", "e5", "f6", "g7"],
            true,
            "some F6",
            0,
            Some((5, 7)),
        );
    }

    #[test]
    fn more_literals_than_vectors_hold_are_found_too() {
        let many: Vec<String> = (100..400).map(|n| format!("literal {n}")).collect();
        check(
            &many.iter().map(String::as_str).collect::<Vec<_>>(),
            false,
            "a literal 1x, literal 399",
            0,
            Some((14, 25)),
        );
    }
}
