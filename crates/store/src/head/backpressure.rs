//! Back-pressure decides from memory use when to flush heads and to delay or refuse pushes.

use skald_model::Pressure;
use std::time::Duration;

/// Heads get at most this part of the memory budget before they are flushed: with one sealed and
/// one that grows, and both lagging, they still leave room for all else.
const HEAD_SHARE: usize = 4;
/// Under pressure heads are flushed from this part of the budget on; smaller ones would give little
/// back and make many small parts.
const EARLY_SHARE: usize = 16;
/// Heads below this part of the budget are never the reason to refuse pushes.
const REFUSE_SHARE: usize = 8;
/// When more than this many times the limit of heads is still to be written, flushing lags and
/// pushes are delayed: a little from the start, or they would run ahead and then be held for long.
const SLOW_HEADS: usize = 1;
/// Heads of more than this many times their limit, written or not, refuse pushes.
const FULL_HEADS: usize = 4;
/// Labels of streams may take this part of the budget in heads before pushes are refused, as divisor:
/// their flush makes tables of them and needs several times as much.
const LABELS_SHARE: usize = 10;
/// They get less the more the directories of parts hold, which their own are added to: this part of
/// what is left below the share that all may have, as divisors, and always a little.
const LABELS_LEFT_SHARE: usize = 5;
const DIRECTORIES_SHARE: (usize, usize) = (3, 4);
const LABELS_LITTLE_SHARE: usize = 128;
/// Shares of the budget that heads may take while the WAL is replayed, as divisors of it: reading
/// waits for flushes beyond the first, and beyond the second when they fail. Queries are answered up
/// to 80 %.
const REPLAY_SHARE: usize = 2;
const REPLAY_STUCK_SHARE: (usize, usize) = (3, 4);
/// How long a push is delayed just before it would be refused; less the further off that is.
const SLOWEST: Duration = Duration::from_millis(100);

/// What happens to pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackPressure {
    /// They are taken at once.
    None,
    /// They are acknowledged this much later.
    Delay(Duration),
    /// They are refused, to be sent again later: too much waits to be written.
    Behind,
    /// They are refused, to be sent again later: others than heads have the memory.
    OutOfMemory,
}

