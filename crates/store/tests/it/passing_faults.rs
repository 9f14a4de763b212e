//! Faults that pass: whatever operation of the disk meets one, nothing acknowledged is lost, and the
//! store goes on by itself.

use crate::support::{Fact, fact, push, read_all, test_deletes};
use skald_model::TenantId;
use skald_store::{Options, Store, StoreError};
use skald_wal::sim::{Dice, Fault, SimFiles};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn open(files: &SimFiles) -> Result<Store, StoreError> {
    Store::open(Options {
        background: false,
        files: Arc::new(files.clone()),
        wal_segment_bytes: 3_000,
        full_retry: Duration::ZERO,
        patience: Duration::ZERO,
        delete_compiler: test_deletes(),
        delete_cancel_period: Duration::ZERO,
        ..Options::new("/data")
    })
}

/// What was acknowledged of everything that a store is asked for.
#[derive(Default)]
struct Acknowledged {
    facts: BTreeSet<Fact>,
    is_deleted: bool,
}

impl Acknowledged {
    fn push(&mut self, store: &Store, app: &str, times: std::ops::Range<i64>) {
        let facts: Vec<Fact> = times
            .map(|time| fact(app, time, &format!("{time} {}", "x".repeat(200))))
            .collect();
        if push(store, &facts).is_ok() {
            self.facts.extend(facts);
        }
    }

    /// Pushes, flushes, a delete, a merge and a sweep, each of which may fail.
    fn ask_everything(&mut self, store: &Store) {
        self.push(store, "gone", 0..5);
        let _ = store.flush();
        self.push(store, "kept", 5..10);
        let _ = store.flush();
        self.push(store, "kept", 10..15);
        let made = store.delete(&TenantId::fake(), "gone", i64::MIN, i64::MAX);
        self.is_deleted = made.is_ok();
        let _ = store.compact();
        let _ = store.sweep();
        self.push(store, "kept", 15..20);
        let _ = store.flush();
    }

    fn check(&self, files: &SimFiles, what: &str) {
        let store = open(files).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = read_all(&store);
        let gone = |fact: &&Fact| fact.labels.get("app") == Some("gone");
        for fact in &self.facts {
            let hidden = self.is_deleted && gone(&fact);
            assert_eq!(
                found.contains(fact),
                !hidden || found.contains(fact),
                "{what}: {fact:?}"
            );
            assert!(
                !hidden || !found.contains(fact),
                "{what}: {fact:?} was deleted"
            );
        }
    }
}

#[test]
fn a_fault_at_any_operation_loses_nothing_and_passes() {
    let files = SimFiles::default();
    let store = open(&files).expect("the directory opens");
    let before = files.operations();
    Acknowledged::default().ask_everything(&store);
    let operations = files.operations() - before;
    drop(store);
    assert!(operations > 40, "{operations} operations");
    let faults = [
        Fault::Full,
        Fault::NoMemory,
        Fault::TryAgain,
        Fault::NoDescriptors,
    ];
    for (number, fault) in (0..operations).flat_map(|n| faults.map(|fault| (n, fault))) {
        let times = 1 + number % 3;
        let what = format!("{fault:?} at operation {number}, {times} times");
        let files = SimFiles::default();
        let store = open(&files).expect("the directory opens");
        files.fail_operations(number, times, fault);
        let mut acknowledged = Acknowledged::default();
        acknowledged.ask_everything(&store);
        let mut dice = Dice::new(number);
        acknowledged.check(&files.after_crash(&mut dice), &format!("{what}, crash"));
        // Whatever is left of the fault passes, and all is as if there had been none.
        files.fail_operations(0, 0, fault);
        assert_eq!(store.status().stopped, None, "{what}");
        let before = acknowledged.facts.len();
        acknowledged.push(&store, "after", 20..21);
        assert_eq!(acknowledged.facts.len(), before + 1, "{what}: a push");
        for done in [store.flush(), store.compact(), store.sweep()] {
            done.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        acknowledged.check(&files.after_crash(&mut dice), &format!("{what}, healed"));
        acknowledged.check(&files.after_kill(), &what);
    }
}

/// A store with two entries in a part, and its disk.
fn with_a_part(background: bool) -> (SimFiles, Store) {
    let files = SimFiles::default();
    let store = Store::open(Options {
        background,
        files: Arc::new(files.clone()),
        delete_compiler: test_deletes(),
        ..Options::new("/data")
    });
    let store = store.expect("the directory opens");
    push(&store, &[fact("kept", 1, "one"), fact("gone", 1, "two")]).expect("taken");
    store.flush().expect("the disk is fine");
    (files, store)
}

/// Whether the manifest that a process would find has the delete request.
fn is_named(files: &SimFiles) -> bool {
    let manifest = files.bytes_of(Path::new("/data/tenants/fake/MANIFEST"));
    let bytes = manifest.expect("it is there");
    String::from_utf8_lossy(&bytes).contains("\"gone\"")
}

/// Operations of a delete request, more than it has.
const OPERATIONS: std::ops::Range<u64> = 0..12;

#[test]
fn a_manifest_whose_name_is_not_durable_is_written_again_in_the_background() {
    let mut seen = 0;
    for number in OPERATIONS {
        let (files, store) = with_a_part(true);
        files.fail_operations(number, 1, Fault::Full);
        let made = store.delete(&TenantId::fake(), "gone", i64::MIN, i64::MAX);
        if made.is_ok() || !is_named(&files) {
            continue;
        }
        // It was renamed, and the folder's sync failed.
        seen += 1;
        assert_eq!(store.status().stopped, None);
        push(&store, &[fact("kept", 2, "three")]).expect("pushes go on");
        // What was refused is taken back for good, without anybody asking for it.
        while is_named(&files) {
            std::thread::yield_now();
        }
    }
    assert_eq!(seen, 1);
}

#[test]
fn a_broken_disk_under_a_manifest_ends_writing() {
    let mut seen = 0;
    for number in OPERATIONS {
        let (files, store) = with_a_part(false);
        files.fail_operations(number, 1, Fault::Broken);
        let made = store.delete(&TenantId::fake(), "gone", i64::MIN, i64::MAX);
        if made.is_err() && is_named(&files) {
            seen += 1;
            assert!(store.status().stopped.is_some());
            assert!(push(&store, &[fact("kept", 2, "three")]).is_err());
        }
    }
    assert_eq!(seen, 1);
}
