//! Ranks give label names their places in the order of their bytes, so that a line's labels sort by
//! numbers.
//!
//! Names that came after the ranks were made have none: a line with such a name sorts its labels by
//! text. All names are ranked again once such lines have sorted as many labels as there are names.
//! So the cost of ranking follows what lines sort themselves: lines of the same few names soon sort
//! by numbers alone, and lines with ever new names do not rank all names each time.

use super::names::{NameId, NameTable};
use skald_model::steps;
use std::cmp::Ordering;

/// The rank of a name that has none yet.
const UNRANKED: u32 = u32::MAX;

/// Ranks of the names that a thread knew when they were last made.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    ranks: Vec<u32>,
    /// Labels of lines that were sorted by text since then.
    sorted_by_text: usize,
    /// Comparisons of names so far.
    #[cfg(test)]
    pub(super) comparisons: std::cell::Cell<u64>,
}

impl Ranks {
    /// Forgets all ranks; needed when names are numbered anew.
    pub(super) fn clear(&mut self) {
        self.ranks.clear();
        self.sorted_by_text = 0;
    }

    /// The rank of a name; all names without one have the same, the last.
    pub(super) fn get(&self, name: NameId) -> u32 {
        self.ranks.get(name as usize).copied().unwrap_or(UNRANKED)
    }

    /// Whether a rank is that of a name without one.
    pub(super) fn is_missing(rank: u32) -> bool {
        rank == UNRANKED
    }

    /// Counts a line of `labels` labels, some of which have no rank. Ranks all names when that is
    /// due; true when it did.
    pub(super) fn renew_if_due(&mut self, names: &NameTable, labels: usize) -> bool {
        self.sorted_by_text += labels;
        if self.sorted_by_text < names.len() {
            return false;
        }
        self.sorted_by_text = 0;
        let count = names.len() as NameId;
        let mut order: Vec<NameId> = (0..count).collect();
        order.sort_unstable_by(|a, b| self.compare(names, *a, *b));
        self.ranks.resize(order.len(), 0);
        for (rank, name) in order.iter().enumerate() {
            self.ranks[*name as usize] = rank as u32;
        }
        true
    }

    /// Compares two names by their bytes.
    pub(super) fn compare(&self, names: &NameTable, a: NameId, b: NameId) -> Ordering {
        steps::count(1);
        #[cfg(test)]
        self.comparisons.set(self.comparisons.get() + 1);
        names.text(a).cmp(names.text(b))
    }
}
