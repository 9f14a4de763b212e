//! Alerts that wait for one target, oldest first, each in its newest state.
//!
//! A newer state takes the place of an older one of the same alert. Only one pair is kept apart: that an alert
//! was resolved, and that it fires again since another time; a target that knows it as firing learns of both.

use crate::alert::{Alert, LabelSet};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// An alert that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    /// Names this state of it; a newer state has another.
    pub(crate) id: u64,
    /// The alert.
    pub(crate) alert: Arc<Alert>,
    /// When it came, in milliseconds of Unix time.
    pub(crate) at: i64,
}

/// The queue of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// By the id of the first state that waited in a place.
    places: BTreeMap<u64, Waiting>,
    /// The places of an alert, oldest first: one or two.
    by_labels: HashMap<LabelSet, Vec<u64>>,
    /// Ids to places.
    ids: HashMap<u64, u64>,
}

/// What adding an alert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It waits behind all others.
    Queued,
    /// It took the place of an older state.
    Merged,
}

impl Pending {
    /// Adds an alert.
    pub(crate) fn put(&mut self, waiting: Waiting) -> Put {
        let places = self
            .by_labels
            .entry(waiting.alert.labels.clone())
            .or_default();
        let last = places
            .last()
            .and_then(|place| Some((*place, self.places.get(place)?)));
        if let Some((place, older)) = last {
            let is_again =
                !older.alert.is_firing() && older.alert.starts_at != waiting.alert.starts_at;
            if !is_again || places.len() > 1 {
                self.ids.remove(&older.id);
                self.ids.insert(waiting.id, place);
                self.places.insert(place, waiting);
                return Put::Merged;
            }
        }
        places.push(waiting.id);
        self.ids.insert(waiting.id, waiting.id);
        self.places.insert(waiting.id, waiting);
        Put::Queued
    }

    /// The oldest alerts, none twice.
    pub(crate) fn oldest(&self, most: usize) -> Vec<Waiting> {
        let is_first = |place: &u64, waiting: &Waiting| {
            let places = self.by_labels.get(&waiting.alert.labels);
            places.and_then(|places| places.first()) == Some(place)
        };
        let first = self
            .places
            .iter()
            .filter(|(place, waiting)| is_first(place, waiting));
        first
            .map(|(_, waiting)| waiting.clone())
            .take(most)
            .collect()
    }

    /// Forgets states that were sent or dropped; one that has been replaced meanwhile stays as it is now.
    pub(crate) fn remove(&mut self, ids: &[u64]) {
        for id in ids {
            let Some(waiting) = self
                .ids
                .remove(id)
                .and_then(|place| self.places.remove(&place))
            else {
                continue;
            };
            let labels = &waiting.alert.labels;
            if let Some(places) = self.by_labels.get_mut(labels) {
                places.retain(|place| self.places.contains_key(place));
                if places.is_empty() {
                    self.by_labels.remove(labels);
                }
            }
        }
    }

    /// The oldest ids beyond that many.
    pub(crate) fn excess(&self, capacity: usize) -> Vec<u64> {
        let excess = self.places.len().saturating_sub(capacity.max(1));
        self.places
            .values()
            .take(excess)
            .map(|waiting| waiting.id)
            .collect()
    }

    /// All that wait, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.places.values()
    }

    /// Alerts that wait.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firing(id: u64, name: &str, starts_at: i64) -> Waiting {
        let alert = Alert::firing([("alertname", name)], starts_at, starts_at + 1000);
        Waiting {
            id,
            alert: Arc::new(alert),
            at: 0,
        }
    }

    fn resolved(id: u64, name: &str, starts_at: i64) -> Waiting {
        let Waiting { alert, .. } = firing(id, name, starts_at);
        let alert = Alert::clone(&alert).resolved(starts_at + 500);
        Waiting {
            id,
            alert: Arc::new(alert),
            at: 0,
        }
    }

    fn ids(pending: &Pending) -> Vec<u64> {
        pending.iter().map(|waiting| waiting.id).collect()
    }

    #[test]
    fn a_newer_state_takes_the_place_of_an_older_one() {
        let mut pending = Pending::default();
        assert_eq!(pending.put(firing(1, "a", 10)), Put::Queued);
        assert_eq!(pending.put(firing(2, "b", 10)), Put::Queued);
        assert_eq!(pending.put(firing(3, "a", 10)), Put::Merged);
        assert_eq!(pending.put(resolved(4, "a", 10)), Put::Merged);
        assert_eq!(ids(&pending), [4, 2]);
        pending.remove(&[1, 3]);
        assert_eq!(ids(&pending), [4, 2], "they are gone already");
        pending.remove(&[4]);
        assert_eq!(ids(&pending), [2]);
        assert_eq!(pending.put(firing(5, "a", 30)), Put::Queued);
        assert_eq!(ids(&pending), [2, 5]);
    }

    #[test]
    fn that_it_was_resolved_is_not_lost_when_it_fires_again() {
        let mut pending = Pending::default();
        pending.put(resolved(1, "a", 10));
        assert_eq!(pending.put(firing(2, "a", 20)), Put::Queued);
        assert_eq!(pending.put(resolved(3, "a", 20)), Put::Merged);
        assert_eq!(pending.put(firing(4, "a", 40)), Put::Merged);
        assert_eq!(ids(&pending), [1, 4]);
        // One request says one thing of an alert.
        let oldest = pending.oldest(10);
        assert_eq!(
            oldest.iter().map(|waiting| waiting.id).collect::<Vec<_>>(),
            [1]
        );
        pending.remove(&[1]);
        assert_eq!(pending.oldest(10)[0].id, 4);
        // The same firing, resolved and repeated, needs one place.
        pending.put(resolved(5, "a", 40));
        assert_eq!(pending.put(resolved(6, "a", 40)), Put::Merged);
        assert_eq!(ids(&pending), [6]);
    }

    #[test]
    fn the_oldest_are_in_excess() {
        let mut pending = Pending::default();
        for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
            pending.put(firing(id, name, 10));
        }
        assert_eq!(pending.excess(2), [1]);
        assert_eq!(pending.excess(0), [1, 2]);
        pending.remove(&pending.excess(2));
        assert_eq!((ids(&pending), pending.len()), (vec![2, 3], 2));
    }
}
