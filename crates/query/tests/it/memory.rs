//! Queries draw on the store's memory budget: where it has no room they are refused, and entries
//! stay welcome.

use crate::support;
use crate::support::{engine, range};
use skald_model::{Direction, Held, MemoryUser, TenantId};
use skald_query::{Cancel, Engine, QueryError};
use skald_store::{Options, Store};
use std::sync::Arc;

const MEMORY: usize = 8 << 20;
const SECOND: i64 = 1_000_000_000;

fn push(store: &Store) {
    let entry = |i: i64| support::Pushed::new(&[("app", "api")], i * SECOND, "took=5");
    let entries: Vec<support::Pushed> = (0..60).map(entry).collect();
    support::push(store, &TenantId::fake(), &entries);
}

fn ask(engine: &Engine, query: &str) -> Result<(), QueryError> {
    let request = range(query, 0, 60 * SECOND).direction(Direction::Forward);
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
    let engine = engine(&store, 1, || 60 * SECOND);
    let queries = [
        r#"{app="api"}"#,
        r#"sum by (took) (sum_over_time({app="api"} | logfmt | unwrap took [5s]))"#,
    ];
    push(&store);
    let taken = Held::charged(store.budget(), MemoryUser::Caches, MEMORY * 96 / 100);
    for query in queries {
        let refused = ask(&engine, query).expect_err("nearly all is taken");
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
