//! Memory turns let queries that found no memory try again, a few at a time.
//!
//! A query that others left no memory gives back all it holds before it waits, so that nobody waits
//! for one who waits. What it needs is not known, so it is first run as a light one: with little
//! memory, from a share of the budget that only this lane has, and not for long. One that needs more
//! joins the line of heavy queries. So light ones wait for light ones alone. Turns of a lane come in
//! the order in which queries asked for them.

use skald_model::{Budget, MemoryUser};
use skald_query::{QueryError, QueryLimits};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A light query may hold this part of the budget, as a divisor.
const LIGHT_SHARE: usize = 25;

/// How long a light query may take: one that reads for long does not hold up the others.
const LIGHT_TIME: Duration = Duration::from_secs(5);

/// Light queries that run at once. The share of `LightQueries` is what two of them may hold at most;
/// most hold far less.
const LIGHT_TURNS: usize = 4;

/// Heavy queries that try again at once: with what one may hold by default, a quarter of the budget,
/// they get what they need unless entries have it.
const HEAVY_TURNS: usize = 2;

/// A query waits this part of its timeout at most, as a divisor, and never longer than this.
const WAIT_SHARE: u32 = 2;
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A heavy query tries when the others have at most this part of the budget, as a divisor.
const LITTLE_SHARE: usize = 4;

/// Room that makes a try of a light query worth it.
const LIGHT_STEP: usize = 256 << 10;

/// How long a query whose turn it is waits for that before it tries all the same.
const TRY_AFTER: Duration = Duration::from_secs(1);

/// How long it rests after it was refused once more.
const REST: Duration = Duration::from_millis(50);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where a query waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Queries that hold little, as far as is known.
    Light,
    /// Queries that were found to need more.
    Heavy,
}

impl Lane {
    /// Whether an answer in this lane is the query's; what ends a light one may not end a heavy one.
    pub(crate) fn settles<T>(self, answer: &Result<T, QueryError>, limits: &QueryLimits) -> bool {
        match answer {
            Err(QueryError::Busy) => false,
            Err(QueryError::Memory(_) | QueryError::Timeout) => self == Lane::Heavy,
            // It was asked without partial answers.
            Err(QueryError::Series(_) | QueryError::VolumeSeries(_)) => {
                self == Lane::Heavy || !limits.partial
            }
            _ => true,
        }
    }
}

/// The turns of all queries.
pub(crate) struct MemoryTurns {
    budget: Arc<Budget>,
    light: Semaphore,
    heavy: Semaphore,
}

impl MemoryTurns {
    /// Nobody waits.
    pub(crate) fn new(budget: &Arc<Budget>) -> MemoryTurns {
        MemoryTurns {
            budget: budget.clone(),
            light: Semaphore::new(LIGHT_TURNS),
            heavy: Semaphore::new(HEAVY_TURNS),
        }
    }

    /// Until when a query waits that is refused memory now.
    pub(crate) fn wait_until(&self, timeout: Duration) -> Instant {
        Instant::now() + (timeout / WAIT_SHARE).min(WAIT_MAX)
    }

    /// What a query may cost in a lane.
    pub(crate) fn limits(&self, lane: Lane, limits: &QueryLimits) -> QueryLimits {
        let mut limits = limits.clone();
        if lane == Lane::Light {
            limits.memory_user = MemoryUser::LightQueries;
            limits.query_memory = limits.query_memory.min(self.budget.bytes() / LIGHT_SHARE);
            limits.query_timeout = limits.query_timeout.min(LIGHT_TIME);
            // Part of an answer would be what the lane has room for, not what the query may have.
            limits.partial = false;
        }
        limits
    }

    /// Waits for a turn of a query that was refused memory and holds none.
    pub(crate) async fn turn(&self, lane: Lane, until: Instant) -> Option<MemoryTurn<'_>> {
        let turns = match lane {
            Lane::Light => &self.light,
            Lane::Heavy => &self.heavy,
        };
        let permit = tokio::time::timeout_at(until.into(), turns.acquire());
        let _permit = permit.await.ok()?.ok()?;
        Some(MemoryTurn {
            budget: &self.budget,
            lane,
            until: match lane {
                Lane::Light => until.min(Instant::now() + LIGHT_TIME),
                Lane::Heavy => until,
            },
            tries: 0,
            _permit,
        })
    }
}

/// The turn of one query, until it is dropped.
pub(crate) struct MemoryTurn<'a> {
    budget: &'a Budget,
    lane: Lane,
    until: Instant,
    tries: usize,
    _permit: SemaphorePermit<'a>,
}

