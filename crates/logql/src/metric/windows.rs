//! Windows split time at all their edges, so that each window is a run of whole intervals.
//!
//! The edges of all windows `(t - range, t]` are the only places where the set of windows a sample
//! belongs to changes. Between two edges samples can be summed up once, whatever number of windows
//! they count for. Invariant: window `k` is the intervals `span(k)`, both ends never fall as `k`
//! grows.

use super::{RangeSpec, Steps};
use std::ops::Range;

/// How the edges lie; chosen once a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `range <= step`: windows do not overlap, and what lies between them counts nowhere.
    Disjoint,
    /// `range` is `per_window` steps: the edges are the grid itself.
    Even { per_window: usize },
    /// Two edges a step, `rest` after each grid line; a window is `whole` steps and `rest`.
    Split { whole: usize, rest: u64 },
    /// Windows so wide that all share a middle: left edges, the middle, right edges.
    Wide,
}

/// Maps times to intervals and windows to runs of intervals.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    layout: Layout,
    /// Samples at or before this time are in no window.
    low: i64,
    /// Samples after this time are in no window.
    high: i64,
    /// Time (modulo 2^64) that positions are counted from: the edge before the first interval.
    origin: u64,
    step: u64,
    range: u64,
    count: usize,
}

/// An interval as positions: nanoseconds since the origin, `from <= position < to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    /// Its number.
    pub(super) index: u32,
    /// First position.
    pub(super) from: u64,
    /// First position after.
    pub(super) to: u64,
}

impl Windows {
    /// The intervals of a range aggregation on a grid.
    pub(super) fn new(spec: &RangeSpec, steps: &Steps) -> Windows {
        let step = steps.step.max(1).unsigned_abs();
        let range = spec.range.max(0).unsigned_abs();
        let count = steps.count.max(1);
        let reach = step.saturating_mul(count as u64 - 1);
        let layout = if count == 1 {
            Layout::Wide
        } else if range <= step {
            Layout::Disjoint
        } else if range >= reach {
            Layout::Wide
        } else if range.is_multiple_of(step) {
            Layout::Even {
                per_window: (range / step) as usize,
            }
        } else {
            Layout::Split {
                whole: (range / step) as usize,
                rest: range % step,
            }
        };
        let first = steps.start.saturating_sub(spec.offset);
        let width = if layout == Layout::Disjoint {
            step
        } else {
            range
        };
        Windows {
            layout,
            low: first.saturating_sub(range as i64),
            high: steps.at(count - 1).saturating_sub(spec.offset),
            origin: (first as u64).wrapping_sub(width),
            step,
            range,
            count,
        }
    }

    /// How many windows there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether there is time between windows that is in none.
    pub(super) fn has_gaps(&self) -> bool {
        self.layout == Layout::Disjoint && self.range < self.step
    }

    /// How many intervals there are.
    pub(super) fn intervals(&self) -> usize {
        match self.layout {
            Layout::Disjoint => self.count,
            Layout::Even { per_window } => self.count - 1 + per_window,
            Layout::Split { whole, .. } => 2 * (self.count + whole) - 1,
            Layout::Wide => 2 * self.count - 1,
        }
    }

    /// The first time after `timestamp` that counts for other windows; the last time there is when
    /// none does.
    pub(super) fn same_until(&self, timestamp: i64) -> i64 {
        let Some(position) = self.position(timestamp) else {
            return if timestamp > self.low {
                i64::MAX
            } else {
                self.low.saturating_add(1)
            };
        };
        let interval = self.next(position);
        let end = if interval.from > position {
            interval.from
        } else {
            interval.to
        };
        timestamp.saturating_add_unsigned(end - position)
    }

    /// Nanoseconds from the origin to `timestamp`; `None` when it is before the first or after the
    /// last window.
    #[inline]
    pub(super) fn position(&self, timestamp: i64) -> Option<u64> {
        (timestamp > self.low && timestamp <= self.high)
            .then(|| (timestamp as u64).wrapping_sub(self.origin).wrapping_sub(1))
    }

