//! An alert: one label set that a rule found, and how far it is.

use serde::{Deserialize, Serialize};
use skald_model::Labels;

/// How long a resolved alert is remembered and sent again, nanoseconds, so that one who missed it
/// still hears of its end; Prometheus' value.
pub const RESOLVED_RETENTION: i64 = 15 * 60 * 1_000_000_000;

/// An alert. Its labels are its identity and stand beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The first slot that found it.
    pub active_at: i64,
    /// How far it is.
    pub phase: Phase,
    /// The slot that sent it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<i64>,
    /// The value of the last slot that found it.
    #[serde(with = "value_bits")]
    pub value: f64,
    /// Its annotations, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<(String, String)>,
}

/// How far an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It waits for its hold.
    Pending,
    /// It fires.
    Firing {
        /// The slot at which it began to.
        since: i64,
        /// The first slot that did not find it any more, while it is kept firing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absent_since: Option<i64>,
    },
    /// It fired and does no more.
    Resolved {
        /// The slot at which it had begun to fire.
        since: i64,
        /// The slot that did not find it any more.
        at: i64,
    },
}

impl Alert {
    /// Whether it is pending or fires.
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Resolved { .. })
    }

    /// Whether it fires.
    pub fn is_firing(&self) -> bool {
        matches!(self.phase, Phase::Firing { .. })
    }

    /// Moves it on at a slot that found it.
    pub(super) fn found(&mut self, at: i64, hold: i64) {
        let held = at.saturating_sub(self.active_at) >= hold;
        self.phase = match self.phase {
            Phase::Firing { since, .. } if held => Phase::Firing {
                since,
                absent_since: None,
            },
            _ if held => Phase::Firing {
                since: at,
                absent_since: None,
            },
            // A reload may have given its rule a longer hold.
            _ => Phase::Pending,
        };
    }

    /// Moves it on at a slot that did not find it; `None` when there is nothing left of it.
    pub(super) fn absent(mut self, at: i64, keep_firing_for: i64) -> Option<Alert> {
        match self.phase {
            Phase::Pending => return None,
            Phase::Firing {
                since,
                absent_since,
            } => {
                let absent = absent_since.unwrap_or(at);
                self.phase = match at.saturating_sub(absent) < keep_firing_for {
                    true => Phase::Firing {
                        since,
                        absent_since: Some(absent),
                    },
                    false => Phase::Resolved { since, at },
                };
            }
            Phase::Resolved { at: ended, .. } => {
                if at.saturating_sub(ended) > RESOLVED_RETENTION {
                    return None;
                }
            }
        }
        Some(self)
    }

    /// Whether a slot has to send it: when it has ended since it was last sent, and again after
    /// every `delay`.
    pub(super) fn is_due(&self, at: i64, delay: i64) -> bool {
        let Some(sent) = self.last_sent else {
            return !matches!(self.phase, Phase::Pending);
        };
        match self.phase {
            Phase::Pending => false,
            Phase::Resolved { at: ended, .. } if ended > sent => true,
            _ => sent.saturating_add(delay) < at,
        }
    }

    /// Moves times that lie after a slot back to it: they are of a clock that was ahead.
    pub(super) fn not_after(&mut self, at: i64) {
        let before = |time: i64| time.min(at);
        self.active_at = before(self.active_at);
        self.last_sent = self.last_sent.map(before);
        self.phase = match self.phase {
            Phase::Pending => Phase::Pending,
            Phase::Firing {
                since,
                absent_since,
            } => Phase::Firing {
                since: before(since),
                absent_since: absent_since.map(before),
            },
            Phase::Resolved { since, at } => Phase::Resolved {
                since: before(since),
                at: before(at),
            },
        };
    }
}

/// Values as bits: JSON has no infinities.
mod value_bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

/// Labels as JSON: a list of pairs.
pub(crate) mod label_pairs {
    use super::Labels;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(labels: &Labels, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(labels.iter())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
        let pairs: Vec<(String, String)> = Vec::deserialize(from)?;
        Ok(Labels::from_pairs(pairs))
    }
}
