//! The entries of a log query's answer: the best `limit` of those found so far, without repeats.
//!
//! "Best" is newest, oldest, or first by the keys of `| sort by`. Repeats are entries of equal stream,
//! time and content (a retried push lies in two pieces), or with `| distinct` of equal label values.

use skald_logql::ast::SortKey;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::request::Direction;

/// Labels of an entry as the pipeline left them.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OutputLabels {
    pub(crate) stream: Vec<(String, String)>,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) parsed: Vec<(String, String)>,
}

impl OutputLabels {
    /// The value of a label; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let all = self.parsed.iter().chain(&self.metadata).chain(&self.stream);
        all.into_iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

/// An entry that may be part of the answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) timestamp: i64,
    pub(crate) sequence: u64,
    pub(crate) row: u32,
    pub(crate) stream: u32,
    pub(crate) content: u64,
    pub(crate) labels: Arc<OutputLabels>,
    pub(crate) line: Vec<u8>,
}

impl Entry {
    fn arrival(&self) -> (i64, u64, u32) {
        (self.timestamp, self.sequence, self.row)
    }

    fn memory_bytes(&self) -> usize {
        self.line.len() + 96
    }
}

/// What the answer is made of.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    pub(crate) distinct: Option<Vec<String>>,
    pub(crate) sort: Vec<SortKey>,
}

impl Shape {
    /// Whether order is that of time, so that a reader that goes through time may stop early.
    pub(crate) fn by_time(&self) -> bool {
        self.sort.is_empty()
    }

    /// Whether a run that gave `limit` entries can't give another that counts.
    pub(crate) fn run_may_stop(&self) -> bool {
        self.sort.is_empty() && self.distinct.is_none()
    }

    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        for key in &self.sort {
            let order = compare_values(a.labels.get(&key.label), b.labels.get(&key.label), key.descending);
            if order.is_ne() {
                return order;
            }
        }
        let order = a.arrival().cmp(&b.arrival());
        if self.direction == Direction::Forward { order } else { order.reverse() }
    }
}

/// Numbers as numbers and before texts; texts by their bytes; entries without the label last, whichever
/// the direction.
fn compare_values(a: &str, b: &str, descending: bool) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let order = match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    };
    if descending { order.reverse() } else { order }
}

/// Collects entries from all threads of a query.
#[derive(Debug)]
pub(crate) struct Collector {
    shape: Shape,
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
    shortened: bool,
}

impl Collector {
    /// `bytes_max` bounds the lines held; when they would not fit the answer is shortened.
    pub(crate) fn new(shape: Shape, bytes_max: usize) -> Collector {
        Collector { shape, entries: Vec::new(), bytes: 0, bytes_max, shortened: false }
    }

    /// Takes entries in; gives the time beyond which no further entry can count, once there is one.
    pub(crate) fn absorb(&mut self, entries: Vec<Entry>) -> Option<i64> {
        if entries.is_empty() {
            return None;
        }
        let before = self.entries.len();
        self.bytes += entries.iter().map(Entry::memory_bytes).sum::<usize>();
        self.entries.extend(entries);
        let due = before < self.shape.limit || self.entries.len() >= self.shape.limit.saturating_mul(2);
        if self.entries.len() >= self.shape.limit && due || self.bytes > self.bytes_max {
            self.trim();
        }
        let full = self.entries.len() >= self.shape.limit && self.shape.by_time();
        if !full {
            return None;
        }
        // Between trims the list is not sorted: the edge is that of the last trim.
        self.entries.get(self.shape.limit - 1).map(|e| e.timestamp)
    }

    /// Sorts, drops repeats, cuts to the limit.
    fn trim(&mut self) {
        match &self.shape.distinct {
            None => {
                self.entries.sort_by_key(|e| (e.timestamp, e.stream, e.content, e.sequence, e.row));
                self.entries.dedup_by_key(|e| (e.timestamp, e.stream, e.content));
                let shape = &self.shape;
                self.entries.sort_by(|a, b| shape.compare(a, b));
            }
            Some(names) => {
                let shape = &self.shape;
                self.entries.sort_by(|a, b| shape.compare(a, b));
                let mut seen = hashbrown::HashSet::new();
                self.entries.retain(|e| seen.insert(names.iter().map(|n| e.labels.get(n).to_owned()).collect::<Vec<_>>()));
            }
        }
        self.entries.truncate(self.shape.limit);
        self.bytes = self.entries.iter().map(Entry::memory_bytes).sum();
        while self.bytes > self.bytes_max && self.entries.len() > 1 {
            self.shortened = true;
            self.shape.limit = self.entries.len() / 2;
            self.entries.truncate(self.shape.limit);
            self.bytes = self.entries.iter().map(Entry::memory_bytes).sum();
        }
    }

    /// Bytes of the entries held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answer in order, and whether memory made it shorter than asked.
    pub(crate) fn finish(mut self) -> (Vec<Entry>, bool) {
        self.trim();
        (self.entries, self.shortened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp: i64, sequence: u64, content: u64) -> Entry {
        Entry { timestamp, sequence, row: 0, stream: 0, content, labels: Arc::default(), line: vec![b'x'; 10] }
    }

    fn shape(limit: usize, direction: Direction) -> Shape {
        Shape { direction, limit, distinct: None, sort: Vec::new() }
    }

    #[test]
    fn newest_entries_stay_and_repeats_go() {
        let mut collector = Collector::new(shape(2, Direction::Backward), 1 << 20);
        assert_eq!(collector.absorb(vec![entry(1, 1, 1)]), None);
        assert_eq!(collector.absorb(vec![entry(5, 1, 2), entry(5, 2, 2)]), Some(1));
        assert_eq!(collector.absorb(vec![entry(4, 1, 3), entry(3, 1, 4)]), Some(4));
        let (entries, shortened) = collector.finish();
        assert_eq!(entries.iter().map(|e| (e.timestamp, e.sequence)).collect::<Vec<_>>(), [(5, 1), (4, 1)]);
        assert!(!shortened);
    }

    #[test]
    fn sorted_values_are_numbers_then_texts_then_nothing() {
        let order = |descending: bool| {
            let mut values = ["", "b", "10", "9"];
            values.sort_by(|a, b| compare_values(a, b, descending));
            values
        };
        assert_eq!(order(false), ["9", "10", "b", ""]);
        assert_eq!(order(true), ["b", "10", "9", ""]);
    }

    #[test]
    fn memory_shortens_the_answer() {
        let mut collector = Collector::new(shape(100, Direction::Forward), 1000);
        collector.absorb((0..50).map(|t| entry(t, 0, t as u64)).collect());
        let (entries, shortened) = collector.finish();
        assert!(shortened && !entries.is_empty() && entries.len() < 50 && entries[0].timestamp == 0);
    }
}
