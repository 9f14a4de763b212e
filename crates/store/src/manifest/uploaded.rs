//! Uploaded parts: what a tenant's manifest says of its objects in the bucket.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The objects of a tenant, as this directory last knew the bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Uploaded {
    /// Objects of parts, by the parts' numbers: the bucket's manifest names them.
    #[serde(default)]
    pub(crate) parts: BTreeMap<u64, String>,
    /// Objects of removed parts, which the bucket's manifest may still name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) removed: BTreeSet<String>,
}

impl Uploaded {
    /// Whether the bucket has nothing of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.removed.is_empty()
    }

    /// What it becomes when these parts go.
    pub(crate) fn without(&self, parts: &[u64]) -> Uploaded {
        let mut next = self.clone();
        next.removed
            .extend(parts.iter().filter_map(|id| next.parts.remove(id)));
        next
    }
}
