//! Memory: heads and replay stay within their bounds.

use super::*;

#[test]
fn a_head_that_outgrows_flushing_refuses_pushes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = Store::open(Options {
        flush_bytes: 10_000,
        ..options(folder.path())
    })
    .expect("the directory opens");
    let facts: Vec<Fact> = (0..100)
        .map(|i| fact("api", i, &"x".repeat(1_000)))
        .collect();
    push(&store, &facts).expect("the push is taken");
    assert!(matches!(push(&store, &facts), Err(WriteError::Busy)));
    flush(&store);
    push(&store, &facts).expect("there is room again");
}

#[test]
fn a_tiny_budget_flushes_early_and_refuses_when_heads_fill_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let memory = 4 << 20;
    let store = Store::open(Options {
        memory,
        ..options(folder.path())
    })
    .expect("the directory opens");
    let mut pushes = 0;
    let refused = loop {
        let facts: Vec<Fact> = (0..100)
            .map(|i| fact("api", pushes * 100 + i, &"x".repeat(1_000)))
            .collect();
        if let Err(error) = push(&store, &facts) {
            break error;
        }
        pushes += 1;
    };
    assert!(matches!(refused, WriteError::Busy), "{refused}");
    let held = |user| {
        store
            .status()
            .memory
            .iter()
            .find(|(u, _, _)| *u == user)
            .map_or((0, 0), |(_, held, no)| (*held, *no))
    };
    let (head, refusals) = held(MemoryUser::Head);
    assert!(
        (memory as u64 / 4..=memory as u64 * 2).contains(&head),
        "{head}"
    );
    assert_eq!(refusals, 1);
    flush(&store);
    assert_eq!(held(MemoryUser::Head).0, 0);
    assert!(held(MemoryUser::Directories).0 > 0);
    push(&store, &[fact("api", 0, "x")]).expect("there is room again");
    let found = read(&store, &[], TimeRange::ALL, &ContentQuery::default());
    assert_eq!(found.len() as i64, pushes * 100 + 1);
}

#[test]
fn labels_of_streams_refuse_pushes_before_their_flush_needs_all_memory() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let memory = 16 << 20;
    let store = Store::open(Options {
        memory,
        ..options(folder.path())
    })
    .expect("the directory opens");
    let write = |i: usize| {
        let mut batch = WriteBatch::default();
        let value = format!("{i:08}").repeat(240);
        batch.push(Labels::from_pairs([("v", value)]), [(1, &b"x"[..])]);
        store.write(&TenantId::fake(), &batch, Box::new(|_| ()))
    };
    let refused = (0..).find_map(|i| write(i).err().map(|error| (i, error)));
    let (streams, error) = refused.expect("refused at last");
    assert!(matches!(error, WriteError::Busy), "{error}");
    let head = store.budget().held(MemoryUser::Head);
    assert!((memory / 12..memory / 6).contains(&head), "{head}");
    // Streams that are known need no more.
    assert!(matches!(write(0), Err(WriteError::Busy)));
    flush(&store);
    assert_eq!(store.budget().held(MemoryUser::Head), 0);
    write(streams).expect("there is room again");
    let found = read(&store, &[], TimeRange::ALL, &ContentQuery::default());
    assert_eq!(found.len(), streams + 1);
}

#[test]
fn in_the_background_a_tiny_budget_only_slows_pushes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let tight = Options {
        memory: 8 << 20,
        background: true,
        ..options(folder.path())
    };
    let store = Store::open(tight).expect("the directory opens");
    for round in 0..200 {
        let facts: Vec<Fact> = (0..100)
            .map(|i| fact("api", round * 100 + i, &"x".repeat(1_000)))
            .collect();
        while let Err(error) = push(&store, &facts) {
            let is_full = matches!(error, WriteError::Busy | WriteError::OutOfMemory);
            assert!(is_full, "{error}");
            std::thread::yield_now();
        }
    }
    assert!(store.status().flushes > 1);
    assert_eq!(
        read(&store, &[], TimeRange::ALL, &ContentQuery::default()).len(),
        20_000
    );
}

#[test]
fn a_long_wal_is_replayed_and_flushed_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let facts: Vec<Fact> = (0..300)
        .map(|i| fact(["api", "web"][i as usize % 2], i, &"x".repeat(1_000)))
        .collect();
    let store = open(folder.path());
    for facts in facts.chunks(5) {
        push(&store, facts).expect("the push is taken");
    }
    drop(store);
    let tight = Options {
        flush_bytes: 20_000,
        background: true,
        ..options(folder.path())
    };
    let store = Store::open(tight).expect("the directory opens");
    // Parts are made while the log is read and after it.
    while store.status().flushes < 2 {
        std::thread::yield_now();
    }
    assert_eq!(read_all(&store), facts.iter().cloned().collect());
    drop(store);
    assert_eq!(read_all(&open(folder.path())).len(), 300);
}
