//! Parts in object storage when things go wrong: servers that fail, disks that are lost, others
//! that write.

use crate::support::bucket::{self, bucket};
use crate::support::s3::{Fault, Server};
use crate::support::{Fact, fact, push, read, read_all};
use object_store::path::Path as ObjectPath;
use object_store::{Error, ObjectStoreExt, PutMode, UpdateVersion};
use skald_model::{Columns, ContentQuery, Literal, TenantId, TimeRange, time::DAY_NS};
use skald_store::{ObjectOptions, Options, ReadSpec, Select, Selected, Store, StoreError};
use skald_wal::sim::Dice;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Waits that end a test soon when nothing answers.
pub(super) fn impatient(server: &Server) -> ObjectOptions {
    let objects = bucket::objects(bucket(&server.endpoint, "logs"));
    ObjectOptions {
        timeout: Duration::from_millis(200),
        attempts: 2,
        ..objects
    }
}

pub(super) fn patient(server: &Server) -> ObjectOptions {
    bucket::objects(bucket(&server.endpoint, "logs"))
}

pub(super) fn open(data: &Path, objects: ObjectOptions) -> Store {
    Store::open(bucket::options(data, objects)).expect("the directory opens")
}

pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

pub(super) fn facts(first: i64, count: i64) -> Vec<Fact> {
    let line = |i: i64| {
        fact(
            ["api", "web"][i as usize % 2],
            i % 2 * DAY_NS + i,
            &format!("line {i} of many"),
        )
    };
    (first..first + count).map(line).collect()
}

pub(super) fn select(store: &Store) -> Selected {
    let content = ContentQuery::default();
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &content,
    };
    store
        .select(&TenantId::fake(), &select)
        .expect("selecting works")
}

/// Pushes, flushes and uploads.
pub(super) fn store_facts(store: &Store, facts: &[Fact]) {
    push(store, facts).expect("the push is taken");
    store.flush().expect("flushing works");
    store.upload().expect("uploading works");
}

fn waiting(store: &Store) -> u64 {
    store
        .status()
        .objects
        .expect("there is object storage")
        .waiting_parts
}

#[test]
fn a_lost_disk_loses_nothing_that_was_uploaded() {
    let (server, lost, new) = (Server::start(), folder(), folder());
    let store = open(lost.path(), patient(&server));
    store_facts(&store, &facts(0, 100));
    store_facts(&store, &facts(100, 100));
    push(&store, &facts(200, 10)).expect("the push is taken");
    drop(store);
    drop(lost);
    let store = open(new.path(), patient(&server));
    assert_eq!(read_all(&store), facts(0, 200).into_iter().collect());
    store_facts(&store, &facts(300, 10));
    store.compact().expect("compacting works");
    store.upload().expect("uploading works");
    drop(store);
    let third = folder();
    let store = open(third.path(), patient(&server));
    assert_eq!(store.status().parts, 2);
    assert_eq!(
        read_all(&store),
        facts(0, 200).into_iter().chain(facts(300, 10)).collect()
    );
}

#[test]
fn without_an_answer_parts_wait_here_and_pushes_go_on() {
    let (server, folder) = (Server::start(), folder());
    let store = open(folder.path(), impatient(&server));
    store_facts(&store, &facts(0, 20));
    assert_eq!(waiting(&store), 0);
    for fault in [Fault::Down, Fault::Silent] {
        server.set_fault(fault);
        push(&store, &facts(100, 20)).expect("the push is taken");
        store.flush().expect("flushing works");
        let refused = store.upload();
        assert!(
            matches!(&refused, Err(StoreError::Unavailable { .. })),
            "{refused:?}"
        );
        assert!(waiting(&store) > 0);
        assert!(store.status().stopped.is_none());
        let (there, away): (Vec<_>, Vec<_>) = select(&store)
            .pieces
            .iter()
            .map(|p| p.read(&ReadSpec::all(&Columns::ALL), None))
            .partition(|r| r.is_ok());
        assert!(there.len() >= 2 && away.len() == 2, "{away:?}");
        let named = |r: &Result<_, StoreError>| matches!(r, Err(StoreError::Unavailable { what, .. }) if what.contains(".part"));
        assert!(away.iter().all(named), "{away:?}");
    }
    let status = store.status().objects.expect("there is object storage");
    assert!(status.failures > 0 && status.retries > 0, "{status:?}");
    drop(store);
    let store = open(folder.path(), impatient(&server));
    assert_eq!(
        select(&store).warnings,
        Vec::<String>::new(),
        "directories are kept here"
    );
    server.set_fault(Fault::None);
    store.upload().expect("uploading works");
    assert_eq!(waiting(&store), 0);
    assert_eq!(
        read_all(&store),
        facts(0, 20).into_iter().chain(facts(100, 20)).collect()
    );
}

