//! Time slices share the cores among queries: light ones run at once, heavy ones take slices.
//!
//! A query is light until it has worked [`LIGHT_WORK`], and never waits. From then on it is heavy:
//! each of its threads needs a slice, of which there are as many as cores, and hands it on after
//! [`SLICE`] when others wait. Slices go to the query that has worked least, so that one that is
//! nearly light is done soon; every fourth goes to the thread that has waited longest. Heavy
//! queries yield to light ones, but while light queries come without end slices are still handed
//! out between them: no query starves.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Work of all threads after which a query is heavy: most searches that an index narrows are done
/// by then, and a search through what is not yet in parts.
const LIGHT_WORK: Duration = Duration::from_millis(40);
/// How long a thread works on while others wait: several blocks, so that handing on costs little.
const SLICE: Duration = Duration::from_millis(10);
/// How long heavy queries yield to light ones, before they get one [`SLICE`] between them.
const YIELD: Duration = Duration::from_millis(25);
/// One slice in this many goes to the thread that has waited longest.
const LONGEST_EVERY: u64 = 4;

/// The slices of all cores.
#[derive(Debug)]
pub(crate) struct TimeSlices {
    state: Mutex<SliceState>,
    changed: Condvar,
}

#[derive(Debug)]
struct SliceState {
    free: usize,
    waiting: Vec<Waiting>,
    tickets: u64,
    /// Slices handed out so far.
    handed: u64,
    /// Queries under way that are light so far.
    light: usize,
    /// Until when heavy queries yield to these.
    yield_until: Option<Instant>,
}

/// A thread that waits for a slice.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    ticket: u64,
    /// What its query has worked so far.
    worked: Duration,
}

impl SliceState {
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

    /// Until when heavy queries have to yield to light ones; `None` when they need not.
    fn yields(&mut self, now: Instant) -> Option<Instant> {
        if self.light == 0 {
            self.yield_until = None;
            return None;
        }
        match self.yield_until {
            Some(until) if now < until => Some(until),
            Some(until) if now < until + SLICE => None,
            _ => Some(*self.yield_until.insert(now + YIELD)),
        }
    }
}

/// Lets one thread work until it is dropped.
#[derive(Debug)]
pub(crate) struct TimeSlice<'a> {
    slices: &'a TimeSlices,
    began: Instant,
}

/// Counts a query as light until it is dropped.
#[derive(Debug)]
pub(crate) struct LightQuery {
    slices: Arc<TimeSlices>,
}

