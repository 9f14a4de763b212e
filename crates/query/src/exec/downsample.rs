//! `interval`: only entries that lie so far from the one shown before. The limit counts those shown.
//!
//! Entries are fetched some at a time; what lies within the interval of the last one shown is skipped
//! by moving the range, not by reading it.

use crate::engine::Engine;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log;
use crate::exec::log::Found;
use crate::exec::top_k::{Entry, Shape};
use crate::stats::Stats;
use skald_logql::typed::LogQuery;
use skald_model::Direction;
use skald_model::{TenantId, TimeRange};

/// Entries fetched at a time: large enough for dense intervals, small enough to be dropped unread.
const FETCHED: usize = 1_000;

/// Runs a log query whose entries are `interval` nanoseconds apart.
pub(crate) fn execute(
    engine: &Engine,
    tenant: &TenantId,
    query: &LogQuery,
    mut range: TimeRange,
    shape: Shape,
    interval: i64,
    context: &Context,
) -> Result<Found, QueryError> {
    let fetch = Shape {
        limit: FETCHED,
        ..shape.clone()
    };
    let mut entries: Vec<Entry> = Vec::new();
    let (mut stats, mut warnings) = (Stats::default(), Vec::new());
    while entries.len() < shape.limit {
        let mut found = log::execute(engine, tenant, query, range, fetch.clone(), context)?;
        stats.merge(&found.stats);
        warnings.append(&mut found.warnings);
        let more = found.entries.len() == FETCHED && shape.by_time();
        thin(&mut found.entries, interval, shape.direction);
        entries.append(&mut found.entries);
        let Some(last) = entries.last().filter(|_| more).map(|e| e.timestamp) else {
            break;
        };
        match shape.direction {
            Direction::Forward => range.start = last.saturating_add(interval),
            Direction::Backward => range.end = last.saturating_sub(interval).saturating_add(1),
        }
    }
    entries.truncate(shape.limit);
    stats.entries_returned = entries.len() as u64;
    warnings.dedup();
    Ok(Found {
        entries,
        stats,
        warnings,
        shortened: false,
    })
}

/// Drops entries that are nearer than `interval` to the one shown before.
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
    use std::sync::Arc;

    #[test]
    fn thinning_keeps_entries_an_interval_apart() {
        let entry = |timestamp| Entry {
            timestamp,
            sequence: 0,
            row: 0,
            id: skald_model::StreamId(0),
            content: 0,
            labels: Arc::default(),
            line: Vec::new(),
        };
        let mut entries: Vec<Entry> = [10, 9, 7, 4, 3].into_iter().map(entry).collect();
        thin(&mut entries, 3, Direction::Backward);
        assert_eq!(
            entries.iter().map(|e| e.timestamp).collect::<Vec<_>>(),
            [10, 7, 4]
        );
    }
}
