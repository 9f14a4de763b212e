//! `quantile_over_time` takes the value at rank `q · (n − 1)`, between two neighbours in
//! proportion.

use std::cmp::Ordering;

/// The quantile of some values, which are reordered; NaN counts as the least.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (values.len() - 1) as f64;
    let (lower, weight) = (rank.floor(), rank - rank.floor());
    let (_, low, above) = values.select_nth_unstable_by(lower as usize, order);
    let low = *low;
    let high = above.iter().copied().min_by(order).unwrap_or(low);
    low * (1.0 - weight) + high * weight
}

/// NaN first, then by value.
fn order(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b)
        .unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(q: f64, values: &[f64], expected: f64) {
        let found = quantile(q, &mut values.to_vec());
        assert!(
            found == expected || (found.is_nan() && expected.is_nan()),
            "{q} of {values:?} is {found}"
        );
    }

    #[test]
    fn ranks_between_two_values_are_interpolated() {
        check(0.0, &[3.0, 1.0, 2.0], 1.0);
        check(1.0, &[3.0, 1.0, 2.0], 3.0);
        check(0.5, &[3.0, 1.0, 2.0], 2.0);
        check(0.5, &[4.0, 1.0], 2.5);
        check(0.75, &[1.0, 2.0, 3.0, 4.0], 3.25);
        check(0.9, &[5.0], 5.0);
    }

    #[test]
    fn quantiles_outside_zero_and_one_are_infinite() {
        check(-0.1, &[1.0], f64::NEG_INFINITY);
        check(1.1, &[1.0], f64::INFINITY);
        check(0.5, &[], f64::NAN);
    }

    #[test]
    fn nan_is_the_least_value() {
        check(1.0, &[f64::NAN, 1.0, 2.0], 2.0);
        check(0.0, &[2.0, f64::NAN, 1.0], f64::NAN);
        check(0.5, &[2.0, f64::NAN, 1.0], 1.0);
    }
}
