//! The store from outside: what is pushed is found, in the head, flushed and recovered alike.
//! main.rs includes this folder a second time, as `on_s3`: its parts are in object storage then.

mod memory;
mod merging;
mod opening;
mod reads;
mod selection;

use crate::support::{self, Fact, Home, compact, fact, flush, push, read, read_all};
use skald_model::{
    Charge, ContentQuery, Direction, Labels, Literal, MatchOp, Matcher, MemoryUser, TenantId,
    TimeRange, WriteBatch, time::DAY_NS,
};
use skald_store::{Count, Options, Piece, Select, Selected, Store, StoreError, WriteError};
use std::collections::BTreeSet;
use std::path::Path;

fn options(data: &Path) -> Options {
    let home = if module_path!().ends_with("on_s3") {
        Home::Bucket
    } else {
        Home::Disk
    };
    support::options(data, home)
}

fn open(data: &Path) -> Store {
    Store::open(options(data)).expect("the directory opens")
}

/// With parts in local files: of one in a bucket the index is left alone where it costs more than
/// it saves.
fn open_here(data: &Path) -> Store {
    Store::open(Options {
        background: false,
        ..Options::new(data)
    })
    .expect("the directory opens")
}

/// Asks `check` of the same entries in the head, half flushed, flushed, and after a restart of
/// each.
fn in_every_state(facts: &[Fact], check: impl Fn(&Store)) {
    for flushes in 0..4 {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = open(folder.path());
        for (i, chunk) in facts.chunks(facts.len().div_ceil(3).max(1)).enumerate() {
            push(&store, chunk).expect("the push is taken");
            if i + 1 < flushes || flushes == 3 {
                flush(&store);
            }
        }
        check(&store);
        store.close(false).expect("closing works");
        drop(store);
        let store = open(folder.path());
        check(&store);
        compact(&store);
        check(&store);
    }
}

fn sample() -> Vec<Fact> {
    let mut facts = Vec::new();
    for i in 0..600i64 {
        let mut fact = fact(
            ["api", "web", "db"][i as usize % 3],
            1_000 + i * 7 % 100,
            &format!("line {i} of the sample"),
        );
        if i % 2 == 0 {
            fact.metadata = vec![
                ("level".to_owned(), "info".to_owned()),
                ("trace".to_owned(), format!("t{i}")),
            ];
        }
        facts.push(fact);
    }
    facts
}
