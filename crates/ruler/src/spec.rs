//! A group of a tenant, prepared for evaluation: what does not change from slot to slot.

use crate::alerts::Holds;
use crate::engine::Asker;
use crate::rules::{Rule, RuleGroup, Threshold};
use crate::schedule::Schedule;
use skald_model::{Labels, TenantId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The name of the alert that says a rule fails.
pub const FAILURE_ALERT: &str = "RuleEvaluationFailed";

/// Names a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId {
    /// Whose it is.
    pub tenant: TenantId,
    /// Namespace, or the name of its file.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A group that can be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct GroupSpec {
    pub(crate) id: GroupId,
    pub(crate) group: Arc<RuleGroup>,
    pub(crate) schedule: Schedule,
    pub(crate) rules: Vec<RuleSpec>,
}

/// A rule that can be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct RuleSpec {
    pub(crate) rule: Arc<Rule>,
    /// Labels it adds, with those of its group.
    pub(crate) labels: BTreeMap<String, String>,
    /// The query to ask, and what is left to do with each sample.
    pub(crate) query: Arc<str>,
    pub(crate) threshold: Option<Threshold>,
    /// Labels of the alert that says it fails.
    pub(crate) failure_labels: Labels,
}

impl GroupSpec {
    pub(crate) fn new(id: GroupId, group: Arc<RuleGroup>, default_interval: i64) -> GroupSpec {
        let schedule = Schedule::of(&id.tenant, &id.namespace, &group, default_interval);
        let mut asked: HashMap<&str, usize> = HashMap::new();
        let mut named: HashMap<&str, usize> = HashMap::new();
        for rule in &group.rules {
            *asked.entry(&rule.expr.asked().query).or_default() += 1;
            *named.entry(&rule.name).or_default() += 1;
        }
        let rules = group.rules.iter().enumerate().map(|(number, rule)| {
            let asked_once = asked[&*rule.expr.asked().query] == 1;
            let number = (named[rule.name.as_str()] > 1).then_some(number);
            RuleSpec {
                labels: group.labels_of(rule),
                // A query that nobody shares is asked as it is written.
                query: match asked_once {
                    true => rule.expr.text().clone(),
                    false => rule.expr.asked().query.clone(),
                },
                threshold: rule.expr.asked().threshold.filter(|_| !asked_once),
                failure_labels: failure_labels(&id, rule, number),
                rule: Arc::new(rule.clone()),
            }
        });
        let rules = rules.collect();
        GroupSpec {
            id,
            group,
            schedule,
            rules,
        }
    }

    pub(crate) fn asker<'a>(&'a self, rule: &'a RuleSpec) -> Asker<'a> {
        Asker {
            namespace: &self.id.namespace,
            group: &self.id.name,
            rule: &rule.rule.name,
        }
    }

    /// The instant that queries of a slot are asked for.
    pub(crate) fn asked_at(&self, slot: i64) -> i64 {
        slot.saturating_sub(self.group.query_offset.unwrap_or(0))
    }
}

/// Two rules of a group may have one name: then their numbers tell their failures from each other.
fn failure_labels(id: &GroupId, rule: &Rule, number: Option<usize>) -> Labels {
    let number = number.map_or_else(String::new, |number| (number + 1).to_string());
    Labels::from_pairs([
        ("alertname", FAILURE_ALERT),
        ("rule", &rule.name),
        ("rule_group", &id.name),
        ("rule_namespace", &id.namespace),
        ("rule_number", &number),
    ])
}

impl RuleSpec {
    /// How long its alerts are held back and kept; nothing for a recording rule.
    pub(crate) fn holds(&self) -> Holds {
        self.rule
            .alert()
            .map_or_else(Holds::default, |alert| Holds {
                hold: alert.hold,
                keep_firing_for: alert.keep_firing_for,
            })
    }

    /// How far before a slot earlier ones count for it, nanoseconds: they are evaluated again after
    /// the process was away. `None` when the slot alone decides.
    pub(crate) fn reach(&self, interval: i64) -> Option<i64> {
        let Holds {
            hold,
            keep_firing_for,
        } = self.holds();
        let reach = hold.max(keep_firing_for);
        (reach > 0).then(|| reach.saturating_add(interval))
    }

    /// What tells whether a rule of a reloaded group goes on from this one.
    pub(crate) fn identity(&self) -> (&str, &BTreeMap<String, String>) {
        (&self.rule.name, &self.labels)
    }
}
