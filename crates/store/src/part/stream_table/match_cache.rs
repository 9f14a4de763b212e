//! What matchers said of the values of a part's labels, kept for the next query that asks the same.
//!
//! A part never changes, so an answer stays right as long as the part. Only answers about many values are worth
//! keeping: a dashboard asks the same few regexes again and again.

use parking_lot::Mutex;
use skald_model::{MatchOp, Matcher};
use std::collections::VecDeque;
use std::sync::Arc;

/// Fewer values than this are asked anew each time.
const VALUES_MIN: usize = 16 << 10;
/// Answers kept, the ones asked for last. A byte a value each.
const ANSWERS_MAX: usize = 4;

#[derive(Debug)]
struct Answer {
    name: String,
    op: MatchOp,
    value: String,
    flags: Arc<Vec<bool>>,
}

impl Answer {
    fn is_of(&self, matcher: &Matcher) -> bool {
        self.op == matcher.op && self.name == matcher.name && self.value == matcher.value
    }
}

/// Recent answers, the latest first.
#[derive(Debug, Default)]
pub(in crate::part::stream_table) struct Answers(Mutex<VecDeque<Answer>>);

impl Answers {
    /// Bytes that answers about so many values may take.
    pub(in crate::part::stream_table) fn bytes_max(values: usize) -> usize {
        if values < VALUES_MIN {
            0
        } else {
            values * ANSWERS_MAX
        }
    }

    /// The flags of a matcher's values, of which there are `values`.
    pub(in crate::part::stream_table) fn get_or_find(
        &self,
        matcher: &Matcher,
        values: usize,
        find: impl FnOnce() -> Vec<bool>,
    ) -> Arc<Vec<bool>> {
        if values < VALUES_MIN {
            return Arc::new(find());
        }
        if let Some(flags) = self.get(matcher) {
            return flags;
        }
        let flags = Arc::new(find());
        let mut answers = self.0.lock();
        answers.truncate(ANSWERS_MAX - 1);
        let answer = Answer {
            name: matcher.name.clone(),
            op: matcher.op,
            value: matcher.value.clone(),
            flags: flags.clone(),
        };
        answers.push_front(answer);
        flags
    }

    fn get(&self, matcher: &Matcher) -> Option<Arc<Vec<bool>>> {
        let mut answers = self.0.lock();
        let at = answers.iter().position(|answer| answer.is_of(matcher))?;
        let answer = answers.remove(at)?;
        let flags = answer.flags.clone();
        answers.push_front(answer);
        Some(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_asked_for_last_are_kept() {
        let answers = Answers::default();
        let matcher = |value: usize| {
            Matcher::new("pod", MatchOp::Regex, &format!("x{value}")).expect("the pattern is valid")
        };
        let mut asked = 0;
        let mut ask = |value: usize, values: usize| {
            let flags = answers.get_or_find(&matcher(value), values, || {
                asked += 1;
                vec![value == 3; values]
            });
            assert_eq!((flags.len(), flags[0]), (values, value == 3));
        };
        (0..=ANSWERS_MAX).for_each(|value| ask(value, VALUES_MIN));
        ask(3, VALUES_MIN);
        ask(0, VALUES_MIN);
        ask(3, VALUES_MIN);
        ask(7, 5);
        ask(7, 5);
        assert_eq!(asked, ANSWERS_MAX + 1 + 1 + 2);
    }
}
