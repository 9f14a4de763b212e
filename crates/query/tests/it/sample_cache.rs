//! Answers from cached samples of blocks are those of reading every block.

use crate::support;
use crate::support::{open, parsed};
use proptest::prelude::*;
use skald_model::{MemoryUser, TenantId};
use skald_query::{
    Answer, Caching, Cancel, Data, Engine, InstantRequest, RangeRequest, Stats, Tenants,
};
use skald_store::Store;
use std::path::Path;
use std::sync::Arc;

const MS: i64 = 1_000_000;
/// Latest time that is written, milliseconds.
const LAST: i64 = 40_000;

/// An entry: stream, time, what its line says.
type Pushed = (u8, i64, u16);

/// Words to find, numbers whole and broken, and now and then one that is none.
fn line(says: u16) -> String {
    let took = if says % 997 == 5 {
        "long".to_owned()
    } else {
        format!("{}.{}", says % 50, says % 7)
    };
    format!(
        "user=u{} took={took} size={} {}",
        says % 5,
        says % 300,
        if says.is_multiple_of(3) {
            "failed"
        } else {
            "done"
        }
    )
}

fn push(store: &Store, tenant: &TenantId, entries: &[Pushed]) {
    let entry = |(stream, time, says): &Pushed| {
        let (app, pod) = (format!("app-{}", stream % 2), format!("pod-{stream}"));
        let level = if says.is_multiple_of(4) {
            "error"
        } else {
            "info"
        };
        support::Pushed::new(&[("app", &app), ("pod", &pod)], *time * MS, line(*says))
            .metadata("level", level)
    };
    let entries: Vec<support::Pushed> = entries.iter().map(entry).collect();
    support::push(store, tenant, &entries);
}

fn tenant(number: usize) -> TenantId {
    TenantId::parse(["fake", "other"][number % 2]).expect("both are names")
}

fn engine(store: &Arc<Store>) -> Engine {
    support::engine(store, 1, || LAST * MS)
}

/// One tenant.
fn one(number: usize) -> Tenants {
    tenant(number).into()
}

/// Both at once.
fn both() -> Tenants {
    let tenants: Arc<[TenantId]> = Arc::from([tenant(0), tenant(1)]);
    tenants.into()
}

/// A grid: start, step, points.
type Grid = (i64, i64, i64);

fn ask(
    engine: &Engine,
    tenants: &Tenants,
    query: &str,
    (start, step, points): Grid,
    caching: Caching,
) -> Result<Answer, String> {
    let end = (start + step * (points - 1)) * MS;
    let request = RangeRequest::new(tenants.clone(), parsed(query), start * MS, end)
        .step(step * MS)
        .caching(caching);
    engine
        .query_range(&request, &Cancel::default())
        .map_err(|e| e.to_string())
}

fn ask_at(
    engine: &Engine,
    tenants: &Tenants,
    query: &str,
    time: i64,
    caching: Caching,
) -> Result<Answer, String> {
    let request = InstantRequest::new(tenants.clone(), parsed(query), time * MS).caching(caching);
    engine
        .query_instant(&request, &Cancel::default())
        .map_err(|e| e.to_string())
}

/// Labels, times and values bit for bit, and the number of lines that were counted.
fn shown(answer: Result<Answer, String>) -> Result<(Vec<String>, u64), String> {
    let Answer {
        data,
        stats,
        warnings,
        ..
    } = answer?;
    assert_eq!(warnings, [""; 0]);
    let point = |(time, value): (i64, f64)| format!("{time} {:x}", value.to_bits());
    let series = match data {
        Data::Matrix(series) => {
            let points =
                |points: Vec<(i64, f64)>| points.into_iter().map(point).collect::<Vec<_>>();
            series
                .into_iter()
                .map(|s| format!("{} {:?}", s.labels, points(s.points)))
                .collect()
        }
        Data::Vector(samples) => samples
            .into_iter()
            .map(|s| format!("{} {}", s.labels, point((s.timestamp, s.value))))
            .collect(),
        Data::Streams(_) | Data::Scalar(..) => panic!("a metric query gives series"),
    };
    Ok((series, stats.lines_matched))
}

