//! A log query with a limit runs its stages over few rows, wherever the first of its answer lie,
//! and finds what one that reads everything would.

use crate::support;
use crate::support::{Pushed, answer, engine, open, push, range};
use proptest::prelude::*;
use skald_model::{Direction, TenantId};
use skald_query::{Cancel, Engine, RangeRequest};
use skald_store::Store;

const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Backward];

/// Times and lines of an answer in its order, page by page.
fn pages(engine: &Engine, mut request: RangeRequest) -> Vec<(i64, String)> {
    let mut lines = Vec::new();
    loop {
        let page = engine
            .page(&request, 1 << 20, &Cancel::default())
            .expect("the query is good");
        lines.extend(page.entries.into_iter().map(|e| {
            let line = String::from_utf8_lossy(&e.entry.line).into_owned();
            (e.entry.timestamp, line)
        }));
        match page.cursor {
            Some(cursor) => request.after = Some(cursor),
            None => return lines,
        }
    }
}

/// An entry: its time, its stream, and what its line says.
type Row = (i64, u8, u16);

fn pushed(row: &Row) -> Pushed {
    let (time, app, n) = *row;
    let line = format!(
        r#"{{"n":{n},"level":"{}"}}"#,
        ["info", "error"][usize::from(n % 2)]
    );
    Pushed::new(&[("app", &format!("app-{app}"))], time, line)
}

fn check_order(store: &std::sync::Arc<Store>, limits: &[usize]) -> Result<(), TestCaseError> {
    let engine = engine(store, 2, || 1);
    for query in [
        r#"{app=~".+"}"#,
        r#"{app=~".+"} | json"#,
        r#"{app=~".+"} | json | level="error""#,
        r#"{app=~".+"} | json | n > 65530"#,
        r#"{app="app-1"} |= "info" | logfmt | json | n < 40"#,
    ] {
        for direction in DIRECTIONS {
            let request = |limit| range(query, 0, 1_000).direction(direction).limit(limit);
            let whole = pages(&engine, request(100_000));
            for limit in limits {
                let found = engine.page(&request(*limit), 1 << 20, &Cancel::default());
                let found = found.expect("the query is good").entries.into_iter();
                let found: Vec<(i64, String)> = found
                    .map(|e| {
                        let line = String::from_utf8_lossy(&e.entry.line).into_owned();
                        (e.entry.timestamp, line)
                    })
                    .collect();
                let first = &whole[..whole.len().min(*limit)];
                prop_assert_eq!(&found[..], first, "{} {:?} {}", query, direction, limit);
                prop_assert_eq!(
                    &pages(&engine, request(*limit)),
                    &whole,
                    "pages of {}",
                    query
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn the_first_entries_of_a_head_are_those_of_the_whole_answer(
        rows in prop::collection::vec((0i64..60, 0u8..3, any::<u16>()), 1..400),
        wide in any::<bool>(),
        again in any::<bool>(),
        flushed in any::<bool>(),
        limits in (8usize..30, 60usize..90),
    ) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        let spread = if wide { 16 } else { 1 };
        let rows: Vec<Pushed> = rows.iter().map(|(time, app, n)| pushed(&(time * spread, *app, *n))).collect();
        push(&store, &TenantId::fake(), &rows);
        if again {
            push(&store, &TenantId::fake(), &rows);
        }
        if flushed {
            store.flush().expect("the disk takes it");
        }
        check_order(&store, &[limits.0, limits.1])?;
    }
}

/// Rows that came through the stages while `limit` of `rows` are asked for.
fn rows_run(rows: &[Row], query: &str, direction: Direction, limit: usize) -> u64 {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open(folder.path());
    let rows: Vec<Pushed> = rows.iter().map(pushed).collect();
    push(&store, &TenantId::fake(), &rows);
    let engine = engine(&store, 1, || 1);
    let request = range(query, 0, i64::MAX).direction(direction).limit(limit);
    let lines = support::lines(&engine, &request);
    assert_eq!(lines.len(), limit, "{query}");
    answer(&engine, &request).stats.lines_matched
}

/// Lines that came as they like, each a push of its own kind: newest first, of many streams in
/// turn, all at one time, in no order.
#[test]
fn few_rows_of_a_head_run_through_the_stages() {
    const ROWS: i64 = 4_000;
    let newest_first = (0..ROWS).map(|i| (ROWS - i, 0, i as u16)).collect();
    let in_turn = (0..ROWS).map(|i| (i, (i % 100) as u8, i as u16)).collect();
    let at_once = (0..ROWS).map(|i| (5, 0, i as u16)).collect();
    let shuffled = (0..ROWS).map(|i| (i * 1_789 % ROWS, 0, i as u16)).collect();
    let each: [Vec<Row>; 4] = [newest_first, in_turn, at_once, shuffled];
    for (shape, rows) in each.iter().enumerate() {
        for direction in DIRECTIONS {
            let run = rows_run(rows, r#"{app=~".+"} | json"#, direction, 100);
            assert_eq!(run, 100, "shape {shape}, {direction:?}");
            let query = r#"{app=~".+"} | json | level="error""#;
            let run = rows_run(rows, query, direction, 100);
            assert!(run <= 400, "shape {shape}, {direction:?}: {run}");
        }
    }
}
