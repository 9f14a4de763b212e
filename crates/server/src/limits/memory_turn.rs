//! Memory turns let queries that found no memory try again, a few at a time.
//!
//! A query that others left no memory gives back all it holds before it waits, so that nobody waits
//! for one who waits. Turns come in the order in which queries asked for them. Once it is a query's
//! turn it is run anew when the others hold little, or after a moment, as what it needs is not known.

use skald_model::{Budget, MemoryUser};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Queries that try again at once: with what one may hold by default, a quarter of the budget, they
/// get what they need unless entries have it.
const TURNS: usize = 2;

/// A query waits this part of its timeout at most, as a divisor, and never longer than this.
const WAIT_SHARE: u32 = 2;
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The others hold little when queries have at most this part of the budget, as a divisor.
const LITTLE_SHARE: usize = 4;

/// How long a query whose turn it is waits for that before it tries all the same.
const TRY_AFTER: Duration = Duration::from_secs(1);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The turns of all queries.
pub(crate) struct MemoryTurns {
    budget: Arc<Budget>,
    turns: Semaphore,
}

impl MemoryTurns {
    /// Nobody waits.
    pub(crate) fn new(budget: &Arc<Budget>) -> MemoryTurns {
        MemoryTurns {
            budget: budget.clone(),
            turns: Semaphore::new(TURNS),
        }
    }

    /// Waits for a turn of a query that was refused memory and holds none, at most a part of its
    /// timeout.
    pub(crate) async fn turn(&self, timeout: Duration) -> Option<MemoryTurn<'_>> {
        let until = Instant::now() + (timeout / WAIT_SHARE).min(WAIT_MAX);
        let permit = tokio::time::timeout_at(until.into(), self.turns.acquire());
        Some(MemoryTurn {
            budget: &self.budget,
            until,
            _permit: permit.await.ok()?.ok()?,
        })
    }
}

/// The turn of one query, until it is dropped.
pub(crate) struct MemoryTurn<'a> {
    budget: &'a Budget,
    until: Instant,
    _permit: SemaphorePermit<'a>,
}

impl MemoryTurn<'_> {
    /// Waits until it is worth trying; false once it has waited for as long as it may.
    pub(crate) async fn room(&self) -> bool {
        let try_at = Instant::now() + TRY_AFTER;
        loop {
            let now = Instant::now();
            if now >= self.until {
                return false;
            }
            let held = self.budget.held(MemoryUser::Queries);
            if held <= self.budget.bytes() / LITTLE_SHARE || now >= try_at {
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::Held;

    const MB: usize = 1 << 20;
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_turn_comes_when_another_ends_and_not_later_than_a_part_of_the_timeout() {
        let turns = MemoryTurns::new(&Arc::new(Budget::new(100 * MB)));
        let first = turns.turn(LONG).await.expect("a turn");
        let _second = turns.turn(LONG).await.expect("a turn");
        assert!(turns.turn(Duration::from_millis(40)).await.is_none());
        let (third, ()) = tokio::join!(turns.turn(LONG), async { drop(first) });
        assert!(third.is_some());
    }

    #[tokio::test]
    async fn it_is_worth_trying_once_others_hold_little() {
        let budget = Arc::new(Budget::new(100 * MB));
        let turns = MemoryTurns::new(&budget);
        let turn = turns.turn(LONG).await.expect("a turn");
        assert!(turn.room().await);
        let others = Held::charged(&budget, MemoryUser::Queries, 26 * MB);
        let (room, ()) = tokio::join!(turn.room(), async { drop(others) });
        assert!(room);
        let over = turns.turn(Duration::ZERO).await.expect("a turn is free");
        assert!(!over.room().await);
    }
}
