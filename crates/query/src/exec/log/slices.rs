//! Slices take the selected rows of a piece a few at a time, those that come first in the answer
//! first, so that its stages run no further than the answer needs.
//!
//! Rows of a piece lie stream by stream, and those of the head in order of arrival: the first of
//! the answer may be anywhere. Their times tell which they are before a stage has run. Each slice
//! is a multiple of the one before: a filter that lets nothing through costs one pass over the
//! rows.

use hashbrown::HashSet;
use skald_logql::pipeline::Selection;
use skald_model::{Batch, Direction, EntryHash, SelectedStream};
use std::cmp::Ordering;

/// Rows of the first slice, where the answer's limit is lower.
const FIRST_ROWS_MIN: usize = 64;

/// How many times as many rows the next slice has.
const SLICE_GROWTH: usize = 4;

/// Where a row stands in the order of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowKey {
    pub(crate) time: i64,
    /// Number of its stream.
    pub(crate) stream: u32,
    pub(crate) row: u32,
}

/// The rows of a piece that no slice has taken yet.
pub(crate) struct Slices<'a> {
    keys: &'a mut [RowKey],
    batch: &'a Batch,
    streams: &'a [SelectedStream],
    direction: Direction,
    /// Whether entries of this time may be repeated by others that arrived later.
    may_repeat: &'a dyn Fn(i64) -> bool,
    next_rows: usize,
}

impl<'a> Slices<'a> {
    /// Of these rows of a batch, for an answer of `limit` entries. Where `may_repeat` holds for a
    /// time, rows that share it and their stream stay together.
    pub(crate) fn new(
        keys: &'a mut [RowKey],
        (batch, streams): (&'a Batch, &'a [SelectedStream]),
        direction: Direction,
        limit: usize,
        may_repeat: &'a dyn Fn(i64) -> bool,
    ) -> Slices<'a> {
        Slices {
            keys,
            batch,
            streams,
            direction,
            may_repeat,
            next_rows: limit.max(FIRST_ROWS_MIN),
        }
    }

    /// Makes `slice` the next rows, without those whose time is beyond what can count. False when
    /// none is left that can.
    pub(crate) fn next(&mut self, slice: &mut Selection, is_beyond: impl Fn(i64) -> bool) -> bool {
        slice.clear();
        let keys = std::mem::take(&mut self.keys);
        let count = self.next_rows.min(keys.len());
        let mut end = SliceEnd {
            rows: count,
            done: count,
        };
        if count < keys.len() {
            let (streams, direction) = (self.streams, self.direction);
            keys.select_nth_unstable_by(count - 1, |a, b| compare(streams, direction, a, b));
            end = self.settle_ties(keys, count);
        }
        let (taken, rest) = keys.split_at_mut(end.done);
        self.keys = rest;
        self.next_rows = self.next_rows.saturating_mul(SLICE_GROWTH);
        let mut any = false;
        for key in taken[..end.rows].iter().filter(|key| !is_beyond(key.time)) {
            slice.insert(key.row);
            any = true;
        }
        any
    }

    /// Decides which of the rows that share stream and time with the last of the first `count` are
    /// taken with them. Of equal entries the first to arrive stays, which stands for all of them: the
    /// others, which would move the end, are left out.
    fn settle_ties(&self, keys: &mut [RowKey], count: usize) -> SliceEnd {
        let edge = keys[count - 1];
        let is_tied = |key: &RowKey| key.time == edge.time && key.stream == edge.stream;
        let after = move_to_front(&mut keys[count..], is_tied);
        if after == 0 {
            return SliceEnd {
                rows: count,
                done: count,
            };
        }
        let before = move_to_front(&mut keys[..count], |key| !is_tied(key));
        let ties = &mut keys[before..count + after];
        ties.sort_unstable_by_key(|key| key.row);
        let mut seen = HashSet::new();
        let distinct = move_to_front(ties, |key| {
            seen.insert(EntryHash::of_content(self.batch, key.row))
        });
        if self.direction.is_backward() {
            ties[..distinct].reverse();
        }
        let taken = match (self.may_repeat)(edge.time) {
            true => distinct,
            false => distinct.min(count - before),
        };
        ties[taken..].rotate_left(distinct - taken);
        SliceEnd {
            rows: before + taken,
            done: before + taken + ties.len() - distinct,
        }
    }
}

/// Where a slice ends: its rows come first, then those that no slice needs.
struct SliceEnd {
    rows: usize,
    done: usize,
}

/// Moves the keys that are wanted before the others, in their order, and tells how many they are.
fn move_to_front(keys: &mut [RowKey], mut is_wanted: impl FnMut(&RowKey) -> bool) -> usize {
    let mut count = 0;
    for at in 0..keys.len() {
        if is_wanted(&keys[at]) {
            keys.swap(count, at);
            count += 1;
        }
    }
    count
}