/// Every function, with groups by label, by metadata, by parsed label, and all labels.
const LEAVES: [&str; 24] = [
    r#"sum by (app) (count_over_time({pod=~".+"} |= "failed" [RANGE]))"#,
    r#"sum by (level) (count_over_time({pod=~".+"}[RANGE]))"#,
    r#"sum (rate({pod=~".+"} !~ "u[13]" [RANGE]))"#,
    r#"count_over_time({app="app-1"} |= "done" [RANGE])"#,
    r#"sum by (user) (bytes_over_time({pod=~".+"} | logfmt [RANGE]))"#,
    r#"sum by (pod) (bytes_rate({pod=~".+"} | line_format "{{.pod}}" [RANGE]))"#,
    r#"absent_over_time({pod="pod-3"} |= "failed" [RANGE])"#,
    r#"sum by (app) (sum_over_time({pod=~".+"} | logfmt | unwrap size [RANGE]))"#,
    r#"sum by (user) (sum_over_time({pod=~".+"} | logfmt | unwrap took [RANGE]))"#,
    r#"sum (rate({pod=~".+"} | logfmt | unwrap took | __error__="" [RANGE]))"#,
    r#"avg_over_time({pod=~".+"} | logfmt | unwrap took | __error__="" [RANGE]) by (app)"#,
    r#"stddev_over_time({pod=~".+"} | logfmt | unwrap took | __error__="" [RANGE]) by (level)"#,
    r#"stdvar_over_time({app="app-0"} | logfmt | unwrap size [RANGE]) by ()"#,
    r#"max_over_time({pod=~".+"} | logfmt | unwrap took | __error__="" [RANGE]) by (user)"#,
    r#"min by (app) (min_over_time({pod=~".+"} |= "failed" | logfmt | unwrap took | __error__="" [RANGE]))"#,
    r#"first_over_time({pod=~".+"} | logfmt | unwrap size [RANGE]) by (pod)"#,
    r#"last_over_time({pod=~".+"} | logfmt | unwrap size [RANGE]) by (user)"#,
    r#"quantile_over_time(0.9, {pod=~".+"} | logfmt | unwrap took | __error__="" [RANGE]) by (app)"#,
    r#"sum by (app) (rate_counter({pod=~".+"} | logfmt | unwrap size [RANGE]))"#,
    r#"count_distinct(user, {pod=~".+"} | logfmt [RANGE])"#,
    r#"sum by (late) (count_over_time({pod=~".+"} | label_format late="{{ now }}" [RANGE]))"#,
    r#"sum (count_over_time({pod=~".+"} | logfmt | user in ({app="app-0"} |= "failed" | logfmt | keep user) [RANGE]))"#,
    r#"sum (count_over_time({pod=~".+"} |= "failed" [RANGE] offset 3s)) / sum (count_over_time({pod=~".+"} |= "failed" [RANGE]))"#,
    r#"sum by (app) (count_over_time({pod=~".+"} | logfmt | user="u2" [RANGE]))"#,
];

