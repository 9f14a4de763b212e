//! Label search: finds which of very many label values satisfy a matcher.
//!
//! It looks for bytes that a match must contain, and asks the matcher only where they occur. What
//! is searched are concatenated texts with their ends. A hit is only a candidate: the bytes may
//! belong to another label, or span two texts. Heads and stream tables of parts search alike.

use crate::codec::{get_bytes, put_bytes};
use crate::parallel;
use memchr::memmem::Finder;
use parking_lot::Mutex;
use skald_model::{Labels, MatchOp, Matcher};

/// Fewest values of a search that the cores share: starting threads costs about as much as
/// searching a few thousand.
const PARALLEL_VALUES_MIN: usize = 64 << 10;

/// A matcher and the bytes that its matches contain.
pub(crate) struct ValueSearch<'m> {
    pub(crate) matcher: &'m Matcher,
    needle: Option<Finder<'static>>,
}

impl<'m> ValueSearch<'m> {
    /// For searching values, or anything that holds them.
    pub(crate) fn of_values(matcher: &'m Matcher) -> ValueSearch<'m> {
        ValueSearch {
            matcher,
            needle: matcher
                .required_literal()
                .map(|literal| Finder::new(&literal).into_owned()),
        }
    }

    /// For searching canonical label bytes, where an equality is one known pair.
    pub(crate) fn of_labels(matcher: &'m Matcher) -> ValueSearch<'m> {
        let mut search = ValueSearch::of_values(matcher);
        if search.needle.is_some() && matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) {
            let mut pair = Vec::new();
            put_bytes(&mut pair, matcher.name.as_bytes());
            put_bytes(&mut pair, matcher.value.as_bytes());
            search.needle = Some(Finder::new(&pair).into_owned());
        }
        search
    }

    /// Clears the flags of texts that do not satisfy the matcher. The texts lie in `bytes` from
    /// `start` on, each up to its end; `value_of` gives the value of a text by its number.
    pub(crate) fn retain<'v>(
        &self,
        (bytes, start): (&[u8], usize),
        ends: &[u32],
        flags: &mut [bool],
        value_of: impl Fn(usize) -> &'v str,
    ) {
        let Some(needle) = &self.needle else {
            let still = flags.iter_mut().enumerate().filter(|(_, flag)| **flag);
            return still.for_each(|(text, flag)| *flag = self.matcher.matches(value_of(text)));
        };
        // Without the bytes a text does not match, which is what the negations ask for.
        let others = matches!(self.matcher.op, MatchOp::NotEqual | MatchOp::NotRegex);
        let (mut at, mut next) = (start, 0);
        let last = ends.last().map_or(start, |end| *end as usize);
        while let Some(found) = needle.find(&bytes[at..last]) {
            let text = next + ends[next..].partition_point(|end| *end as usize <= at + found);
            flags[next..text]
                .iter_mut()
                .for_each(|flag| *flag &= others);
            flags[text] = flags[text] && self.matcher.matches(value_of(text));
            (at, next) = (ends[text] as usize, text + 1);
        }
        flags[next..].iter_mut().for_each(|flag| *flag &= others);
    }
}

/// Divides work on very many flags among the cores; each gets a stretch that begins at a multiple
/// of `step`, and the place where it begins.
pub(crate) fn in_parallel(
    flags: &mut [bool],
    step: usize,
    work: impl Fn(usize, &mut [bool]) + Sync,
) {
    let cores = skald_model::cores();
    if flags.len() < PARALLEL_VALUES_MIN || cores == 1 {
        return work(0, flags);
    }
    let stretch = flags.len().div_ceil(cores).next_multiple_of(step);
    let stretches: Vec<Mutex<&mut [bool]>> = flags.chunks_mut(stretch).map(Mutex::new).collect();
    parallel::for_each(stretches.len(), cores, &|number| {
        work(number * stretch, &mut stretches[number].lock());
    });
}

/// Whether labels satisfy all matchers.
pub(crate) fn labels_match(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .all(|m| m.matches(value_of(labels.as_bytes(), &m.name)))
}

/// The value of a label in canonical bytes, empty when absent. A head may have a million streams,
/// so only the value looked for is checked to be UTF-8, not all on the way.
pub(crate) fn value_of<'a>(mut bytes: &'a [u8], name: &str) -> &'a str {
    while let (Some(found), Some(value)) = (get_bytes(&mut bytes), get_bytes(&mut bytes)) {
        if found == name.as_bytes() {
            return std::str::from_utf8(value).unwrap_or("");
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [&str; 7] = ["api-1", "", "web", "api", "-1api", "xapi-", "1"];

    fn check(op: MatchOp, value: &str) {
        let matcher = Matcher::new("app", op, value).expect("the pattern is valid");
        let bytes = format!("head{}", VALUES.concat());
        let mut end = 4;
        let ends: Vec<u32> = VALUES
            .iter()
            .map(|v| {
                end += v.len() as u32;
                end
            })
            .collect();
        let mut flags = vec![true; VALUES.len()];
        flags[3] = false;
        ValueSearch::of_values(&matcher).retain((bytes.as_bytes(), 4), &ends, &mut flags, |text| {
            VALUES[text]
        });
        let expected: Vec<bool> = VALUES
            .iter()
            .enumerate()
            .map(|(i, v)| i != 3 && matcher.matches(v))
            .collect();
        assert_eq!(flags, expected, "{matcher:?}");
    }

    #[test]
    fn searching_gives_what_asking_each_value_gives() {
        for op in [
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Regex,
            MatchOp::NotRegex,
        ] {
            for value in ["api", "", "1", "webapi"] {
                check(op, value);
            }
        }
        for op in [MatchOp::Regex, MatchOp::NotRegex] {
            for value in [
                "api.*",
                ".*pi-.*",
                ".*-1.*",
                "(api|web).*",
                ".+",
                "[0-9]",
                ".*1",
            ] {
                check(op, value);
            }
        }
    }

    #[test]
    fn every_flag_is_worked_on_once() {
        let mut flags = vec![false; PARALLEL_VALUES_MIN * 2 + 5];
        in_parallel(&mut flags, 1024, |first, flags| {
            assert!(first.is_multiple_of(1024));
            flags.iter_mut().for_each(|flag| *flag = !*flag);
        });
        assert!(flags.iter().all(|flag| *flag));
    }

    #[test]
    fn labels_match_by_value_and_absent_ones_are_empty() {
        let long = "v".repeat(300);
        let labels = Labels::from_pairs([("a", "1"), ("b", long.as_str()), ("c", "3")]);
        for (name, value) in [
            ("a", "1"),
            ("b", long.as_str()),
            ("c", "3"),
            ("d", ""),
            ("", ""),
        ] {
            assert_eq!(value_of(labels.as_bytes(), name), value);
        }
    }
}
