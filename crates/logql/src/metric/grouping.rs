//! Grouping picks the labels of a series that count: `by (…)`, `without (…)`, `on (…)`, `ignoring
//! (…)`.

use crate::ast::Grouping;
use skald_model::Labels;

/// The label a Prometheus series has its name in; `without` drops it, as everywhere.
const METRIC_NAME: &str = "__name__";

/// Bytes that order label sets by name, then value, then the next name, as answers list series.
pub(super) fn order_key(labels: &Labels) -> Vec<u8> {
    let mut key = Vec::with_capacity(labels.as_bytes().len());
    for (name, value) in labels {
        key.extend_from_slice(name.as_bytes());
        key.push(0);
        key.extend_from_slice(value.as_bytes());
        key.push(0);
    }
    key
}

/// The labels of those names alone.
pub(super) fn keep(labels: &Labels, names: &[String]) -> Labels {
    Labels::from_pairs(
        labels
            .iter()
            .filter(|(name, _)| names.iter().any(|n| n == name)),
    )
}

/// The labels but those of those names.
pub(super) fn remove(labels: &Labels, names: &[String]) -> Labels {
    Labels::from_pairs(
        labels
            .iter()
            .filter(|(name, _)| names.iter().all(|n| n != name)),
    )
}

/// The labels of a series' group; no grouping is one group for all.
pub(super) fn group_labels(labels: &Labels, grouping: Option<&Grouping>) -> Labels {
    match grouping {
        None => Labels::empty(),
        Some(Grouping {
            without: false,
            labels: names,
        }) => keep(labels, names),
        Some(Grouping {
            without: true,
            labels: names,
        }) => {
            let kept = labels
                .iter()
                .filter(|(name, _)| *name != METRIC_NAME && names.iter().all(|n| n != name));
            Labels::from_pairs(kept)
        }
    }
}
