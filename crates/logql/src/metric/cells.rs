//! Cells accumulate one series' samples within one interval, one cell type for each function.
//!
//! Every cell starts empty, takes samples in any order of time, and merges with a neighbour so that
//! the result is what one cell with all samples of both would hold (floats: up to rounding).

/// One interval's accumulator.
pub(super) trait Cell: Clone {
    /// Without samples.
    const EMPTY: Self;

    /// Whether no sample was added.
    fn is_empty(&self) -> bool;

    /// Adds a sample; returns bytes of heap memory taken for it.
    fn add(&mut self, timestamp: i64, value: f64) -> usize;

    /// Takes in a cell whose samples arrived later. Neither is empty.
    fn merge(&mut self, later: &Self);
}

/// Sum of values: count, bytes, rates and `sum_over_time`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total(f64);

/// A NaN that no arithmetic makes: marks cells without samples without another word a cell.
const NOTHING: u64 = 0x7ff8_5eed_0000_0001;

impl Total {
    /// The sum.
    pub(super) fn value(&self) -> f64 {
        self.0
    }
}

impl Cell for Total {
    const EMPTY: Total = Total(f64::from_bits(NOTHING));

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.to_bits() == NOTHING
    }

    #[inline]
    fn add(&mut self, _: i64, value: f64) -> usize {
        // A sum starts at 0: that of -0 alone is 0.
        let before = if self.is_empty() { 0.0 } else { self.0 };
        self.0 = before + value;
        0
    }

    #[inline]
    fn merge(&mut self, later: &Total) {
        self.0 += later.0;
    }
}

/// Least value, or with `MAX` the greatest; NaN stands only where there is nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extreme<const MAX: bool>(f64);

impl<const MAX: bool> Extreme<MAX> {
    /// The extreme.
    pub(super) fn value(&self) -> f64 {
        self.0
    }

    #[inline]
    fn take(&mut self, value: f64) {
        let better = if MAX { value > self.0 } else { value < self.0 };
        if better || self.0.is_nan() {
            self.0 = value;
        }
    }
}

impl<const MAX: bool> Cell for Extreme<MAX> {
    const EMPTY: Self = Extreme(f64::from_bits(NOTHING));

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.to_bits() == NOTHING
    }

    #[inline]
    fn add(&mut self, _: i64, value: f64) -> usize {
        self.take(value);
        0
    }

    #[inline]
    fn merge(&mut self, later: &Self) {
        self.take(later.0);
    }
}

/// Running mean: never a sum, so that large values do not overflow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mean {
    mean: f64,
    count: f64,
}

impl Mean {
    /// The mean.
    pub(super) fn value(&self) -> f64 {
        self.mean
    }
}

impl Cell for Mean {
    const EMPTY: Mean = Mean {
        mean: 0.0,
        count: 0.0,
    };

    #[inline]
    fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    #[inline]
    fn add(&mut self, _: i64, value: f64) -> usize {
        self.count += 1.0;
        // An infinite mean stays as it is under finite values; the difference below would be NaN.
        if self.mean.is_infinite() && (value == self.mean || value.is_finite()) {
            return 0;
        }
        self.mean += value / self.count - self.mean / self.count;
        0
    }

    #[inline]
    fn merge(&mut self, later: &Mean) {
        let count = self.count + later.count;
        self.mean = self.mean * (self.count / count) + later.mean * (later.count / count);
        self.count = count;
    }
}

/// Count, mean and sum of squared distances from it (Welford), for population variance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Population variance.
    pub(super) fn variance(&self) -> f64 {
        self.squares / self.count
    }

    /// Population standard deviation.
    pub(super) fn deviation(&self) -> f64 {
        self.variance().sqrt()
    }
}

impl Cell for Moments {
    const EMPTY: Moments = Moments {
        count: 0.0,
        mean: 0.0,
        squares: 0.0,
    };

    #[inline]
    fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    #[inline]
    fn add(&mut self, _: i64, value: f64) -> usize {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
        0
    }

    #[inline]
    fn merge(&mut self, later: &Moments) {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        self.mean += delta * (later.count / count);
        self.squares += later.squares + delta * delta * (self.count * later.count / count);
        self.count = count;
    }
}

/// The earliest sample, or with `LAST` the latest; of one time the first or last to arrive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge<const LAST: bool> {
    timestamp: i64,
    value: f64,
}

impl<const LAST: bool> Edge<LAST> {
    /// Its value.
    pub(super) fn value(&self) -> f64 {
        self.value
    }
}

impl<const LAST: bool> Cell for Edge<LAST> {
    const EMPTY: Self = Edge {
        timestamp: 0,
        value: f64::from_bits(NOTHING),
    };

