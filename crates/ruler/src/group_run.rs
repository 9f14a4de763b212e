//! A group as it runs: its rules, the slot they are at, and what is stored of them.

use crate::outbox::Recorded;
use crate::rule_run::{RuleRun, series_end};
use crate::schedule::Next;
use crate::snapshot::{Durable, GroupSnapshot, RuleSnapshot};
use crate::spec::{GroupSpec, RuleSpec};
use crate::view::GroupView;
use skald_model::Labels;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group as it runs.
#[derive(Debug)]
pub(crate) struct GroupRun {
    pub(crate) spec: Arc<GroupSpec>,
    /// One for each rule of the group.
    pub(crate) rules: Vec<RuleRun>,
    /// The newest slot that was evaluated.
    pub(crate) last: Option<i64>,
    /// Whether that slot was evaluated by an earlier process, and the ones since are to be caught up.
    pub(crate) resumes: bool,
    /// The slot that the next one follows: the newest one, unless the clock was set back since.
    before: i64,
    took: i64,
    iterations: u64,
    pub(crate) missed: u64,
    /// Series of rules that are gone: they end at the next slot.
    ended: Vec<Labels>,
}

impl GroupRun {
    /// A group that has never run; its first slot is the next one.
    pub(crate) fn new(spec: Arc<GroupSpec>, now: i64) -> GroupRun {
        GroupRun {
            rules: spec.rules.iter().map(|_| RuleRun::default()).collect(),
            before: spec.schedule.at_or_before(now),
            spec,
            last: None,
            resumes: false,
            took: 0,
            iterations: 0,
            missed: 0,
            ended: Vec::new(),
        }
    }

    /// A group that an earlier process has left at a slot.
    pub(crate) fn resume(spec: Arc<GroupSpec>, snapshot: GroupSnapshot, now: i64) -> GroupRun {
        let mut run = GroupRun::new(spec, now);
        let mut stored: Vec<Option<RuleSnapshot>> = snapshot.rules.into_iter().map(Some).collect();
        for (rule, spec) in run.rules.iter_mut().zip(&run.spec.rules) {
            let own = stored.iter_mut().find(|one| {
                one.as_ref()
                    .is_some_and(|one| spec.identity() == (one.name.as_str(), &one.labels))
            });
            if let Some(own) = own.and_then(Option::take) {
                rule.alerts = own.alerts;
                rule.failure = own.failure;
            }
        }
        run.last = Some(snapshot.slot);
        run.resumes = true;
        run
    }

    /// Goes on with another version of the group: rules of the same name and labels keep what they
    /// have, series of the others end.
    pub(crate) fn reload(&mut self, spec: Arc<GroupSpec>, now: i64) {
        let mut before: Vec<Option<(&RuleSpec, RuleRun)>> = self
            .spec
            .rules
            .iter()
            .zip(std::mem::take(&mut self.rules))
            .map(Some)
            .collect();
        let mut after = Vec::with_capacity(spec.rules.len());
        for rule in &spec.rules {
            let own = before.iter_mut().find(|one| {
                one.as_ref()
                    .is_some_and(|(spec, _)| spec.identity() == rule.identity())
            });
            let own = own.and_then(Option::take);
            after.push(own.map_or_else(RuleRun::default, |(_, run)| run));
        }
        let gone = before.into_iter().flatten();
        self.ended.extend(gone.flat_map(|(_, run)| run.series));
        self.rules = after;
        if spec.schedule != self.spec.schedule {
            self.before = spec.schedule.at_or_before(now);
        }
        self.spec = spec;
    }

    /// When the next slot is.
    pub(crate) fn next(&self) -> i64 {
        self.spec.schedule.after(self.before)
    }

    /// The slot to evaluate now, or `None` when none is due.
    pub(crate) fn due(&mut self, now: i64) -> Option<Next> {
        let next = self.spec.schedule.next(self.before, now);
        if next.slot <= now {
            return Some(next);
        }
        self.before = next.slot - self.spec.schedule.interval();
        None
    }

