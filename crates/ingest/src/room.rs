//! Room is what a push takes of the memory budget, from decompression until it is written.

use crate::lanes::Lane;
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

/// What one push needs, and what of it is reserved. The default has all the room there is.
#[derive(Debug, Default)]
pub(crate) struct Room {
    held: Option<Held>,
    needed: usize,
    lane: Option<Lane>,
}

impl Room {
    /// Room within a budget, for a push in a lane; nothing is taken yet.
    pub(crate) fn within(budget: &Arc<Budget>, lane: Lane) -> Room {
        Room {
            lane: Some(lane),
            ..Room::of(budget)
        }
    }

    fn of(budget: &Arc<Budget>) -> Room {
        Room {
            held: Some(Held::new(budget, MemoryUser::Pushes)),
            ..Room::default()
        }
    }

    /// Takes `bytes` more, before they are made.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.needed = self.needed.saturating_add(bytes);
        if let Some(lane) = &mut self.lane {
            lane.grow_to(self.needed);
        }
        match &mut self.held {
            Some(held) if held.bytes() < self.needed => cover(held, self.needed, &mut self.lane),
            _ => Ok(()),
        }
    }

    /// Gives `bytes` back; they stay reserved for what this push still makes.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.needed = self.needed.saturating_sub(bytes);
    }
}

/// Reserves it, and waits for that without a place in the lane.
fn cover(held: &mut Held, needed: usize, lane: &mut Option<Lane>) -> Result<(), BodyError> {
    let budget = held.budget().clone();
    let most = budget.bytes() / 100 * ONE_PUSH_PERCENT;
    if needed > most {
        budget.count_refusal(MemoryUser::Pushes);
        return Err(BodyError::TooLarge(format!(
            "decoded it needs more than the {most} bytes that `memory` leaves for one push"
        )));
    }
    let wanted = needed.next_multiple_of(STEP_BYTES).min(most.max(needed));
    if held.try_cover(wanted) {
        return Ok(());
    }
    lane.iter_mut().for_each(Lane::leave);
    let since = Instant::now();
    while !held.try_cover(wanted) {
        if since.elapsed() >= WAIT {
            budget.count_refusal(MemoryUser::Pushes);
            return Err(BodyError::NoRoom);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    lane.iter_mut().for_each(Lane::enter);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_takes_its_share_and_gives_it_back_at_its_end() {
        let budget = Arc::new(Budget::new(100 << 20));
        let mut room = Room::of(&budget);
        assert_eq!(room.take(1), Ok(()));
        assert_eq!(budget.held(MemoryUser::Pushes), STEP_BYTES);
        assert_eq!(room.take(30 << 20), Ok(()));
        room.give_back(20 << 20);
        assert_eq!(room.take(20 << 20), Ok(()));
        let mut other = Room::of(&budget);
        assert_eq!(other.take(20 << 20), Err(BodyError::NoRoom));
        assert_eq!(room.take(20 << 20).map_err(|e| e.status()), Err(413));
        drop((room, other));
        assert_eq!(budget.held_by_all(), 0);
        assert_eq!(budget.refusals(MemoryUser::Pushes), 2);
    }
}
