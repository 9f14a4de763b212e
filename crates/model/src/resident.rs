//! Resident memory that nobody holds counts as well: it slows and refuses what the budget can't name.
//!
//! Threads keep what they freed, lists are larger than what they hold, and no account is complete.
//! The program reads what the process really has and says it here, some ten times a second.

use crate::budget::{Budget, MemoryUser};

/// What a process has of its own that is no reason to worry: this many bytes and this share of the
/// bound, in percent. The rest of a container leaves room for it (docs/configuration.md).
const OWN_BYTES: usize = 12 << 20;
const OWN_PERCENT: usize = 15;
/// What nobody holds may fill the budget up to here for a while, which refuses nearly everything;
/// and up to there for good, which leaves small pushes, light queries and their answers room.
const UNACCOUNTED_PERCENT: usize = 95;
const UNACCOUNTED_LASTING_PERCENT: usize = 85;

/// How long the process has had more than its users hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// For moments: it may be given back yet.
    Briefly,
    /// For so long that nothing will change.
    Long,
}

impl Budget {
    /// Charges what a process of `resident` bytes has beyond what its users hold and a process needs
    /// of its own; gives these bytes. What `lasts` although memory was asked back is counted less,
    /// so that the least service stays possible.
    pub fn note_resident(&self, resident: usize, lasts: Lasts) -> usize {
        let before = self.held(MemoryUser::Unaccounted);
        let held = self.held_by_all().saturating_sub(before);
        let own = OWN_BYTES.saturating_add(self.percent(OWN_PERCENT));
        let excess = resident.saturating_sub(held.saturating_add(own));
        let up_to = self.percent(match lasts {
            Lasts::Briefly => UNACCOUNTED_PERCENT,
            Lasts::Long => UNACCOUNTED_LASTING_PERCENT,
        });
        let counted = excess.min(up_to.saturating_sub(held));
        self.charge(MemoryUser::Unaccounted, counted);
        self.release(MemoryUser::Unaccounted, before);
        excess
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Held;
    use std::sync::Arc;

    #[test]
    fn what_nobody_holds_is_charged_and_leaves_the_least_service() {
        let budget = Arc::new(Budget::new(100 << 20));
        let own = OWN_BYTES + (15 << 20);
        let head = Held::charged(&budget, MemoryUser::Head, 20 << 20);
        for (resident, lasts, excess, counted) in [
            (own + (20 << 20), Lasts::Briefly, 0, 0),
            (own + (50 << 20), Lasts::Briefly, 30, 30),
            (own + (300 << 20), Lasts::Briefly, 280, 75),
            (own + (300 << 20), Lasts::Long, 280, 65),
            (0, Lasts::Long, 0, 0),
            (own + (300 << 20), Lasts::Long, 280, 65),
        ] {
            let found = budget.note_resident(resident, lasts);
            let charged = budget.held(MemoryUser::Unaccounted);
            assert_eq!((found >> 20, charged >> 20), (excess, counted));
        }
        assert!(Held::taken(&budget, MemoryUser::Queries, 1).is_none());
        for user in [
            MemoryUser::SmallBodies,
            MemoryUser::LightQueries,
            MemoryUser::Pushes,
        ] {
            assert!(Held::taken(&budget, user, 1 << 20).is_some(), "{user:?}");
        }
        drop(head);
        assert_eq!(budget.held_by_all(), 65 << 20);
    }
}
