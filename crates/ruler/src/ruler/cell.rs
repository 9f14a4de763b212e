//! A group in its place: evaluated by one thread at a time, read by any.
//!
//! Questions are asked without the lock, so that a slow query delays nobody who looks. A reload in
//! the meantime is seen by the version that was evaluated no longer being the group's own.

use super::tenants::Parts;
use crate::evaluation::{Expand, NoAnswer, SlotAnswers, evaluate};
use crate::group_run::GroupRun;
use crate::outbox::Recorded;
use crate::rule_run::{Output, Slot, Timing};
use crate::settings::Settings;
use crate::spec::{GroupId, GroupSpec};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A group in its place.
#[derive(Debug)]
pub(super) struct GroupCell {
    pub(super) id: GroupId,
    pub(super) run: Mutex<GroupRun>,
    removed: AtomicBool,
}

/// A slot of one version of a group.
struct Evaluation<'a> {
    parts: &'a Parts,
    settings: &'a Settings,
    cell: &'a GroupCell,
    spec: Arc<GroupSpec>,
    at: i64,
}

/// Why a slot was not evaluated to its end.
enum Ended {
    /// There are no answers now.
    NoAnswer(NoAnswer),
    /// The group was reloaded or removed.
    Outdated,
}

impl From<NoAnswer> for Ended {
    fn from(no_answer: NoAnswer) -> Ended {
        Ended::NoAnswer(no_answer)
    }
}

/// How long a slot waits for an engine that is not ready, nanoseconds.
const NOT_READY_WAIT: i64 = 1_000_000_000;

impl GroupCell {
    pub(super) fn new(run: GroupRun) -> GroupCell {
        GroupCell {
            id: run.spec.id.clone(),
            run: Mutex::new(run),
            removed: AtomicBool::new(false),
        }
    }

    /// Marks it as gone: an evaluation under way has no effect any more.
    pub(super) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }

    /// Evaluates the slot that is due at `now`, if one is; gives when the next one is.
    pub(super) fn evaluate(&self, parts: &Parts, settings: &Settings, now: i64) -> i64 {
        let (spec, slot) = {
            let mut run = self.run.lock();
            let Some(due) = run.due(now) else {
                return run.next();
            };
            if due.missed > 0 {
                run.missed += due.missed;
                parts.observer.slots_missed(&self.id, due.missed);
            }
            (run.spec.clone(), due.slot)
        };
        let evaluation = Evaluation {
            parts,
            settings,
            cell: self,
            spec,
            at: slot,
        };
        let began = Instant::now();
        let ended = evaluation.run(now);
        let took = nanoseconds(began);
        let mut run = self.run.lock();
        match ended {
            Ok(()) => {
                run.finish(slot, took);
                let (snapshot, durable) = (run.snapshot(), run.take_moved());
                drop(run);
                parts.observer.group_evaluated(&self.id, now - slot, took);
                if !self.removed.load(Ordering::Acquire) {
                    parts.save(&self.id, snapshot, durable, now);
                }
                self.run.lock().next()
            }
            Err(Ended::NoAnswer(NoAnswer::NotReady)) => now.saturating_add(NOT_READY_WAIT),
            // The rest of the slot is of no use; the next one is whole.
            Err(Ended::Outdated | Ended::NoAnswer(NoAnswer::Stopping)) => {
                run.skip(slot);
                run.next()
            }
        }
    }
}

impl Evaluation<'_> {
    fn run(&self, now: i64) -> Result<(), Ended> {
        self.catch_up()?;
        let asked_at = self.spec.asked_at(self.at);
        let timing = Timing {
            interval: self.spec.schedule.interval(),
            resend_delay: self.settings.resend_delay,
            failure_alerts: self.settings.failure_alerts,
        };
        let slot = Slot::new(self.at, asked_at, now, timing);
        let ended = self.locked(|run| run.take_ended(asked_at))?;
        self.append(ended);
        let mut answers = SlotAnswers::default();
        for number in 0..self.spec.rules.len() {
            self.rule(number, slot, &mut answers)?;
        }
        Ok(())
    }

    /// Evaluates again what passed while the process was away.
    fn catch_up(&self) -> Result<(), Ended> {
        let missing = self.locked(|run| run.begin(self.at, self.settings.outage_tolerance))?;
        for missing in missing {
            let mut answers = SlotAnswers::default();
            for number in missing.rules {
                let rule = &self.spec.rules[number];
                let evaluated = evaluate(
                    &*self.parts.engine,
                    &*self.parts.templates,
                    &mut answers,
                    &self.spec,
                    rule,
                    (missing.slot, Expand::Labels),
                )?;
                self.locked(|run| run.rules[number].catch_up(rule, missing.slot, evaluated))?;
            }
            self.locked(|run| run.last = Some(missing.slot))?;
        }
        Ok(())
    }

    fn rule(&self, number: usize, slot: Slot, answers: &mut SlotAnswers) -> Result<(), Ended> {
        let rule = &self.spec.rules[number];
        let (engine, templates) = (&*self.parts.engine, &*self.parts.templates);
        let began = Instant::now();
        let asked = (slot.at, Expand::All);
        let evaluated = evaluate(engine, templates, answers, &self.spec, rule, asked)?;
        let took = nanoseconds(began);
        let failed = evaluated.product.as_ref().err().cloned();
        let Output {
            notifications,
            samples,
        } = self.locked(|run| run.rules[number].apply(rule, slot, evaluated, took))?;
        let observer = &self.parts.observer;
        observer.rule_evaluated(&self.cell.id, took, failed.as_deref());
        if let Some(why) = self.append(samples)
            && rule.rule.alert().is_none()
        {
            self.locked(|run| run.rules[number].refused(rule, slot, &why))?;
        }
        if notifications.is_empty() {
            return Ok(());
        }
        let tenant = &self.cell.id.tenant;
        match self.parts.notifications.notify(tenant, notifications) {
            Ok(()) => self.locked(|run| run.rules[number].sent(slot)),
            Err(why) => {
                observer.refused(&self.cell.id, "notifications", &why.0);
                Ok(())
            }
        }
    }

    /// Hands samples over; why they were not taken, if they were not.
    fn append(&self, samples: Vec<Recorded>) -> Option<String> {
        if samples.is_empty() {
            return None;
        }
        let tenant = &self.cell.id.tenant;
        let refused = self.parts.samples.append(tenant, samples).err()?;
        let observer = &self.parts.observer;
        observer.refused(&self.cell.id, "samples", &refused.0);
        Some(refused.0)
    }

    /// Works on the group, unless it is not the one any more that is being evaluated.
    fn locked<T>(&self, work: impl FnOnce(&mut GroupRun) -> T) -> Result<T, Ended> {
        let mut run = self.cell.run.lock();
        let is_current = Arc::ptr_eq(&run.spec, &self.spec);
        if !is_current || self.cell.removed.load(Ordering::Acquire) {
            return Err(Ended::Outdated);
        }
        Ok(work(&mut run))
    }
}

fn nanoseconds(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX)
}
