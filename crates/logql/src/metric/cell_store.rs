//! The cell store keeps each series' cells: sparsely when it has few, in dense stretches when many.
//!
//! A grid may have ten thousand points and ten thousand series, most of them alive for a moment. A
//! row holds only cells it was given; neighbours lie in one stretch once that costs less than a
//! list.

use crate::metric::cells::Cell;
use std::collections::VecDeque;

/// Grids of at most this many intervals are one flat table: instant queries and short ranges.
const FLAT_INTERVALS_MAX: usize = 8;

/// Fewest cells of a row for which a stretch is considered.
const SPAN_CELLS_MIN: usize = 8;

/// A stretch may hold this many empty cells for each one in use before it becomes a list again.
const SPAN_WASTE: usize = 4;

/// The cells of one series.
#[derive(Clone, Debug)]
enum Row<C> {
    /// Cells with their intervals, sorted.
    List(VecDeque<(u32, C)>),
    /// Neighbouring cells from interval `first` on; `used` of them are not empty.
    Span {
        first: u32,
        used: usize,
        cells: VecDeque<C>,
    },
}

/// The cells of all series.
#[derive(Clone, Debug)]
pub(super) struct Rows<C> {
    intervals: usize,
    table: Table<C>,
    heap_bytes: usize,
}

#[derive(Clone, Debug)]
enum Table<C> {
    /// `intervals` cells a series, one series behind the other.
    Flat(Vec<C>),
    /// A row a series.
    Ragged(Vec<Row<C>>),
}

impl<C: Cell> Rows<C> {
    /// No series yet.
    pub(super) fn new(intervals: usize) -> Rows<C> {
        let table = if intervals <= FLAT_INTERVALS_MAX {
            Table::Flat(Vec::new())
        } else {
            Table::Ragged(Vec::new())
        };
        Rows {
            intervals,
            table,
            heap_bytes: 0,
        }
    }

    /// Adds a sample of a series in an interval.
    #[inline]
    pub(super) fn add(&mut self, series: u32, interval: u32, timestamp: i64, value: f64) {
        let heap_bytes = self.cell(series, interval).add(timestamp, value);
        self.heap_bytes += heap_bytes;
    }

    /// Takes in rows whose samples arrived later; `map[i]` is the number here of series `i` there.
    pub(super) fn merge(&mut self, other: Rows<C>, map: &[u32]) {
        self.heap_bytes += other.heap_bytes;
        for (series, number) in map.iter().enumerate() {
            for (interval, theirs) in other.cells(series as u32) {
                let mine = self.cell(*number, interval);
                if mine.is_empty() {
                    *mine = theirs.clone();
                } else {
                    mine.merge(theirs);
                }
            }
        }
    }

    /// Number of series.
    pub(super) fn series(&self) -> usize {
        match &self.table {
            Table::Flat(cells) => cells.len() / self.intervals,
            Table::Ragged(rows) => rows.len(),
        }
    }

    /// Rough bytes held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.heap_bytes
            + match &self.table {
                Table::Flat(cells) => cells.capacity() * size_of::<C>(),
                Table::Ragged(rows) => rows.capacity() * size_of::<Row<C>>(),
            }
    }

    /// The cells of a series that are not empty, in order of intervals.
    pub(super) fn cells(&self, series: u32) -> impl Iterator<Item = (u32, &C)> {
        let series = series as usize;
        let (span, first, list) = match &self.table {
            Table::Flat(cells) => {
                let start = series * self.intervals;
                (
                    Some(Stretch::Slice(
                        cells.get(start..start + self.intervals).unwrap_or_default(),
                    )),
                    0,
                    None,
                )
            }
            Table::Ragged(rows) => match rows.get(series) {
                Some(Row::Span { first, cells, .. }) => (Some(Stretch::Deque(cells)), *first, None),
                Some(Row::List(list)) => (None, 0, Some(list)),
                None => (None, 0, None),
            },
        };
        let stretch = span
            .into_iter()
            .flat_map(Stretch::iter)
            .enumerate()
            .map(move |(i, cell)| (first + i as u32, cell));
        let listed = list
            .into_iter()
            .flatten()
            .map(|(interval, cell)| (*interval, cell));
        stretch.chain(listed).filter(|(_, cell)| !cell.is_empty())
    }

    #[inline]
    fn cell(&mut self, series: u32, interval: u32) -> &mut C {
        let series = series as usize;
        match &mut self.table {
            Table::Flat(cells) => {
                let end = (series + 1) * self.intervals;
                if cells.len() < end {
                    cells.resize(end, C::EMPTY);
                }
                &mut cells[end - self.intervals + interval as usize]
            }
            Table::Ragged(rows) => {
                if rows.len() <= series {
                    rows.resize_with(series + 1, || Row::List(VecDeque::new()));
                }
                rows[series].cell(interval, &mut self.heap_bytes)
            }
        }
    }
}

/// Neighbouring cells, however they are kept.
enum Stretch<'a, C> {
    Slice(&'a [C]),
    Deque(&'a VecDeque<C>),
}

impl<'a, C> Stretch<'a, C> {
    fn iter(self) -> impl Iterator<Item = &'a C> {
        let (front, back) = match self {
            Stretch::Slice(cells) => (cells, &[][..]),
            Stretch::Deque(cells) => cells.as_slices(),
        };
        front.iter().chain(back)
    }
}