    /// Leaves a slot that was not evaluated to its end.
    pub(crate) fn skip(&mut self, slot: i64) {
        self.before = self.before.max(slot);
    }

    /// The slots between the one of an earlier process and `slot` that rules need.
    pub(crate) fn begin(&mut self, slot: i64, tolerance: i64) -> Vec<Missing> {
        let Some(last) = self.last.filter(|_| self.resumes) else {
            return Vec::new();
        };
        let schedule = self.spec.schedule;
        let mut missing: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (number, rule) in self.spec.rules.iter().enumerate() {
            let Some(reach) = rule.reach(schedule.interval()) else {
                continue;
            };
            let reach = reach.min(tolerance);
            if slot.saturating_sub(last) > reach.saturating_add(schedule.interval()) {
                self.rules[number].alerts.forget_pending();
            }
            for at in schedule.between(last, slot, reach) {
                missing.entry(at).or_default().push(number);
            }
        }
        missing
            .into_iter()
            .map(|(slot, rules)| Missing { slot, rules })
            .collect()
    }

    /// Ends of series whose rules are gone.
    pub(crate) fn take_ended(&mut self, at: i64) -> Vec<Recorded> {
        let current = |labels: &Labels| self.rules.iter().any(|rule| rule.series.contains(labels));
        let ended = std::mem::take(&mut self.ended);
        let ended = ended.iter().filter(|labels| !current(labels));
        ended.map(|labels| series_end(labels, at)).collect()
    }

    /// Ends of all series, when the group is removed.
    pub(crate) fn end(&mut self, at: i64) -> Vec<Recorded> {
        let all = self.rules.iter().flat_map(|rule| &rule.series);
        let ends = all.chain(&self.ended);
        ends.map(|labels| series_end(labels, at)).collect()
    }

    /// Notes that a slot was evaluated.
    pub(crate) fn finish(&mut self, slot: i64, took: i64) {
        self.last = Some(slot);
        self.resumes = false;
        self.took = took;
        self.iterations += 1;
        self.before = slot;
    }

    /// What is stored of it; `None` before its first slot.
    pub(crate) fn snapshot(&self) -> Option<GroupSnapshot> {
        let rules = self.spec.rules.iter().zip(&self.rules);
        let rules = rules.filter(|(_, run)| !run.alerts.is_empty() || !run.failure.is_empty());
        Some(GroupSnapshot {
            slot: self.last?,
            rules: rules
                .map(|(spec, run)| RuleSnapshot {
                    name: spec.rule.name.clone(),
                    labels: spec.labels.clone(),
                    alerts: run.alerts.clone(),
                    failure: run.failure.clone(),
                })
                .collect(),
        })
    }

    /// When the snapshot has to be durable: at once where an alert has moved since the last one.
    pub(crate) fn take_moved(&mut self) -> Durable {
        let mut durable = Durable::Soon;
        for rule in &mut self.rules {
            if std::mem::take(&mut rule.has_moved) {
                durable = Durable::Now;
            }
        }
        durable
    }

    /// As the API and the page see it.
    pub(crate) fn view(&self) -> GroupView {
        let rules = self.rules.iter().zip(&self.spec.rules);
        GroupView {
            namespace: self.spec.id.namespace.clone(),
            group: self.spec.group.clone(),
            interval: self.spec.schedule.interval(),
            last_evaluation: self.last.filter(|_| self.iterations > 0),
            evaluation_time: self.took,
            next_evaluation: self.next(),
            iterations: self.iterations,
            missed: self.missed,
            rules: rules.map(|(run, spec)| run.view(spec)).collect(),
        }
    }
}

/// A slot that passed while the process was away, with the rules that need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) slot: i64,
    /// Numbers of the rules.
    pub(crate) rules: Vec<usize>,
}
