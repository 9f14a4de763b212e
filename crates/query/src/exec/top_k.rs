//! The entries of a log query's answer: the best `limit` of those found so far, without repeats.
//!
//! "Best" is newest, oldest, or first by the keys of `| sort by`. Repeats are entries of equal stream,
//! time and content (a retried push lies in two pieces), or with `| distinct` of equal label values.

use skald_logql::ast::SortKey;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::cursor::{Cursor, Place};
use crate::error::QueryError;
use skald_model::Direction;
use skald_model::StreamId;

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
        all.into_iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }
}

/// An entry that may be part of the answer.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) timestamp: i64,
    pub(crate) sequence: u64,
    pub(crate) row: u32,
    pub(crate) id: StreamId,
    pub(crate) content: u64,
    pub(crate) labels: Arc<OutputLabels>,
    pub(crate) line: Vec<u8>,
}

impl Entry {
    /// Its place in the total order that [`crate::cursor`] describes.
    fn order(&self) -> (i64, StreamId, u64, u32) {
        (self.timestamp, self.id, self.sequence, self.row)
    }

    fn memory_bytes(&self) -> usize {
        self.line.len() + 128
    }
}

/// What the answer is made of.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    pub(crate) distinct: Option<Vec<String>>,
    pub(crate) sort: Vec<SortKey>,
    /// The answer goes on after this entry.
    pub(crate) after: Option<Cursor>,
    /// Bytes of entries that may be held, where that is less than the query's memory.
    pub(crate) bytes_max: Option<usize>,
}

impl Shape {
    /// Where an entry lies, seen from the page before.
    pub(crate) fn place(&self, timestamp: i64, stream: StreamId) -> Place {
        self.after
            .as_ref()
            .map_or(Place::After, |cursor| cursor.place(timestamp, stream))
    }

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
            let order = compare_values(
                a.labels.get(&key.label),
                b.labels.get(&key.label),
                key.descending,
            );
            if order.is_ne() {
                return order;
            }
        }
        let order = a.order().cmp(&b.order());
        if self.direction == Direction::Forward {
            order
        } else {
            order.reverse()
        }
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

/// Entries are sorted and cut to the limit when there is one in so many more: the edge that spares reading follows what
/// was found closely, and an entry is sorted a few times.
const SPARE_SHARE: usize = 8;

/// Collects entries from all threads of a query.
#[derive(Debug)]
pub(crate) struct Collector {
    shape: Shape,
    entries: Vec<Entry>,
    /// Entries of the cursor's own time and stream. They come first, and which of them belong to the page
    /// is known only when all are there.
    beside: Vec<Entry>,
    beside_bytes: usize,
    bytes: usize,
    bytes_max: usize,
    shortened: bool,
}

impl Collector {
    /// `bytes_max` bounds the lines held; when they would not fit the answer is shortened.
    pub(crate) fn new(shape: Shape, bytes_max: usize) -> Collector {
        Collector {
            shape,
            entries: Vec::new(),
            beside: Vec::new(),
            beside_bytes: 0,
            bytes: 0,
            bytes_max,
            shortened: false,
        }
    }

