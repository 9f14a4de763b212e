//! Descriptors: however few there are, reading, flushing and starting go on, and nothing that failed
//! for want of one stays so.

use crate::support::{Fact, begin_push, fact, push, read_all, read_tenant};
use skald_model::{TenantId, time::DAY_NS};
use skald_store::{Options, Store, WriteError};
use skald_wal::sim::SimFiles;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a store has open besides files of parts: the log's folder and its segment.
const OWN: usize = 2;

fn options(files: &SimFiles) -> Options {
    Options {
        background: false,
        files: Arc::new(files.clone()),
        full_retry: Duration::ZERO,
        patience: Duration::ZERO,
        open_files: 4,
        ..Options::new("/data")
    }
}

fn open(files: &SimFiles) -> Store {
    Store::open(options(files)).expect("the directory opens")
}

fn days(count: i64) -> Vec<Fact> {
    (0..count)
        .map(|day| fact("api", day * DAY_NS, "x"))
        .collect()
}

fn files_of(files: &SimFiles, tenant: &str) -> usize {
    use skald_wal::files::Files;
    let folder = Path::new("/data/tenants").join(tenant);
    let days = files.list(&folder).expect("the disk is fine");
    let inside = |day: &skald_wal::files::Listed| {
        let listed = files.list(&folder.join(&day.name));
        listed.expect("the disk is fine").len()
    };
    days.iter().filter(|day| day.is_folder).map(inside).sum()
}

#[test]
fn hundreds_of_parts_are_flushed_read_merged_and_opened_with_few_descriptors() {
    let files = SimFiles::default();
    let mut store = open(&files);
    // Flushes of many days have several writers, with a file and a folder each.
    files.set_descriptors(Some(OWN + 4 + 20));
    let facts = days(300);
    push(&store, &facts).expect("the push is taken");
    for _ in 0..3 {
        store.flush().expect("flushing works");
        assert_eq!(read_all(&store).len(), facts.len());
        store.compact().expect("merging works");
        drop(store);
        store = open(&files);
        push(&store, &facts[..30]).expect("the push is taken");
    }
    assert!(files.descriptors() <= OWN + 4);
}

#[test]
fn a_flush_that_finds_no_descriptors_keeps_what_it_finished_and_leaves_no_files() {
    let files = SimFiles::default();
    let store = open(&files);
    let facts = days(10);
    push(&store, &facts).expect("the push is taken");
    for _ in 0..20 {
        files.set_descriptors(Some(files.descriptors()));
        store.flush().expect_err("there are no descriptors");
        files.set_descriptors(None);
        assert_eq!(files_of(&files, "fake"), 0);
    }
    // The sixth part finds no room on the disk.
    push(&store, &[fact("api", 10 * DAY_NS, "y")]).expect("the push is taken");
    let before = files.used();
    store.flush().expect("there are descriptors again");
    let part = (files.used() - before) / 11;
    let more: Vec<Fact> = days(10)
        .into_iter()
        .map(|fact| Fact {
            line: b"z".to_vec(),
            ..fact
        })
        .collect();
    push(&store, &more).expect("the push is taken");
    files.set_capacity(Some(files.used() + 6 * part));
    let mut seen = Vec::new();
    for _ in 0..5 {
        store.flush().expect_err("the disk is full");
        seen.push(files_of(&files, "fake"));
    }
    assert!(
        seen[0] > 11 && seen.iter().all(|n| *n == seen[0]),
        "{seen:?}"
    );
    files.set_capacity(None);
    store.flush().expect("there is room again");
    assert_eq!((store.status().parts, files_of(&files, "fake")), (21, 21));
    assert_eq!(read_all(&store).len(), 21);
    drop(store);
    assert_eq!(read_all(&open(&files)).len(), 21);
}

#[test]
fn no_want_of_descriptors_stops_writes_or_a_start_for_good() {
    let files = SimFiles::default();
    let tenants: Vec<TenantId> = (0..40)
        .map(|number| TenantId::parse(&format!("t{number}")).expect("the name is good"))
        .collect();
    let mut taken = 0;
    // However far each step gets before the descriptors end.
    for spare in 0..12 {
        let opened = Store::open(options(&files));
        let store = opened.expect("there are descriptors");
        files.set_descriptors(Some(files.descriptors() + spare));
        for tenant in &tenants {
            let pushed = begin_push(&store, tenant, &[fact("api", spare as i64, "x")])
                .and_then(|answer| answer.recv().expect("a push is always answered"));
            match pushed {
                Ok(()) => taken += 1,
                Err(error) => assert!(matches!(error, WriteError::Short(_)), "{error}"),
            }
        }
        let _ = store.flush();
        let _ = store.compact();
        files.set_descriptors(None);
        let status = store.status();
        assert_eq!(status.stopped, None, "with {spare} descriptors to spare");
        let late = [fact("late", spare as i64, "y")];
        push(&store, &late).expect("there are descriptors again");
        store.flush().expect("there are descriptors again");
        drop(store);
        files.set_descriptors(Some(spare));
        drop(Store::open(options(&files)));
        files.set_descriptors(None);
    }
    let store = open(&files);
    let found: usize = tenants.iter().map(|t| read_tenant(&store, t).len()).sum();
    // A push that was refused may be seen all the same, and was in a head that was flushed.
    assert!((taken..=12 * 40).contains(&found), "{found} of {taken}");
    assert_eq!(read_all(&store).len(), 12);
    assert!(taken > 400, "{taken} pushes were taken");
    assert_eq!(store.status().manifests_rebuilt, 0);
}