    /// The interval of a position that [`Windows::position`] gave; `None` between windows.
    pub(super) fn locate(&self, position: u64) -> Option<Interval> {
        let interval = self.next(position);
        (interval.from <= position).then_some(interval)
    }

    /// The interval of a position, or between windows the one that begins next.
    pub(super) fn next(&self, position: u64) -> Interval {
        let (step, range) = (self.step, self.range);
        let (line, within) = (position / step, position % step);
        let start = line * step;
        let (index, from, to) = match self.layout {
            Layout::Disjoint => (line, start + (step - range), start + step),
            Layout::Even { .. } => (line, start, start + step),
            Layout::Split { rest, .. } if within < rest => (2 * line, start, start + rest),
            Layout::Split { rest, .. } => (2 * line + 1, start + rest, start + step),
            Layout::Wide => self.locate_wide(position),
        };
        Interval {
            index: index as u32,
            from,
            to,
        }
    }

    fn locate_wide(&self, position: u64) -> (u64, u64, u64) {
        let (step, range, lefts) = (self.step, self.range, self.count as u64 - 1);
        let middle = lefts * step;
        if position < middle {
            let line = position / step;
            (line, line * step, (line + 1) * step)
        } else if position < range {
            (lefts, middle, range)
        } else {
            let line = (position - range) / step;
            (
                lefts + 1 + line,
                range + line * step,
                range + (line + 1) * step,
            )
        }
    }

    /// The intervals of window `k`.
    pub(super) fn span(&self, k: usize) -> Range<u32> {
        let (first, len) = match self.layout {
            Layout::Disjoint => (k, 1),
            Layout::Even { per_window } => (k, per_window),
            Layout::Split { whole, .. } => (2 * k, 2 * whole + 1),
            Layout::Wide => (k, self.count),
        };
        first as u32..(first + len) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::RangeOp;
    use proptest::prelude::*;

    fn windows(start: i64, step: i64, count: usize, range: i64, offset: i64) -> Windows {
        let spec = RangeSpec {
            op: RangeOp::CountOverTime,
            unwrapped: false,
            range,
            offset,
            param: None,
        };
        Windows::new(&spec, &Steps { start, step, count })
    }

    fn index(w: &Windows, t: i64) -> Option<u32> {
        w.position(t).and_then(|p| w.locate(p)).map(|i| i.index)
    }

    #[test]
    fn range_equal_to_step_is_one_interval_a_window() {
        let w = windows(100, 10, 3, 10, 0);
        assert_eq!(w.intervals(), 3);
        let found: Vec<_> = [90, 91, 100, 101, 120, 121].map(|t| index(&w, t)).to_vec();
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn times_between_windows_that_do_not_touch_are_nowhere() {
        let w = windows(100, 10, 3, 4, 0);
        let found: Vec<_> = [96, 97, 100, 101, 106, 107, 110]
            .map(|t| index(&w, t))
            .to_vec();
        assert_eq!(
            found,
            [None, Some(0), Some(0), None, None, Some(1), Some(1)]
        );
    }

    #[test]
    fn a_week_by_the_second_needs_no_more_intervals_than_two_a_step() {
        assert_eq!(windows(0, 1, 11_000, 604_800, 0).intervals(), 21_999);
        assert_eq!(windows(0, 1, 1, 604_800, 0).intervals(), 1);
    }

    proptest! {
        #[test]
        fn a_time_is_in_the_windows_whose_span_holds_its_interval(
            start in -50i64..50, step in 1i64..20, count in 1usize..12, range in 0i64..100, offset in -30i64..30,
            times in proptest::collection::vec(-300i64..300, 1..60),
        ) {
            let w = windows(start, step, count, range, offset);
            for t in times {
                let found = index(&w, t);
                prop_assert!(found.is_none_or(|i| (i as usize) < w.intervals()));
                for k in 0..count {
                    let at = start + step * k as i64 - offset;
                    let inside = t > at - range && t <= at;
                    prop_assert_eq!(inside, found.is_some_and(|i| w.span(k).contains(&i)), "time {} window {}", t, k);
                }
                if let Some(position) = w.position(t) && let Some(interval) = w.locate(position) {
                    prop_assert!(interval.from <= position && position < interval.to);
                }
            }
        }
    }
}
