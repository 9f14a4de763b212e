//! Tenants whose folder can't be read: the others are served, and they are taken in once it can be.

use crate::support::{Fact, batch, fact, read_all, read_tenant, test_deletes};
use skald_model::{Charge, ContentQuery, TenantId, TimeRange};
use skald_store::{DeleteError, Options, Select, Store, StoreError, WriteError};
use skald_wal::sim::SimFiles;
use std::path::Path;
use std::sync::{Arc, mpsc};

fn options(files: &SimFiles) -> Options {
    Options {
        background: false,
        files: Arc::new(files.clone()),
        wal_segment_bytes: 2_000,
        delete_compiler: test_deletes(),
        ..Options::new("/data")
    }
}

fn open(files: &SimFiles) -> Store {
    Store::open(options(files)).expect("the directory opens")
}

fn lost() -> TenantId {
    TenantId::parse("lost").expect("the name is good")
}

fn push_of(store: &Store, tenant: &TenantId, facts: &[Fact]) -> Result<(), WriteError> {
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| drop(sender.send(result)));
    store.write(tenant, &batch(facts), done)?;
    receiver.recv().expect("a push is always answered")
}

fn facts(times: std::ops::Range<i64>) -> Vec<Fact> {
    times
        .map(|time| fact("api", time, &"x".repeat(300)))
        .collect()
}

/// A directory in which two tenants have a part each, and more in the WAL.
fn killed() -> SimFiles {
    let files = SimFiles::default();
    let store = open(&files);
    for times in [0..10, 10..20] {
        for tenant in [TenantId::fake(), lost()] {
            push_of(&store, &tenant, &facts(times.clone())).expect("the push is taken");
        }
        if times.start == 0 {
            store.flush().expect("the disk is fine");
        }
    }
    drop(store);
    files.after_kill()
}

fn is_unreadable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::TenantUnreadable { tenant, .. }) if *tenant == lost())
}

fn check_refused(store: &Store) {
    let tenant = lost();
    let refused = push_of(store, &tenant, &facts(20..21));
    assert!(
        matches!(refused, Err(WriteError::Unreadable(_))),
        "{refused:?}"
    );
    assert!(matches!(
        store.admits(&tenant),
        Err(WriteError::Unreadable(_))
    ));
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &ContentQuery::default(),
    };
    assert!(is_unreadable(&store.select(&tenant, &select)));
    let (all, charge) = (TimeRange::ALL, &mut Charge::default());
    assert!(is_unreadable(&store.patterns(&tenant, &[], all, charge)));
    assert!(is_unreadable(&store.streams(&tenant, &[], all, charge)));
    let names = store.label_names(&tenant, &[], all, charge);
    assert!(is_unreadable(&names));
    let values = store.label_values(&tenant, "app", &[], all, charge);
    assert!(is_unreadable(&values));
    assert!(is_unreadable(&store.deletes(&tenant)));
    let delete = store.delete(&tenant, "api", 0, 1);
    assert!(matches!(delete, Err(DeleteError::Store(_))), "{delete:?}");
    let error = store.select(&tenant, &select).err().map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("lost") && e.contains("error 5")));
}

#[test]
fn a_tenant_that_cannot_be_read_is_refused_and_the_others_are_served() {
    for path in ["/data/tenants/lost/MANIFEST", "/data/tenants/lost"] {
        let files = killed();
        files.break_reads(Some(Path::new(path)));
        let store = open(&files);
        assert_eq!(store.status().unreadable_tenants, 1, "{path}");
        assert_eq!(store.status().stopped, None);
        check_refused(&store);
        assert_eq!(read_all(&store), facts(0..20).into_iter().collect());
        push_of(&store, &TenantId::fake(), &facts(20..30)).expect("the push is taken");
        // Nothing of the tenant goes while it is not there.
        store.flush().expect("the disk is fine");
        store.compact().expect("the disk is fine");
        store.sweep().expect("the disk is fine");
        assert_eq!(read_all(&store), facts(0..30).into_iter().collect());
        drop(store);
        let files = files.after_kill();
        let store = open(&files);
        assert_eq!(store.status().unreadable_tenants, 0);
        assert_eq!(read_tenant(&store, &lost()), facts(0..20), "{path}");
        assert_eq!(read_all(&store), facts(0..30).into_iter().collect());
    }
}

#[test]
fn a_tenant_that_can_be_read_again_is_taken_in_while_the_store_runs() {
    let files = killed();
    files.break_reads(Some(Path::new("/data/tenants/lost")));
    let store = Store::open(Options {
        background: true,
        unreadable_retry: std::time::Duration::ZERO,
        ..options(&files)
    });
    let store = store.expect("the directory opens");
    check_refused(&store);
    files.break_reads(None);
    while store.status().unreadable_tenants > 0 {
        std::thread::yield_now();
    }
    push_of(&store, &lost(), &facts(20..30)).expect("the push is taken");
    assert_eq!(read_tenant(&store, &lost()), facts(0..30));
    store.flush().expect("the disk is fine");
    drop(store);
    let store = open(&files.after_kill());
    assert_eq!(read_tenant(&store, &lost()), facts(0..30));
}

#[test]
fn a_manifest_of_a_later_version_still_stops_the_start() {
    let files = killed();
    let path = Path::new("/data/tenants/lost/MANIFEST");
    let bytes = files.bytes_of(path).expect("it is there");
    let text = String::from_utf8(bytes).expect("it is text");
    let json = text.split_once('\n').expect("a line comes first").1;
    let json = json.split("skald-manifest").next().expect("a copy");
    let later = json.replace("\"version\": 2", "\"version\": 99");
    let head = format!(
        "skald-manifest {:08x} {}\n",
        crc32fast::hash(later.as_bytes()),
        later.len()
    );
    files.set_bytes_of(path, format!("{head}{later}").repeat(2).as_bytes());
    let refused = Store::open(options(&files)).err();
    let refused = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("version 99"), "{refused}");
}
