//! When heads are flushed, and when pushes are slowed or refused: pure decisions from figures of memory.

use skald_model::Pressure;
use std::time::Duration;

/// Heads get at most this part of the memory budget before they are flushed: with one sealed and one that
/// grows, and both lagging, they still leave room for all else.
const HEAD_SHARE: usize = 4;
/// Under pressure heads are flushed from this part of the budget on; smaller ones would give little back
/// and make many small parts.
const EARLY_SHARE: usize = 16;
/// Heads below this part of the budget are never the reason to refuse pushes.
const REFUSE_SHARE: usize = 8;
/// Where more than so many times their limit is still to be written of heads, flushing lags behind and pushes are slowed
/// down: a little as soon as that is so, or they would run ahead and then be held for long.
const SLOW_HEADS: usize = 1;
/// Heads of more than so many times their limit, written or not, refuse pushes.
const FULL_HEADS: usize = 4;
/// What a push waits longer just before it would be refused; less the further that is off.
const SLOWEST: Duration = Duration::from_millis(100);

/// What pushes may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Come as they like.
    Free,
    /// Wait so much longer.
    Slowed(Duration),
    /// Come again later.
    Refused,
}

/// The bounds of heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBounds {
    /// Bytes that start a flush when memory is plenty.
    flush_bytes: usize,
    budget_bytes: usize,
}

impl HeadBounds {
    pub(crate) fn new(flush_bytes: usize, budget_bytes: usize) -> HeadBounds {
        HeadBounds {
            flush_bytes: flush_bytes.min(budget_bytes / HEAD_SHARE),
            budget_bytes,
        }
    }

    /// Bytes of heads that start a flush.
    pub(crate) fn flush_at(&self, pressure: Pressure) -> usize {
        match pressure {
            Pressure::None => self.flush_bytes,
            Pressure::Early | Pressure::Slow | Pressure::Full => {
                self.flush_bytes.min(self.budget_bytes / EARLY_SHARE)
            }
        }
    }

    /// What pushes may do while heads have so many bytes, of which some are still to be written.
    pub(crate) fn pace(&self, head_bytes: usize, left: usize, pressure: Pressure) -> Pace {
        let refusable = head_bytes > self.budget_bytes / REFUSE_SHARE;
        let (slow, full) = (
            self.flush_bytes.saturating_mul(SLOW_HEADS),
            self.flush_bytes.saturating_mul(FULL_HEADS),
        );
        if head_bytes > full || pressure == Pressure::Full && refusable {
            return Pace::Refused;
        }
        let pressed = if pressure >= Pressure::Slow && refusable {
            SLOWEST / 2
        } else {
            Duration::ZERO
        };
        let lag = left.saturating_sub(slow) as f64 / (full - slow).max(1) as f64;
        match SLOWEST.mul_f64(lag).max(pressed) {
            Duration::ZERO => Pace::Free,
            wait => Pace::Slowed(wait),
        }
    }

    /// Whether growing from `before` to `after` is a moment to look at flushing and pace again.
    pub(crate) fn is_step(&self, before: usize, after: usize) -> bool {
        let step = (self.flush_bytes / 4).max(1);
        before / step != after / step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head_bytes: usize, pressure: Pressure, flush: bool, pace: Pace) {
        let bounds = HeadBounds::new(100, 1600);
        let found = (
            head_bytes > bounds.flush_at(pressure),
            bounds.pace(head_bytes, head_bytes, pressure),
        );
        assert_eq!(found, (flush, pace), "{head_bytes} bytes, {pressure:?}");
    }

    #[test]
    fn what_is_written_already_slows_nobody_and_still_takes_memory() {
        let bounds = HeadBounds::new(100, 1600);
        assert_eq!(bounds.pace(190, 90, Pressure::None), Pace::Free);
        assert_eq!(
            bounds.pace(390, 130, Pressure::None),
            Pace::Slowed(SLOWEST / 10)
        );
        assert_eq!(bounds.pace(401, 90, Pressure::None), Pace::Refused);
    }

    #[test]
    fn pressure_flushes_then_slows_then_refuses() {
        check(100, Pressure::None, false, Pace::Free);
        check(103, Pressure::None, true, Pace::Slowed(SLOWEST / 100));
        check(130, Pressure::None, true, Pace::Slowed(SLOWEST / 10));
        check(400, Pressure::None, true, Pace::Slowed(SLOWEST));
        check(401, Pressure::None, true, Pace::Refused);
        check(130, Pressure::Early, true, Pace::Slowed(SLOWEST / 10));
        check(220, Pressure::Slow, true, Pace::Slowed(SLOWEST / 2));
        check(201, Pressure::Full, true, Pace::Refused);
    }

    #[test]
    fn small_heads_are_taken_whatever_others_hold() {
        check(100, Pressure::Full, false, Pace::Free);
        let tiny = HeadBounds::new(100 << 20, 8 << 20);
        assert_eq!(tiny.flush_at(Pressure::None), 2 << 20);
        assert_eq!(tiny.flush_at(Pressure::Slow), 512 << 10);
        assert_eq!(tiny.pace(900 << 10, 900 << 10, Pressure::Full), Pace::Free);
        assert_eq!(
            tiny.pace(1100 << 10, 1100 << 10, Pressure::Slow),
            Pace::Slowed(SLOWEST / 2)
        );
        assert_eq!(
            tiny.pace(1100 << 10, 1100 << 10, Pressure::Full),
            Pace::Refused
        );
    }
}