    /// Takes entries in; gives the time beyond which no further entry can count, once there is one.
    pub(crate) fn absorb(&mut self, mut entries: Vec<Entry>) -> Option<i64> {
        if self.shape.after.is_some() {
            let shape = &self.shape;
            for entry in entries.extract_if(.., |e| shape.place(e.timestamp, e.id) == Place::Beside)
            {
                self.beside_bytes += entry.memory_bytes();
                // Too many of them fail the query in the end: until then they cost no memory.
                if self.beside_bytes <= self.bytes_max {
                    self.beside.push(entry);
                }
            }
        }
        if entries.is_empty() {
            return None;
        }
        let before = self.entries.len();
        self.bytes += entries.iter().map(Entry::memory_bytes).sum::<usize>();
        self.entries.extend(entries);
        let due = before < self.shape.limit
            || self.entries.len()
                >= self
                    .shape
                    .limit
                    .saturating_add(self.shape.limit / SPARE_SHARE);
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
                self.entries
                    .sort_by_key(|e| (e.timestamp, e.id, e.content, e.sequence, e.row));
                self.entries
                    .dedup_by_key(|e| (e.timestamp, e.id, e.content));
                let shape = &self.shape;
                self.entries.sort_by(|a, b| shape.compare(a, b));
            }
            Some(names) => {
                let shape = &self.shape;
                self.entries.sort_by(|a, b| shape.compare(a, b));
                let mut seen = hashbrown::HashSet::new();
                self.entries.retain(|e| {
                    seen.insert(
                        names
                            .iter()
                            .map(|n| e.labels.get(n).to_owned())
                            .collect::<Vec<_>>(),
                    )
                });
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
    pub(crate) fn finish(mut self) -> Result<(Vec<Entry>, bool), QueryError> {
        if let Some(cursor) = self.shape.after {
            if self.beside_bytes > self.bytes_max {
                let at = cursor.timestamp;
                return Err(QueryError::Bad(format!(
                    "a stream has more entries at {at} ns than fit in the query's memory"
                )));
            }
            let beside = rest_beside(std::mem::take(&mut self.beside), &cursor, &self.shape);
            self.entries.extend(beside);
        }
        self.trim();
        Ok((self.entries, self.shortened))
    }
}

/// Of the entries of the cursor's time and stream those that come after its own.
fn rest_beside(mut entries: Vec<Entry>, cursor: &Cursor, shape: &Shape) -> Vec<Entry> {
    entries.sort_by_key(|e| (e.sequence, e.row));
    let mut seen = hashbrown::HashSet::new();
    entries.retain(|e| seen.insert(e.content));
    entries.sort_by(|a, b| shape.compare(a, b));
    // An entry that was deleted since leaves nothing to go by: what is beside it is shown again.
    let shown = entries
        .iter()
        .position(|e| e.content == cursor.content)
        .map_or(0, |at| at + 1);
    entries.split_off(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp: i64, sequence: u64, content: u64) -> Entry {
        let id = StreamId(0);
        Entry {
            timestamp,
            sequence,
            row: 0,
            id,
            content,
            labels: Arc::default(),
            line: vec![b'x'; 10],
        }
    }

    fn shape(limit: usize, direction: Direction) -> Shape {
        Shape {
            direction,
            limit,
            distinct: None,
            sort: Vec::new(),
            after: None,
            bytes_max: None,
        }
    }

    fn finished(collector: Collector) -> (Vec<(i64, u64)>, bool) {
        let (entries, shortened) = collector.finish().expect("the entries fit");
        (
            entries.iter().map(|e| (e.timestamp, e.content)).collect(),
            shortened,
        )
    }

    #[test]
    fn a_page_goes_on_after_the_last_entry_of_the_page_before() {
        let check = |direction, last: u64, expected: &[(i64, u64)]| {
            let after = Some(Cursor::new(direction, (5, StreamId(0)), last, ""));
            let mut collector = Collector::new(
                Shape {
                    after,
                    ..shape(2, direction)
                },
                1 << 20,
            );
            // Three entries of one time, the second of them twice.
            collector.absorb(vec![
                entry(5, 3, 30),
                entry(5, 1, 10),
                entry(5, 2, 20),
                entry(5, 4, 20),
            ]);
            collector.absorb(vec![entry(6, 0, 1), entry(7, 0, 2), entry(8, 0, 3)]);
            assert_eq!(finished(collector).0, expected);
        };
        check(Direction::Forward, 10, &[(5, 20), (5, 30)]);
        check(Direction::Forward, 20, &[(5, 30), (6, 1)]);
        check(Direction::Forward, 30, &[(6, 1), (7, 2)]);
    }

    #[test]
    fn newest_entries_stay_and_repeats_go() {
        let mut collector = Collector::new(shape(2, Direction::Backward), 1 << 20);
        assert_eq!(collector.absorb(vec![entry(1, 1, 1)]), None);
        assert_eq!(
            collector.absorb(vec![entry(5, 1, 2), entry(5, 2, 2)]),
            Some(1)
        );
        assert_eq!(
            collector.absorb(vec![entry(4, 1, 3), entry(3, 1, 4)]),
            Some(4)
        );
        assert_eq!(finished(collector), (vec![(5, 2), (4, 3)], false));
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
        let (entries, shortened) = finished(collector);
        assert!(shortened && !entries.is_empty() && entries.len() < 50 && entries[0].0 == 0);
    }
}
