//! The test oracle computes each range aggregation naively; [`super::RangeState`] must agree.

use super::check::close;
use super::rate_counter::rate_counter;
use super::{RangeSpec, RangeState, Steps};
use crate::ast::RangeOp;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// The point of one window from its samples in order of time, ties in order of arrival.
fn point(spec: &RangeSpec, samples: &[(i64, f64)], end: i64) -> Option<f64> {
    let values: Vec<f64> = samples.iter().map(|s| s.1).collect();
    let (count, seconds) = (values.len() as f64, spec.range as f64 / 1e9);
    let sum: f64 = values.iter().sum();
    let mean = sum / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let (first, last) = (*values.first()?, *values.last()?);
    Some(match spec.op {
        RangeOp::CountOverTime
        | RangeOp::BytesOverTime
        | RangeOp::SumOverTime
        | RangeOp::AbsentOverTime => sum,
        RangeOp::Rate | RangeOp::BytesRate => sum / seconds,
        RangeOp::AvgOverTime => mean,
        RangeOp::MinOverTime => values.iter().copied().fold(f64::NAN, f64::min),
        RangeOp::MaxOverTime => values.iter().copied().fold(f64::NAN, f64::max),
        RangeOp::StdvarOverTime => variance,
        RangeOp::StddevOverTime => variance.sqrt(),
        RangeOp::FirstOverTime => first,
        RangeOp::LastOverTime => last,
        RangeOp::RateCounter => rate_counter(samples, end, spec.range),
        RangeOp::CountDistinct => {
            let mut hashes: Vec<u64> = values.iter().map(|v| *v as u64).collect();
            hashes.sort_unstable();
            hashes.dedup();
            hashes.len() as f64
        }
        RangeOp::QuantileOverTime => {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let rank = spec.param? * (count - 1.0);
            let weight = rank - rank.floor();
            sorted[rank.floor() as usize] * (1.0 - weight) + sorted[rank.ceil() as usize] * weight
        }
    })
}

fn reference(
    spec: &RangeSpec,
    steps: &Steps,
    samples: &[(u32, i64, f64)],
    series: u32,
) -> Vec<Option<f64>> {
    let window = |k: usize| {
        let end = steps.at(k) - spec.offset;
        let inside = samples
            .iter()
            .filter(|(s, t, _)| *s == series && *t > end - spec.range && *t <= end);
        let mut inside: Vec<_> = inside.map(|(_, t, v)| (*t, *v)).collect();
        inside.sort_by_key(|(t, _)| *t);
        point(spec, &inside, end)
    };
    (0..steps.count).map(window).collect()
}

fn specs() -> impl Strategy<Value = RangeSpec> {
    let range = prop_oneof![0i64..30, Just(60), Just(100), 200i64..2000];
    (0..RangeOp::ALL.len(), range, -20i64..20, 0.0..=1.0f64).prop_map(|(op, range, offset, q)| {
        RangeSpec {
            op: RangeOp::ALL[op],
            unwrapped: false,
            range: range * SECOND,
            offset: offset * SECOND,
            param: Some(q),
        }
    })
}

fn grids() -> impl Strategy<Value = Steps> {
    (
        0i64..100,
        prop_oneof![1i64..20, Just(30), Just(100)],
        1usize..60,
    )
        .prop_map(|(start, step, count)| Steps {
            start: start * SECOND,
            step: step * SECOND,
            count,
        })
}

/// Whole and half seconds, so that many samples lie on edges and share a time; values of a
/// counter's size.
fn samples() -> impl Strategy<Value = Vec<(u32, i64, f64)>> {
    let sample = (0u32..3, -200i64..2600, 0u32..5000)
        .prop_map(|(s, t, v)| (s, t * SECOND / 2, f64::from(v) / 4.0));
    proptest::collection::vec(sample, 0..200)
}

fn same(
    found: &[Vec<Option<f64>>],
    spec: &RangeSpec,
    steps: &Steps,
    samples: &[(u32, i64, f64)],
) -> Result<(), TestCaseError> {
    for series in 0..3 {
        let expected = reference(spec, steps, samples, series);
        let missing = vec![None; steps.count];
        let points = found.get(series as usize).unwrap_or(&missing);
        prop_assert_eq!(points.len(), steps.count);
        for (k, (found, expected)) in points.iter().zip(&expected).enumerate() {
            prop_assert!(
                close(*found, *expected),
                "series {} step {}: {:?}, expected {:?}",
                series,
                k,
                found,
                expected
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn one_pass_equals_the_definition(spec in specs(), steps in grids(), samples in samples()) {
        let mut state = RangeState::new(&spec, &steps);
        samples.iter().for_each(|(series, t, v)| state.add(*series, *t, *v));
        same(&state.finish(), &spec, &steps, &samples)?;
    }

    #[test]
    fn threads_that_merge_equal_the_definition(
        spec in specs(), steps in grids(), samples in samples(), cuts in (0usize..200, 0usize..200),
    ) {
        let (a, b) = (cuts.0.min(cuts.1).min(samples.len()), cuts.0.max(cuts.1).min(samples.len()));
        let mut whole = RangeState::new(&spec, &steps);
        samples[..a].iter().for_each(|(series, t, v)| whole.add(*series, *t, *v));
        // The other threads met the series in another order.
        for part in [&samples[a..b], &samples[b..]] {
            let mut state = RangeState::new(&spec, &steps);
            part.iter().for_each(|(series, t, v)| state.add(2 - *series, *t, *v));
            whole.merge(state, &[2, 1, 0]);
        }
        same(&whole.finish(), &spec, &steps, &samples)?;
    }

    #[test]
    fn adding_up_times_that_are_alike_equals_adding_each(spec in specs(), steps in grids(), samples in samples()) {
        let spec = RangeSpec { op: RangeOp::CountOverTime, ..spec };
        let (mut counted, mut added) = (RangeState::new(&spec, &steps), RangeState::new(&spec, &steps));
        let mut times: Vec<i64> = samples.iter().map(|s| s.1).collect();
        times.sort_unstable();
        let mut rest = &times[..];
        while !rest.is_empty() {
            let (alike, later) = rest.split_at(counted.alike(rest));
            counted.add(0, alike[0], alike.len() as f64);
            rest = later;
        }
        times.iter().for_each(|t| added.add(0, *t, 1.0));
        prop_assert_eq!(counted.finish(), added.finish());
    }
}
