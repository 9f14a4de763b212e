//! Pages of a log query: together they are the whole answer, and the inner query of a page is that
//! of all pages.

use crate::support::{Pushed, engine, open, push, range};
use skald_model::{Direction, TenantId};
use skald_query::{Cancel, Engine, RangeRequest};
use skald_store::Store;
use skald_wal::sim::Dice;

const SECOND: i64 = 1_000_000_000;

/// The lines of all pages.
fn all_pages(engine: &Engine, mut request: RangeRequest) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..1_000 {
        let page = engine
            .page(&request, 1 << 20, &Cancel::default())
            .expect("the query is good");
        let entries = page.entries.into_iter();
        lines.extend(entries.map(|e| String::from_utf8_lossy(&e.entry.line).into_owned()));
        match page.cursor {
            Some(cursor) => request.after = Some(cursor),
            None => return lines,
        }
    }
    panic!("the pages have no end")
}

#[test]
fn pages_go_through_entries_of_one_time() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let entry = |i: i64| Pushed::new(&[("app", "a")], i / 7 * SECOND, format!("line {i:02}"));
    let entries: Vec<Pushed> = (0..30).map(entry).collect();
    push(&store, &TenantId::fake(), &entries[..20]);
    store.flush().expect("the disk takes it");
    // Some of them once more.
    push(&store, &TenantId::fake(), &entries[15..]);
    let engine = engine(&store, 1, || 10 * SECOND);
    let expected: Vec<String> = (0..30).map(|i| format!("line {i:02}")).collect();
    for limit in [1, 2, 5, 29, 30, 31] {
        let request = range(r#"{app="a"}"#, 0, 10 * SECOND)
            .limit(limit)
            .direction(Direction::Forward);
        assert_eq!(all_pages(&engine, request.clone()), expected, "{limit}");
        let mut backward = all_pages(&engine, request.direction(Direction::Backward));
        backward.sort();
        assert_eq!(backward, expected, "{limit}, backward");
    }
}

/// What a seed makes: few times and lines, so that most entries have equals, pushed in pieces some
/// of which are flushed or merged.
fn entries_with_equals(store: &Store, seed: u64) {
    let mut dice = Dice::new(seed);
    for _ in 0..1 + dice.below(6) {
        let entry = |dice: &mut Dice| {
            let app = ["a", "b"][dice.below(2) as usize];
            let line = format!("line {}", dice.below(4));
            Pushed::new(&[("app", app)], dice.below(3) as i64 * SECOND, line)
        };
        let entries: Vec<Pushed> = (0..1 + dice.below(12)).map(|_| entry(&mut dice)).collect();
        push(store, &TenantId::fake(), &entries);
        match dice.below(4) {
            0 => store.flush().expect("the disk takes it"),
            1 => store.compact().expect("the disk takes it"),
            _ => {}
        }
    }
}

#[test]
fn pages_of_any_length_are_the_whole_answer_in_its_order() {
    for seed in 0..60 {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        entries_with_equals(&store, seed);
        let engine = engine(&store, 1, || 10 * SECOND);
        for direction in [Direction::Forward, Direction::Backward] {
            let request = range(r#"{app=~".+"}"#, 0, 10 * SECOND).direction(direction);
            let expected = all_pages(&engine, request.clone().limit(1_000));
            for limit in [1, 2, 3, 5, 8] {
                let pages = all_pages(&engine, request.clone().limit(limit));
                assert_eq!(pages, expected, "seed {seed}, {direction:?} by {limit}");
                let filtered = range(r#"{app=~".+"} |= "line" | keep app"#, 0, 10 * SECOND);
                let pages = all_pages(&engine, filtered.direction(direction).limit(limit));
                assert_eq!(
                    pages, expected,
                    "seed {seed}, {direction:?} by {limit}, filtered"
                );
            }
        }
    }
}

#[test]
fn inner_queries_are_over_the_range_of_all_pages() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let entry = |i: i64, line: &str| Pushed::new(&[("app", "a")], i * SECOND, line);
    // The only failure of u1 lies before the second page.
    let entries = [
        entry(1, "user=u1 failed"),
        entry(2, "user=u2 done"),
        entry(3, "user=u1 done"),
        entry(4, "user=u1 done again"),
    ];
    push(&store, &TenantId::fake(), &entries);
    let engine = engine(&store, 1, || 10 * SECOND);
    let query = r#"{app="a"} | logfmt | user in ({app="a"} |= "failed" | logfmt | keep user)"#;
    let request = range(query, 0, 10 * SECOND)
        .limit(1)
        .direction(Direction::Forward);
    let expected = ["user=u1 failed", "user=u1 done", "user=u1 done again"];
    assert_eq!(all_pages(&engine, request.clone()), expected);
    // The same with entries an interval apart, which are fetched some at a time.
    let spaced = request.limit(10).interval(SECOND);
    assert_eq!(crate::support::lines(&engine, &spaced).len(), 3);
}
