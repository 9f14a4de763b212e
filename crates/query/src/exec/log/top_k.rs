//! The top K of a log query: collects the first `limit` entries in the order of the answer, without
//! repeats.
//!
//! The order is newest first, oldest first, or by the keys of `| sort by`. Repeats are equal
//! entries (see [`drop_repeats`]), or with `| distinct` entries of equal label values.

use crate::cursor::{Cursor, Place};
use crate::error::QueryError;
use crate::exec::log::entry::{Entry, about_bytes, drop_repeats, exact_bytes};
use skald_logql::ast::SortKey;
use skald_model::{Direction, StreamId, steps};
use std::cmp::Ordering;

/// Which entries make the answer.
#[derive(Clone, Debug)]
pub(crate) struct TopK {
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    /// Labels whose values no two entries share.
    pub(crate) distinct: Option<Vec<String>>,
    /// Keys that come before time.
    pub(crate) sort: Vec<SortKey>,
    /// The answer begins after this entry.
    pub(crate) after: Option<Cursor>,
    /// Bytes of entries that may be held, where that is less than the query's memory.
    pub(crate) bytes_max: Option<usize>,
}

impl TopK {
    /// The first `limit` entries by time.
    pub(crate) fn by_time(direction: Direction, limit: usize) -> TopK {
        TopK {
            direction,
            limit,
            distinct: None,
            sort: Vec::new(),
            after: None,
            bytes_max: None,
        }
    }

    /// Where an entry lies, seen from the page before.
    pub(crate) fn place(&self, timestamp: i64, stream: StreamId) -> Place {
        self.after
            .as_ref()
            .map_or(Place::After, |cursor| cursor.place(timestamp, stream))
    }

    /// Whether the order is that of time, so that a reader that goes through time may stop early.
    pub(crate) fn is_by_time(&self) -> bool {
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
        self.direction.order(a.order().cmp(&b.order()))
    }
}

/// Numbers as numbers and before texts; texts by their bytes; entries without the label last,
/// whichever the direction.
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

/// Entries are sorted and truncated to the limit once they exceed it by one in this many: the edge
/// that spares reading follows closely, and an entry is sorted a few times.
const SPARE_SHARE: usize = 8;

/// That many entries and their spare share.
fn with_spare(entries: usize) -> usize {
    entries.saturating_add(entries / SPARE_SHARE)
}

/// Collects entries from all threads of a query.
#[derive(Debug)]
pub(crate) struct Collector {
    top: TopK,
    entries: Vec<Entry>,
    /// Entries of the cursor's own time and stream. They come first, and which of them belong to
    /// the page is known only when all are there.
    beside: Vec<Entry>,
    beside_bytes: usize,
    bytes: usize,
    bytes_max: usize,
    /// Entries at which the list is trimmed next.
    trim_at: usize,
    shortened: bool,
}