#[test]
fn a_new_directory_without_an_answer_says_what_may_be_missing() {
    let (server, old, new) = (Server::start(), folder(), folder());
    store_facts(&open(old.path(), patient(&server)), &facts(0, 20));
    server.set_fault(Fault::Down);
    let store = open(new.path(), impatient(&server));
    let warnings = select(&store).warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("object storage"),
        "{warnings:?}"
    );
    push(&store, &facts(50, 2)).expect("the push is taken");
    server.set_fault(Fault::None);
    store.upload().expect("uploading works");
    assert_eq!(
        read_all(&store),
        facts(0, 20).into_iter().chain(facts(50, 2)).collect()
    );
}

#[test]
fn two_writers_lose_nothing_of_each_other() {
    let (server, one, two) = (Server::start(), folder(), folder());
    // What one drops the other may have open until it looks again.
    let objects = ObjectOptions {
        removal_grace: Duration::from_secs(3600),
        ..patient(&server)
    };
    let stores = [open(one.path(), objects.clone()), open(two.path(), objects)];
    let mut expected = BTreeSet::new();
    for round in 0..4 {
        for (number, store) in stores.iter().enumerate() {
            let new = facts(round * 100 + number as i64 * 50, 30);
            push(store, &new).expect("the push is taken");
            store.flush().expect("flushing works");
            expected.extend(new);
        }
        std::thread::scope(|scope| {
            for store in &stores {
                scope.spawn(|| store.upload().expect("uploading works"));
            }
        });
        stores
            .iter()
            .for_each(|store| store.upload().expect("uploading works"));
        assert!(
            stores.iter().all(|store| read_all(store) == expected),
            "round {round}"
        );
        // Both may merge the same parts: what is there twice then counts once, as readers see to.
        stores[round as usize % 2]
            .compact()
            .expect("compacting works");
    }
    drop(stores);
    let third = folder();
    assert_eq!(read_all(&open(third.path(), patient(&server))), expected);
}

#[test]
fn whoever_puts_second_is_refused() {
    let data = folder();
    let storage = bucket::of_folder(data.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let path = ObjectPath::from("a/MANIFEST");
        let put = |text: &'static str, mode: PutMode| {
            let (storage, path) = (storage.clone(), path.clone());
            async move { storage.put_opts(&path, text.into(), mode.into()).await }
        };
        let first = put("first", PutMode::Create)
            .await
            .expect("nobody was there");
        let again = put("again", PutMode::Create).await;
        assert!(
            matches!(
                again,
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. })
            ),
            "{again:?}"
        );
        let version = UpdateVersion {
            e_tag: first.e_tag,
            version: first.version,
        };
        put("second", PutMode::Update(version.clone()))
            .await
            .expect("nobody came first");
        let late = put("late", PutMode::Update(version)).await;
        assert!(matches!(late, Err(Error::Precondition { .. })), "{late:?}");
        let held = storage
            .get(&path)
            .await
            .expect("it is there")
            .bytes()
            .await
            .expect("it is whole");
        assert_eq!(&held[..], b"second");
    });
}

#[test]
fn requests_that_fail_anyhow_change_nothing_in_the_end() {
    for seed in 0..6 {
        let (server, mut data) = (Server::start(), folder());
        server.set_fault(Fault::Some(5, seed));
        let (mut dice, mut expected, mut next) = (Dice::new(seed), BTreeSet::new(), 0);
        for _ in 0..3 {
            let store = open(data.path(), patient(&server));
            for _ in 0..12 {
                match dice.below(5) {
                    0 => drop(store.compact()),
                    1 => drop(store.upload()),
                    2 => store.flush().expect("the disk is fine"),
                    _ => {
                        let new = facts(next, 1 + dice.below(20) as i64);
                        next += new.len() as i64;
                        push(&store, &new).expect("the disk is fine");
                        expected.extend(new);
                    }
                }
            }
            let found = read(&store, &[], TimeRange::ALL, &ContentQuery::default());
            assert_eq!(found.len(), expected.len(), "seed {seed}");
            assert_eq!(
                found.into_iter().collect::<BTreeSet<_>>(),
                expected,
                "seed {seed}"
            );
            if dice.one_in(2) {
                // The disk is lost; all of it had been uploaded.
                store.flush().expect("the disk is fine");
                store.upload().expect("twelve attempts are enough");
                drop(store);
                data = folder();
            }
        }
        assert!(server.counted().2 > 0, "seed {seed} made no faults");
    }
}

#[test]
fn objects_go_when_nothing_names_them() {
    let (server, data) = (Server::start(), folder());
    let store = open(
        data.path(),
        ObjectOptions {
            leftover_grace: Duration::from_secs(3600),
            ..patient(&server)
        },
    );
    for round in 0..3 {
        store_facts(&store, &[fact("api", round, "x")]);
    }
    let parts = || {
        server
            .names()
            .iter()
            .filter(|n| n.ends_with(".part"))
            .count()
    };
    assert_eq!(parts(), 3);
    let reader = select(&store);
    store.compact().expect("compacting works");
    store.upload().expect("uploading works");
    assert_eq!(parts(), 4, "a reader has the old ones open");
    assert!(
        reader
            .pieces
            .iter()
            .all(|p| p.read(&ReadSpec::all(&Columns::ALL), None).is_ok())
    );
    drop(reader);
    store.upload().expect("uploading works");
    assert_eq!(parts(), 1);
    let storage = bucket(&server.endpoint, "logs");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let leftover =
        ObjectPath::from("tenants/fake/1970-01-01/0000000000000099-00000000000000aa.part");
    runtime
        .block_on(storage.put(&leftover, "half".into()))
        .expect("the object can be written");
    assert_eq!(parts(), 2);
    store.upload().expect("uploading works");
    assert_eq!(parts(), 1, "it says that it was written long ago");
}