impl<C: Cell> Row<C> {
    /// The cell of an interval, made if need be.
    #[inline]
    fn cell(&mut self, interval: u32, heap_bytes: &mut usize) -> &mut C {
        let known = match self {
            Row::Span { first, cells, .. } => {
                let offset = interval.wrapping_sub(*first) as usize;
                offset < cells.len() && !cells[offset].is_empty()
            }
            Row::List(_) => false,
        };
        if !known {
            self.make_room(interval, heap_bytes);
        }
        match self {
            Row::Span { first, cells, .. } => &mut cells[(interval - *first) as usize],
            Row::List(list) => {
                let at = position(list, interval);
                if list.get(at).is_none_or(|(i, _)| *i != interval) {
                    let before = list.capacity();
                    list.insert(at, (interval, C::EMPTY));
                    *heap_bytes += (list.capacity() - before) * size_of::<(u32, C)>();
                }
                &mut list[at].1
            }
        }
    }

    /// Brings the row into the form that suits one more cell at `interval`. A stretch then covers
    /// it.
    fn make_room(&mut self, interval: u32, heap_bytes: &mut usize) {
        let before = self.own_bytes();
        match self {
            Row::List(list) if list.len() >= SPAN_CELLS_MIN => {
                let low = list.front().map_or(interval, |(i, _)| (*i).min(interval));
                let high = list.back().map_or(interval, |(i, _)| (*i).max(interval));
                let width = (high - low) as usize + 1;
                if width * size_of::<C>() <= (list.len() + 1) * size_of::<(u32, C)>() * 2 {
                    let mut cells = VecDeque::from(vec![C::EMPTY; width]);
                    // The cell asked for is about to be used, unless the list has it already.
                    let mut used = 1;
                    for (i, cell) in list.drain(..) {
                        used += usize::from(i != interval);
                        cells[(i - low) as usize] = cell;
                    }
                    *self = Row::Span {
                        first: low,
                        used,
                        cells,
                    };
                }
            }
            Row::List(_) => {}
            Row::Span { first, used, cells } => {
                let low = interval.min(*first);
                let high = interval.max(*first + cells.len() as u32 - 1);
                let width = (high - low) as usize + 1;
                if width > SPAN_WASTE * (*used + SPAN_CELLS_MIN) {
                    let start = *first;
                    let numbered = std::mem::take(cells)
                        .into_iter()
                        .enumerate()
                        .map(|(i, cell)| (start + i as u32, cell));
                    *self = Row::List(numbered.filter(|(_, cell)| !cell.is_empty()).collect());
                } else {
                    *used += 1;
                    for _ in low..*first {
                        cells.push_front(C::EMPTY);
                    }
                    *first = low;
                    if cells.len() < width {
                        cells.resize(width, C::EMPTY);
                    }
                }
            }
        }
        *heap_bytes = (*heap_bytes + self.own_bytes()).saturating_sub(before);
    }

    fn own_bytes(&self) -> usize {
        match self {
            Row::List(list) => list.capacity() * size_of::<(u32, C)>(),
            Row::Span { cells, .. } => cells.capacity() * size_of::<C>(),
        }
    }
}

/// Where `interval` is or belongs; rows are mostly given in order of time, or blocks newest first.
fn position<C>(list: &VecDeque<(u32, C)>, interval: u32) -> usize {
    match list.back() {
        None => 0,
        Some((last, _)) if *last < interval => list.len(),
        Some((last, _)) if *last == interval => list.len() - 1,
        Some(_) => list.partition_point(|(i, _)| *i < interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::cells::Total;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn found(rows: &Rows<Total>, series: u32) -> Vec<(u32, f64)> {
        rows.cells(series)
            .map(|(i, cell)| (i, cell.value()))
            .collect()
    }

    #[test]
    fn a_series_of_few_samples_does_not_allocate_the_grid() {
        let mut rows = Rows::<Total>::new(20_000);
        for series in 0..1000 {
            for interval in [5, 19_000, 700] {
                rows.add(series, interval, 0, 1.0);
            }
        }
        assert_eq!(found(&rows, 999), [(5, 1.0), (700, 1.0), (19_000, 1.0)]);
        assert!(rows.memory_bytes() < 1000 * 200, "{}", rows.memory_bytes());
    }

    #[test]
    fn a_full_series_takes_a_word_an_interval() {
        let mut rows = Rows::<Total>::new(10_000);
        for interval in (0..10_000).rev() {
            rows.add(0, interval, 0, 2.0);
        }
        assert_eq!(rows.cells(0).count(), 10_000);
        assert!(
            rows.memory_bytes() < 10_000 * 8 * 2 + 1000,
            "{}",
            rows.memory_bytes()
        );
    }

    proptest! {
        #[test]
        fn rows_hold_what_was_added_in_any_order(
            intervals in 1usize..300,
            adds in proptest::collection::vec((0u32..3, 0u32..300, 0u32..5), 0..400),
            cut in 0usize..400,
        ) {
            let mut expected = BTreeMap::new();
            let (mut rows, mut later) = (Rows::<Total>::new(intervals), Rows::<Total>::new(intervals));
            for (n, (series, interval, value)) in adds.iter().enumerate() {
                let interval = interval % intervals as u32;
                *expected.entry((*series, interval)).or_insert(0.0) += f64::from(*value);
                let side = if n < cut { &mut rows } else { &mut later };
                side.add(*series, interval, 0, f64::from(*value));
            }
            rows.merge(later, &[0, 1, 2]);
            for series in 0..3 {
                let of: Vec<_> = expected.iter().filter(|(k, _)| k.0 == series).map(|(k, v)| (k.1, *v)).collect();
                prop_assert_eq!(found(&rows, series), of);
            }
        }
    }
}
