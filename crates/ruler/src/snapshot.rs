//! Snapshots hold the alerts of a group as they are at one slot: what is stored of it.

use crate::alerts::AlertSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is stored of a group: the alerts of its rules, true for one slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSnapshot {
    /// The slot.
    pub slot: i64,
    /// Rules that have alerts, resolved ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleSnapshot>,
}

/// What is stored of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleSnapshot {
    /// Its name.
    pub name: String,
    /// The labels it adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its alerts.
    #[serde(default, skip_serializing_if = "AlertSet::is_empty")]
    pub alerts: AlertSet,
    /// The alert that it fails.
    #[serde(default, skip_serializing_if = "AlertSet::is_empty")]
    pub failure: AlertSet,
}

/// When what is saved has to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// When it was saved: an alert has moved.
    Now,
    /// A second later at the next save: nothing has.
    Soon,
}
