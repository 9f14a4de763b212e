//! The stores of rules and of alert states on a disk that crashes and fails at any step.
//!
//! A seed decides everything: `SKALD_RULE_SEEDS=7..8` runs one again.

use crate::model::seeds;
use crate::own_store::Memory;
use crate::support::{SECOND, empty_disk, group};
use skald_model::TenantId;
use skald_ruler::snapshot::{Durable, GroupSnapshot};
use skald_ruler::spec::GroupId;
use skald_ruler::states::StateStore;
use skald_ruler::stores::OwnRules;
use skald_ruler::templates::NoTemplates;
use skald_wal::sim::{Dice, Fault, SimFiles};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Lives of a process that a seed runs through, and what is done in each.
const LIVES: u64 = 4;
const STEPS: u64 = 12;

/// What each name may hold: the last that was acknowledged, and what was tried since.
type Model<K, V> = BTreeMap<K, Vec<Option<V>>>;

fn after(files: &SimFiles, dice: &mut Dice) -> SimFiles {
    match dice.one_in(4) {
        true => files.after_kill(),
        false => files.after_crash(dice),
    }
}

/// Notes a try: what was acknowledged is the only truth, what was not may have been done.
fn note<K: Ord, V>(model: &mut Model<K, V>, key: K, value: Option<V>, is_done: bool) {
    let may_be = model.entry(key).or_insert_with(|| vec![None]);
    if is_done {
        may_be.clear();
    }
    may_be.push(value);
}

/// What was found must be one of what may be, and is from now on the only truth.
fn settle<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    seed: u64,
    model: &mut Model<K, V>,
    mut find: impl FnMut(&K) -> Option<V>,
) {
    for (key, may_be) in model {
        let found = find(key);
        assert!(
            may_be.contains(&found),
            "seed {seed}: {key:?} is {found:?}, not of {may_be:?}"
        );
        *may_be = vec![found];
    }
}

fn open_rules(files: &SimFiles, seed: u64) -> OwnRules {
    let files = Arc::new(files.clone());
    let opened = OwnRules::open(files, Path::new("/data/rules"), &NoTemplates);
    let (rules, problems) = opened.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    assert!(problems.is_empty(), "seed {seed}: {problems:?}");
    // With a bucket, removed groups leave marks.
    match seed % 2 {
        0 => rules,
        _ => rules.with_bucket(Arc::new(Memory::default())),
    }
}

#[test]
fn acknowledged_groups_survive_and_removed_ones_stay_away() {
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let mut files = empty_disk();
        let mut model: Model<(u64, u64, u64), u64> = Model::new();
        let tenant = |number: u64| TenantId::parse(&format!("t{number}")).expect("it is sound");
        for _ in 0..LIVES {
            let rules = open_rules(&files, seed);
            settle(seed, &mut model, |(t, n, g)| {
                let found = rules.group(&tenant(*t), &format!("n{n}"), &format!("g{g}"))?;
                Some(found.group.limit)
            });
            files.crash_in(10 + dice.below(80));
            for _ in 0..STEPS {
                let key = (dice.below(2), dice.below(2), dice.below(3));
                let (namespace, name) = (format!("n{}", key.1), format!("g{}", key.2));
                if dice.one_in(6) {
                    files.fail_syncs(1, Fault::Broken);
                }
                if dice.one_in(3) {
                    let removed = rules.remove_group(&tenant(key.0), &namespace, &name);
                    // Nothing was there: nothing was done.
                    if !matches!(removed, Ok(false)) {
                        note(&mut model, key, None, removed.is_ok());
                    }
                } else {
                    let limit = dice.below(1_000_000);
                    let yaml = format!("name: {name}\nlimit: {limit}");
                    let put = rules.put(&tenant(key.0), &namespace, group(&yaml));
                    note(&mut model, key, Some(limit), put.is_ok());
                }
            }
            files = after(&files, &mut dice);
        }
        open_rules(&files, seed);
    }
}

#[test]
fn acknowledged_states_survive() {
    for seed in seeds() {
        let mut dice = Dice::new(seed);
        let mut files = empty_disk();
        let mut model: Model<u64, i64> = Model::new();
        let id = |number: u64| GroupId {
            tenant: TenantId::fake(),
            namespace: Arc::from("n"),
            name: Arc::from(format!("g{number}")),
        };
        let mut now = SECOND;
        for _ in 0..LIVES {
            let opened = StateStore::open(Arc::new(files.clone()), Path::new("/data/ruler"), now);
            let (states, restored) = opened.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            settle(seed, &mut model, |number| {
                restored.get(&id(*number)).map(|s| s.slot)
            });
            files.crash_in(dice.below(100));
            for _ in 0..STEPS * 2 {
                now += 1;
                if dice.one_in(8) {
                    files.fail_syncs(1, Fault::Broken);
                }
                let number = dice.below(4);
                let state = (!dice.one_in(5)).then_some(GroupSnapshot {
                    slot: now,
                    rules: Vec::new(),
                });
                let durable = match dice.one_in(3) {
                    true => Durable::Now,
                    false => Durable::Soon,
                };
                let slot = state.as_ref().map(|s| s.slot);
                let saved = states.save(&id(number), state, durable, now);
                let is_sure = saved.is_ok() && durable == Durable::Now;
                note(&mut model, number, slot, is_sure);
                if is_sure {
                    // One fsync is for all that was saved before it.
                    for may_be in model.values_mut() {
                        let last = may_be.pop();
                        may_be.clear();
                        may_be.extend(last);
                    }
                }
            }
            files = after(&files, &mut dice);
        }
    }
}

#[test]
fn a_log_of_states_does_not_grow_without_end() {
    let files = empty_disk();
    let opened = StateStore::open(Arc::new(files.clone()), Path::new("/data/ruler"), 0);
    let (states, _) = opened.expect("the folder is sound");
    let id = GroupId {
        tenant: TenantId::fake(),
        namespace: Arc::from("n".repeat(10_000)),
        name: Arc::from("g"),
    };
    for slot in 0..1_000 {
        let state = GroupSnapshot {
            slot,
            rules: Vec::new(),
        };
        let saved = states.save(&id, Some(state), Durable::Soon, slot);
        saved.expect("the disk is sound");
    }
    assert!(files.used() < 3 << 20, "{}", files.used());
}