/// Something done between questions.
#[derive(Clone, Debug)]
enum Step {
    Push(usize, Vec<Pushed>),
    /// One of the pushes before, once more.
    PushAgain(usize),
    Flush,
    Compact,
    Reopen,
    /// Tenant, what is deleted, and its first time.
    Delete(usize, &'static str, i64),
    Undelete(usize),
    /// Asks on grids, each moved on by some milliseconds from the one before.
    Ask {
        leaf: usize,
        range: i64,
        grid: Grid,
        moves: Vec<i64>,
    },
}

fn entries() -> impl Strategy<Value = Vec<Pushed>> {
    let anywhere = proptest::collection::vec((0u8..4, 0..LAST, any::<u16>()), 1..60);
    let regular = (0u8..4, 0..LAST / 2, 1i64..40, 1u16..900, any::<u16>()).prop_map(
        |(stream, from, step, count, says)| {
            (0..count)
                .map(|i| {
                    (
                        stream,
                        from + i64::from(i) * step,
                        says.wrapping_add(i * 13),
                    )
                })
                .collect()
        },
    );
    prop_oneof![anywhere, regular]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deletes = proptest::sample::select(vec![
        r#"{app="app-0"}"#,
        r#"{pod="pod-1"} |= "failed""#,
        r#"{app="app-1"} |= "u2""#,
    ]);
    // Mostly a range that goes with the step, moved on by steps, as dashboards do.
    let shape = (1i64..3_000).prop_flat_map(|step| {
        let range = prop_oneof![3 => (1i64..5).prop_map(move |n| n * step), 1 => 1..LAST];
        let moves = prop_oneof![3 => (0i64..4).prop_map(move |n| n * step), 1 => 0..LAST / 8];
        (
            range,
            (0..LAST, Just(step), 1i64..30),
            proptest::collection::vec(moves, 1..5),
        )
    });
    let ask = (0..LEAVES.len(), shape).prop_map(|(leaf, (range, grid, moves))| Step::Ask {
        leaf,
        range,
        grid,
        moves,
    });
    let step = prop_oneof![
        3 => (0usize..2, entries()).prop_map(|(tenant, entries)| Step::Push(tenant, entries)),
        1 => (0usize..8).prop_map(Step::PushAgain),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => (0usize..2, deletes, 0..LAST).prop_map(|(tenant, query, from)| Step::Delete(tenant, query, from)),
        1 => (0usize..2).prop_map(Step::Undelete),
        10 => ask,
    ];
    (entries(), entries(), proptest::collection::vec(step, 8..40)).prop_map(
        |(first, second, steps)| {
            let begin = [Step::Push(0, first), Step::Push(1, second), Step::Flush];
            begin.into_iter().chain(steps).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn answers_from_earlier_results_are_those_of_reading(steps in steps()) {
        let directory = tempfile::tempdir().expect("there is room for a test");
        let mut store = open(directory.path());
        let mut pushed = Vec::new();
        for step in steps {
            match step {
                Step::Push(number, entries) => {
                    push(&store, &tenant(number), &entries);
                    pushed.push((number, entries));
                }
                Step::PushAgain(at) => {
                    let (number, entries) = &pushed[at % pushed.len()];
                    push(&store, &tenant(*number), entries);
                }
                Step::Flush => store.flush().expect("the disk takes it"),
                Step::Compact => store.compact().expect("the disk takes it"),
                Step::Reopen => {
                    store.close(false).expect("nothing is left to write");
                    drop(store);
                    store = open(directory.path());
                }
                Step::Delete(number, query, from) => {
                    drop(store.delete(&tenant(number), query, from * MS, LAST * MS));
                }
                Step::Undelete(number) => {
                    for request in store.deletes(&tenant(number)).expect("the tenant can be read") {
                        drop(store.cancel_delete(&tenant(number), &request.id, true));
                    }
                }
                Step::Ask { leaf, range, grid: (mut start, step, points), moves } => {
                    let query = LEAVES[leaf].replace("RANGE", &format!("{range}ms"));
                    let engine = engine(&store);
                    for moved in moves {
                        start += moved;
                        for tenants in [one(0), one(1), both()] {
                            let range = |caching| ask(&engine, &tenants, &query, (start, step, points), caching);
                            prop_assert_eq!(shown(range(Caching::Allowed)), shown(range(Caching::Bypassed)), "{} at {}", query, start);
                            let at = |caching| ask_at(&engine, &tenants, &query, start + step * points, caching);
                            prop_assert_eq!(shown(at(Caching::Allowed)), shown(at(Caching::Bypassed)), "{} once at {}", query, start);
                        }
                    }
                }
            }
        }
        let status = store.status();
        prop_assert_eq!(status.results.bytes, store.budget().held(MemoryUser::Results) as u64);
    }
}

/// Blocks asked for, found, cached and read.
fn counts(answer: Result<Answer, String>) -> [u64; 4] {
    let Stats {
        results_asked,
        results_found,
        results_cached,
        blocks_read,
        ..
    } = answer.expect("the query is valid").stats;
    [results_asked, results_found, results_cached, blocks_read]
}

const PANEL: &str = r#"sum by (user) (count_over_time({pod=~".+"} |= "failed" | logfmt [1s]))"#;

/// Two flushed minutes of one stream, and some seconds in the head.
fn bed(path: &Path) -> (Arc<Store>, Engine) {
    let store = open(path);
    let second = |from: i64| {
        (0..400)
            .map(|i| (1, from + i * 10, i as u16))
            .collect::<Vec<Pushed>>()
    };
    for from in [0, 10_000] {
        push(&store, &tenant(0), &second(from));
        store.flush().expect("the disk takes it");
    }
    push(&store, &tenant(0), &second(20_000));
    let engine = engine(&store);
    (store, engine)
}

#[test]
fn a_panel_that_is_asked_again_reads_what_is_new() {
    let directory = tempfile::tempdir().expect("there is room for a test");
    let (_store, engine) = bed(directory.path());
    let panel = |start, caching| counts(ask(&engine, &one(0), PANEL, (start, 1_000, 30), caching));
    assert_eq!(panel(0, Caching::Allowed), [2, 0, 2, 3]);
    assert_eq!(panel(0, Caching::Allowed), [2, 2, 0, 1]);
    // The range divides the first block, between two steps.
    assert_eq!(panel(2_000, Caching::Allowed), [2, 2, 0, 1]);
    assert_eq!(panel(2_000, Caching::Bypassed), [0, 0, 0, 3]);
    // Off the grid that was cached; a block that the range divides is not cached.
    assert_eq!(panel(2_500, Caching::Allowed), [2, 0, 1, 3]);
    // Another tenant has nothing there.
    assert_eq!(
        counts(ask(
            &engine,
            &one(1),
            PANEL,
            (0, 1_000, 30),
            Caching::Allowed
        )),
        [0; 4]
    );
}

#[test]
fn an_instant_finds_the_blocks_that_lie_inside_its_window() {
    let directory = tempfile::tempdir().expect("there is room for a test");
    let (_store, engine) = bed(directory.path());
    let query = PANEL.replace("1s", "30s");
    let at = |time| counts(ask_at(&engine, &one(0), &query, time, Caching::Allowed));
    assert_eq!(at(25_000), [2, 0, 2, 3]);
    assert_eq!(at(25_001), [2, 2, 0, 1]);
    // The window begins inside the first block.
    assert_eq!(at(32_000), [1, 1, 0, 2]);
}

#[test]
fn hidden_entries_are_not_answered_and_merged_parts_leave_nothing() {
    let directory = tempfile::tempdir().expect("there is room for a test");
    let (store, engine) = bed(directory.path());
    let panel = || {
        counts(ask(
            &engine,
            &one(0),
            PANEL,
            (0, 1_000, 30),
            Caching::Allowed,
        ))
    };
    assert_eq!(panel(), [2, 0, 2, 3]);
    let id = store
        .delete(&tenant(0), r#"{pod="pod-1"}"#, 0, 1_000 * MS)
        .expect("the request is valid");
    assert_eq!(panel(), [1, 1, 0, 2]);
    store
        .cancel_delete(&tenant(0), &id, false)
        .expect("it can be taken back");
    assert_eq!(panel(), [2, 2, 0, 1]);
    store.compact().expect("the disk takes it");
    assert_eq!(
        (
            store.status().results.values,
            store.budget().held(MemoryUser::Results)
        ),
        (0, 0)
    );
    assert_eq!(panel()[1], 0);
}

#[test]
fn entries_that_come_back_beside_a_cached_block_count_once() {
    let directory = tempfile::tempdir().expect("there is room for a test");
    let store = open(directory.path());
    let entries: Vec<Pushed> = (0..400).map(|i| (1, i * 10, i as u16)).collect();
    push(&store, &tenant(0), &entries);
    store.flush().expect("the disk takes it");
    let id = store
        .delete(&tenant(0), r#"{pod="pod-1"}"#, 0, LAST * MS)
        .expect("the request is valid");
    push(&store, &tenant(0), &entries);
    store.flush().expect("the disk takes it");
    let engine = engine(&store);
    let panel = |caching| ask(&engine, &one(0), PANEL, (0, 1_000, 30), caching);
    let before = shown(panel(Caching::Bypassed));
    assert_eq!(counts(panel(Caching::Allowed))[2], 1);
    store
        .cancel_delete(&tenant(0), &id, false)
        .expect("it can be taken back");
    for caching in [Caching::Allowed, Caching::Allowed, Caching::Bypassed] {
        assert_eq!(shown(panel(caching)), before);
    }
}