impl TimeSlices {
    /// As many slices as cores.
    pub(crate) fn new(cores: usize) -> TimeSlices {
        let state = SliceState {
            free: cores.max(1),
            waiting: Vec::new(),
            tickets: 0,
            handed: 0,
            light: 0,
            yield_until: None,
        };
        TimeSlices {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Counts a query that begins: heavy ones yield to it.
    pub(crate) fn light(self: &Arc<TimeSlices>) -> LightQuery {
        self.state.lock().light += 1;
        LightQuery {
            slices: Arc::clone(self),
        }
    }

    /// Whether a query that has worked this long is heavy.
    pub(crate) fn is_heavy(worked: Duration) -> bool {
        worked > LIGHT_WORK
    }

    /// Waits for a slice for a thread of a query that has worked this long; `None` when meanwhile
    /// there is nothing left to do in it.
    pub(crate) fn wait(&self, worked: Duration, left: impl Fn() -> bool) -> Option<TimeSlice<'_>> {
        let mut state = self.state.lock();
        let ticket = state.tickets;
        state.tickets += 1;
        state.waiting.push(Waiting { ticket, worked });
        let taken = loop {
            if !left() {
                break false;
            }
            match state.yields(Instant::now()) {
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
        // Another slice may be free for the thread that is next now.
        self.changed.notify_all();
        taken.then(|| TimeSlice {
            slices: self,
            began: Instant::now(),
        })
    }
}

impl<'a> TimeSlice<'a> {
    /// This slice, or a new one once its time is up and others wait, or light queries came.
    pub(crate) fn renewed(
        self,
        worked: Duration,
        left: impl Fn() -> bool,
    ) -> Option<TimeSlice<'a>> {
        let slices = self.slices;
        let goes_on = {
            let mut state = slices.state.lock();
            let is_up = self.began.elapsed() >= SLICE && !state.waiting.is_empty();
            !is_up && state.yields(Instant::now()).is_none()
        };
        if goes_on {
            return Some(self);
        }
        drop(self);
        slices.wait(worked, left)
    }
}

impl Drop for TimeSlice<'_> {
    fn drop(&mut self) {
        self.slices.state.lock().free += 1;
        self.slices.changed.notify_all();
    }
}

impl Drop for LightQuery {
    fn drop(&mut self) {
        let mut state = self.slices.state.lock();
        state.light -= 1;
        if state.light == 0 {
            drop(state);
            self.slices.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_work_at_once_than_there_are_slices_and_all_get_theirs() {
        let (slices, inside, most, done) = (
            TimeSlices::new(2),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let slice = slices.wait(LIGHT_WORK, || true);
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(slice);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((done.into_inner(), slices.state.lock().free), (1600, 2));
        assert!(most.into_inner() <= 2);
    }

    #[test]
    fn a_slice_lasts_while_nobody_waits() {
        let slices = TimeSlices::new(1);
        let long_ago = Instant::now()
            .checked_sub(SLICE * 2)
            .unwrap_or_else(Instant::now);
        let mut slice = slices
            .wait(LIGHT_WORK, || true)
            .expect("there is work left");
        slice.began = long_ago;
        assert_eq!(
            slice.renewed(LIGHT_WORK, || true).map(|slice| slice.began),
            Some(long_ago)
        );
    }

    #[test]
    fn a_thread_with_nothing_left_to_do_does_not_wait() {
        let slices = TimeSlices::new(1);
        let slice = slices.wait(LIGHT_WORK, || true);
        assert!(slices.wait(LIGHT_WORK, || false).is_none());
        drop(slice);
        assert!(slices.wait(LIGHT_WORK, || true).is_some());
    }

    /// The order in which threads that have worked these milliseconds get slices.
    fn order(worked: &[u64]) -> Vec<u64> {
        let mut state = SliceState {
            free: 1,
            waiting: Vec::new(),
            tickets: 0,
            handed: 0,
            light: 0,
            yield_until: None,
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
    fn slices_go_to_the_least_worked_and_every_fourth_to_the_longest_waiting() {
        assert_eq!(order(&[900, 50, 70, 60, 80, 45]), [45, 50, 60, 900, 70, 80]);
        assert_eq!(order(&[50, 50]), [50, 50]);
    }

    #[test]
    fn heavy_queries_yield_to_light_ones_but_not_forever() {
        let slices = Arc::new(TimeSlices::new(1));
        let light = slices.light();
        let (mut state, now) = (slices.state.lock(), Instant::now());
        let until = state.yields(now);
        assert_eq!(until, Some(now + YIELD));
        assert_eq!(state.yields(now + YIELD / 2), until);
        assert_eq!(
            state.yields(now + YIELD),
            None,
            "their slice between light ones"
        );
        assert_eq!(
            state.yields(now + YIELD + SLICE),
            Some(now + YIELD + SLICE + YIELD)
        );
        drop(state);
        drop(light);
        assert_eq!(slices.state.lock().yields(now), None);
    }

    #[test]
    fn a_slice_is_given_up_when_a_light_query_comes_and_returns_when_it_is_over() {
        let slices = Arc::new(TimeSlices::new(1));
        let slice = slices
            .wait(LIGHT_WORK, || true)
            .expect("there is work left");
        let light = slices.light();
        std::thread::scope(|scope| {
            let renewed = scope.spawn(|| slice.renewed(LIGHT_WORK, || true).is_some());
            drop(light);
            assert!(renewed.join().expect("the thread does not panic"));
        });
        assert_eq!(slices.state.lock().free, 1);
    }
}
