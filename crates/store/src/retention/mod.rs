//! Retention: says how long entries are kept, by age, stream and size.
//!
//! [`Retention`] is what is asked for. [`Expiry`] is that at a moment: for each stream the time
//! before which its entries have expired, which queries apply at once. [`policy`] says which parts
//! go or are rewritten, [`sweep`] does it.

pub(crate) mod periods;
pub(crate) mod policy;
pub(crate) mod sweep;

use crate::label_search::labels_match;
use skald_model::{Labels, Matcher, TenantId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a tenant keeps. The default keeps everything.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Entries older than this expire; `None` keeps them.
    pub period: Option<Duration>,
    /// Streams with a period of their own.
    pub streams: Vec<StreamRetention>,
    /// Bytes of parts beyond which the oldest days go.
    pub size: Option<u64>,
    /// Whether what delete requests match is hidden only, and never rewritten away.
    pub keep_deleted: bool,
}

/// The period of some streams.
#[derive(Clone, Debug)]
pub struct StreamRetention {
    /// Which streams.
    pub matchers: Vec<Matcher>,
    /// Of several that match, the highest priority counts, then the shortest period.
    pub priority: u32,
    /// Their entries expire after this.
    pub period: Duration,
}

/// What each tenant keeps; asked again and again, so that it may change.
#[derive(Clone)]
pub struct RetentionOf(Arc<Settings>);

type Settings = dyn Fn(&TenantId) -> Arc<Retention> + Send + Sync;

impl RetentionOf {
    /// Asks `settings`, which gives the same `Arc` as long as nothing changed.
    pub fn new(
        settings: impl Fn(&TenantId) -> Arc<Retention> + Send + Sync + 'static,
    ) -> RetentionOf {
        RetentionOf(Arc::new(settings))
    }

    /// What a tenant keeps.
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Arc<Retention> {
        (self.0)(tenant)
    }
}

impl Default for RetentionOf {
    fn default() -> RetentionOf {
        let everything = Arc::new(Retention::default());
        RetentionOf::new(move |_| everything.clone())
    }
}

impl fmt::Debug for RetentionOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetentionOf")
    }
}

impl Retention {
    /// How long a stream's entries are kept, in nanoseconds; `None` is for ever.
    pub(crate) fn period_of(&self, labels: &Labels) -> Option<i64> {
        let matching = self
            .streams
            .iter()
            .filter(|rule| labels_match(labels, &rule.matchers));
        let rule = matching.min_by_key(|rule| (std::cmp::Reverse(rule.priority), rule.period));
        rule.map(|rule| rule.period)
            .or(self.period)
            .map(nanoseconds)
    }

    /// Every period there is; `None` among them when some streams are kept for ever.
    pub(crate) fn periods(&self) -> impl Iterator<Item = Option<i64>> {
        let rules = self
            .streams
            .iter()
            .map(|rule| Some(nanoseconds(rule.period)));
        rules.chain([self.period.map(nanoseconds)])
    }

    /// Whether age never ends anything.
    fn keeps_all(&self) -> bool {
        self.period.is_none() && self.streams.is_empty()
    }
}

fn nanoseconds(period: Duration) -> i64 {
    i64::try_from(period.as_nanos()).unwrap_or(i64::MAX)
}

/// What has expired at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    retention: Arc<Retention>,
    now: i64,
    /// No stream's entries of this time or later have expired.
    highest: i64,
    /// Every stream's entries before this have.
    lowest: i64,
}

impl Expiry {
    pub(crate) fn new(retention: Arc<Retention>, now: i64) -> Expiry {
        let bound = |period: Option<i64>| bound(now, period);
        let highest = retention.periods().map(bound).max().unwrap_or(i64::MIN);
        let lowest = retention.periods().map(bound).min().unwrap_or(i64::MIN);
        Expiry {
            retention,
            now,
            highest,
            lowest,
        }
    }

    /// Entries of the stream before this time have expired.
    pub(crate) fn bound(&self, labels: &Labels) -> i64 {
        if self.retention.keeps_all() {
            i64::MIN
        } else {
            bound(self.now, self.retention.period_of(labels))
        }
    }

    /// Whether some entries from `min_time` on may have expired.
    pub(crate) fn may_touch(&self, min_time: i64) -> bool {
        min_time < self.highest
    }

    /// Whether all entries up to `max_time` have expired, whatever their streams.
    pub(crate) fn ends_all(&self, max_time: i64) -> bool {
        max_time < self.lowest
    }
}

/// The time before which entries kept for `period` have expired.
fn bound(now: i64, period: Option<i64>) -> i64 {
    period.map_or(i64::MIN, |period| now.saturating_sub(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn rule(app: &str, priority: u32, days: u64) -> StreamRetention {
        let matchers = vec![Matcher::equal("app", app)];
        StreamRetention {
            matchers,
            priority,
            period: Duration::from_secs(days * DAY),
        }
    }

    fn check(retention: &Retention, app: &str, days: Option<u64>) {
        let period = retention.period_of(&Labels::from_pairs([("app", app)]));
        assert_eq!(
            period,
            days.map(|d| (d * DAY) as i64 * 1_000_000_000),
            "{app}"
        );
    }

    #[test]
    fn the_highest_priority_counts_then_the_shortest_period() {
        let streams = vec![
            rule("a", 1, 5),
            rule("a", 2, 9),
            rule("a", 2, 7),
            rule("b", 0, 3),
        ];
        let retention = Retention {
            period: Some(Duration::from_secs(30 * DAY)),
            streams,
            ..Retention::default()
        };
        check(&retention, "a", Some(7));
        check(&retention, "b", Some(3));
        check(&retention, "c", Some(30));
        check(
            &Retention {
                period: None,
                ..retention
            },
            "c",
            None,
        );
    }

    #[test]
    fn what_is_kept_for_ever_never_expires() {
        let all = Expiry::new(Arc::default(), i64::MAX);
        assert!(!all.may_touch(i64::MIN) && !all.ends_all(i64::MIN));
        let some = Expiry::new(
            Arc::new(Retention {
                streams: vec![rule("a", 1, 1)],
                ..Retention::default()
            }),
            i64::MAX,
        );
        assert!(some.may_touch(0) && !some.ends_all(0));
        assert_eq!(some.bound(&Labels::from_pairs([("app", "b")])), i64::MIN);
    }
}