/// How flushes fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushes {
    /// The last one succeeded.
    GoOn,
    /// The last one failed, as on a full disk.
    Fail,
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

    /// Bytes of labels that heads may hold while directories of parts hold this much; with half of
    /// it they are flushed.
    pub(crate) fn labels_max(&self, directories: usize) -> usize {
        let all = self.budget_bytes / DIRECTORIES_SHARE.1 * DIRECTORIES_SHARE.0;
        let left = all.saturating_sub(directories) / LABELS_LEFT_SHARE;
        let (little, most) = (
            self.budget_bytes / LABELS_LITTLE_SHARE,
            self.budget_bytes / LABELS_SHARE,
        );
        left.clamp(little, most)
    }

    /// What happens to pushes while heads have `head_bytes` bytes, of which `left` are still to be
    /// written.
    pub(crate) fn back_pressure(
        &self,
        head_bytes: usize,
        left: usize,
        pressure: Pressure,
    ) -> BackPressure {
        let refusable = head_bytes > self.budget_bytes / REFUSE_SHARE;
        let (slow, full) = (
            self.flush_bytes.saturating_mul(SLOW_HEADS),
            self.flush_bytes.saturating_mul(FULL_HEADS),
        );
        if head_bytes > full.min(self.budget_bytes / 2) && pressure == Pressure::Full
            || head_bytes > full
        {
            return BackPressure::Behind;
        }
        if pressure == Pressure::Full && refusable {
            return BackPressure::OutOfMemory;
        }
        let pressed = if pressure >= Pressure::Slow && refusable {
            SLOWEST / 2
        } else {
            Duration::ZERO
        };
        let lag = left.saturating_sub(slow) as f64 / (full - slow).max(1) as f64;
        match SLOWEST.mul_f64(lag).max(pressed) {
            Duration::ZERO => BackPressure::None,
            wait => BackPressure::Delay(wait),
        }
    }

    /// Bytes of heads at which replay waits for flushes, which fail or not.
    pub(crate) fn replay_until(&self, flushes: Flushes) -> usize {
        match flushes {
            Flushes::GoOn => self.budget_bytes / REPLAY_SHARE,
            Flushes::Fail => self.budget_bytes / REPLAY_STUCK_SHARE.1 * REPLAY_STUCK_SHARE.0,
        }
    }

    /// Whether growing from `before` to `after` bytes is a moment to decide again.
    pub(crate) fn is_step(&self, before: usize, after: usize) -> bool {
        let step = (self.flush_bytes / 4).max(1);
        before / step != after / step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head_bytes: usize, pressure: Pressure, flush: bool, expected: BackPressure) {
        let bounds = HeadBounds::new(100, 1600);
        let found = (
            head_bytes > bounds.flush_at(pressure),
            bounds.back_pressure(head_bytes, head_bytes, pressure),
        );
        assert_eq!(found, (flush, expected), "{head_bytes} bytes, {pressure:?}");
    }

    #[test]
    fn what_is_written_already_delays_no_push_and_still_takes_memory() {
        let bounds = HeadBounds::new(100, 1600);
        assert_eq!(
            bounds.back_pressure(190, 90, Pressure::None),
            BackPressure::None
        );
        assert_eq!(
            bounds.back_pressure(390, 130, Pressure::None),
            BackPressure::Delay(SLOWEST / 10)
        );
        assert_eq!(
            bounds.back_pressure(401, 90, Pressure::None),
            BackPressure::Behind
        );
    }

    #[test]
    fn pressure_flushes_then_slows_then_refuses() {
        check(100, Pressure::None, false, BackPressure::None);
        check(
            103,
            Pressure::None,
            true,
            BackPressure::Delay(SLOWEST / 100),
        );
        check(130, Pressure::None, true, BackPressure::Delay(SLOWEST / 10));
        check(400, Pressure::None, true, BackPressure::Delay(SLOWEST));
        check(401, Pressure::None, true, BackPressure::Behind);
        check(
            130,
            Pressure::Early,
            true,
            BackPressure::Delay(SLOWEST / 10),
        );
        check(220, Pressure::Slow, true, BackPressure::Delay(SLOWEST / 2));
        check(201, Pressure::Full, true, BackPressure::OutOfMemory);
        check(401, Pressure::Full, true, BackPressure::Behind);
    }

    #[test]
    fn small_heads_are_taken_whatever_others_hold() {
        check(100, Pressure::Full, false, BackPressure::None);
        let tiny = HeadBounds::new(100 << 20, 8 << 20);
        assert_eq!(tiny.flush_at(Pressure::None), 2 << 20);
        assert_eq!(tiny.flush_at(Pressure::Slow), 512 << 10);
        assert_eq!(
            tiny.back_pressure(900 << 10, 900 << 10, Pressure::Full),
            BackPressure::None
        );
        assert_eq!(
            tiny.back_pressure(1100 << 10, 1100 << 10, Pressure::Slow),
            BackPressure::Delay(SLOWEST / 2)
        );
        assert_eq!(
            tiny.back_pressure(1100 << 10, 1100 << 10, Pressure::Full),
            BackPressure::OutOfMemory
        );
        assert_eq!(
            tiny.back_pressure(4100 << 10, 4100 << 10, Pressure::Full),
            BackPressure::Behind
        );
    }

    #[test]
    fn labels_get_less_the_more_directories_hold() {
        let bounds = HeadBounds::new(100, 1600);
        for (directories, expected) in [(0, 160), (400, 160), (800, 80), (1199, 12), (9999, 12)] {
            assert_eq!(bounds.labels_max(directories), expected, "{directories}");
        }
    }

    #[test]
    fn replay_may_take_more_than_pushes() {
        let bounds = HeadBounds::new(100, 1600);
        assert_eq!(bounds.replay_until(Flushes::GoOn), 800);
        assert_eq!(bounds.replay_until(Flushes::Fail), 1200);
    }
}