#[test]
fn a_part_that_expires_is_read_to_its_end_without_being_open() {
    let files = SimFiles::default();
    let store = open(&files);
    for round in 0..8 {
        push(&store, &[fact("api", round, "x")]).expect("the push is taken");
        store.flush().expect("flushing works");
    }
    let content = skald_model::ContentQuery::default();
    let select = skald_store::Select {
        matchers: &[],
        range: skald_model::TimeRange::ALL,
        content: &content,
    };
    let selected = store.select(&TenantId::fake(), &select);
    let selected = selected.expect("selecting works");
    store.compact().expect("merging works");
    assert_eq!(store.status().parts, 1);
    let spec = skald_store::ReadSpec::all(&skald_model::Columns::ALL);
    for piece in &selected.pieces {
        piece.read(&spec, None).expect("a reader keeps its part");
    }
    assert_eq!(files_of(&files, "fake"), 9, "they stay for their reader");
    drop(selected);
    assert_eq!(files_of(&files, "fake"), 1);
}

#[test]
fn pushes_of_more_tenants_than_there_may_be_are_refused_by_name() {
    let files = SimFiles::default();
    let few = || Options {
        tenants: 3,
        ..options(&files)
    };
    let store = Store::open(few()).expect("the directory opens");
    let id = |number: u32| TenantId::parse(&format!("t{number}")).expect("the name is good");
    let mut refused = 0;
    for number in 0..6 {
        match begin_push(&store, &id(number), &[fact("api", 1, "x")]) {
            Ok(answer) => answer
                .recv()
                .expect("a push is always answered")
                .expect("the push is taken"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("limit: 3, ingester.max_tenants"), "{text}");
                refused += 1;
            }
        }
        assert_eq!(store.admits(&id(number)).is_err(), number >= 3);
    }
    assert_eq!((refused, store.tenants().len()), (3, 3));
    store.flush().expect("flushing works");
    drop(store);
    // Those whose data are there stay, whatever the limit.
    let one = Options {
        tenants: 1,
        ..few()
    };
    let store = Store::open(one).expect("the directory opens");
    assert_eq!(store.tenants().len(), 3);
    begin_push(&store, &id(2), &[fact("api", 2, "x")]).expect("it is known");
    assert!(begin_push(&store, &id(5), &[fact("api", 2, "x")]).is_err());
}

#[test]
fn a_tenant_that_can_not_be_flushed_holds_up_neither_others_nor_the_log() {
    use skald_wal::files::Files;
    let files = SimFiles::default();
    let bound = 40_000;
    let tight = Options {
        wal_bytes: bound,
        ..options(&files)
    };
    let store = Store::open(tight).expect("the directory opens");
    // A file where its folder should be.
    let blocked = Path::new("/data/tenants/stuck");
    drop(files.create(blocked).expect("the disk is fine"));
    let (stuck, other) = (
        TenantId::parse("stuck").expect("the name is good"),
        TenantId::parse("other").expect("the name is good"),
    );
    let line = "x".repeat(1_000);
    let push_of = |tenant: &TenantId, time: i64| {
        begin_push(&store, tenant, &[fact("api", time, &line)])
            .and_then(|answer| answer.recv().expect("a push is always answered"))
    };
    let (mut taken, mut refused) = (0, None);
    for round in 0..200 {
        push_of(&other, round).expect("the other one goes on");
        match push_of(&stuck, round) {
            Ok(()) => taken += 1,
            Err(error) => refused = Some(error),
        }
        if round % 5 == 4 {
            store.flush().expect_err("one can't be flushed");
        }
        let held = store.status().wal_bytes;
        assert!(held < 2 * bound, "{held} bytes of log in round {round}");
    }
    let refused = refused.expect("it was refused at last").to_string();
    assert!(
        refused.contains("entries of this tenant can't be written to disk"),
        "{refused}"
    );
    let status = store.status();
    assert_eq!((status.failing_tenants, status.stopped), (1, None));
    assert_eq!(read_tenant(&store, &other).len(), 200);
    files.remove(blocked).expect("the disk is fine");
    store.flush().expect("it can be flushed now");
    assert_eq!(store.status().failing_tenants, 0);
    push_of(&stuck, 1_000).expect("it is taken again");
    assert_eq!(read_tenant(&store, &stuck).len(), taken + 1);
}
