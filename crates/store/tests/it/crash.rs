//! Pushes, deletes, retention, flushes and merges of several tenants on a disk that crashes, fills
//! and fails, compared with a model.
//!
//! A seed decides everything, so a failing one can be run again: `SKALD_CRASH_SEEDS=7..8`. After
//! each crash the store must have every acknowledged entry once, unless it was deleted or has
//! expired, nothing that was never sent, and nothing that a delete request in force or an age
//! hides.

use crate::model::{Cancelled, Made, Model, RETENTION_DAYS, TENANTS, tenant};
use crate::support::{Fact, TestClock, begin_push, read_tenant, test_deletes};
use skald_model::time::DAY_NS;
use skald_store::{
    Options, Progress, Retention, RetentionOf, Store, StoreError, StreamRetention, WriteError,
};
use skald_wal::sim::{Dice, Fault, SimFiles};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Lives of a process a seed runs through.
const LIVES: u64 = 5;
/// Things done in one life.
const STEPS: u64 = 16;
const DAY: Duration = Duration::from_secs(86_400);

/// A push that waits for its answer: tenant, entries.
type Waiting = (usize, Vec<Fact>, Receiver<Result<(), WriteError>>);

/// What a seed goes through.
struct Run {
    seed: u64,
    dice: Dice,
    clock: Arc<TestClock>,
    model: Model,
    files: SimFiles,
}

impl Run {
    fn open(&self) -> Result<Store, StoreError> {
        let kept: Vec<Arc<Retention>> = (0..TENANTS)
            .map(|number| Arc::new(retention(number)))
            .collect();
        let settings = move |of: &skald_model::TenantId| {
            let number = (0..TENANTS)
                .find(|number| tenant(*number) == *of)
                .unwrap_or(0);
            kept[number].clone()
        };
        Store::open(Options {
            background: false,
            files: Arc::new(self.files.clone()),
            clock: self.clock.clone(),
            retention: RetentionOf::new(settings),
            delete_compiler: test_deletes(),
            flush_bytes: 12_000,
            wal_segment_bytes: 4_000,
            full_retry: Duration::ZERO,
            patience: Duration::ZERO,
            open_files: 2,
            ..Options::new("/data")
        })
    }

    /// Opens a directory that is sound, and compares.
    fn check(&mut self) -> Store {
        let store = self
            .open()
            .unwrap_or_else(|e| panic!("seed {}: the directory does not open: {e}", self.seed));
        for number in 0..TENANTS {
            let listed: Vec<String> = store
                .deletes(&tenant(number))
                .expect("the tenant can be read")
                .into_iter()
                .map(|r| r.query)
                .collect();
            self.model.learn_deletes(number, &listed, self.seed);
        }
        self.compare(&store);
        store
    }

    fn compare(&self, store: &Store) {
        // What is read must be there; that reading waits for descriptors is asked elsewhere.
        self.files.set_descriptors(None);
        for number in 0..TENANTS {
            self.model
                .compare(number, &read_tenant(store, &tenant(number)), self.seed);
        }
    }

    /// One life: a store is opened and used until it crashes or is closed.
    fn live(&mut self) {
        let Ok(store) = self.open() else { return };
        for _ in 0..STEPS {
            match self.dice.below(18) {
                16 => {
                    let most = self.files.descriptors() + self.dice.below(4) as usize;
                    self.files.set_descriptors(Some(most));
                }
                17 => self.files.set_descriptors(None),
                0 | 1 => drop(store.flush()),
                2 => drop(store.compact()),
                3 => self
                    .files
                    .set_capacity(Some(self.files.used() + self.dice.below(4_000) as usize)),
                4 => self.files.set_capacity(None),
                5 if self.dice.one_in(6) => self.files.fail_syncs(1, Fault::Broken),
                5 => self.files.fail_syncs(1 + self.dice.below(3), Fault::Full),
                6 => drop(store.sweep()),
                7 => self.let_time_pass(),
                8 => self.delete(&store),
                9 if self.dice.one_in(2) => self.cancel(&store),
                10 | 11 => self.burst(&store),
                _ => {
                    let waiting = self.push(&store);
                    self.settle(waiting.into_iter().collect());
                }
            }
        }
        let _ = store.close(self.dice.one_in(2));
        self.files.set_descriptors(None);
    }

    fn let_time_pass(&mut self) {
        let nanoseconds = self.dice.below(DAY_NS as u64) as i64;
        self.clock.advance(nanoseconds);
        self.model.now += nanoseconds;
    }

    /// Several pushes while the log's first write of them waits, with other work in between: they
    /// become two groups, and some of them are in parts before they are in the log.
    fn burst(&mut self, store: &Store) {
        self.files.hold_appends(Path::new("/data/wal"));
        let mut waiting: Vec<Waiting> = self.push(store).into_iter().collect();
        while let Some((_, _, answer)) = waiting.first() {
            // Either the log's thread has come to its write, or it failed on the way.
            match answer.try_recv() {
                Ok(result) => {
                    let (number, facts, _) = waiting.remove(0);
                    self.model.answered(number, &facts, &result);
                }
                Err(_) if self.files.is_holding() => break,
                Err(_) => std::thread::yield_now(),
            }
        }
        for _ in 0..self.dice.below(5) {
            match self.dice.below(8) {
                0 => self.delete(store),
                1 => self.cancel(store),
                2 => drop(store.flush()),
                _ => waiting.extend(self.push(store)),
            }
        }
        if self.dice.one_in(8) {
            self.files.crash_in(self.dice.below(3));
        }
        self.files.release_appends();
        self.settle(waiting);
    }

