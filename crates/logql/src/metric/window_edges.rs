//! Window edges are the times where a window may begin or end; samples between two can be summed.

use crate::metric::{RangeSpec, Steps};

/// The edges of the windows of all grids that this one can be moved to by whole steps. What lies
/// between two of them counts for the same windows on each of these grids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edges {
    step: i64,
    /// Remainders by the step of the last times before a window and of a window.
    remainders: [i64; 2],
}

impl Edges {
    /// The edges of a leaf's windows.
    pub fn of(spec: &RangeSpec, steps: &Steps) -> Edges {
        let step = steps.step.max(1);
        let last = i128::from(steps.start) - i128::from(spec.offset);
        let remainder = |time: i128| time.rem_euclid(i128::from(step)) as i64;
        Edges {
            step,
            remainders: [remainder(last - i128::from(spec.range)), remainder(last)],
        }
    }

    /// The first time after `timestamp` that may count for other windows.
    pub fn until(&self, timestamp: i64) -> i64 {
        let at = timestamp.rem_euclid(self.step);
        let away = |remainder: i64| {
            if remainder >= at {
                remainder - at
            } else {
                remainder + (self.step - at)
            }
        };
        let nearest = self
            .remainders
            .map(away)
            .into_iter()
            .min()
            .unwrap_or_default();
        timestamp.saturating_add(nearest).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::RangeOp;
    use crate::metric::windows::Windows;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_ends_with_the_first_edge() {
        let spec = RangeSpec {
            op: RangeOp::CountOverTime,
            unwrapped: false,
            range: 4,
            offset: 1,
            param: None,
        };
        let edges = Edges::of(
            &spec,
            &Steps {
                start: 100,
                step: 10,
                count: 3,
            },
        );
        let found: Vec<_> = [94, 95, 96, 99, 100, 105].map(|t| edges.until(t)).to_vec();
        assert_eq!(found, [96, 96, 100, 100, 106, 106]);
    }

    proptest! {
        #[test]
        fn no_grid_of_the_step_tells_the_times_of_a_bucket_apart(
            start in -50i64..50, step in 1i64..20, moved in -9i64..9, count in 1usize..12, range in 0i64..100,
            offset in -30i64..30, timestamp in -300i64..300,
        ) {
            let spec = RangeSpec { op: RangeOp::CountOverTime, unwrapped: false, range, offset, param: None };
            let edges = Edges::of(&spec, &Steps { start, step, count: 2 });
            let windows = Windows::new(&spec, &Steps { start: start + step * moved, step, count });
            let until = edges.until(timestamp);
            prop_assert!(timestamp < until);
            prop_assert!(until <= windows.same_until(timestamp));
        }
    }
}
