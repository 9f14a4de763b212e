//! A full disk, one that is read-only and one without room for new files: a store starts on it,
//! answers, makes room and heals.

use crate::support::{Fact, fact, push, read_all, test_deletes};
use skald_model::{ContentQuery, TenantId, TimeRange};
use skald_store::{Options, Select, Store, StoreError, WalSync, WriteError};
use skald_wal::sim::{Dice, Fault, SimFiles};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

fn options(files: &SimFiles) -> Options {
    Options {
        background: false,
        files: Arc::new(files.clone()),
        flush_bytes: 20_000,
        wal_segment_bytes: 8_000,
        full_retry: Duration::ZERO,
        delete_compiler: test_deletes(),
        delete_cancel_period: Duration::ZERO,
        ..Options::new("/data")
    }
}

fn open(files: &SimFiles) -> Store {
    Store::open(options(files)).expect("the directory opens")
}

fn facts(app: &str, count: i64) -> Vec<Fact> {
    (0..count)
        .map(|i| fact(app, i, &format!("{i} {}", "x".repeat(500))))
        .collect()
}

/// With as little memory, and flushes that make room as they can.
fn tight(files: &SimFiles, memory: usize) -> Options {
    Options {
        memory,
        flush_bytes: 100_000,
        background: true,
        ..options(files)
    }
}

/// Waits until replay holds most of the memory, which it does not get beyond.
fn wait_for_full_heads<T>(store: &Store, memory: usize, recovering: &ScopedJoinHandle<'_, T>) {
    while (store.status().head_bytes as usize) < memory / 4 * 3 {
        assert!(!recovering.is_finished(), "it does not fit into memory");
        std::thread::yield_now();
    }
}

/// A directory with a part, and more in its WAL than starts a flush, whose process was killed.
fn killed() -> (SimFiles, BTreeSet<Fact>) {
    let files = SimFiles::default();
    let store = open(&files);
    push(&store, &facts("part", 30)).expect("the push is taken");
    store.flush().expect("the disk is fine");
    for chunk in facts("log", 100).chunks(10) {
        push(&store, chunk).expect("the push is taken");
    }
    drop(store);
    let all = [facts("part", 30), facts("log", 100)].concat();
    (files.after_kill(), all.into_iter().collect())
}

/// Makes a disk refuse.
type Refuse<'a> = &'a dyn Fn(&SimFiles);

#[test]
fn a_store_starts_where_nothing_can_be_written_and_heals() {
    let full = |files: &SimFiles| files.set_capacity(Some(files.used()));
    let cases: [(&str, Refuse<'_>); 4] = [
        ("full", &full),
        ("no changes", &|f| f.refuse_changes(Some(Fault::ReadOnly))),
        ("no files", &|f| f.refuse_new_files(Some(Fault::Full))),
        ("quota", &|f| f.refuse_changes(Some(Fault::Full))),
    ];
    for (name, refuse) in cases {
        let (files, all) = killed();
        // Leftovers of a crash that can't be removed now cost room and nothing else.
        let leftover = "/data/tenants/fake/1970-01-01/0000000000000077.part.tmp";
        drop(skald_store::files::Files::create(&files, leftover.as_ref()));
        refuse(&files);
        let store = open(&files);
        assert_eq!(read_all(&store), all, "{name}");
        let refused = push(&store, &facts("refused", 40));
        let expected = matches!(refused, Err(WriteError::DiskFull | WriteError::Short(_)));
        assert!(expected, "{name}: {refused:?}");
        if name == "full" {
            // What truncating the log gave back is taken.
            refuse(&files);
        }
        assert!(store.flush().is_err(), "{name}");
        assert!(read_all(&store).is_superset(&all), "{name}");
        files.set_capacity(None);
        files.refuse_changes(None);
        files.refuse_new_files(None);
        push(&store, &facts("after", 1)).expect("the disk has passed");
        store.flush().expect("the disk has passed");
        drop(store);
        let store = open(&files.after_kill());
        assert!(read_all(&store).is_superset(&all), "{name}");
        assert!(read_all(&store).is_superset(&facts("after", 1).into_iter().collect()));
    }
}

#[test]
fn a_new_directory_on_a_full_disk_says_so_and_opens_later() {
    let files = SimFiles::default();
    files.set_capacity(Some(0));
    let refused = Store::open(options(&files)).err();
    assert!(
        refused.as_ref().is_some_and(StoreError::is_disk_full),
        "{refused:?}"
    );
    files.set_capacity(None);
    push(&open(&files), &facts("api", 1)).expect("the push is taken");
}

#[test]
fn deletes_and_expiry_make_room_on_a_full_disk() {
    let files = SimFiles::default();
    let store = open(&files);
    for app in ["gone", "mixed", "kept"] {
        push(&store, &facts(app, 30)).expect("the push is taken");
        if app == "gone" {
            store.flush().expect("the disk is fine");
        }
    }
    store.flush().expect("the disk is fine");
    files.set_capacity(Some(files.used()));
    let full = push(&store, &facts("refused", 30));
    assert!(matches!(full, Err(WriteError::DiskFull)), "{full:?}");
    // Parts that shrink find no room; one that goes as a whole makes some.
    let tenant = TenantId::fake();
    for app in ["mixed", "gone"] {
        let made = store.delete(&tenant, app, i64::MIN, i64::MAX);
        made.expect("a manifest finds room that is kept for it");
    }
    let part = Path::new("/data/tenants/fake/1970-01-01/0000000000000000.part");
    assert!(files.bytes_of(part).is_some());
    let swept = store.sweep();
    assert!(files.bytes_of(part).is_none(), "{swept:?}");
    let apps: BTreeSet<String> = (read_all(&store).iter())
        .filter_map(|fact| fact.labels.get("app").map(str::to_owned))
        .collect();
    assert!(apps.contains("kept") && !apps.contains("gone") && !apps.contains("mixed"));
    drop(store);
    let store = open(&files.after_kill());
    assert!(read_all(&store).is_superset(&facts("kept", 30).into_iter().collect()));
}

#[test]
fn a_log_that_fits_neither_disk_nor_memory_is_read_on_once_there_is_room() {
    let files = SimFiles::default();
    let store = Store::open(Options {
        flush_bytes: 1 << 30,
        ..options(&files)
    });
    let store = store.expect("the directory opens");
    let mut all = BTreeSet::new();
    for round in 0..400 {
        let facts: Vec<Fact> = (0..20)
            .map(|i| fact("api", round * 20 + i, &"x".repeat(500)))
            .collect();
        push(&store, &facts).expect("the push is taken");
        all.extend(facts);
    }
    drop(store);
    let files = files.after_kill();
    files.set_capacity(Some(files.used()));
    let memory = 2 << 20;
    let store = Store::open_parts(tight(&files, memory)).expect("the directory opens");
    std::thread::scope(|scope| {
        let recovering = scope.spawn(|| store.recover());
        wait_for_full_heads(&store, memory, &recovering);
        let status = store.status();
        assert!(status.recovering && status.replayed.0 < status.replayed.1);
        assert!(matches!(
            push(&store, &facts("new", 1)),
            Err(WriteError::Recovering)
        ));
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &ContentQuery::default(),
        };
        let selected = store.select(&TenantId::fake(), &select);
        let selected = selected.expect("what is loaded is answered");
        let warnings = selected.warnings.join("\n");
        assert!(
            warnings.contains("MB of it are not loaded yet"),
            "{warnings}"
        );
        assert!(!selected.pieces.is_empty());
        files.set_capacity(None);
        store.flush().expect("the disk has room again");
        let recovered = recovering.join().expect("no panic");
        recovered.expect("the rest of the log is read");
    });
    assert_eq!(read_all(&store), all);
    push(&store, &facts("new", 1)).expect("the push is taken");
}

