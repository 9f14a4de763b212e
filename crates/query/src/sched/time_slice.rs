//! Who may read on when many queries want to: cheap ones at once, dear ones in turn and when no cheap one is there.
//!
//! A query that has worked for less than [`CHEAP`] is not held up. Beyond that each of its threads needs one of as
//! many turns as there are cores, and hands it on after [`TURN`] when others wait. Turns go to whoever has worked
//! least, so that what is nearly cheap is done soon; every fourth goes to whoever waits longest, and while cheap
//! queries come without end turns are still handed out between them: so none starves.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Work of all threads after which a query waits its turn: most searches that an index narrows are done by then, and
/// a search through what is not yet in parts.
const CHEAP: Duration = Duration::from_millis(40);
/// How long a thread works on while others wait: several blocks, so that handing on costs little.
const TURN: Duration = Duration::from_millis(10);
/// How long dear queries stand back for cheap ones, before they get [`TURN`] between them.
const PATIENCE: Duration = Duration::from_millis(25);
/// One in so many turns goes to whoever waits longest.
const LONGEST_EVERY: u64 = 4;

/// The turns that there are.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: Vec<Waiting>,
    tickets: u64,
    /// Turns handed out so far.
    handed: u64,
    /// Queries that are cheap until now and under way.
    cheap: usize,
    /// Until when dear ones stand back for these.
    back_until: Option<Instant>,
}

/// A thread that waits for a turn.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: u64,
    /// What its query has worked.
    worked: Duration,
}

impl State {
    /// The ticket that is next.
    fn next(&self) -> Option<u64> {
        let longest = self.handed % LONGEST_EVERY == LONGEST_EVERY - 1;
        let by = |waiting: &&Waiting| {
            (
                if longest {
                    Duration::ZERO
                } else {
                    waiting.worked
                },
                waiting.ticket,
            )
        };
        self.waiting
            .iter()
            .min_by_key(by)
            .map(|waiting| waiting.ticket)
    }

    /// Until when dear queries have to stand back for cheap ones; `None` when they need not.
    fn stands_back(&mut self, now: Instant) -> Option<Instant> {
        if self.cheap == 0 {
            self.back_until = None;
            return None;
        }
        match self.back_until {
            Some(until) if now < until => Some(until),
            Some(until) if now < until + TURN => None,
            _ => Some(*self.back_until.insert(now + PATIENCE)),
        }
    }
}

/// Lets one thread work; handed on when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    began: Instant,
}

/// Says that a query is cheap until now; over when dropped.
#[derive(Debug)]
pub(crate) struct Cheap {
    turns: Arc<Turns>,
}

