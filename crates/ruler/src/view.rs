//! Views show groups, rules and alerts as they are: what the API and the page read.

use crate::rules::{Rule, RuleGroup};
use skald_model::Labels;
use std::sync::Arc;

/// A group with its rules.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Namespace; of a local file its name.
    pub namespace: Arc<str>,
    /// The group as it was written.
    pub group: Arc<RuleGroup>,
    /// Distance of its slots, nanoseconds: its own, or the tenant's.
    pub interval: i64,
    /// The newest slot that was evaluated.
    pub last_evaluation: Option<i64>,
    /// How long that took, nanoseconds.
    pub evaluation_time: i64,
    /// The slot that comes next.
    pub next_evaluation: i64,
    /// Slots that were evaluated since the process began.
    pub iterations: u64,
    /// Slots that were left out because the one before took too long.
    pub missed: u64,
    /// Its rules, in order.
    pub rules: Vec<RuleView>,
}

/// A rule with what became of it.
#[derive(Clone, Debug)]
pub struct RuleView {
    /// The rule as it was written.
    pub rule: Arc<Rule>,
    /// Of all its alerts the one furthest on; of a recording rule whether it was evaluated.
    pub state: RuleState,
    /// Whether the last evaluation succeeded.
    pub health: Health,
    /// Why it did not.
    pub last_error: Option<String>,
    /// The newest slot that was evaluated.
    pub last_evaluation: Option<i64>,
    /// How long that took, nanoseconds.
    pub evaluation_time: i64,
    /// Whether no evaluation since the rule was loaded found a stream that its selectors match.
    pub never_matched: bool,
    /// Pending and firing alerts, sorted by labels.
    pub alerts: Vec<AlertView>,
    /// The alert that says the rule fails, while it does.
    pub failure: Option<AlertView>,
    /// The last evaluations, newest first: at most [`HISTORY_MAX`].
    pub history: Vec<Evaluation>,
    /// Evaluations and failures since the process began.
    pub evaluations: u64,
    /// Failed ones of them.
    pub failures: u64,
}

/// Evaluations of a rule that are remembered.
pub const HISTORY_MAX: usize = 20;

/// The state of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleState {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// No alert.
    Inactive,
    /// An alert waits for its `for`.
    Pending,
    /// An alert fires.
    Firing,
}

impl RuleState {
    /// As Prometheus writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleState::Unknown => "unknown",
            RuleState::Inactive => "inactive",
            RuleState::Pending => "pending",
            RuleState::Firing => "firing",
        }
    }
}

/// Whether a rule works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation succeeded.
    Ok,
    /// The last evaluation failed.
    Failed,
}

impl Health {
    /// As Prometheus writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Ok => "ok",
            Health::Failed => "err",
        }
    }
}

/// An alert that is pending or fires.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    /// Its labels, `alertname` among them.
    pub labels: Labels,
    /// Its annotations, sorted by name.
    pub annotations: Vec<(String, String)>,
    /// [`RuleState::Pending`] or [`RuleState::Firing`].
    pub state: RuleState,
    /// The first slot that found it.
    pub active_at: i64,
    /// The slot at which it began to fire.
    pub fired_at: Option<i64>,
    /// The first slot that did not find it any more, while it is kept firing.
    pub keep_firing_since: Option<i64>,
    /// The value of the last evaluation that found it.
    pub value: f64,
}

/// One evaluation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Its slot.
    pub at: i64,
    /// How long it took, nanoseconds.
    pub took: i64,
    /// Bytes of lines it looked at; 0 where another rule of the slot had asked the same.
    pub bytes: u64,
    /// Lines it looked at.
    pub lines: u64,
    /// Series of the result.
    pub samples: u64,
    /// Why it failed.
    pub error: Option<String>,
}

impl Health {
    /// Of the last evaluation, if there was one.
    pub fn of(last: Option<&Evaluation>) -> Health {
        match last {
            None => Health::Unknown,
            Some(evaluation) if evaluation.error.is_some() => Health::Failed,
            Some(_) => Health::Ok,
        }
    }
}
