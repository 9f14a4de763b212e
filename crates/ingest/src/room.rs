//! Room is what a push takes of the memory budget, from decompression until it is written.
//!
//! A push that needs more than there is gives all back and begins again once it can have that much:
//! many that wait for each other with their hands full would never end.

use crate::lanes::{Lanes, Place, Size};
use crate::rejection::BodyError;
use skald_model::{Budget, Held, MemoryUser};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Part of the budget that one push may take, in percent.
const ONE_PUSH_PERCENT: usize = 40;

/// How long a push waits for room before it is refused.
const WAIT: Duration = Duration::from_millis(500);

/// How often a push that waits looks whether there is room.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Steps in which a push asks for memory.
const STEP_BYTES: usize = 256 << 10;

/// What a push that begins again asks for, in percent of what it needed before it grew further.
const AGAIN_PERCENT: usize = 150;

/// What one push needs, and what of it is reserved. The default has all the room there is.
#[derive(Debug, Default)]
pub(crate) struct Room {
    held: Option<Held>,
    needed: usize,
    place: Option<Place>,
}

impl Room {
    /// Takes `bytes` more, before they are made.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.needed = self.needed.saturating_add(bytes);
        match &mut self.held {
            Some(held) if held.bytes() < self.needed => cover(held, self.needed, &self.place),
            _ => Ok(()),
        }
    }

    /// Bytes taken and not given back.
    pub(crate) fn taken(&self) -> usize {
        self.needed
    }

    /// Gives `bytes` back; they stay reserved for what this push still makes.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.needed = self.needed.saturating_sub(bytes);
    }
}

/// Reserves it; a push that grew out of its lane or finds no room has to begin again.
fn cover(held: &mut Held, needed: usize, place: &Option<Place>) -> Result<(), BodyError> {
    let most = most(held.budget());
    if needed > most {
        held.budget().count_refusal(MemoryUser::Pushes);
        return Err(BodyError::TooLarge(format!(
            "decoded it needs more than the {most} bytes that `memory` leaves for one push"
        )));
    }
    let is_small = place
        .as_ref()
        .is_some_and(|place| place.size == Size::Small);
    let outgrown = is_small && Size::of(needed) == Size::Large;
    let wanted = needed.next_multiple_of(STEP_BYTES).min(most.max(needed));
    match !outgrown && held.try_cover(wanted) {
        true => Ok(()),
        false => Err(BodyError::Again(needed)),
    }
}

/// The most that one push may take.
fn most(budget: &Budget) -> usize {
    budget.bytes() / 100 * ONE_PUSH_PERCENT
}

/// A push that waits for room, each time it begins.
pub(crate) struct Waiting {
    budget: Arc<Budget>,
    /// Bytes it came in.
    body: usize,
    /// Bytes it is known to need.
    needed: usize,
    until: Option<Instant>,
}

impl Waiting {
    /// One that came in a body of `body` bytes, of which nothing else is known.
    pub(crate) fn new(budget: &Arc<Budget>, body: usize) -> Waiting {
        Waiting {
            budget: Arc::clone(budget),
            body,
            needed: 0,
            until: None,
        }
    }

    /// Notes what it needed when it had to begin again.
    pub(crate) fn needs(&mut self, bytes: usize) {
        let more = (bytes / 100).saturating_mul(AGAIN_PERCENT);
        self.needed = more.max(bytes).min(most(&self.budget).max(bytes));
    }

    /// Waits for a place in the lane, and for as much room as it is known to need.
    pub(crate) async fn enter(&mut self, lanes: &Lanes) -> Result<(Size, Room), BodyError> {
        loop {
            let place = lanes.enter(Size::of(self.needed.max(self.body))).await;
            let mut held = Held::new(&self.budget, MemoryUser::Pushes);
            if held.try_cover(self.needed) {
                let (size, place) = (place.size, Some(place));
                let held = Some(held);
                return Ok((
                    size,
                    Room {
                        held,
                        needed: 0,
                        place,
                    },
                ));
            }
            drop(place);
            let until = *self.until.get_or_insert_with(|| Instant::now() + WAIT);
            if Instant::now() >= until {
                self.budget.count_refusal(MemoryUser::Pushes);
                return Err(BodyError::NoRoom);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn enter(waiting: &mut Waiting) -> Result<Room, BodyError> {
        waiting.enter(&Lanes::new(2)).await.map(|(_, room)| room)
    }

    #[tokio::test]
    async fn a_push_takes_its_share_and_gives_it_back_at_its_end() {
        let budget = Arc::new(Budget::new(100 << 20));
        let mut first = Waiting::new(&budget, 0);
        let mut room = enter(&mut first).await.expect("there is room");
        assert_eq!(room.take(1), Ok(()));
        assert_eq!(budget.held(MemoryUser::Pushes), STEP_BYTES);
        assert_eq!(room.take(30 << 20), Err(BodyError::Again((30 << 20) + 1)));
        drop(room);
        assert_eq!(budget.held_by_all(), 0);

        first.needs((30 << 20) + 1);
        let mut room = enter(&mut first).await.expect("there is room");
        assert_eq!(budget.held(MemoryUser::Pushes), 40 << 20);
        assert_eq!(room.take(30 << 20), Ok(()));
        room.give_back(20 << 20);
        assert_eq!(room.take(20 << 20), Ok(()));
        assert_eq!(room.take(20 << 20).map_err(|e| e.status()), Err(413));
        assert_eq!(budget.refusals(MemoryUser::Pushes), 1);
    }

    #[tokio::test]
    async fn a_push_waits_for_room_with_empty_hands_and_is_refused() {
        let budget = Arc::new(Budget::new(100 << 20));
        let held = Held::taken(&budget, MemoryUser::Pushes, 30 << 20).expect("there is room");
        let mut second = Waiting::new(&budget, 0);
        second.needs(20 << 20);
        assert_eq!(enter(&mut second).await.err(), Some(BodyError::NoRoom));
        assert_eq!(budget.held(MemoryUser::Pushes), 30 << 20);
        assert_eq!(budget.refusals(MemoryUser::Pushes), 1);
        drop(held);
        assert!(enter(&mut second).await.is_ok());
    }
}