#[test]
fn entries_whose_log_could_not_be_synced_are_flushed_at_once() {
    let passing = [Fault::Full, Fault::NoMemory, Fault::TryAgain];
    for (mode, fault) in [WalSync::Interval, WalSync::None].into_iter().zip(passing) {
        for background in [true, false] {
            let files = SimFiles::default();
            let store = Store::open(Options {
                wal_sync: mode,
                background,
                flush_bytes: 1 << 20,
                ..options(&files)
            });
            let store = store.expect("the directory opens");
            push(&store, &facts("api", 30)).expect("the push is taken");
            // The segment is full: it is synced before the next one is begun.
            files.fail_syncs(1, fault);
            assert!(push(&store, &facts("refused", 1)).is_err(), "{mode:?}");
            push(&store, &facts("later", 1)).expect("the fault has passed");
            if background {
                while store.status().flushes == 0 {
                    std::thread::yield_now();
                }
            } else {
                store.close(false).expect("the disk is fine");
            }
            let found = read_all(&open(&files.after_kill()));
            let taken = [facts("api", 30), facts("later", 1)].concat();
            assert!(found.is_superset(&taken.into_iter().collect()), "{mode:?}");
        }
    }
}

/// Lines that nothing makes much smaller.
fn random_facts(app: &str, first: i64, count: i64, dice: &mut Dice) -> Vec<Fact> {
    let mut line = || {
        let words = (0..12).map(|_| format!("{:016x}", dice.number()));
        words.collect::<Vec<_>>().join(" ")
    };
    (first..first + count)
        .map(|time| fact(app, time, &line()))
        .collect()
}

#[test]
fn a_delete_during_replay_is_taken_and_makes_the_room_that_replay_waits_for() {
    let (files, mut dice) = (SimFiles::default(), Dice::new(1));
    let roomy = Options {
        flush_bytes: 1 << 30,
        ..options(&files)
    };
    let store = Store::open(roomy).expect("the directory opens");
    for round in 0..20 {
        let gone = random_facts("gone", round * 100, 100, &mut dice);
        push(&store, &gone).expect("the push is taken");
    }
    store.flush().expect("the disk is fine");
    let mut kept = BTreeSet::new();
    for round in 0..200 {
        let facts: Vec<Fact> = (0..20)
            .map(|i| fact("kept", round * 20 + i, &"x".repeat(500)))
            .collect();
        push(&store, &facts).expect("the push is taken");
        kept.extend(facts);
    }
    // At the end of the log, where replay does not get before there is room.
    push(&store, &random_facts("gone", 0, 20, &mut dice)).expect("the push is taken");
    drop(store);
    let files = files.after_kill();
    files.set_capacity(Some(files.used()));
    let memory = 1 << 20;
    let store = Store::open_parts(tight(&files, memory)).expect("the directory opens");
    std::thread::scope(|scope| {
        let recovering = scope.spawn(|| store.recover());
        wait_for_full_heads(&store, memory, &recovering);
        let made = store.delete(&TenantId::fake(), "gone", i64::MIN, i64::MAX);
        made.expect("a request is taken while the log is replayed");
        let recovered = recovering.join().expect("no panic");
        recovered.expect("the delete made room");
    });
    assert_eq!(read_all(&store), kept);
    // What comes now arrives after the request.
    let later = random_facts("gone", 5, 3, &mut dice);
    push(&store, &later).expect("there is room");
    kept.extend(later);
    assert_eq!(read_all(&store), kept);
    drop(store);
    assert_eq!(read_all(&open(&files.after_kill())), kept);
}