impl MemoryTurn<'_> {
    /// Waits until it is worth trying; false once it has waited for as long as it may.
    pub(crate) async fn room(&mut self) -> bool {
        if self.tries > 0 {
            tokio::time::sleep(REST).await;
        }
        self.tries += 1;
        let try_at = Instant::now() + TRY_AFTER;
        loop {
            let now = Instant::now();
            if now >= self.until {
                return false;
            }
            if now >= try_at || self.has_room() {
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn has_room(&self) -> bool {
        let budget = self.budget;
        match self.lane {
            Lane::Light => budget.room(MemoryUser::LightQueries) > LIGHT_STEP,
            Lane::Heavy => {
                budget.held(MemoryUser::Queries) <= budget.bytes() / LITTLE_SHARE
                    && budget.room(MemoryUser::Queries) > budget.bytes() / LIGHT_SHARE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::Held;

    const MB: usize = 1 << 20;
    const LONG: Duration = Duration::from_secs(3600);

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[tokio::test]
    async fn a_turn_comes_when_another_of_its_lane_ends_and_not_later_than_it_may() {
        let turns = MemoryTurns::new(&Arc::new(Budget::new(100 * MB)));
        for (lane, other, count) in [
            (Lane::Heavy, Lane::Light, HEAVY_TURNS),
            (Lane::Light, Lane::Heavy, LIGHT_TURNS),
        ] {
            let mut held = Vec::new();
            for _ in 0..count {
                held.push(turns.turn(lane, soon(60_000)).await.expect("a turn"));
            }
            assert!(turns.turn(lane, soon(40)).await.is_none(), "{lane:?}");
            assert!(turns.turn(other, soon(60_000)).await.is_some(), "{lane:?}");
            let next = turns.turn(lane, soon(60_000));
            let (next, ()) = tokio::join!(next, async { drop(held.pop()) });
            assert!(next.is_some(), "{lane:?}");
        }
    }

    #[tokio::test]
    async fn it_is_worth_trying_once_others_hold_little() {
        let budget = Arc::new(Budget::new(100 * MB));
        let turns = MemoryTurns::new(&budget);
        let mut turn = turns.turn(Lane::Heavy, soon(60_000)).await.expect("a turn");
        assert!(turn.room().await);
        let others = Held::charged(&budget, MemoryUser::Queries, 26 * MB);
        let (room, ()) = tokio::join!(turn.room(), async { drop(others) });
        assert!(room);
        let mut over = turns.turn(Lane::Heavy, soon(0)).await.expect("one is free");
        assert!(!over.room().await);
    }

    #[tokio::test]
    async fn only_a_light_query_has_room_where_others_hold_all_that_queries_get() {
        let budget = Arc::new(Budget::new(100 * MB));
        let turns = MemoryTurns::new(&budget);
        let _others = Held::charged(&budget, MemoryUser::Pushes, 79 * MB);
        for (lane, has_room) in [(Lane::Light, true), (Lane::Heavy, false)] {
            let turn = turns.turn(lane, soon(60_000)).await.expect("a turn");
            assert_eq!(turn.has_room(), has_room, "{lane:?}");
        }
    }

    #[test]
    fn what_ends_a_light_query_may_not_end_a_heavy_one() {
        let limits = |partial| QueryLimits {
            partial,
            ..QueryLimits::default()
        };
        let turns = MemoryTurns::new(&Arc::new(Budget::new(100 * MB)));
        let light = turns.limits(Lane::Light, &limits(true));
        assert_eq!((light.query_memory, light.partial), (4 * MB, false));
        assert_eq!(turns.limits(Lane::Heavy, &limits(true)), limits(true));
        for (error, whole, partial) in [
            (QueryError::Busy, false, false),
            (QueryError::Memory(1), false, false),
            (QueryError::Timeout, false, false),
            (QueryError::Series(1), true, false),
            (QueryError::VolumeSeries(1), true, false),
            (QueryError::Cancelled, true, true),
        ] {
            let answer: Result<(), QueryError> = Err(error);
            let settles = |lane: Lane, partial| lane.settles(&answer, &limits(partial));
            assert_eq!(settles(Lane::Light, false), whole, "{answer:?}");
            assert_eq!(settles(Lane::Light, true), partial, "{answer:?}");
            let busy = matches!(answer, Err(QueryError::Busy));
            assert_eq!(settles(Lane::Heavy, true), !busy, "{answer:?}");
        }
        assert!(turns.wait_until(LONG) <= Instant::now() + WAIT_MAX);
    }
}