impl Collector {
    /// `bytes_max` bounds the lines held; when they would not fit the answer is shortened.
    pub(crate) fn new(top: TopK, bytes_max: usize) -> Collector {
        Collector {
            trim_at: with_spare(top.limit),
            top,
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
        if self.top.after.is_some() {
            let top = &self.top;
            for entry in
                entries.extract_if(.., |e| top.place(e.timestamp, e.stream) == Place::Beside)
            {
                self.beside_bytes += entry.own_bytes() + entry.labels.bytes;
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
        self.bytes += about_bytes(&entries);
        self.entries.extend(entries);
        let due = before < self.top.limit || self.entries.len() >= self.trim_at;
        if self.entries.len() >= self.top.limit && due || self.bytes > self.bytes_max {
            self.trim();
        }
        let full = self.entries.len() >= self.top.limit && self.top.is_by_time();
        if !full {
            return None;
        }
        // Between trims the list is not sorted: the edge is that of the last trim.
        self.entries.get(self.top.limit - 1).map(|e| e.timestamp)
    }

    /// Sorts, drops repeats, truncates to the limit.
    fn trim(&mut self) {
        steps::count(self.entries.len());
        match &self.top.distinct {
            None => {
                drop_repeats(&mut self.entries);
                let top = &self.top;
                self.entries.sort_by(|a, b| top.compare(a, b));
            }
            Some(names) => {
                let top = &self.top;
                self.entries.sort_by(|a, b| top.compare(a, b));
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
        self.entries.truncate(self.top.limit + self.ties());
        self.bytes = exact_bytes(&self.entries);
        if self.bytes > self.bytes_max && self.entries.len() > self.top.limit {
            self.entries.truncate(self.top.limit);
            self.bytes = exact_bytes(&self.entries);
        }
        while self.bytes > self.bytes_max && self.entries.len() > 1 {
            self.shortened = true;
            self.top.limit = self.entries.len() / 2;
            self.entries.truncate(self.top.limit);
            self.bytes = exact_bytes(&self.entries);
        }
        self.trim_at = with_spare(self.top.limit.max(self.entries.len()));
    }

    /// How many entries after the limit, which are sorted, may still change what is before it. Of
    /// equal entries the first to arrive stays, and newest first it comes last: one that is still to
    /// come may be a repeat of one that lies beside the last entry.
    fn ties(&self) -> usize {
        let limit = self.top.limit;
        let may_repeat = self.top.direction.is_backward() && self.top.distinct.is_none();
        match limit.checked_sub(1).and_then(|last| self.entries.get(last)) {
            Some(last) if may_repeat => self.entries[limit..]
                .iter()
                .take_while(|e| (e.timestamp, e.stream) == (last.timestamp, last.stream))
                .count(),
            _ => 0,
        }
    }

    /// Bytes of the entries held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.beside_bytes.min(self.bytes_max)
    }

    /// Whether memory made the answer shorter than asked.
    pub(crate) fn is_shortened(&self) -> bool {
        self.shortened
    }

    /// The answer in order, and whether memory made it shorter than asked; nothing is left here.
    pub(crate) fn finish(&mut self) -> Result<(Vec<Entry>, bool), QueryError> {
        if let Some(cursor) = self.top.after {
            if self.beside_bytes > self.bytes_max {
                let at = cursor.timestamp;
                return Err(QueryError::Bad(format!(
                    "a stream has more entries at {at} ns than fit in the query's memory"
                )));
            }
            let beside = rest_beside(std::mem::take(&mut self.beside), &cursor, &self.top);
            self.entries.extend(beside);
        }
        self.trim();
        self.entries.truncate(self.top.limit);
        Ok((std::mem::take(&mut self.entries), self.shortened))
    }
}

/// Of the entries of the cursor's time and stream those that come after its own.
fn rest_beside(mut entries: Vec<Entry>, cursor: &Cursor, top: &TopK) -> Vec<Entry> {
    drop_repeats(&mut entries);
    entries.sort_by(|a, b| top.compare(a, b));
    // An entry that was deleted since can't be found: those beside it are shown again.
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
        Entry {
            sequence,
            content,
            ..Entry::at(timestamp, format!("line {content}").as_bytes())
        }
    }

    fn finished(mut collector: Collector) -> (Vec<(i64, u64)>, bool) {
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
                TopK {
                    after,
                    ..TopK::by_time(direction, 2)
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
        let mut collector = Collector::new(TopK::by_time(Direction::Backward, 2), 1 << 20);
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
    fn a_repeat_does_not_take_the_place_of_what_arrived_after_the_first() {
        // One arrived first, then two, then one again.
        let pieces = [vec![entry(5, 1, 1), entry(5, 2, 2)], vec![entry(5, 3, 1)]];
        for order in [[0, 1], [1, 0]] {
            for (limit, expected) in [(1, &[(5, 2)][..]), (2, &[(5, 2), (5, 1)])] {
                let top = TopK::by_time(Direction::Backward, limit);
                let mut collector = Collector::new(top, 1 << 20);
                for piece in order {
                    let shown = pieces[piece]
                        .iter()
                        .map(|e| entry(5, e.sequence, e.content));
                    collector.absorb(shown.collect());
                }
                assert_eq!(finished(collector).0, expected, "{order:?}");
            }
        }
    }

    #[test]
    fn twice_the_entries_are_about_twice_the_steps() {
        let distinct = TopK {
            distinct: Some(vec!["app".to_owned()]),
            ..TopK::by_time(Direction::Backward, 50)
        };
        let sorted = TopK {
            sort: vec![SortKey {
                label: "app".to_owned(),
                descending: true,
            }],
            ..TopK::by_time(Direction::Backward, 50)
        };
        let by_time = TopK::by_time(Direction::Backward, 50);
        // Entries of one time and stream are kept together, however many they are.
        let at_once: fn(i64) -> i64 = |_| 5;
        let times: [fn(i64) -> i64; 3] = [at_once, |at| at, |at| -at];
        for top in [distinct, sorted, by_time] {
            for time in times {
                let taken = |count: i64| {
                    steps::during(|| {
                        let mut collector = Collector::new(top.clone(), 1 << 30);
                        for first in (0..count).step_by(7) {
                            let entries = first..first + 7;
                            collector.absorb(
                                entries
                                    .map(|at| entry(time(at), at as u64, at as u64))
                                    .collect(),
                            );
                        }
                        assert!(collector.finish().is_ok());
                    })
                };
                let (once, twice) = (taken(3_000), taken(6_000));
                assert!(2 * twice <= 5 * once, "{top:?}: {once} steps, then {twice}");
            }
        }
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
        let mut collector = Collector::new(TopK::by_time(Direction::Forward, 100), 1000);
        collector.absorb((0..50).map(|t| entry(t, 0, t as u64)).collect());
        let (entries, shortened) = finished(collector);
        assert!(shortened && !entries.is_empty() && entries.len() < 50 && entries[0].0 == 0);
    }
}
