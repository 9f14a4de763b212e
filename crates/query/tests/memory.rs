//! Queries draw on the store's memory budget: where it has no room they are told so, and entries stay welcome.

use skald_model::{
    Direction, Held, Labels, MemoryUser, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream,
};
use skald_query::{Caching, Cancel, Engine, QueryError, QueryLimits, RangeRequest};
use skald_store::{Options, Store};
use std::sync::{Arc, mpsc};

const MEMORY: usize = 8 << 20;
const SECOND: i64 = 1_000_000_000;

fn push(store: &Store) {
    let labels = Labels::from_pairs([("app", "api")]);
    let mut batch = WriteBatch::default();
    let entry = |i: i64| WriteEntry {
        timestamp: i * SECOND,
        line: b"took=5",
        metadata: 0..0,
    };
    batch.entries.extend((0..60).map(entry));
    batch.streams.push(WriteStream {
        id: StreamId::of(&labels),
        labels,
        rows: 0..60,
    });
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| sender.send(result).expect("the test waits"));
    store
        .write(&TenantId::fake(), &batch, done)
        .expect("the store takes writes");
    receiver
        .recv()
        .expect("a push is always answered")
        .expect("the disk takes it");
}

fn ask(engine: &Engine, query: &str) -> Result<(), QueryError> {
    let request = RangeRequest {
        tenant: TenantId::fake(),
        query: query.to_owned(),
        start: 0,
        end: 60 * SECOND,
        step: SECOND,
        interval: 0,
        after: None,
        limit: 100,
        direction: Direction::Forward,
        categorize: false,
        skip_errors: false,
        caching: Caching::Allowed,
    };
    engine.query_range(&request, &Cancel::default()).map(drop)
}

#[test]
fn a_query_without_room_is_refused_until_there_is_some() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options = Options {
        memory: MEMORY,
        background: false,
        ..Options::new(folder.path())
    };
    let store = Arc::new(Store::open(options).expect("an empty directory opens"));
    let engine = Engine::new(
        Arc::clone(&store),
        QueryLimits {
            threads: 1,
            ..QueryLimits::default()
        },
        || 60 * SECOND,
    );
    let queries = [
        r#"{app="api"}"#,
        r#"sum by (took) (sum_over_time({app="api"} | logfmt | unwrap took [5s]))"#,
    ];
    push(&store);
    let taken = Held::charged(store.budget(), MemoryUser::Caches, MEMORY * 9 / 10);
    for query in queries {
        let refused = ask(&engine, query).expect_err("nine tenths are taken");
        assert!(matches!(refused, QueryError::Busy), "{query}: {refused}");
    }
    assert_eq!(store.budget().refusals(MemoryUser::Queries), 2);
    push(&store);
    drop(taken);
    for query in queries {
        ask(&engine, query).expect("there is room again");
    }
    assert_eq!(store.budget().held(MemoryUser::Queries), 0);
}
