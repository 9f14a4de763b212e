//! How many samples a second does each range aggregation take in and turn to points?
//!
//! One million samples of 100 series over an hour, in order of time for each series in turn, as
//! blocks give them. Two grids: 60 windows of a minute, side by side (range equals step), and 240
//! windows of five minutes every 15 seconds. Baseline: `count_over_time` on the first grid, which
//! only adds floats.
//!
//!     cargo bench -p skald-benches --bench aggregations

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use skald_logql::ast::RangeOp;
use skald_logql::metric::{RangeSpec, RangeState, Steps};
use std::hint::black_box;

const SAMPLES: usize = 1_000_000;
const SERIES: u32 = 100;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
const START: i64 = 1_772_323_200 * SECOND;

const OPS: [(&str, RangeOp); 13] = [
    ("count_over_time", RangeOp::CountOverTime),
    ("rate", RangeOp::Rate),
    ("sum_over_time", RangeOp::SumOverTime),
    ("avg_over_time", RangeOp::AvgOverTime),
    ("min_over_time", RangeOp::MinOverTime),
    ("max_over_time", RangeOp::MaxOverTime),
    ("stddev_over_time", RangeOp::StddevOverTime),
    ("stdvar_over_time", RangeOp::StdvarOverTime),
    ("quantile_over_time", RangeOp::QuantileOverTime),
    ("first_over_time", RangeOp::FirstOverTime),
    ("last_over_time", RangeOp::LastOverTime),
    ("rate_counter", RangeOp::RateCounter),
    ("count_distinct", RangeOp::CountDistinct),
];

/// Series after series, each sorted by time; the same on every run.
fn samples() -> Vec<(u32, i64, f64)> {
    let mut random = 42u64;
    let per_series = SAMPLES as i64 / i64::from(SERIES);
    let mut samples = Vec::with_capacity(SAMPLES);
    for series in 0..SERIES {
        for i in 0..per_series {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let jitter = (random >> 40) as i64 % (HOUR / per_series);
            samples.push((
                series,
                START + 1 + i * (HOUR / per_series) + jitter,
                ((random >> 33) % 1000) as f64,
            ));
        }
    }
    samples
}

fn points(spec: &RangeSpec, steps: &Steps, samples: &[(u32, i64, f64)]) -> usize {
    let mut state = RangeState::new(spec, steps);
    for (series, timestamp, value) in samples {
        state.add(*series, *timestamp, *value);
    }
    state.finish().iter().flatten().flatten().count()
}

fn aggregations(c: &mut Criterion) {
    let samples = samples();
    let beside = Steps::range(START + 60 * SECOND, START + HOUR, 60 * SECOND);
    let sliding = Steps::range(START + 15 * SECOND, START + HOUR, 15 * SECOND);
    for (grid, steps, range) in [
        ("minute", beside, 60 * SECOND),
        ("sliding", sliding, 300 * SECOND),
    ] {
        let mut group = c.benchmark_group(grid);
        group
            .throughput(Throughput::Elements(SAMPLES as u64))
            .sample_size(10);
        for (name, op) in OPS {
            let spec = RangeSpec {
                op,
                unwrapped: false,
                range,
                offset: 0,
                param: Some(0.99),
            };
            assert_eq!(
                points(&spec, &steps, &samples),
                SERIES as usize * steps.count,
                "{name} has a point in every window"
            );
            group.bench_function(name, |b| {
                b.iter(|| points(black_box(&spec), &steps, &samples))
            });
        }
        group.finish();
    }
}

/// The same count from sorted times at once, and two threads' states merged.
fn shortcuts(c: &mut Criterion) {
    let samples = samples();
    let steps = Steps::range(START + 60 * SECOND, START + HOUR, 60 * SECOND);
    let spec = RangeSpec {
        op: RangeOp::CountOverTime,
        unwrapped: false,
        range: 60 * SECOND,
        offset: 0,
        param: None,
    };
    let mut group = c.benchmark_group("shortcuts");
    group
        .throughput(Throughput::Elements(SAMPLES as u64))
        .sample_size(10);
    let times: Vec<i64> = samples.iter().map(|s| s.1).collect();
    let per_series = SAMPLES / SERIES as usize;
    group.bench_function("count by stretches", |b| {
        b.iter(|| {
            let mut state = RangeState::new(&spec, &steps);
            for (series, mut rest) in times.chunks(per_series).enumerate() {
                while !rest.is_empty() {
                    let (alike, later) = rest.split_at(state.alike(rest));
                    state.add(series as u32, alike[0], alike.len() as f64);
                    rest = later;
                }
            }
            state.finish()
        });
    });
    let state = |samples: &[(u32, i64, f64)]| {
        let mut state = RangeState::new(&spec, &steps);
        samples
            .iter()
            .for_each(|(series, t, v)| state.add(*series, *t, *v));
        state
    };
    let map: Vec<u32> = (0..SERIES).collect();
    group.bench_function("merge", |b| {
        b.iter_batched(
            || {
                (
                    state(&samples[..SAMPLES / 2]),
                    state(&samples[SAMPLES / 2..]),
                )
            },
            |(mut left, right)| {
                left.merge(right, &map);
                left
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, aggregations, shortcuts);
criterion_main!(benches);