/// The order of entries of one piece: by time, stream and row.
fn compare(streams: &[SelectedStream], direction: Direction, a: &RowKey, b: &RowKey) -> Ordering {
    let id = |key: &RowKey| streams[key.stream as usize].id;
    let order = a.time.cmp(&b.time);
    let order = order.then_with(|| id(a).cmp(&id(b)).then(a.row.cmp(&b.row)));
    direction.order(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::{BatchBuilder, Labels, StreamId};

    /// A time of which rows stay together.
    const TIED: i64 = 77;

    fn streams() -> Vec<SelectedStream> {
        let stream = |id| SelectedStream {
            id: StreamId(id),
            labels: Labels::from_pairs([("app", "a")]),
        };
        vec![stream(2), stream(1)]
    }

    /// The slices of rows of these times and lines, each the last of the other stream.
    fn slices_of(
        rows: &[(i64, &str)],
        direction: Direction,
        limit: usize,
        edge: i64,
    ) -> Vec<Vec<u32>> {
        let mut builder = BatchBuilder::default();
        let mut keys = Vec::new();
        for (row, (time, line)) in rows.iter().enumerate() {
            let (row, stream) = (row as u32, row as u32 % 2);
            builder.push(stream, *time, line.as_bytes(), [].into_iter());
            keys.push(RowKey {
                time: *time,
                stream,
                row,
            });
        }
        let (batch, streams) = (builder.finish(), streams());
        let mut slices = Slices::new(&mut keys, (&batch, &streams), direction, limit, &|time| {
            time == TIED
        });
        let mut slice = Selection::none(rows.len());
        let mut all = Vec::new();
        let is_beyond = |time| match direction {
            Direction::Forward => time > edge,
            Direction::Backward => time < edge,
        };
        while slices.next(&mut slice, is_beyond) {
            let rows = 0..rows.len() as u32;
            all.push(rows.filter(|row| slice.contains(*row)).collect());
        }
        all
    }

    /// Likewise, no two lines equal.
    fn slices(times: &[i64], direction: Direction, limit: usize, edge: i64) -> Vec<Vec<u32>> {
        let lines: Vec<String> = (0..times.len()).map(|row| row.to_string()).collect();
        let rows = times.iter().zip(&lines);
        let rows: Vec<(i64, &str)> = rows.map(|(time, line)| (*time, line.as_str())).collect();
        slices_of(&rows, direction, limit, edge)
    }

    #[test]
    fn slices_take_all_rows_in_order_and_grow() {
        let times: Vec<i64> = (0..1_000).map(|row| row * 7 % 1_000).collect();
        for (direction, edge, expected) in [
            (
                Direction::Forward,
                i64::MAX,
                [(0, 99), (100, 499), (500, 999)],
            ),
            (
                Direction::Backward,
                i64::MIN,
                [(900, 999), (500, 899), (0, 499)],
            ),
        ] {
            let all = slices(&times, direction, 100, edge);
            let lengths: Vec<usize> = all.iter().map(Vec::len).collect();
            assert_eq!(lengths, [100, 400, 500]);
            let bounds = |slice: &Vec<u32>| {
                let times = || slice.iter().map(|row| times[*row as usize]);
                (times().min().expect("rows"), times().max().expect("rows"))
            };
            assert_eq!(all.iter().map(bounds).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn equal_times_are_in_the_order_of_streams_and_rows() {
        // Rows of odd numbers belong to the stream that comes first.
        let all = slices(&[5; 300], Direction::Forward, 100, i64::MAX);
        assert_eq!(all[0], (0..100).map(|i| 2 * i + 1).collect::<Vec<u32>>());
        let all = slices(&[5; 300], Direction::Backward, 100, i64::MIN);
        assert_eq!(all[0], (50..150).map(|i| 2 * i).collect::<Vec<u32>>());
        assert_eq!(all[1].len(), 200);
    }

    #[test]
    fn rows_that_others_may_repeat_stay_together() {
        for direction in [Direction::Forward, Direction::Backward] {
            let all = slices(&[TIED; 300], direction, 100, TIED);
            assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [150, 150]);
        }
    }

    #[test]
    fn equal_entries_have_the_place_of_the_first() {
        let mut rows = vec![(5, "a"), (5, "other stream"), (5, "b"), (5, "other stream")];
        for _ in 0..100 {
            rows.extend([(5, "a"), (4, "c")]);
        }
        let all = slices_of(&rows, Direction::Backward, 64, i64::MIN);
        let first: Vec<u32> = [0, 2].into_iter().chain(4..).step_by(1).take(2).collect();
        assert_eq!(all[0], first);
        assert_eq!(all.concat().iter().filter(|row| **row == 0).count(), 1);
    }

    #[test]
    fn rows_beyond_what_can_count_are_in_no_slice() {
        let times: Vec<i64> = (0..500).collect();
        let all = slices(&times, Direction::Backward, 1, 490);
        assert_eq!(all, [(490..500).collect::<Vec<u32>>()]);
        assert!(slices(&times, Direction::Forward, 1, -1).is_empty());
    }
}
