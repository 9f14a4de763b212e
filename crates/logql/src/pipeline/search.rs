//! Finding literals in a buffer: one, one of many, or one in any ASCII case. Chosen once a query.

use super::StageError;
use aho_corasick::{AhoCorasick, Input, MatchKind};
use memchr::memmem;
use skald_model::Literal;
use std::sync::Arc;

/// Looks for literals.
#[derive(Debug, Clone)]
pub(super) enum Searcher {
    /// One literal.
    One(Arc<memmem::Finder<'static>>),
    /// One of many.
    Many(AhoCorasick),
    /// One, whatever the case of its ASCII letters.
    AnyCase(CaseSearcher),
}

impl Searcher {
    /// Looks for any of these; they must not be empty.
    pub(super) fn new(literals: &[Literal]) -> Result<Searcher, StageError> {
        match literals {
            [Literal { bytes, ignore_case: false }] => Ok(Searcher::one(bytes)),
            [Literal { bytes, ignore_case: true }] => Ok(Searcher::AnyCase(CaseSearcher::new(bytes))),
            many => AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(many.iter().any(|l| l.ignore_case))
                .build(many.iter().map(|l| &l.bytes))
                .map(Searcher::Many)
                .map_err(|e| StageError(e.to_string())),
        }
    }

    /// Looks for one literal.
    pub(super) fn one(literal: &[u8]) -> Searcher {
        Searcher::One(Arc::new(memmem::Finder::new(literal).into_owned()))
    }

    /// The first match at or after `at`, as start and end.
    pub(super) fn find(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        match self {
            Searcher::One(finder) => finder.find(&text[at..]).map(|i| (at + i, at + i + finder.needle().len())),
            Searcher::Many(automaton) => automaton.find(Input::new(text).span(at..text.len())).map(|m| (m.start(), m.end())),
            Searcher::AnyCase(searcher) => searcher.find(text, at).map(|i| (i, i + searcher.needle.len())),
        }
    }

    /// Whether `text` has a match.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.find(text, 0).is_some()
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
        let anchor = (0..needle.len()).max_by_key(|i| rarity(&needle[*i])).unwrap_or(0);
        let lower = needle.get(anchor).copied().unwrap_or(0);
        CaseSearcher { needle, anchor, lower, upper: lower.to_ascii_uppercase() }
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

    fn check(literals: &[&str], ignore_case: bool, text: &str, at: usize, expected: Option<(usize, usize)>) {
        let literals: Vec<Literal> = literals.iter().map(|l| Literal { bytes: l.as_bytes().to_vec(), ignore_case }).collect();
        let searcher = Searcher::new(&literals).expect("literals are few");
        assert_eq!(searcher.find(text.as_bytes(), at), expected, "{literals:?} in {text:?}");
    }

    #[test]
    fn every_searcher_finds_the_first_match_from_a_place() {
        check(&["ab"], false, "xabab", 2, Some((3, 5)));
        check(&["ab", "ba"], false, "xxbab", 0, Some((2, 4)));
        check(&["error"], true, "an eRRor ERROR", 0, Some((3, 8)));
        check(&["error"], true, "an eRRor ERROR", 4, Some((9, 14)));
        check(&["error"], true, "erro", 0, None);
        check(&["[x]"], true, "a[X]", 0, Some((1, 4)));
        check(&["warn", "fail"], true, "some FAILure", 0, Some((5, 9)));
    }
}
