//! `| label in ({…})` keeps entries whose label has a value that another query found.
//!
//! The values are not known when the pipeline is compiled. The engine runs the inner queries and
//! binds their answers; a pipeline that was not bound lets nothing through (or everything, for `not
//! in`).

use super::names::NameId;
use crate::pipeline::current_line::Line;
use hashbrown::HashSet;
use std::sync::Arc;

/// The stage.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    label: NameId,
    negated: bool,
    values: Arc<HashSet<String>>,
}

impl Membership {
    /// A stage without values.
    pub(super) fn new(label: NameId, negated: bool) -> Membership {
        Membership {
            label,
            negated,
            values: Arc::default(),
        }
    }

    /// The same stage with values.
    pub(super) fn bound(&self, values: HashSet<String>) -> Membership {
        Membership {
            values: Arc::new(values),
            ..self.clone()
        }
    }

    /// The label compared, unless it is one the line must not have.
    pub(super) fn positive_label(&self) -> Option<NameId> {
        (!self.negated).then_some(self.label)
    }

    /// The values.
    pub(super) fn values(&self) -> &HashSet<String> {
        &self.values
    }

    /// The label compared.
    pub(super) fn label(&self) -> NameId {
        self.label
    }

    /// Whether a line whose label has this value is dropped.
    pub(super) fn fails_with(&self, value: &[u8]) -> bool {
        std::str::from_utf8(value).is_ok_and(|value| self.values.contains(value) == self.negated)
    }

    /// Whether the line stays.
    pub(super) fn matches(&self, line: &mut Line<'_>) -> bool {
        let found = line.labels.find(line.input, self.label);
        let found =
            found.is_some_and(|(span, _)| self.values.contains(line.labels.text(line.input, span)));
        found != self.negated
    }
}
