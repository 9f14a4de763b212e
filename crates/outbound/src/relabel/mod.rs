//! Relabeling rules change, keep and drop label sets, as Prometheus' `relabel_configs` do.

mod apply;
mod rule;

pub use rule::{Action, RelabelRule};

use crate::alert::LabelSet;
use serde::Deserialize;

/// Rules that are applied one after the other.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Relabeling {
    rules: Vec<RelabelRule>,
}

impl Relabeling {
    /// Those rules, in their order.
    pub fn new(rules: Vec<RelabelRule>) -> Relabeling {
        Relabeling { rules }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The labels after all rules; `None` when a rule drops what has them.
    pub fn apply(&self, mut labels: LabelSet) -> Option<LabelSet> {
        for rule in &self.rules {
            if !apply::apply(rule, &mut labels) {
                return None;
            }
        }
        Some(labels)
    }
}
