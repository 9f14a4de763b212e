//! Pushes, flushes and merges on a disk that crashes, fills and fails, compared with a model.
//!
//! A seed decides everything, so a failing one can be run again: `SKALD_CRASH_SEEDS=7..8`. After each
//! crash the store must have every acknowledged entry once and nothing that was never sent.

mod support;

use skald_model::{ContentQuery, Labels, TenantId, TimeRange, time::DAY_NS};
use skald_store::{Options, Store, StoreError, WriteError};
use skald_wal::sim::{Dice, SimFiles};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Fact, push, read};

/// Lives of a process a seed runs through.
const LIVES: u64 = 5;
/// Things done in one life.
const STEPS: u64 = 14;

/// What a correct store may and must hold.
#[derive(Default)]
struct Model {
    sent: BTreeSet<Fact>,
    acknowledged: BTreeSet<Fact>,
    next: u64,
}

impl Model {
    /// A push of new entries; every entry is different, so that one stored twice is seen.
    fn new_push(&mut self, dice: &mut Dice) -> Vec<Fact> {
        let facts: Vec<Fact> = (0..1 + dice.below(12)).map(|_| self.new_fact(dice)).collect();
        self.sent.extend(facts.iter().cloned());
        facts
    }

    fn new_fact(&mut self, dice: &mut Dice) -> Fact {
        self.next += 1;
        let filler = "filler ".repeat(dice.below(60) as usize);
        let has_metadata = dice.one_in(3);
        Fact {
            labels: Labels::from_pairs([("app", format!("app-{}", dice.below(5)))]),
            time: dice.below(2) as i64 * DAY_NS + dice.below(1_000) as i64,
            line: format!("entry {} {filler}", self.next).into_bytes(),
            metadata: has_metadata.then(|| ("trace".to_owned(), format!("t{}", self.next))).into_iter().collect(),
        }
    }
}

fn open(files: &SimFiles) -> Result<Store, StoreError> {
    Store::open(Options {
        background: false,
        files: Arc::new(files.clone()),
        flush_bytes: 12_000,
        wal_segment_bytes: 4_000,
        full_retry: std::time::Duration::ZERO,
        ..Options::new("/data")
    })
}

/// Opens a directory that is sound, and compares.
fn check(files: &SimFiles, model: &Model, seed: u64) -> Store {
    let store = open(files).unwrap_or_else(|e| panic!("seed {seed}: the directory does not open: {e}"));
    let found = read(&store, &[], TimeRange::ALL, &ContentQuery::default());
    let distinct: BTreeSet<Fact> = found.iter().cloned().collect();
    assert_eq!(found.len(), distinct.len(), "seed {seed}: entries are there twice");
    let lost = model.acknowledged.difference(&distinct).count();
    let invented = distinct.difference(&model.sent).count();
    assert_eq!((lost, invented), (0, 0), "seed {seed}: (lost, invented) of {}", model.acknowledged.len());
    store
}

/// One life: a store is opened and used until it crashes or is closed.
fn live(files: &SimFiles, model: &mut Model, dice: &mut Dice) {
    let Ok(store) = open(files) else { return };
    for _ in 0..STEPS {
        match dice.below(10) {
            0 | 1 => drop(store.flush()),
            2 => drop(store.compact()),
            3 => files.set_capacity(Some(files.used() + dice.below(4_000) as usize)),
            4 => files.set_capacity(None),
            5 if dice.one_in(6) => files.fail_syncs(1),
            _ => {
                let facts = model.new_push(dice);
                match push(&store, &facts) {
                    Ok(()) => model.acknowledged.extend(facts),
                    Err(WriteError::Busy) => drop(store.flush()),
                    Err(WriteError::DiskFull | WriteError::Stopped(_) | WriteError::Recovering) => {}
                }
            }
        }
    }
    let _ = store.close(dice.one_in(2));
}

fn run(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut files = SimFiles::default();
    let mut model = Model::default();
    for _ in 0..LIVES {
        if dice.one_in(5) {
            files.crash_in(u64::MAX / 2);
        } else {
            files.crash_in(dice.below(220));
        }
        live(&files, &mut model, &mut dice);
        files = if dice.one_in(3) { files.after_kill() } else { files.after_crash(&mut dice) };
        // A crash while recovering from a crash must not matter either.
        if dice.one_in(3) {
            files.crash_in(dice.below(30));
            drop(open(&files));
            files = files.after_crash(&mut dice);
        }
        drop(check(&files, &model, seed));
        files = files.after_kill();
    }
    let store = check(&files, &model, seed);
    store.flush().expect("the disk is fine");
    store.compact().expect("the disk is fine");
    drop(store);
    let tenants = check(&files, &model, seed).tenants();
    assert!(tenants.iter().all(|t| *t == TenantId::fake()), "seed {seed}: {tenants:?}");
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let seeds = std::env::var("SKALD_CRASH_SEEDS").unwrap_or_else(|_| "0..100".to_owned());
    let (first, end) = seeds.split_once("..").expect("SKALD_CRASH_SEEDS is like 0..100");
    let [first, end] = [first, end].map(|n| n.parse::<u64>().expect("SKALD_CRASH_SEEDS is like 0..100"));
    (first..end).for_each(run);
}
