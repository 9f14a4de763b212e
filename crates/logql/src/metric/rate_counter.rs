//! `rate_counter` gives the per-second increase of a counter that may restart at zero.

/// How far a window's edge may be from the nearest sample, in mean gaps, for the rate to reach up
/// to it.
const EDGE_GAPS: f64 = 1.1;

const NANOS_PER_SECOND: f64 = 1e9;

/// The rate in the window `(end - range, end]`, of samples sorted by time; 0 of fewer than two.
pub(super) fn rate_counter(samples: &[(i64, f64)], end: i64, range: i64) -> f64 {
    let (Some((first_at, first)), Some((last_at, last))) =
        (samples.first().copied(), samples.last().copied())
    else {
        return 0.0;
    };
    if samples.len() < 2 {
        return 0.0;
    }
    let resets: f64 = samples
        .windows(2)
        .filter(|pair| pair[1].1 < pair[0].1)
        .map(|pair| pair[0].1)
        .sum();
    let increase = last - first + resets;
    let seconds =
        |from: i64, to: i64| (i128::from(to) - i128::from(from)) as f64 / NANOS_PER_SECOND;
    let sampled = seconds(first_at, last_at);
    let gap = sampled / (samples.len() - 1) as f64;
    let reach = |distance: f64| {
        if distance >= gap * EDGE_GAPS {
            gap / 2.0
        } else {
            distance
        }
    };
    let mut before = reach(seconds(end.saturating_sub(range), first_at));
    if increase > 0.0 && first >= 0.0 {
        // A counter starts at zero: drawn back further than that it would have been negative.
        before = before.min(sampled * (first / increase));
    }
    let after = reach(seconds(last_at, end));
    increase * ((sampled + before + after) / sampled) / (range as f64 / NANOS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn check(samples: &[(i64, f64)], end: i64, range: i64, expected: f64) {
        let samples: Vec<_> = samples.iter().map(|(t, v)| (t * SECOND, *v)).collect();
        let found = rate_counter(&samples, end * SECOND, range * SECOND);
        assert!(
            (found - expected).abs() < 1e-12,
            "{samples:?} is {found}, expected {expected}"
        );
    }

    #[test]
    fn fewer_than_two_samples_are_no_increase() {
        check(&[], 60, 60, 0.0);
        check(&[(30, 7.0)], 60, 60, 0.0);
    }

    #[test]
    fn samples_that_fill_the_window_are_drawn_out_to_its_edges() {
        // 30 in 30 s; 10 s before and 10 s after are within 1.1 gaps of 10 s: 30 * 50/30 over 60 s.
        check(
            &[(20, 100.0), (30, 110.0), (40, 120.0), (50, 130.0)],
            60,
            50,
            50.0 / 50.0,
        );
        // Both edges are 20 s away, more than 1.1 gaps: half a gap each side, 30 * 40/30 over 70 s.
        check(
            &[(20, 100.0), (30, 110.0), (40, 120.0), (50, 130.0)],
            70,
            70,
            40.0 / 70.0,
        );
    }

    #[test]
    fn a_restart_counts_from_zero() {
        // 10 -> 20, restart to 5: the increase is 10 + 5; zero lies 20 * 10/15 s before the first
        // sample.
        check(
            &[(10, 10.0), (20, 20.0), (30, 5.0)],
            30,
            30,
            15.0 * 30.0 / 20.0 / 30.0,
        );
    }

    #[test]
    fn a_counter_is_not_drawn_back_below_zero() {
        // 2 -> 22 in 20 s is 1/s: zero was 2 s before the first sample, though the edge is 8 s
        // before it.
        check(
            &[(8, 2.0), (18, 12.0), (28, 22.0)],
            28,
            28,
            20.0 * 22.0 / 20.0 / 28.0,
        );
    }
}