    #[inline]
    fn is_empty(&self) -> bool {
        self.value.to_bits() == NOTHING
    }

    #[inline]
    fn add(&mut self, timestamp: i64, value: f64) -> usize {
        let newer = Edge { timestamp, value };
        if self.is_empty() {
            *self = newer;
        } else {
            self.merge(&newer);
        }
        0
    }

    #[inline]
    fn merge(&mut self, later: &Self) {
        if if LAST {
            later.timestamp >= self.timestamp
        } else {
            later.timestamp < self.timestamp
        } {
            *self = *later;
        }
    }
}

/// All values: quantiles.
#[derive(Clone, Debug)]
pub(super) struct Values(pub(super) Vec<f64>);

impl Cell for Values {
    const EMPTY: Values = Values(Vec::new());

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn add(&mut self, _: i64, value: f64) -> usize {
        push_sized(&mut self.0, value)
    }

    fn merge(&mut self, later: &Values) {
        self.0.extend_from_slice(&later.0);
    }
}

/// All samples with their times: `rate_counter`. Sorted by time only when read.
#[derive(Clone, Debug)]
pub(super) struct Counter(pub(super) Vec<(i64, f64)>);

impl Cell for Counter {
    const EMPTY: Counter = Counter(Vec::new());

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    fn add(&mut self, timestamp: i64, value: f64) -> usize {
        push_sized(&mut self.0, (timestamp, value))
    }

    fn merge(&mut self, later: &Counter) {
        self.0.extend_from_slice(&later.0);
    }
}

/// Pushes, and tells by how many bytes the vector grew.
#[inline]
fn push_sized<T>(items: &mut Vec<T>, item: T) -> usize {
    let before = items.capacity();
    items.push(item);
    (items.capacity() - before) * size_of::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds `values` to one cell, and to two cells that are merged at every place.
    fn check<C: Cell>(values: &[f64], read: fn(&C) -> f64, expected: f64) {
        let gather = |values: &[f64], first: i64| {
            let mut cell = C::EMPTY;
            for (i, v) in values.iter().enumerate() {
                cell.add(first + i as i64, *v);
            }
            cell
        };
        for cut in 0..=values.len() {
            let (mut left, right) = (
                gather(&values[..cut], 0),
                gather(&values[cut..], cut as i64),
            );
            if left.is_empty() {
                left = right;
            } else if !right.is_empty() {
                left.merge(&right);
            }
            let found = read(&left);
            let same = found == expected
                || (found.is_nan() && expected.is_nan())
                || (found - expected).abs() < 1e-12;
            assert!(
                same,
                "{values:?} cut at {cut}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn a_total_of_zero_is_not_empty() {
        let mut total = Total::EMPTY;
        assert!(total.is_empty());
        total.add(0, 0.0);
        assert!(!total.is_empty());
        check(&[1.0, 2.0, 3.5], Total::value, 6.5);
        check(&[f64::NAN, 1.0], Total::value, f64::NAN);
    }

    #[test]
    fn extremes_take_nan_only_where_there_is_nothing_else() {
        check(&[3.0, 1.0, 2.0], Extreme::<false>::value, 1.0);
        check(&[3.0, 1.0, 2.0], Extreme::<true>::value, 3.0);
        check(&[f64::NAN, 1.0, f64::NAN], Extreme::<true>::value, 1.0);
        check(&[f64::NAN, f64::NAN], Extreme::<false>::value, f64::NAN);
    }

    #[test]
    fn means_survive_infinite_and_huge_values() {
        check(&[1.0, 2.0, 6.0], Mean::value, 3.0);
        check(
            &[f64::INFINITY, 1.0, f64::INFINITY],
            Mean::value,
            f64::INFINITY,
        );
        check(&[f64::INFINITY, f64::NEG_INFINITY], Mean::value, f64::NAN);
        check(&[1e308, 1e308, 1e308], |m: &Mean| m.value() / 1e308, 1.0);
    }

    #[test]
    fn variance_is_of_the_population() {
        // mean 5, squared distances 9 1 1 1 0 0 4 16, sum 32, over 8
        check(
            &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0],
            Moments::variance,
            4.0,
        );
        check(
            &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0],
            Moments::deviation,
            2.0,
        );
        check(&[7.0], Moments::variance, 0.0);
    }

    #[test]
    fn of_one_time_the_first_and_the_last_to_arrive_count() {
        let mut first = Edge::<false>::EMPTY;
        let mut last = Edge::<true>::EMPTY;
        for (t, v) in [(5, 1.0), (5, 2.0), (9, 3.0), (9, 4.0), (7, 5.0)] {
            first.add(t, v);
            last.add(t, v);
        }
        assert_eq!((first.value(), last.value()), (1.0, 4.0));
    }
}
