//! Match cache: keeps which values of a part's labels satisfy recent matchers, for queries that ask
//! the same.
//!
//! A part never changes, so a result stays right as long as the part. Only results about many
//! values are worth keeping: a dashboard asks the same few regexes again and again.

use parking_lot::Mutex;
use skald_model::{MatchOp, Matcher};
use std::collections::VecDeque;
use std::sync::Arc;

/// Fewer values than this are matched each time.
const VALUES_MIN: usize = 16 << 10;
/// Results kept, the ones asked for last. A byte a value each.
const MATCHERS_MAX: usize = 4;

#[derive(Debug)]
struct CachedMatch {
    name: String,
    op: MatchOp,
    value: String,
    flags: Arc<Vec<bool>>,
}

impl CachedMatch {
    fn is_of(&self, matcher: &Matcher) -> bool {
        self.op == matcher.op && self.name == matcher.name && self.value == matcher.value
    }
}

/// Recent results, the latest first.
#[derive(Debug, Default)]
pub(in crate::part::stream_table) struct MatchCache(Mutex<VecDeque<CachedMatch>>);

impl MatchCache {
    /// Bytes that results about `values` values may take.
    pub(in crate::part::stream_table) fn bytes_max(values: usize) -> usize {
        if values < VALUES_MIN {
            0
        } else {
            values * MATCHERS_MAX
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
        let mut cache = self.0.lock();
        cache.truncate(MATCHERS_MAX - 1);
        let cached = CachedMatch {
            name: matcher.name.clone(),
            op: matcher.op,
            value: matcher.value.clone(),
            flags: flags.clone(),
        };
        cache.push_front(cached);
        flags
    }

    fn get(&self, matcher: &Matcher) -> Option<Arc<Vec<bool>>> {
        let mut cache = self.0.lock();
        let at = cache.iter().position(|cached| cached.is_of(matcher))?;
        let cached = cache.remove(at)?;
        let flags = cached.flags.clone();
        cache.push_front(cached);
        Some(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_the_last_matchers_are_kept() {
        let cache = MatchCache::default();
        let matcher = |value: usize| {
            Matcher::new("pod", MatchOp::Regex, &format!("x{value}")).expect("the pattern is valid")
        };
        let mut asked = 0;
        let mut ask = |value: usize, values: usize| {
            let flags = cache.get_or_find(&matcher(value), values, || {
                asked += 1;
                vec![value == 3; values]
            });
            assert_eq!((flags.len(), flags[0]), (values, value == 3));
        };
        (0..=MATCHERS_MAX).for_each(|value| ask(value, VALUES_MIN));
        ask(3, VALUES_MIN);
        ask(0, VALUES_MIN);
        ask(3, VALUES_MIN);
        ask(7, 5);
        ask(7, 5);
        assert_eq!(asked, MATCHERS_MAX + 1 + 1 + 2);
    }
}
