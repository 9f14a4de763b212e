//! Retention: says how long entries are kept, by age, stream and size.
//!
//! Entries count from their own time, or those that come late from when they came
//! ([`RetentionStart`]). [`Retention`] is what is asked for. [`Expiry`] is that at a moment: for each stream the time
//! before which its entries have expired, which queries apply at once. [`policy`] says which parts
//! go or are rewritten, [`sweep`] does it.

pub(crate) mod periods;
pub(crate) mod policy;
pub(crate) mod sweep;

use crate::label_search::labels_match;
use skald_model::time::DAY_NS;
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
    /// What these periods count from.
    pub starts: RetentionStart,
    /// Bytes of parts beyond which the oldest days go.
    pub size: Option<u64>,
    /// Whether what delete requests match is hidden only, and never rewritten away.
    pub keep_deleted: bool,
}

/// What the period of an entry counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetentionStart {
    /// Its time.
    #[default]
    Time,
    /// Its arrival, if its day was over for a day by then; else its time.
    Arrival,
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

    /// When entries of a day came that are written to a part now, if their retention counts from
    /// that.
    pub(crate) fn arrival(&self, day: i32, now: i64) -> Option<i64> {
        let late_from = (i64::from(day) + 2).saturating_mul(DAY_NS);
        (self.starts == RetentionStart::Arrival && late_from <= now).then_some(now)
    }

    /// When the entries of a part came, if their retention counts from that.
    pub(crate) fn counted(&self, arrived: Option<i64>) -> Option<i64> {
        arrived.filter(|_| self.starts == RetentionStart::Arrival)
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

    /// Entries of the stream before this time have expired, where they came at `arrived` if that
    /// counts.
    pub(crate) fn bound(&self, labels: &Labels, arrived: Option<i64>) -> i64 {
        if self.retention.keeps_all() {
            return i64::MIN;
        }
        let bound = bound(self.now, self.retention.period_of(labels));
        match self.retention.counted(arrived) {
            Some(arrived) if arrived >= bound => i64::MIN,
            _ => bound,
        }
    }

    /// Whether some entries from `min_time` on, which came at `arrived` if that counts, may have
    /// expired.
    pub(crate) fn may_touch(&self, min_time: i64, arrived: Option<i64>) -> bool {
        min_time.max(self.since(arrived)) < self.highest
    }

    /// Whether all entries up to `max_time`, which came at `arrived` if that counts, have expired,
    /// whatever their streams.
    pub(crate) fn ends_all(&self, max_time: i64, arrived: Option<i64>) -> bool {
        max_time.max(self.since(arrived)) < self.lowest
    }

    fn since(&self, arrived: Option<i64>) -> i64 {
        self.retention.counted(arrived).unwrap_or(i64::MIN)
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
        assert!(!all.may_touch(i64::MIN, None) && !all.ends_all(i64::MIN, None));
        let some = Expiry::new(
            Arc::new(Retention {
                streams: vec![rule("a", 1, 1)],
                ..Retention::default()
            }),
            i64::MAX,
        );
        assert!(some.may_touch(0, None) && !some.ends_all(0, None));
        let other = Labels::from_pairs([("app", "b")]);
        assert_eq!(some.bound(&other, None), i64::MIN);
    }

    #[test]
    fn what_comes_late_counts_from_then_where_that_is_asked_for() {
        let retention = |starts| Retention {
            period: Some(Duration::from_secs(30 * DAY)),
            starts,
            ..Retention::default()
        };
        let (by_time, by_arrival) = (
            retention(RetentionStart::Time),
            retention(RetentionStart::Arrival),
        );
        let now = 100 * DAY_NS;
        assert_eq!(by_time.arrival(10, now), None);
        assert_eq!(by_arrival.arrival(10, now), Some(now));
        assert_eq!(by_arrival.arrival(98, now), Some(now));
        assert_eq!(by_arrival.arrival(99, now), None, "yesterday is not late");
        let arrived = Some(now);
        let check = |retention: &Retention, days: i64, is_there: bool| {
            let expiry = Expiry::new(Arc::new(retention.clone()), days * DAY_NS);
            let bound = expiry.bound(&Labels::from_pairs([("app", "a")]), arrived);
            assert_eq!(10 * DAY_NS >= bound, is_there, "day {days}");
            assert_eq!(!expiry.may_touch(10 * DAY_NS, arrived), is_there);
            assert_eq!(!expiry.ends_all(11 * DAY_NS, arrived), is_there);
        };
        check(&by_time, 100, false);
        check(&by_arrival, 100, true);
        check(&by_arrival, 130, true);
        check(&by_arrival, 131, false);
    }
}
