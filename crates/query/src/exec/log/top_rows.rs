//! The top rows of a piece: those that come first in the order of an answer, by times alone.

use crate::exec::row_range::run_rows;
use skald_model::{Direction, TimeRange};
use skald_store::Piece;
use std::ops::Range;

/// What is chosen of the rows of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// The rows, in order of the batch.
    pub(crate) rows: Vec<u32>,
    /// The time beyond which no entry of any piece can be among the first, once these are as many
    /// as are wanted.
    pub(crate) edge: Option<i64>,
    /// Whether rows of that time were left out, of a run that alone has as many as are wanted.
    pub(crate) cuts_ties: bool,
}

/// What becomes of the rows of a run that are as old as its last one that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ties {
    /// They are left out.
    Cut,
    /// They are chosen too.
    Whole,
}

/// The newest `limit` rows (forward: the oldest) among those of a piece that lie inside `range`,
/// and all that are as old as the last of them, but for `ties` within a run. Of the piece [`Piece::can_pick`] holds; `times` are
/// those of its batch.
pub(crate) fn first(
    piece: &Piece,
    times: &[i64],
    range: &TimeRange,
    limit: usize,
    direction: Direction,
    ties: Ties,
) -> First {
    of_runs(
        piece.runs.iter().map(|run| run.rows()),
        times,
        range,
        limit,
        direction,
        ties,
    )
}

fn of_runs(
    runs: impl Iterator<Item = Range<u32>>,
    times: &[i64],
    range: &TimeRange,
    limit: usize,
    direction: Direction,
    ties: Ties,
) -> First {
    let time = |row: u32| times[row as usize];
    let mut cuts: Vec<i64> = Vec::new();
    let mut ends: Vec<Range<u32>> = Vec::new();
    for run in runs {
        let Range {
            start: from,
            end: to,
        } = run_rows(times, &run, true, range);
        // No run has more of the first ones than all together.
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut end = if direction.is_forward() {
            from..to.min(from.saturating_add(limit))
        } else {
            from.max(to.saturating_sub(limit))..to
        };
        if direction.is_backward() && !end.is_empty() {
            let last = time(end.start);
            match ties {
                Ties::Cut if end.start > from && time(end.start - 1) == last => cuts.push(last),
                Ties::Cut => {}
                Ties::Whole => {
                    while end.start > from && time(end.start - 1) == last {
                        end.start -= 1;
                    }
                }
            }
        }
        ends.push(end);
    }
    let count: usize = ends.iter().map(|rows| rows.len()).sum();
    if count < limit || limit == 0 {
        return First {
            rows: ends.into_iter().flatten().collect(),
            edge: None,
            cuts_ties: false,
        };
    }
    let mut all: Vec<i64> = ends
        .iter()
        .flat_map(|rows| &times[rows.start as usize..rows.end as usize])
        .copied()
        .collect();
    let place = if direction.is_forward() {
        limit - 1
    } else {
        count - limit
    };
    let edge = *all.select_nth_unstable(place).1;
    let counts = |row: &u32| {
        if direction.is_forward() {
            times[*row as usize] <= edge
        } else {
            times[*row as usize] >= edge
        }
    };
    First {
        rows: ends.into_iter().flatten().filter(counts).collect(),
        edge: Some(edge),
        cuts_ties: cuts.contains(&edge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Backward, Forward};

    const TIMES: [i64; 12] = [1, 4, 7, 9, 2, 3, 9, 9, 10, 0, 8, 11];
    const RUNS: [Range<u32>; 3] = [0..4, 4..9, 9..12];

    fn of(range: Range<i64>, limit: usize, direction: Direction) -> (Vec<u32>, Option<i64>) {
        let range = TimeRange {
            start: range.start,
            end: range.end,
        };
        let First { rows, edge, .. } = of_runs(
            RUNS.into_iter(),
            &TIMES,
            &range,
            limit,
            direction,
            Ties::Cut,
        );
        (rows, edge)
    }

    #[test]
    fn the_first_of_all_runs_together_are_chosen() {
        assert_eq!(of(0..12, 2, Backward), (vec![8, 11], Some(10)));
        assert_eq!(of(0..12, 2, Forward), (vec![0, 9], Some(1)));
        assert_eq!(of(2..10, 2, Forward), (vec![4, 5], Some(3)));
        assert_eq!(of(0..12, 12, Backward), ((0..12).collect(), Some(0)));
        assert_eq!(of(0..12, 13, Forward), ((0..12).collect(), None));
        assert_eq!(of(5..5, 3, Forward), (vec![], None));
    }

    #[test]
    fn equal_times_go_together() {
        assert_eq!(of(0..10, 1, Backward), (vec![3, 7], Some(9)));
        assert_eq!(of(0..10, 2, Backward), (vec![3, 6, 7], Some(9)));
    }

    #[test]
    fn ties_of_a_run_are_cut_and_said_or_whole() {
        let range = TimeRange { start: 0, end: 10 };
        let of = |limit, direction, ties| {
            let times = [3, 5, 5, 5, 4];
            let first = of_runs(
                [0..4, 4..5].into_iter(),
                &times,
                &range,
                limit,
                direction,
                ties,
            );
            (first.rows, first.cuts_ties)
        };
        assert_eq!(of(1, Backward, Ties::Cut), (vec![3], true));
        assert_eq!(of(1, Backward, Ties::Whole), (vec![1, 2, 3], false));
        assert_eq!(of(3, Backward, Ties::Cut), (vec![1, 2, 3], false));
        assert_eq!(of(4, Backward, Ties::Cut), (vec![1, 2, 3, 4], false));
        assert_eq!(of(2, Forward, Ties::Cut), (vec![0, 4], false));
    }
}