impl Turns {
    /// As many turns as cores.
    pub(crate) fn new(cores: usize) -> Turns {
        let state = State {
            free: cores.max(1),
            waiting: Vec::new(),
            tickets: 0,
            handed: 0,
            cheap: 0,
            back_until: None,
        };
        Turns {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Counts a query that begins: others stand back for it.
    pub(crate) fn cheap(self: &Arc<Turns>) -> Cheap {
        self.state.lock().cheap += 1;
        Cheap {
            turns: Arc::clone(self),
        }
    }

    /// Whether a query that has worked so long is a dear one.
    pub(crate) fn is_dear(worked: Duration) -> bool {
        worked > CHEAP
    }

    /// Waits for a turn for a thread of a query that has worked so long; `None` when meanwhile there is nothing left
    /// to do in it.
    pub(crate) fn take(&self, worked: Duration, left: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut state = self.state.lock();
        let ticket = state.tickets;
        state.tickets += 1;
        state.waiting.push(Waiting { ticket, worked });
        let taken = loop {
            if !left() {
                break false;
            }
            match state.stands_back(Instant::now()) {
                None if state.free > 0 && state.next() == Some(ticket) => break true,
                None => self.changed.wait(&mut state),
                Some(until) => drop(self.changed.wait_until(&mut state, until)),
            }
        };
        state.waiting.retain(|waiting| waiting.ticket != ticket);
        if taken {
            state.free -= 1;
            state.handed += 1;
        }
        drop(state);
        // Another turn may be free for whoever is next now.
        self.changed.notify_all();
        taken.then(|| Turn {
            turns: self,
            began: Instant::now(),
        })
    }
}

impl<'a> Turn<'a> {
    /// The same turn, or a new one once its time is up and others wait, or cheap queries came.
    pub(crate) fn renewed(self, worked: Duration, left: impl Fn() -> bool) -> Option<Turn<'a>> {
        let turns = self.turns;
        let goes_on = {
            let mut state = turns.state.lock();
            let is_up = self.began.elapsed() >= TURN && !state.waiting.is_empty();
            !is_up && state.stands_back(Instant::now()).is_none()
        };
        if goes_on {
            return Some(self);
        }
        drop(self);
        turns.take(worked, left)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state.lock().free += 1;
        self.turns.changed.notify_all();
    }
}

impl Drop for Cheap {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        state.cheap -= 1;
        if state.cheap == 0 {
            drop(state);
            self.turns.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_work_at_once_than_there_are_turns_and_all_get_theirs() {
        let (turns, inside, most, done) = (
            Turns::new(2),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let turn = turns.take(CHEAP, || true);
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((done.into_inner(), turns.state.lock().free), (1600, 2));
        assert!(most.into_inner() <= 2);
    }

    #[test]
    fn a_turn_is_kept_while_nobody_waits() {
        let turns = Turns::new(1);
        let long_ago = Instant::now()
            .checked_sub(TURN * 2)
            .unwrap_or_else(Instant::now);
        let mut turn = turns.take(CHEAP, || true).expect("there is work left");
        turn.began = long_ago;
        assert_eq!(
            turn.renewed(CHEAP, || true).map(|turn| turn.began),
            Some(long_ago)
        );
    }

    #[test]
    fn whoever_has_nothing_left_to_do_does_not_wait() {
        let turns = Turns::new(1);
        let turn = turns.take(CHEAP, || true);
        assert!(turns.take(CHEAP, || false).is_none());
        drop(turn);
        assert!(turns.take(CHEAP, || true).is_some());
    }

    /// Who gets the turns one after the other, of threads that wait with so many milliseconds of work.
    fn order(worked: &[u64]) -> Vec<u64> {
        let mut state = State {
            free: 1,
            waiting: Vec::new(),
            tickets: 0,
            handed: 0,
            cheap: 0,
            back_until: None,
        };
        let waiting = worked.iter().zip(0..).map(|(ms, ticket)| Waiting {
            ticket,
            worked: Duration::from_millis(*ms),
        });
        state.waiting.extend(waiting);
        let mut order = Vec::new();
        while let Some(ticket) = state.next() {
            order.extend(
                state
                    .waiting
                    .iter()
                    .filter(|w| w.ticket == ticket)
                    .map(|w| w.worked.as_millis() as u64),
            );
            state.waiting.retain(|waiting| waiting.ticket != ticket);
            state.handed += 1;
        }
        order
    }

    #[test]
    fn turns_go_to_whoever_has_worked_least_and_every_fourth_to_whoever_waits_longest() {
        assert_eq!(order(&[900, 50, 70, 60, 80, 45]), [45, 50, 60, 900, 70, 80]);
        assert_eq!(order(&[50, 50]), [50, 50]);
    }

    #[test]
    fn dear_queries_stand_back_for_cheap_ones_but_not_forever() {
        let turns = Arc::new(Turns::new(1));
        let cheap = turns.cheap();
        let (mut state, now) = (turns.state.lock(), Instant::now());
        let until = state.stands_back(now);
        assert_eq!(until, Some(now + PATIENCE));
        assert_eq!(state.stands_back(now + PATIENCE / 2), until);
        assert_eq!(
            state.stands_back(now + PATIENCE),
            None,
            "their time between cheap ones"
        );
        assert_eq!(
            state.stands_back(now + PATIENCE + TURN),
            Some(now + PATIENCE + TURN + PATIENCE)
        );
        drop(state);
        drop(cheap);
        assert_eq!(turns.state.lock().stands_back(now), None);
    }

    #[test]
    fn a_turn_is_given_up_when_a_cheap_query_comes_and_had_again_when_it_is_over() {
        let turns = Arc::new(Turns::new(1));
        let turn = turns.take(CHEAP, || true).expect("there is work left");
        let cheap = turns.cheap();
        std::thread::scope(|scope| {
            let renewed = scope.spawn(|| turn.renewed(CHEAP, || true).is_some());
            drop(cheap);
            assert!(renewed.join().expect("the thread does not panic"));
        });
        assert_eq!(turns.state.lock().free, 1);
    }
}
