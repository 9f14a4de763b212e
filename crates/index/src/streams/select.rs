//! Selects the documents of one segment that satisfy matchers.
//!
//! Matchers of one term come first. What they leave is compared label by label when it is
//! little; else the other matchers run over the values of their label in the term dictionary.

use super::doc_set::DocSet;
use super::terms::{POSTINGS, TERM_BYTES_MAX, pair_term, truncate};
use crate::error::IndexError;
use regex_syntax::hir::literal::{Extractor, Seq};
use skald_model::{MatchOp, Matcher};
use tantivy::InvertedIndexReader;
use tantivy::postings::TermInfo;

/// With so few documents left, comparing their labels costs less than walking a term dictionary.
const COMPARE_DOCS_MAX: usize = 2048;

/// Documents, and matchers they still have to be compared with.
pub(super) struct Selected<'a> {
    pub(super) docs: DocSet,
    pub(super) unchecked: Vec<&'a Matcher>,
}

/// What it takes to answer a matcher.
enum Cost {
    /// True of every stream.
    Nothing,
    /// One lookup.
    Term(Vec<u8>),
    /// Every value of the label has to be tested.
    Values,
}

/// Finds the documents that satisfy all matchers, save for those left unchecked.
pub(super) fn select<'a>(
    terms: &InvertedIndexReader,
    documents: u32,
    matchers: &'a [Matcher],
) -> Result<Selected<'a>, IndexError> {
    let mut selected = Selected {
        docs: DocSet::all(documents),
        unchecked: Vec::new(),
    };
    let mut costly = Vec::new();
    for matcher in matchers {
        match cost_of(matcher) {
            Cost::Nothing => {}
            Cost::Term(term) => apply_term(terms, matcher, &term, &mut selected)?,
            Cost::Values => costly.push(matcher),
        }
    }
    for matcher in costly {
        if selected.docs.count() <= COMPARE_DOCS_MAX {
            selected.unchecked.push(matcher);
        } else {
            apply_values(terms, matcher, &mut selected)?;
        }
    }
    Ok(selected)
}

fn cost_of(matcher: &Matcher) -> Cost {
    let name = || Cost::Term(matcher.name.as_bytes().to_vec());
    match (matcher.op, matcher.value.as_str()) {
        (MatchOp::Equal | MatchOp::NotEqual, "") => name(),
        (MatchOp::Equal | MatchOp::NotEqual, value) => Cost::Term(pair_term(&matcher.name, value)),
        (MatchOp::Regex, ".*") => Cost::Nothing,
        (MatchOp::Regex | MatchOp::NotRegex, ".+" | "") => name(),
        (MatchOp::Regex | MatchOp::NotRegex, _) => Cost::Values,
    }
}

/// Applies a matcher about one term: streams with it match, or those without it do.
fn apply_term<'a>(
    terms: &InvertedIndexReader,
    matcher: &'a Matcher,
    term: &[u8],
    selected: &mut Selected<'a>,
) -> Result<(), IndexError> {
    let is_truncated = term.len() >= TERM_BYTES_MAX;
    if is_truncated {
        selected.unchecked.push(matcher);
    }
    let mut with = DocSet::none(selected.docs.documents());
    if let Some(info) = terms.terms().get(truncate(term))? {
        insert_postings(terms, &info, &mut with)?;
    }
    match (matcher.matches_empty(), is_truncated) {
        (false, _) => selected.docs.intersect(&with),
        (true, false) => selected.docs.subtract(&with),
        (true, true) => {}
    }
    Ok(())
}

