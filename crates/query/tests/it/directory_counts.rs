//! What directories, anchors and times alone answer equals what reading every line answers.

use crate::support;
use crate::support::{answer, engine, open, range};
use proptest::prelude::*;
use skald_model::TenantId;
use skald_query::{Data, Engine};
use skald_store::Store;

/// Times of this test are milliseconds: the least a range can be.
const MS: i64 = 1_000_000;
/// Latest time that is written.
const LAST: i64 = 40_000;

/// An entry: stream, time, length of the line, metadata `level`.
type Pushed = (u8, i64, u8, Option<bool>);

fn push(store: &Store, entries: &[Pushed]) {
    let entry = |(stream, time, length, level): &Pushed| {
        let (app, pod) = (format!("app-{}", stream % 2), format!("pod-{stream}"));
        let line = vec![b'x'; 1 + usize::from(*length)];
        let pushed = support::Pushed::new(&[("app", &app), ("pod", &pod)], *time * MS, line);
        match level {
            Some(error) => pushed.metadata("level", if *error { "error" } else { "info" }),
            None => pushed,
        }
    };
    let entries: Vec<support::Pushed> = entries.iter().map(entry).collect();
    support::push(store, &TenantId::fake(), &entries);
}

/// A grid: start, step, points.
type Grid = (i64, i64, i64);

/// Points of a query, by labels.
fn ask(
    engine: &Engine,
    query: String,
    (start, step, points): Grid,
) -> Vec<(String, Vec<(i64, f64)>)> {
    let end = (start + step * (points - 1)) * MS;
    let request = range(&query, start * MS, end).step(step * MS);
    let answer = answer(engine, &request);
    let Data::Matrix(series) = answer.data else {
        panic!("a metric query gives a matrix")
    };
    series
        .into_iter()
        .map(|s| (s.labels.to_string(), s.points))
        .collect()
}

/// Regular entries in thousands, so that runs have anchors, and some anywhere.
fn pushes() -> impl Strategy<Value = Vec<Vec<Pushed>>> {
    let anywhere = (0u8..4, 0..LAST, any::<u8>(), any::<Option<bool>>());
    let regular = (0u8..4, 0..LAST / 2, 1i64..9, 1i64..2_500, any::<bool>()).prop_map(
        |(stream, from, step, count, level)| {
            let length = |i: i64| (i * 7 % 50) as u8;
            (0..count)
                .map(|i| {
                    (
                        stream,
                        from + i * step,
                        length(i),
                        level.then_some(i % 3 == 0),
                    )
                })
                .collect()
        },
    );
    let push = prop_oneof![proptest::collection::vec(anywhere, 1..40), regular];
    proptest::collection::vec(push, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn counts_without_lines_are_those_of_lines(
        pushes in pushes(), flushed in 0usize..6, compacts in any::<bool>(),
        range in 1i64..LAST, grid in (-100..LAST, 1i64..LAST / 4, 1i64..30),
    ) {
        let directory = tempfile::tempdir().expect("there is room for a test");
        let store = open(directory.path());
        for (at, entries) in pushes.iter().enumerate() {
            push(&store, entries);
            if at < flushed {
                store.flush().expect("the disk takes it");
            }
        }
        if compacts {
            store.compact().expect("the disk takes it");
        }
        let engine = engine(&store, 1, || 0);
        for outer in ["sum", "sum by (app)", "sum by (pod, nothing)", "sum by (level)", "sum by (level_extracted)", "max by (app)"] {
            for inner in ["count_over_time", "bytes_over_time", "rate", "absent_over_time"] {
                let query = |stages: &str| format!("{outer} ({inner}({{app=~\".+\"}}{stages}[{range}ms]))");
                // A filter that all lines pass: they are read for it.
                prop_assert_eq!(ask(&engine, query(""), grid), ask(&engine, query(" |= \"x\" "), grid), "{}", query(""));
            }
        }
        store.close(false).expect("nothing is left to write");
    }
}
