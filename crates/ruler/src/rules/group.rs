//! Groups and rules that were read and checked: what can be evaluated.

use super::expression::Expression;
use std::collections::BTreeMap;

/// Rules that are evaluated one after the other at the same slots.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// Its name, its own within a namespace.
    pub name: String,
    /// Distance of its slots, nanoseconds; `None` for the tenant's.
    pub interval: Option<i64>,
    /// How far before its slot a query is asked for, nanoseconds, so that late lines count.
    pub query_offset: Option<i64>,
    /// Where its slots lie.
    pub alignment: Alignment,
    /// Most alerts or series of one rule; 0 for any number.
    pub limit: u64,
    /// Labels of all its rules; those of a rule win.
    pub labels: BTreeMap<String, String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// Where the slots of a group lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// Moved by a hash of its name, so that groups do not all ask at once.
    #[default]
    Spread,
    /// At whole multiples of the interval since 1970 (`align_evaluation_time_on_interval`).
    WallClock,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Name of the alert or of the series it makes.
    pub name: String,
    /// What it asks.
    pub expr: Expression,
    /// Labels that it adds, without those of its group.
    pub labels: BTreeMap<String, String>,
    /// What it makes of the answer.
    pub kind: RuleKind,
}

/// What a rule makes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// Alerts, one for each series.
    Alert(AlertRule),
    /// Samples, one for each series.
    Record,
}

/// What alerting rules have alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRule {
    /// `for`: how long an alert is pending before it fires, nanoseconds.
    pub hold: i64,
    /// How long it fires on after it was last found, nanoseconds.
    pub keep_firing_for: i64,
    /// Templates of its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl RuleGroup {
    /// The labels a rule adds: those of the group, under its own.
    pub fn labels_of(&self, rule: &Rule) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.extend(rule.labels.clone());
        labels
    }
}

impl Rule {
    /// What it has as an alerting rule; `None` for a recording rule.
    pub fn alert(&self) -> Option<&AlertRule> {
        match &self.kind {
            RuleKind::Alert(alert) => Some(alert),
            RuleKind::Record => None,
        }
    }
}