    fn push(&mut self, store: &Store) -> Option<Waiting> {
        let number = self.dice.below(TENANTS as u64) as usize;
        let facts = self.model.new_push(number, &mut self.dice);
        match begin_push(store, &tenant(number), &facts) {
            Ok(answer) => Some((number, facts, answer)),
            Err(WriteError::Busy) => {
                let _ = store.flush();
                None
            }
            Err(_) => None,
        }
    }

    fn settle(&mut self, waiting: Vec<Waiting>) {
        for (number, facts, answer) in waiting {
            let result = answer.recv().expect("a push is always answered");
            self.model.answered(number, &facts, &result);
        }
    }

    fn delete(&mut self, store: &Store) {
        let number = self.dice.below(TENANTS as u64) as usize;
        let delete = self.model.new_delete(number, &mut self.dice);
        let made = store.delete(&tenant(number), &delete.text, delete.start, delete.end);
        let is_made = made.is_ok();
        self.model
            .made_delete(number, delete, made.map_or(Made::PerhapsMade, Made::Made));
        if is_made {
            self.compare(store);
        }
    }

    fn cancel(&mut self, store: &Store) {
        let number = self.dice.below(TENANTS as u64) as usize;
        let Some(id) = self.model.some_delete(number, &mut self.dice) else {
            return;
        };
        let progress = store
            .deletes(&tenant(number))
            .expect("the tenant can be read")
            .into_iter()
            .find(|r| r.id == id)
            .map(|r| r.progress);
        let whole = progress == Some(Progress::Received);
        match store.cancel_delete(&tenant(number), &id, true) {
            Ok(()) => self.model.cancelled_delete(
                number,
                &id,
                if whole {
                    Cancelled::Whole
                } else {
                    Cancelled::Rest
                },
            ),
            Err(skald_store::CancelError::Store(_)) => {
                self.model.cancelled_delete(number, &id, Cancelled::Perhaps)
            }
            Err(_) => {}
        }
    }
}

/// Of the first tenant everything is kept, of the second by age, of the third by stream.
fn retention(number: usize) -> Retention {
    let rule = StreamRetention {
        matchers: vec![skald_model::Matcher::equal("app", "app-1")],
        priority: 1,
        period: DAY * RETENTION_DAYS as u32,
    };
    match number {
        0 => Retention::default(),
        1 => Retention {
            period: Some(DAY * RETENTION_DAYS as u32),
            ..Retention::default()
        },
        _ => Retention {
            streams: vec![rule],
            ..Retention::default()
        },
    }
}

fn run(seed: u64) {
    let clock = Arc::new(TestClock::default());
    let model = Model::default();
    clock.advance(model.now);
    let mut run = Run {
        seed,
        dice: Dice::new(seed),
        clock,
        model,
        files: SimFiles::default(),
    };
    for _ in 0..LIVES {
        match run.dice.one_in(5) {
            true => run.files.crash_in(u64::MAX / 2),
            false => run.files.crash_in(run.dice.below(260)),
        }
        run.live();
        run.files = if run.dice.one_in(3) {
            run.files.after_kill()
        } else {
            run.files.after_crash(&mut run.dice)
        };
        // A crash while recovering from a crash must not matter either.
        if run.dice.one_in(3) {
            run.files.crash_in(run.dice.below(30));
            drop(run.open());
            run.files = run.files.after_crash(&mut run.dice);
        }
        drop(run.check());
        run.files = run.files.after_kill();
    }
    finish(run);
}

/// On a disk that is fine all that is due is done: what was deleted is gone, not only hidden.
fn finish(mut run: Run) {
    let store = run.check();
    run.clock.advance(2 * DAY_NS);
    run.model.now += 2 * DAY_NS;
    store.flush().expect("the disk is fine");
    store.compact().expect("the disk is fine");
    store.sweep().expect("the disk is fine");
    run.compare(&store);
    for number in 0..TENANTS {
        let open = store
            .deletes(&tenant(number))
            .expect("the tenant can be read")
            .iter()
            .filter(|r| r.progress != Progress::Processed)
            .count();
        assert_eq!(
            open, 0,
            "seed {}: requests that are not processed",
            run.seed
        );
    }
    drop(store);
    drop(run.check());
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_invented() {
    let seeds = std::env::var("SKALD_CRASH_SEEDS").unwrap_or_else(|_| "0..100".to_owned());
    let (first, end) = seeds
        .split_once("..")
        .expect("SKALD_CRASH_SEEDS is like 0..100");
    let [first, end] =
        [first, end].map(|n| n.parse::<u64>().expect("SKALD_CRASH_SEEDS is like 0..100"));
    (first..end).for_each(run);
}
