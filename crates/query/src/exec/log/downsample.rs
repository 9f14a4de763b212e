//! Downsampling, `interval`: drops entries nearer than the interval to the one before; the limit
//! counts the rest.
//!
//! Entries are fetched a batch at a time, and entries within the interval of the last one are
//! skipped by moving the range, not by reading them.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log::entry::{Entry, exact_bytes};
use crate::exec::log::plan::LogPlan;
use crate::exec::log::rounds;
use crate::exec::log::rounds::Found;
use crate::stats::Stats;
use skald_model::Direction;

/// Entries fetched at a time: large enough for dense intervals, small enough to be dropped unread.
const FETCHED: usize = 1_000;

/// Runs a log query whose entries are `interval` nanoseconds apart.
pub(crate) fn execute(context: &Context<'_>, mut plan: LogPlan) -> Result<Found, QueryError> {
    let limit = std::mem::replace(&mut plan.top.limit, FETCHED);
    let (interval, direction) = (plan.interval, plan.top.direction);
    let mut entries: Vec<Entry> = Vec::new();
    let (mut stats, mut warnings) = (Stats::default(), Vec::new());
    let mut charge = context.charge();
    let mut shortened = false;
    while entries.len() < limit {
        let mut found = rounds::execute(context, &plan)?;
        stats.merge(&found.stats);
        warnings.append(&mut found.warnings);
        let more = found.entries.len() == FETCHED && plan.top.is_by_time();
        thin(&mut found.entries, interval, direction);
        charge.add(exact_bytes(&found.entries))?;
        entries.append(&mut found.entries);
        // What memory left out is missing in the middle: the rest would not be an answer.
        shortened = found.shortened;
        if shortened {
            break;
        }
        let Some(last) = entries.last().filter(|_| more).map(|e| e.timestamp) else {
            break;
        };
        match direction {
            Direction::Forward => plan.range.start = last.saturating_add(interval),
            Direction::Backward => {
                plan.range.end = last.saturating_sub(interval).saturating_add(1);
            }
        }
    }
    entries.truncate(limit);
    stats.entries_returned = entries.len() as u64;
    warnings.dedup();
    Ok(Found {
        entries,
        stats,
        warnings,
        shortened,
        charge,
    })
}

/// Drops entries that are nearer than `interval` to the last one that stayed.
fn thin(entries: &mut Vec<Entry>, interval: i64, direction: Direction) {
    let mut last: Option<i64> = None;
    entries.retain(|entry| {
        let keep = last.is_none_or(|last| match direction {
            Direction::Forward => entry.timestamp >= last.saturating_add(interval),
            Direction::Backward => entry.timestamp <= last.saturating_sub(interval),
        });
        if keep {
            last = Some(entry.timestamp);
        }
        keep
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_entries_an_interval_apart() {
        let entry = |timestamp| Entry::at(timestamp, b"");
        let mut entries: Vec<Entry> = [10, 9, 7, 4, 3].into_iter().map(entry).collect();
        thin(&mut entries, 3, Direction::Backward);
        assert_eq!(
            entries.iter().map(|e| e.timestamp).collect::<Vec<_>>(),
            [10, 7, 4]
        );
    }
}
