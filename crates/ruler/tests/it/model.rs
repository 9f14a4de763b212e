//! Alerts through random results, failures, restarts, clock steps and reloads, against the plain
//! reference.
//!
//! A seed decides everything: `SKALD_RULE_SEEDS=7..8` runs one again.

use crate::oracle::{Oracle, State};
use crate::support::{MINUTE, SECOND, Series, World, empty_disk, loaded};
use skald_model::TenantId;
use skald_ruler::engine::EngineError;
use skald_ruler::ruler::Ruler;
use skald_ruler::schedule::Schedule;
use skald_ruler::settings::{FailureAlerts, Settings};
use skald_ruler::states::StateStore;
use skald_ruler::view::{GroupView, RuleState};
use skald_wal::sim::{Dice, SimFiles};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Slots that a seed lives through.
const SLOTS: usize = 120;
const INTERVAL: i64 = MINUTE;
const NAMES: [&str; 3] = ["a", "b", "c"];

pub(crate) fn seeds() -> std::ops::Range<u64> {
    let text = std::env::var("SKALD_RULE_SEEDS").unwrap_or_default();
    let range = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or(0..40)
}

/// What the stored lines say at an instant: the same whenever it is asked.
fn truth(seed: u64, query: &str, at: i64) -> Result<Series, EngineError> {
    let of_query = query.bytes().fold(seed, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    // Phases of some slots, in which each name is there or not, with slots that differ.
    let slot = at.div_euclid(INTERVAL);
    let mut dice = Dice::new(of_query ^ (slot as u64) << 20);
    if dice.one_in(12) {
        return Err(EngineError::Failed("too much".to_owned()));
    }
    let mut series = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let phase = slot.div_euclid(7 + 5 * number as i64) as u64;
        let mut phases = Dice::new(of_query ^ (phase << 8) ^ (number as u64) << 4);
        if phases.one_in(2) != dice.one_in(10) {
            series.push(((*name).to_owned(), dice.below(100) as f64));
        }
    }
    Ok(series)
}

struct Run {
    seed: u64,
    dice: Dice,
    world: World,
    files: SimFiles,
    ruler: Ruler,
    /// By the names of rules.
    oracles: BTreeMap<String, Oracle>,
    last: Option<i64>,
    /// The first slot after a crash may send again what was sent before it.
    may_repeat: bool,
}

fn settings() -> Settings {
    Settings {
        failure_alerts: FailureAlerts::Off,
        ..Settings::default()
    }
}

fn open(world: &World, files: &SimFiles) -> Ruler {
    let files = Arc::new(files.clone());
    let (states, restored) = StateStore::open(files, Path::new("/data/ruler"), world.now())
        .expect("the folder is sound");
    world.ruler_with(settings(), Some(states), restored)
}

impl Run {
    fn new(seed: u64) -> Run {
        let world = World::new(1_000_000 * MINUTE + 17 * SECOND);
        world.answer(move |question| truth(seed, question.query, question.at));
        let files = empty_disk();
        let mut run = Run {
            seed,
            dice: Dice::new(seed),
            ruler: open(&world, &files),
            world,
            files,
            oracles: BTreeMap::new(),
            last: None,
            may_repeat: false,
        };
        for name in ["now", "held", "kept", "both"] {
            run.oracles.insert(name.to_owned(), Oracle::default());
        }
        run.change_holds();
        run.load();
        run
    }

    fn change_holds(&mut self) {
        for (name, oracle) in &mut self.oracles {
            let mut minutes = |applies: bool| match applies {
                true => (1 + self.dice.below(8) as i64) * MINUTE,
                false => 0,
            };
            oracle.hold = minutes(name == "held" || name == "both");
            oracle.keep = minutes(name == "kept" || name == "both");
        }
    }

    fn load(&self) {
        let mut yaml = "name: g\ninterval: 1m\nrules:\n".to_owned();
        for (name, oracle) in &self.oracles {
            let (hold, keep) = (oracle.hold / MINUTE, oracle.keep / MINUTE);
            yaml += &format!(
                "- {{alert: {name}, expr: 'count_over_time({{a=\"{name}\"}}[1m])', for: {hold}m, \
                 keep_firing_for: {keep}m}}\n"
            );
        }
        self.ruler.load(&TenantId::fake(), vec![loaded("n", &yaml)]);
    }

    fn query(name: &str) -> String {
        format!("count_over_time({{a=\"{name}\"}}[1m])")
    }

    /// Lives on until a slot was evaluated.
    fn next_slot(&self) -> GroupView {
        let view = || self.ruler.view(&TenantId::fake()).remove(0);
        let before = view().iterations;
        loop {
            let due = self.ruler.run_due().expect("the group waits");
            let view = view();
            if view.iterations > before {
                assert_eq!(view.iterations, before + 1, "seed {}", self.seed);
                return view;
            }
            let wait = due - self.world.now();
            assert!(wait <= 2 * INTERVAL, "seed {}: waits {wait}", self.seed);
            self.world.set(due);
        }
    }

