//! Schedules say which slots a group has, which comes next and which were missed: pure functions.

use crate::rules::{Alignment, RuleGroup};
use skald_model::TenantId;
use xxhash_rust::xxh3::Xxh3;

/// Slots lie at whole milliseconds, so that samples have exactly the time of their slot everywhere.
const MILLISECOND: i64 = 1_000_000;

/// Shortest interval, nanoseconds: below it a group would do nothing but start.
pub const INTERVAL_MIN: i64 = 100 * MILLISECOND;

/// The slots of a group: `k · interval + offset` for every whole `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval: i64,
    /// Below the interval.
    offset: i64,
}

/// What comes after a slot that was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The slot to evaluate.
    pub slot: i64,
    /// Slots between the two that are left out, because the time for them has passed.
    pub missed: u64,
}

impl Schedule {
    /// Slots `interval` nanoseconds from each other, the first of them `offset` after 1970.
    pub fn new(interval: i64, offset: i64) -> Schedule {
        let interval = interval.max(INTERVAL_MIN);
        Schedule {
            interval,
            offset: offset.rem_euclid(interval),
        }
    }

    /// The slots of a group. Those of groups without an alignment of their own are spread by a hash
    /// that never changes, so that a restart does not move them.
    pub fn of(tenant: &TenantId, namespace: &str, group: &RuleGroup, default: i64) -> Schedule {
        let interval = group.interval.unwrap_or(default).max(INTERVAL_MIN);
        let offset = match group.alignment {
            Alignment::WallClock => 0,
            Alignment::Spread => {
                let mut hash = Xxh3::new();
                for part in [tenant.as_str(), namespace, &group.name] {
                    hash.update(part.as_bytes());
                    hash.update(&[0]);
                }
                let milliseconds = (interval / MILLISECOND).max(1) as u64;
                (hash.digest() % milliseconds) as i64 * MILLISECOND
            }
        };
        Schedule::new(interval, offset)
    }

    /// Distance of slots, nanoseconds.
    pub fn interval(self) -> i64 {
        self.interval
    }

    /// The newest slot at a time or before it.
    pub fn at_or_before(self, time: i64) -> i64 {
        time - (time - self.offset).rem_euclid(self.interval)
    }

    /// The first slot after a time.
    pub fn after(self, time: i64) -> i64 {
        self.at_or_before(time) + self.interval
    }

    /// What comes after `last`, when it is `now`. Time that has passed is not made good: the newest
    /// slot is next, those before it are missed. When the clock was set back by more than an
    /// interval, slots begin again from where it stands.
    pub fn next(self, last: i64, now: i64) -> Next {
        let newest = self.at_or_before(now);
        if newest > last {
            let missed = (newest - self.after(last)).max(0) / self.interval;
            return Next {
                slot: newest,
                missed: missed as u64,
            };
        }
        let following = match last - newest > self.interval {
            true => newest,
            false => last,
        };
        Next {
            slot: self.after(following),
            missed: 0,
        }
    }

    /// The slots after `last` and before `slot` that lie within `reach` of it, oldest first: those
    /// that are evaluated again after the process was away.
    pub fn between(self, last: i64, slot: i64, reach: i64) -> impl Iterator<Item = i64> {
        let first = self.after(last.max(slot.saturating_sub(reach).saturating_sub(1)));
        let interval = self.interval;
        std::iter::successors(Some(first), move |at| at.checked_add(interval))
            .take_while(move |at| *at < slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_one_another() {
        let schedule = Schedule::new(60_000_000_000, 7_000_000_000);
        let slot = schedule.at_or_before(100_000_000_000);
        assert_eq!(slot, 67_000_000_000);
        assert_eq!(schedule.at_or_before(slot), slot);
        assert_eq!(schedule.after(slot), 127_000_000_000);
        assert_eq!(schedule.at_or_before(-1), -53_000_000_000);
    }

    #[test]
    fn what_has_passed_is_counted_and_left_out() {
        let schedule = Schedule::new(1_000_000_000, 0);
        let seconds = |s: i64| s * 1_000_000_000;
        let check = |last, now, slot, missed| {
            let found = schedule.next(seconds(last), seconds(now));
            assert_eq!((found.slot, found.missed), (seconds(slot), missed));
        };
        check(10, 10, 11, 0);
        check(10, 11, 11, 0);
        check(10, 12, 12, 1);
        check(10, 50, 50, 39);
        // The clock was set back: by less than an interval, and by more.
        check(10, 9, 11, 0);
        check(10, 8, 9, 0);
        check(1_000, 8, 9, 0);
    }

    #[test]
    fn slots_between_are_bounded() {
        let schedule = Schedule::new(10, 3);
        assert_eq!(schedule.interval(), INTERVAL_MIN);
        let schedule = Schedule::new(10 * INTERVAL_MIN, 0);
        let unit = 10 * INTERVAL_MIN;
        let slots = |last: i64, slot: i64, reach: i64| -> Vec<i64> {
            schedule
                .between(last * unit, slot * unit, reach)
                .map(|at| at / unit)
                .collect()
        };
        assert_eq!(slots(1, 5, i64::MAX), [2, 3, 4]);
        assert_eq!(slots(1, 5, 2 * unit), [3, 4]);
        assert!(slots(4, 5, i64::MAX).is_empty());
        assert!(slots(9, 5, i64::MAX).is_empty());
    }

    #[test]
    fn groups_are_spread_and_stay_where_they_are() {
        let group = |name: &str| RuleGroup {
            name: name.to_owned(),
            interval: None,
            query_offset: None,
            alignment: Alignment::Spread,
            limit: 0,
            labels: Default::default(),
            rules: Vec::new(),
        };
        let minute = 60_000_000_000;
        let offset = |name: &str| {
            let schedule = Schedule::of(&TenantId::fake(), "n", &group(name), minute);
            assert_eq!(schedule.offset % MILLISECOND, 0);
            schedule.offset
        };
        let mut offsets: Vec<i64> = (0..100).map(|n| offset(&n.to_string())).collect();
        offsets.sort_unstable();
        offsets.dedup();
        assert!(offsets.len() > 95, "{}", offsets.len());
        let aligned = RuleGroup {
            alignment: Alignment::WallClock,
            ..group("a")
        };
        let schedule = Schedule::of(&TenantId::fake(), "n", &aligned, minute);
        assert_eq!(schedule.at_or_before(minute + 1), minute);
    }
}
