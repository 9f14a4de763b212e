//! Equal entries count once, whichever two pieces they lie in, and entries that differ in anything
//! count twice.

use crate::support::{Pushed, answer, engine, lines, open, push, range};
use skald_model::{Direction, TenantId};
use skald_query::{Data, Engine};

const SECOND: i64 = 1_000_000_000;

/// Entries that share their stream and time, no two of them equal.
fn alike() -> Vec<Pushed> {
    let entry = |line: &str| Pushed::new(&[("app", "a")], SECOND, line);
    vec![
        entry("one"),
        entry("two"),
        entry("one").metadata("trace", "t"),
        entry("one").metadata("trace", "u"),
        entry("one").metadata("trac", "et"),
        entry(""),
    ]
}

fn count(engine: &Engine) -> f64 {
    let request = range(
        r#"sum(count_over_time({app="a"} |~ ".*" [5s]))"#,
        2 * SECOND,
        2 * SECOND,
    );
    match answer(engine, &request).data {
        Data::Matrix(series) => series[0].points[0].1,
        other => panic!("a metric query gives a matrix, not {other:?}"),
    }
}

#[test]
fn equal_entries_count_once_in_logs_and_metrics() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let engine = engine(&store, 1, || 10 * SECOND);
    let check = |state: &str| {
        for direction in [Direction::Forward, Direction::Backward] {
            let request = range(r#"{app="a"}"#, 0, 5 * SECOND).direction(direction);
            assert_eq!(lines(&engine, &request).len(), 6, "{state}");
        }
        assert_eq!(count(&engine), 6.0, "{state}");
    };
    push(&store, &TenantId::fake(), &alike());
    push(&store, &TenantId::fake(), &alike());
    check("twice in the head");
    store.flush().expect("the disk takes it");
    check("flushed");
    push(&store, &TenantId::fake(), &alike());
    check("in a part and in the head");
    store.flush().expect("the disk takes it");
    check("in two parts");
    store.compact().expect("the disk takes it");
    check("merged");
}

#[test]
fn entries_that_only_look_equal_after_the_stages_are_all_shown() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    push(&store, &TenantId::fake(), &alike());
    let engine = engine(&store, 1, || 10 * SECOND);
    let request = range(
        r#"{app="a"} | drop trace, trac | line_format "same""#,
        0,
        5 * SECOND,
    );
    assert_eq!(
        lines(&engine, &request),
        vec![(SECOND, "same".to_owned()); 6]
    );
}
