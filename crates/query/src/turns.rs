//! Who may read on when many queries want to: cheap ones at once, dear ones in turn.
//!
//! A query that has worked for less than [`CHEAP`] is not held up: it competes with at most as many dear
//! threads as there are cores, which the system's scheduler shares fairly. Beyond that a thread needs one of as
//! many turns as there are cores, and hands it on after [`TURN`] when others wait, first come first served: so
//! that none starves.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Work of all threads after which a query waits its turn: most searches that an index narrows are done by then.
pub(crate) const CHEAP: Duration = Duration::from_millis(20);
/// How long a thread works on while others wait: several blocks, so that handing on costs little.
const TURN: Duration = Duration::from_millis(10);

/// The turns that there are.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    handed_on: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: VecDeque<u64>,
    tickets: u64,
}

/// Lets one thread work; handed on when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    began: Instant,
}

impl Turns {
    /// As many turns as cores.
    pub(crate) fn new(cores: usize) -> Turns {
        Turns { state: Mutex::new(State { free: cores.max(1), waiting: VecDeque::new(), tickets: 0 }), handed_on: Condvar::new() }
    }

    /// Waits for a turn; `None` when meanwhile there is nothing left to do in it.
    pub(crate) fn take(&self, left: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut state = self.state.lock();
        let ticket = state.tickets;
        state.tickets += 1;
        state.waiting.push_back(ticket);
        while state.free == 0 || state.waiting.front() != Some(&ticket) {
            if !left() {
                state.waiting.retain(|waiting| *waiting != ticket);
                drop(state);
                self.handed_on.notify_all();
                return None;
            }
            self.handed_on.wait(&mut state);
        }
        state.free -= 1;
        state.waiting.pop_front();
        drop(state);
        // Another turn may be free for whoever is first now.
        self.handed_on.notify_all();
        Some(Turn { turns: self, began: Instant::now() })
    }

    fn someone_waits(&self) -> bool {
        !self.state.lock().waiting.is_empty()
    }
}

impl<'a> Turn<'a> {
    /// The same turn, or a new one once its time is up and others wait.
    pub(crate) fn renewed(self, left: impl Fn() -> bool) -> Option<Turn<'a>> {
        if self.began.elapsed() < TURN || !self.turns.someone_waits() {
            return Some(self);
        }
        let turns = self.turns;
        drop(self);
        turns.take(left)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.state.lock().free += 1;
        self.turns.handed_on.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_work_at_once_than_there_are_turns_and_all_get_theirs() {
        let (turns, inside, most, done) = (Turns::new(2), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let turn = turns.take(|| true);
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
        let long_ago = Instant::now().checked_sub(TURN * 2).unwrap_or_else(Instant::now);
        let mut turn = turns.take(|| true).expect("there is work left");
        turn.began = long_ago;
        assert_eq!(turn.renewed(|| true).map(|turn| turn.began), Some(long_ago));
    }

    #[test]
    fn whoever_has_nothing_left_to_do_does_not_wait() {
        let turns = Turns::new(1);
        let turn = turns.take(|| true);
        assert!(turns.take(|| false).is_none());
        drop(turn);
        assert!(turns.take(|| true).is_some());
    }
}
