//! A matcher on its way through very many values: it looks for bytes that a match must contain, and is asked
//! only where they stand.
//!
//! What is searched are texts one behind the other with their ends. A hit is a candidate, no more: bytes may
//! stand in another label, or across two texts.

use crate::recovery::push_record::put_bytes;
use memchr::memmem::Finder;
use skald_model::{MatchOp, Matcher};

/// From so many values on the cores share a search: starting threads costs about as much as searching a few
/// thousand.
const SHARED_VALUES_MIN: usize = 64 << 10;

/// A matcher with what to look for.
pub(crate) struct Probe<'m> {
    pub(crate) matcher: &'m Matcher,
    needle: Option<Finder<'static>>,
}

impl<'m> Probe<'m> {
    /// For searching values, or anything that holds them.
    pub(crate) fn of_values(matcher: &'m Matcher) -> Probe<'m> {
        Probe {
            matcher,
            needle: matcher
                .required_literal()
                .map(|literal| Finder::new(&literal).into_owned()),
        }
    }

    /// For searching canonical label bytes, where an equality is one known pair.
    pub(crate) fn of_labels(matcher: &'m Matcher) -> Probe<'m> {
        let mut probe = Probe::of_values(matcher);
        if probe.needle.is_some() && matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) {
            let mut pair = Vec::new();
            put_bytes(&mut pair, matcher.name.as_bytes());
            put_bytes(&mut pair, matcher.value.as_bytes());
            probe.needle = Some(Finder::new(&pair).into_owned());
        }
        probe
    }

    /// Clears the flags of texts that do not satisfy the matcher. The texts lie in `bytes` from `start` on, each
    /// up to its end; `value_of` gives the value of the text of that number.
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

/// Lets the cores share work on very many flags; each gets a stretch that begins at a multiple of `step`, and
/// where it begins.
pub(crate) fn share(flags: &mut [bool], step: usize, work: impl Fn(usize, &mut [bool]) + Sync) {
    let cores = skald_model::cores();
    if flags.len() < SHARED_VALUES_MIN || cores == 1 {
        return work(0, flags);
    }
    let stretch = flags.len().div_ceil(cores).next_multiple_of(step);
    std::thread::scope(|scope| {
        for (number, flags) in flags.chunks_mut(stretch).enumerate() {
            let work = &work;
            scope.spawn(move || work(number * stretch, flags));
        }
    });
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
        Probe::of_values(&matcher).retain((bytes.as_bytes(), 4), &ends, &mut flags, |text| {
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
        let mut flags = vec![false; SHARED_VALUES_MIN * 2 + 5];
        share(&mut flags, 1024, |first, flags| {
            assert!(first.is_multiple_of(1024));
            flags.iter_mut().for_each(|flag| *flag = !*flag);
        });
        assert!(flags.iter().all(|flag| *flag));
    }
}
