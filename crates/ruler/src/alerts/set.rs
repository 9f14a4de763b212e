//! All alerts of a rule, by their labels.

use super::alert::{Alert, Phase};
use serde::{Deserialize, Serialize};
use skald_model::Labels;
use std::collections::BTreeMap;

/// One label set that a slot found, labels of the rule applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its labels, `alertname` among them.
    pub labels: Labels,
    /// Its annotations, sorted by name; `None` leaves those that it had.
    pub annotations: Option<Vec<(String, String)>>,
    /// Its value.
    pub value: f64,
}

/// How long alerts of a rule are held back, and kept; nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// `for`
    pub hold: i64,
    /// `keep_firing_for`
    pub keep_firing_for: i64,
}

/// Whether a slot moved any alert to another phase, added or removed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It did.
    Yes,
    /// All are in the phase that they were in.
    No,
}

/// A slot found one label set twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vector contains metrics with the same labelset after applying alert labels")]
pub struct RepeatedLabels;

/// The alerts of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct AlertSet(BTreeMap<Labels, Alert>);

impl AlertSet {
    /// Moves all alerts on to a slot. A label set that was found twice leaves them as they were.
    pub fn evaluate(
        &mut self,
        at: i64,
        holds: Holds,
        found: Vec<Found>,
    ) -> Result<Moved, RepeatedLabels> {
        let mut by_labels = BTreeMap::new();
        for one in found {
            let content = (one.value, one.annotations);
            if by_labels.insert(one.labels, content).is_some() {
                return Err(RepeatedLabels);
            }
        }
        let before = std::mem::take(&mut self.0);
        let mut moved = Moved::No;
        for (labels, mut alert) in before {
            let phase = alert.phase;
            alert.not_after(at);
            match by_labels.remove(&labels) {
                Some((value, annotations)) => {
                    if !alert.is_active() {
                        alert = Alert::new(at);
                    }
                    alert.value = value;
                    alert.annotate(annotations);
                    alert.found(at, holds.hold);
                    moved = moved.or(alert.phase != phase);
                    self.0.insert(labels, alert);
                }
                None => {
                    let left = alert.absent(at, holds.keep_firing_for);
                    moved = moved.or(left.as_ref().is_none_or(|left| left.phase != phase));
                    self.0.extend(left.map(|alert| (labels, alert)));
                }
            }
        }
        moved = moved.or(!by_labels.is_empty());
        for (labels, (value, annotations)) in by_labels {
            let mut alert = Alert::new(at);
            alert.value = value;
            alert.annotate(annotations);
            alert.found(at, holds.hold);
            self.0.insert(labels, alert);
        }
        Ok(moved)
    }

    /// The alerts that a slot has to send.
    pub fn due(&self, at: i64, delay: i64) -> impl Iterator<Item = (&Labels, &Alert)> {
        self.0.iter().filter(move |(_, a)| a.is_due(at, delay))
    }

    /// Notes that the alerts that were due at a slot have been sent.
    pub fn sent(&mut self, at: i64, delay: i64) {
        for alert in self.0.values_mut().filter(|a| a.is_due(at, delay)) {
            alert.last_sent = Some(at);
        }
    }

    /// Forgets pending alerts: nothing is known of the time since they were last found.
    pub fn forget_pending(&mut self) {
        self.0.retain(|_, alert| alert.phase != Phase::Pending);
    }

    /// All alerts, sorted by labels.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &Alert)> {
        self.0.iter()
    }

    /// Pending and firing alerts, sorted by labels.
    pub fn active(&self) -> impl Iterator<Item = (&Labels, &Alert)> {
        self.0.iter().filter(|(_, alert)| alert.is_active())
    }

    /// Whether there are none, resolved ones included.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Alert {
    fn annotate(&mut self, annotations: Option<Vec<(String, String)>>) {
        if let Some(annotations) = annotations {
            self.annotations = annotations;
        }
    }

    fn new(at: i64) -> Alert {
        Alert {
            active_at: at,
            phase: Phase::Pending,
            last_sent: None,
            value: 0.0,
            annotations: Vec::new(),
        }
    }
}

impl Moved {
    fn or(self, moved: bool) -> Moved {
        match moved {
            true => Moved::Yes,
            false => self,
        }
    }
}

/// An alert with its labels, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(with = "super::alert::label_pairs")]
    labels: Labels,
    #[serde(flatten)]
    alert: Alert,
}

impl From<Vec<Entry>> for AlertSet {
    fn from(entries: Vec<Entry>) -> AlertSet {
        AlertSet(entries.into_iter().map(|e| (e.labels, e.alert)).collect())
    }
}

impl From<AlertSet> for Vec<Entry> {
    fn from(set: AlertSet) -> Vec<Entry> {
        let entries = set.0.into_iter();
        entries
            .map(|(labels, alert)| Entry { labels, alert })
            .collect()
    }
}