/// Applies a matcher by testing the label's values.
fn apply_values<'a>(
    terms: &InvertedIndexReader,
    matcher: &'a Matcher,
    selected: &mut Selected<'a>,
) -> Result<(), IndexError> {
    let values = Values::of(matcher);
    // Streams with a tested value that matches, or, as those without the label match, that does
    // not.
    let wanted = !matcher.matches_empty();
    let mut docs = DocSet::none(selected.docs.documents());
    let mut has_truncated = false;
    let mut visit = |value: &[u8], info: &TermInfo| {
        let is_truncated = matcher.name.len() + 1 + value.len() >= TERM_BYTES_MAX;
        has_truncated |= is_truncated;
        let matches =
            std::str::from_utf8(value).is_ok_and(|value| matcher.matches(value) == wanted);
        if if is_truncated { wanted } else { matches } {
            insert_postings(terms, info, &mut docs)?;
        }
        Ok::<(), IndexError>(())
    };
    match &values {
        Values::These(values) => {
            for value in values {
                if let Some(info) = terms.terms().get(pair_term(&matcher.name, value))? {
                    visit(value.as_bytes(), &info)?;
                }
            }
        }
        Values::From(prefix) => {
            let from = pair_term(&matcher.name, prefix);
            let mut stream = terms.terms().range().ge(&from).into_stream()?;
            while stream.advance() && stream.key().starts_with(&from) {
                visit(&stream.key()[matcher.name.len() + 1..], stream.value())?;
            }
        }
    }
    if has_truncated {
        selected.unchecked.push(matcher);
    }
    if wanted {
        selected.docs.intersect(&docs)
    } else {
        selected.docs.subtract(&docs)
    }
    Ok(())
}

fn insert_postings(
    terms: &InvertedIndexReader,
    info: &TermInfo,
    docs: &mut DocSet,
) -> Result<(), IndexError> {
    let mut postings = terms.read_block_postings_from_terminfo(info, POSTINGS)?;
    while postings.block_len() > 0 {
        postings.docs().iter().for_each(|doc| docs.insert(*doc));
        postings.advance();
    }
    Ok(())
}

/// Which values of a label need testing.
#[derive(Debug, PartialEq, Eq)]
enum Values {
    /// No others can decide.
    These(Vec<String>),
    /// Those that begin so.
    From(String),
}

/// Whether the index answers a regex without walking all values of its label.
pub fn is_narrow(matcher: &Matcher) -> bool {
    match Values::of(matcher) {
        Values::These(_) => true,
        Values::From(prefix) => !prefix.is_empty(),
    }
}

impl Values {
    /// Literals of a regex narrow what it can match. That helps when the values it matches decide,
    /// not when those it does not match do.
    fn of(matcher: &Matcher) -> Values {
        let all = Values::From(String::new());
        let matched_decide = match matcher.op {
            MatchOp::Regex => !matcher.matches_empty(),
            MatchOp::NotRegex => matcher.matches_empty(),
            MatchOp::Equal | MatchOp::NotEqual => false,
        };
        if !matched_decide {
            return all;
        }
        let Ok(pattern) = skald_model::re2::translate(&matcher.value) else {
            return all;
        };
        let parsed = regex_syntax::ParserBuilder::new()
            .dot_matches_new_line(true)
            .build()
            .parse(&pattern);
        let Ok(hir) = parsed else { return all };
        let literals = Extractor::new().extract(&hir);
        let texts = |seq: &Seq| -> Option<Vec<String>> {
            seq.literals()?
                .iter()
                .map(|l| String::from_utf8(l.as_bytes().to_vec()).ok())
                .collect()
        };
        if let (true, Some(values)) = (literals.is_exact(), texts(&literals)) {
            return Values::These(values);
        }
        let prefix = literals.longest_common_prefix().unwrap_or_default();
        Values::From(std::str::from_utf8(prefix).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Values) {
        let matcher = Matcher::new("l", MatchOp::Regex, pattern).expect("regex is valid");
        assert_eq!(Values::of(&matcher), expected, "{pattern}");
    }

    #[test]
    fn literals_narrow_what_is_tested() {
        check(
            "a|b|cd",
            Values::These(vec!["a".into(), "b".into(), "cd".into()]),
        );
        check(
            "api-(1|2)",
            Values::These(vec!["api-1".into(), "api-2".into()]),
        );
        check("api-.*", Values::From("api-".into()));
        check(".*-7", Values::From(String::new()));
        check("(a.*|b.*)", Values::From(String::new()));
        check("a|", Values::From(String::new()));
    }
}