#[test]
fn a_bucket_without_its_manifest_removes_nothing_here() {
    let (server, data) = (Server::start(), folder());
    let big = ObjectOptions {
        cache_bytes: 1 << 30,
        ..patient(&server)
    };
    let store = open(data.path(), big.clone());
    store_facts(&store, &facts(0, 20));
    server.lose("/logs/tenants/fake/MANIFEST");
    let refused = store.upload();
    assert!(
        matches!(&refused, Err(StoreError::Unusable(why)) if why.contains("right bucket")),
        "{refused:?}"
    );
    drop(store);
    assert_eq!(
        read_all(&open(data.path(), big)),
        facts(0, 20).into_iter().collect()
    );
}

#[test]
fn a_directory_without_its_bucket_names_the_parts_it_lacks() {
    let (server, data) = (Server::start(), folder());
    store_facts(&open(data.path(), patient(&server)), &facts(0, 20));
    let store = Store::open(Options {
        background: false,
        ..Options::new(data.path())
    })
    .expect("the directory opens");
    let warnings = select(&store).warnings;
    assert!(
        warnings.len() == 2 && warnings.iter().all(|w| w.contains("none is configured")),
        "{warnings:?}"
    );
}

/// Lines that do not compress, in 40 streams, one after the other over a day.
fn long_day() -> Vec<Fact> {
    let mut dice = Dice::new(7);
    let mut line = |i: i64| {
        let noise: String = (0..50).map(|_| format!("{:016x}", dice.number())).collect();
        fact(
            &format!("app-{}", i % 40),
            i * (DAY_NS / 12_000),
            &format!("{i} {noise}"),
        )
    };
    (0..12_000).map(&mut line).collect()
}

#[test]
fn an_hour_of_a_stream_fetches_little_and_only_once() {
    let (server, writer, reader) = (Server::start(), folder(), folder());
    let day = long_day();
    store_facts(&open(writer.path(), patient(&server)), &day);
    let store = open(
        reader.path(),
        ObjectOptions {
            cache_bytes: 64 << 20,
            ..patient(&server)
        },
    );
    let stored = store.status().part_bytes;
    let matchers = [skald_model::Matcher::equal("app", "app-7")];
    let hour = TimeRange {
        start: DAY_NS / 2,
        end: DAY_NS / 2 + DAY_NS / 24,
    };
    let expected: BTreeSet<Fact> = day
        .iter()
        .filter(|f| f.labels.get("app") == Some("app-7") && hour.contains(f.time))
        .cloned()
        .collect();
    assert_eq!(
        read(&store, &matchers, hour, &ContentQuery::default())
            .into_iter()
            .collect::<BTreeSet<_>>(),
        expected
    );
    let (_, fetched, _) = server.counted();
    assert!(fetched * 5 < stored, "{fetched} of {stored} bytes");
    read(&store, &matchers, hour, &ContentQuery::default());
    assert_eq!(server.counted().1, fetched, "the second time all is here");
    drop(store);
    let store = open(
        reader.path(),
        ObjectOptions {
            cache_bytes: 64 << 20,
            ..patient(&server)
        },
    );
    let before = server.counted().1;
    read(&store, &matchers, hour, &ContentQuery::default());
    assert_eq!(server.counted().1, before, "after a restart too");
    assert!(store.status().objects.is_some_and(|o| o.cache_hits > 0));
}

#[test]
fn a_needle_fetches_rows_of_the_index_and_its_block() {
    let (server, writer, reader) = (Server::start(), folder(), folder());
    let mut day = long_day();
    day[5_000].line.extend_from_slice(b" needle=9f3a7c1e55");
    store_facts(&open(writer.path(), patient(&server)), &day);
    let store = open(
        reader.path(),
        ObjectOptions {
            cache_bytes: 64 << 20,
            ..patient(&server)
        },
    );
    let stored = store.status().part_bytes;
    let before = server.counted().1;
    let literal = Literal {
        bytes: b"needle=9f3a7c1e55".to_vec(),
        ignore_case: false,
    };
    let content = ContentQuery {
        lines: vec![vec![literal]],
        ..ContentQuery::default()
    };
    let found = read(&store, &[], TimeRange::ALL, &content);
    assert!(found.contains(&day[5_000]));
    let fetched = server.counted().1 - before;
    assert!(fetched * 2 < stored, "{fetched} of {stored} bytes");
}