    /// Evaluates the next slot and compares all that is seen.
    fn step(&mut self) {
        let before = self.last;
        let view = self.next_slot();
        let slot = view.last_evaluation.expect("a slot was evaluated");
        assert!(
            (0..INTERVAL).contains(&(self.world.now() - slot)),
            "seed {}",
            self.seed
        );
        self.last = Some(slot);
        let sent = self.world.take_sent();
        for rule in &view.rules {
            let name = rule.rule.name.clone();
            let oracle = self.oracles.get_mut(&name).expect("it is one of them");
            if self.may_repeat {
                catch_up(self.seed, &name, oracle, before, slot);
            }
            if let Ok(found) = truth(self.seed, &Run::query(&name), slot) {
                oracle.evaluate(slot, &found);
            }
            let expected: Vec<_> = oracle
                .alerts
                .iter()
                .filter(|(_, alert)| alert.state != State::Inactive)
                .map(|(of, alert)| {
                    let state = match alert.state {
                        State::Pending => RuleState::Pending,
                        _ => RuleState::Firing,
                    };
                    let fired = (state == RuleState::Firing).then_some(alert.fired_at);
                    (
                        of.clone(),
                        state,
                        alert.active_at,
                        fired,
                        alert.keep_since,
                        alert.value,
                    )
                })
                .collect();
            let found: Vec<_> = rule
                .alerts
                .iter()
                .map(|a| {
                    let of = a.labels.get("of").unwrap_or_default().to_owned();
                    (
                        of,
                        a.state,
                        a.active_at,
                        a.fired_at,
                        a.keep_firing_since,
                        a.value,
                    )
                })
                .collect();
            assert_eq!(
                found, expected,
                "seed {}, rule {name}, slot {slot}",
                self.seed
            );

            let mut expected = oracle.send(slot, settings().resend_delay);
            let found: BTreeMap<String, bool> = sent
                .iter()
                .filter(|n| n.labels.get("alertname") == Some(&name))
                .map(|n| {
                    (
                        n.labels.get("of").unwrap_or_default().to_owned(),
                        n.resolved,
                    )
                })
                .collect();
            if self.may_repeat {
                for (of, resolved) in &found {
                    let alert = oracle.alerts.get_mut(of).expect("it was there");
                    assert_eq!(*resolved, alert.state == State::Inactive);
                    alert.last_sent = Some(slot);
                    expected.insert(of.clone(), *resolved);
                }
            }
            assert_eq!(
                found, expected,
                "seed {}, rule {name}, slot {slot}",
                self.seed
            );
        }
        self.may_repeat = false;
    }

    fn crash(&mut self) {
        match self.dice.below(3) {
            0 => self.files = self.files.after_crash(&mut self.dice),
            1 => self.files = self.files.after_kill(),
            _ => {}
        }
        let away = self.dice.below(40) as i64 * INTERVAL / 2 + self.dice.below(60) as i64 * SECOND;
        self.world.set(self.world.now() + away);
        self.ruler = open(&self.world, &self.files);
        self.may_repeat = true;
        self.load();
    }

    fn live(&mut self) {
        for _ in 0..SLOTS {
            match self.dice.below(30) {
                0 | 1 => self.crash(),
                2 => {
                    self.change_holds();
                    self.load();
                }
                3 => {
                    let back = self.dice.below(20) as i64 * MINUTE;
                    self.world.set(self.world.now() - back);
                }
                4 => {
                    let ahead = self.dice.below(20) as i64 * MINUTE;
                    self.world.set(self.world.now() + ahead);
                }
                _ => {}
            }
            self.step();
        }
    }
}

/// The slots that passed while the process was away, as far as `for` and `keep_firing_for` reach.
fn catch_up(seed: u64, name: &str, oracle: &mut Oracle, last: Option<i64>, slot: i64) {
    let (Some(last), reach) = (last, oracle.hold.max(oracle.keep)) else {
        return;
    };
    if reach == 0 {
        return;
    }
    let first_needed = slot - (reach + INTERVAL).min(settings().outage_tolerance);
    let mut at = last + INTERVAL;
    if at < first_needed {
        oracle
            .alerts
            .retain(|_, alert| alert.state != State::Pending);
    }
    while at < slot {
        if at >= first_needed
            && let Ok(found) = truth(seed, &Run::query(name), at)
        {
            oracle.evaluate(at, &found);
        }
        at += INTERVAL;
    }
}

#[test]
fn alerts_are_those_of_the_plain_reference() {
    for seed in seeds() {
        Run::new(seed).live();
    }
}

#[test]
fn a_day_of_slots_is_lived_through_at_once() {
    let world = World::new(0);
    world.answer(|question| truth(1, question.query, question.at));
    let ruler = world.ruler(settings());
    let groups = (0..10).map(|number| {
        let rule =
            format!("{{alert: r{number}, expr: 'count_over_time({{a=\"b\"}}[1m])', for: 5m}}");
        loaded("n", &format!("name: g{number}\nrules: [{rule}]"))
    });
    ruler.load(&TenantId::fake(), groups.collect());
    let day = 24 * 60 * MINUTE;
    while world.now() < day {
        world.step(&ruler);
    }
    for view in ruler.view(&TenantId::fake()) {
        assert!(
            (1_439..=1_441).contains(&view.iterations),
            "{}",
            view.iterations
        );
        assert_eq!(view.missed, 0);
    }
    let schedule = Schedule::new(MINUTE, 0);
    assert_eq!(schedule.at_or_before(day), day);
}
