//! Retention policy: decides which parts go, and which are rewritten without some of their entries.
//!
//! Pure: facts of parts in, actions out. A part goes when all in it has expired, or when its day is
//! among the oldest of a tenant that has too much. It is rewritten when a delete request that is
//! due may match in it, or when all that some period keeps of its day has expired: once a period,
//! not entry by entry.

use skald_model::time::DAY_NS;
use std::collections::BTreeMap;

/// What a decision needs to know of a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartFacts {
    pub(crate) id: u64,
    pub(crate) day: i32,
    pub(crate) max_time: i64,
    /// When its entries came, if their retention counts from that.
    pub(crate) arrived: Option<i64>,
    pub(crate) bytes: u64,
    /// The distinct periods of its streams, in nanoseconds; `None` is for ever.
    pub(crate) periods: Vec<Option<i64>>,
    /// Whether a delete request that is due may match in it.
    pub(crate) deletes: bool,
    /// Whether it can be read and so be rewritten.
    pub(crate) readable: bool,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    /// Parts to remove.
    pub(crate) remove: Vec<u64>,
    /// Parts to rewrite.
    pub(crate) rewrite: Vec<u64>,
}

/// Decides for the parts of a tenant that may have `size` bytes.
pub(crate) fn choose(parts: &[PartFacts], size: Option<u64>, now: i64) -> Actions {
    let mut actions = Actions::default();
    let (gone, kept): (Vec<&PartFacts>, Vec<&PartFacts>) =
        parts.iter().partition(|part| has_expired(part, now));
    let (gone_by_size, kept) = beyond_size(kept, size);
    actions.remove = gone
        .iter()
        .chain(&gone_by_size)
        .map(|part| part.id)
        .collect();
    let rewrite = kept
        .iter()
        .filter(|part| part.readable && (part.deletes || a_period_has_ended(part, now)));
    actions.rewrite = rewrite.map(|part| part.id).collect();
    actions
}

/// Whether all in it has.
fn has_expired(part: &PartFacts, now: i64) -> bool {
    let last = part.max_time.max(part.arrived.unwrap_or(i64::MIN));
    !part.periods.is_empty()
        && part
            .periods
            .iter()
            .all(|period| crate::retention::bound(now, *period) > last)
}

/// Whether all of its day that some period keeps has expired.
fn a_period_has_ended(part: &PartFacts, now: i64) -> bool {
    let end = (i64::from(part.day) + 1).saturating_mul(DAY_NS);
    // All of what came at once ends at once.
    let end = part.arrived.map_or(end, |arrived| end.max(arrived + 1));
    part.periods
        .iter()
        .any(|period| crate::retention::bound(now, *period) >= end)
}

/// Parts of the oldest days until the rest fits, and the rest. The newest day stays, whatever its
/// size: otherwise a flood of entries would take itself away with all others.
fn beyond_size(parts: Vec<&PartFacts>, size: Option<u64>) -> (Vec<&PartFacts>, Vec<&PartFacts>) {
    let Some(size) = size else {
        return (Vec::new(), parts);
    };
    let mut days: BTreeMap<i32, u64> = BTreeMap::new();
    for part in &parts {
        *days.entry(part.day).or_default() += part.bytes;
    }
    let mut over = days.values().sum::<u64>().saturating_sub(size);
    let mut first_kept = i32::MIN;
    let newest = days.keys().last().copied();
    for (day, bytes) in days {
        if over == 0 || Some(day) == newest {
            break;
        }
        over = over.saturating_sub(bytes);
        first_kept = day + 1;
    }
    parts.into_iter().partition(|part| part.day < first_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part that fills day `day`, with periods in days.
    fn part(id: u64, day: i32, bytes: u64, periods: &[Option<i64>]) -> PartFacts {
        let max_time = (i64::from(day) + 1) * DAY_NS - 1;
        let periods = periods
            .iter()
            .map(|p| p.map(|days| days * DAY_NS))
            .collect();
        PartFacts {
            id,
            day,
            max_time,
            arrived: None,
            bytes,
            periods,
            deletes: false,
            readable: true,
        }
    }

    fn check(
        parts: &[PartFacts],
        size: Option<u64>,
        now_days: i64,
        remove: &[u64],
        rewrite: &[u64],
    ) {
        let expected = Actions {
            remove: remove.to_vec(),
            rewrite: rewrite.to_vec(),
        };
        assert_eq!(
            choose(parts, size, now_days * DAY_NS),
            expected,
            "now {now_days}"
        );
    }

    #[test]
    fn a_part_goes_when_the_longest_period_of_its_streams_has_passed() {
        let parts = [
            part(1, 10, 1, &[Some(2)]),
            part(2, 10, 1, &[Some(2), Some(4)]),
            part(3, 10, 1, &[Some(2), None]),
        ];
        check(&parts, None, 12, &[], &[]);
        check(&parts, None, 13, &[1], &[2, 3]);
        check(&parts, None, 15, &[1, 2], &[3]);
        check(&[part(1, 10, 1, &[None])], None, 1 << 14, &[], &[]);
    }

    #[test]
    fn a_part_that_came_late_goes_when_the_period_has_passed_since() {
        let late = PartFacts {
            arrived: Some(100 * DAY_NS),
            ..part(1, 10, 1, &[Some(2), Some(4)])
        };
        let parts = std::slice::from_ref(&late);
        check(parts, None, 100, &[], &[]);
        check(parts, None, 102, &[], &[]);
        check(parts, None, 103, &[], &[1]);
        check(parts, None, 105, &[1], &[]);
    }

    #[test]
    fn the_oldest_days_go_until_the_rest_fits() {
        let parts = [
            part(1, 3, 10, &[None]),
            part(2, 1, 10, &[None]),
            part(3, 2, 10, &[None]),
            part(4, 1, 5, &[None]),
        ];
        check(&parts, Some(35), 4, &[], &[]);
        check(&parts, Some(34), 4, &[2, 4], &[]);
        check(&parts, Some(19), 4, &[2, 3, 4], &[]);
        check(&parts, Some(1), 4, &[2, 3, 4], &[]);
    }

    #[test]
    fn what_can_not_be_read_goes_but_is_not_rewritten() {
        let unreadable = PartFacts {
            readable: false,
            deletes: true,
            ..part(1, 10, 1, &[Some(2), Some(4)])
        };
        check(std::slice::from_ref(&unreadable), None, 13, &[], &[]);
        check(&[unreadable], None, 15, &[1], &[]);
        check(
            &[PartFacts {
                deletes: true,
                ..part(1, 10, 1, &[None])
            }],
            None,
            13,
            &[],
            &[1],
        );
    }
}
