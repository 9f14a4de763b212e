//! A log query that stops early finds what one that reads everything would: parts are selected in stages, and lie
//! over one another in time.

use proptest::prelude::*;
use skald_model::{Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_query::{Caching, Cancel, Data, Direction, Engine, QueryLimits, RangeRequest, delete_compiler};
use skald_store::{Options, Store};
use std::sync::{Arc, mpsc};

/// Entries of a push.
const ENTRIES: i64 = 6;

/// What is pushed together becomes a part, but for the last pushes, which stay in the head: its first time, and the
/// distance between its entries.
type Pushed = (i64, i64);

fn line(time: i64) -> String {
    format!("at {time} {}", if time % 3 == 0 { "failed" } else { "done" })
}

fn push(store: &Store, push: i64, (first, distance): Pushed) -> Vec<i64> {
    let labels = Labels::from_pairs([("app", format!("app-{}", push % 3))]);
    // No two entries have one time: the number of their push makes them differ.
    let times: Vec<i64> = (0..ENTRIES).map(|i| (first + i * distance) * 1000 + push).collect();
    let lines: Vec<String> = times.iter().map(|time| line(*time)).collect();
    let entries = times.iter().zip(&lines);
    let entries = entries.map(|(time, line)| WriteEntry { timestamp: *time, line: line.as_bytes(), metadata: 0..0 }).collect();
    let streams = vec![WriteStream { id: StreamId::of(&labels), labels, rows: 0..times.len() as u32 }];
    let batch = WriteBatch { streams, entries, ..WriteBatch::default() };
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| sender.send(result).expect("the test waits"));
    store.write(&TenantId::fake(), &batch, done).expect("the store takes writes");
    receiver.recv().expect("a push is always answered").expect("the disk takes it");
    times
}

fn ask(engine: &Engine, query: &str, direction: Direction, limit: usize) -> Vec<i64> {
    let request = RangeRequest {
        tenant: TenantId::fake(),
        query: query.to_owned(),
        start: 0,
        end: i64::MAX,
        step: 0,
        interval: 0,
        after: None,
        limit,
        direction,
        categorize: false,
        skip_errors: false,
        caching: Caching::default(),
    };
    let answer = engine.query_range(&request, &Cancel::default()).expect("the query is good");
    let Data::Streams(streams) = answer.data else { panic!("a log query gives streams") };
    let mut times: Vec<i64> = streams.iter().flat_map(|stream| &stream.entries).map(|entry| entry.timestamp).collect();
    times.sort_unstable();
    times
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn the_first_entries_of_all_parts_are_found(
        pushes in prop::collection::vec((0i64..400, 1i64..90), 30..90),
        in_head in 0usize..5,
        limits in prop::collection::vec(1usize..200, 3),
    ) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = Options { background: false, delete_compiler: delete_compiler(), ..Options::new(folder.path()) };
        let store = Arc::new(Store::open(options).expect("the directory opens"));
        let mut all = Vec::new();
        for (number, pushed) in pushes.iter().enumerate() {
            all.extend(push(&store, number as i64, *pushed));
            if number + in_head < pushes.len() {
                store.flush().expect("the disk takes it");
            }
        }
        all.sort_unstable();
        let engine = Engine::new(Arc::clone(&store), QueryLimits { threads: 2, ..QueryLimits::default() }, || 1);
        for (query, app, failed) in [
            (r#"{app=~".+"}"#, None, false),
            (r#"{app=~".+"} |= "failed""#, None, true),
            (r#"{app="app-1"} |~ "fail(ed|ing)""#, Some(1), true),
            (r#"{app="app-2"}"#, Some(2), false),
        ] {
            let matches = |time: &&i64| (!failed || **time % 3 == 0) && app.is_none_or(|app| *time % 1000 % 3 == app);
            let expected: Vec<i64> = all.iter().filter(matches).copied().collect();
            for limit in &limits {
                let count = expected.len().min(*limit);
                prop_assert_eq!(&ask(&engine, query, Direction::Forward, *limit)[..], &expected[..count]);
                prop_assert_eq!(&ask(&engine, query, Direction::Backward, *limit)[..], &expected[expected.len() - count..]);
            }
        }
    }
}
