//! Row ranges: reads a piece and finds the rows that lie in a range of time.

use crate::error::QueryError;
use skald_logql::pipeline::Selection;
use skald_model::{Batch, Charge, Columns, Direction, TimeRange};
use skald_store::{Piece, PieceRows, ReadSpec, StoreError};
use std::ops::Range;

/// Reads columns of a piece; `None` when it is damaged or lost, which the scan that answers from it
/// reports. What can't be fetched now is an error: a later attempt may find it. `held` is what
/// the rows are charged with, before they are there.
pub(crate) fn read(
    piece: &Piece,
    columns: &Columns,
    held: &mut Charge,
) -> Result<Option<PieceRows>, QueryError> {
    held.cover(piece.decoded_bytes(columns))?;
    match piece.read(&ReadSpec::all(columns), None) {
        Ok(rows) => Ok(Some(rows)),
        Err(StoreError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Rows of one run inside `range`, narrowed by search when the run is sorted.
pub(crate) fn run_rows(
    times: &[i64],
    rows: &Range<u32>,
    sorted: bool,
    range: &TimeRange,
) -> Range<u32> {
    if !sorted {
        return rows.clone();
    }
    let times = &times[rows.start as usize..rows.end as usize];
    let first = times.partition_point(|t| *t < range.start) as u32;
    let last = times.partition_point(|t| *t < range.end) as u32;
    rows.start + first..rows.start + last
}

/// Rows between two checks of the interrupt: some milliseconds of the heaviest stages.
const STRETCH_ROWS: u32 = 4096;

/// Splits rows into stretches, from the first or from the last.
pub(crate) fn stretches(
    rows: Range<u32>,
    direction: Direction,
) -> impl Iterator<Item = Range<u32>> {
    let count = (rows.end - rows.start).div_ceil(STRETCH_ROWS);
    (0..count).map(move |number| {
        let start = rows.start
            + STRETCH_ROWS
                * match direction {
                    Direction::Forward => number,
                    Direction::Backward => count - 1 - number,
                };
        start..rows.end.min(start.saturating_add(STRETCH_ROWS))
    })
}

/// Rows that were read of a piece and lie inside `range`; also how many they are.
pub(crate) fn in_range(read: &PieceRows, piece: &Piece, range: &TimeRange) -> (Selection, u64) {
    let batch = &*read.batch;
    let mut selection = Selection::none(batch.len());
    let mut count = 0;
    for run in &read.runs {
        let of = &piece.runs[run.run];
        if piece.sorted || range.covers(of.min_time, of.max_time) {
            let rows = run_rows(&batch.timestamps, &run.rows, piece.sorted, range);
            count += rows.len() as u64;
            selection.insert_all(rows);
            continue;
        }
        for row in run
            .rows
            .clone()
            .filter(|row| range.contains(batch.timestamps[*row as usize]))
        {
            selection.insert(row);
            count += 1;
        }
    }
    (selection, count)
}

/// Whether rows ascend in time and no two share one, so that a reader may stop early: no entry is
/// there twice.
pub(crate) fn ascending(batch: &Batch, rows: &Range<u32>) -> bool {
    batch.timestamps[rows.start as usize..rows.end as usize].is_sorted_by(|a, b| a < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_all_rows_from_either_end() {
        let rows = 10..10 + 2 * STRETCH_ROWS + 1;
        let forward: Vec<_> = stretches(rows.clone(), Direction::Forward).collect();
        assert_eq!(
            forward.iter().cloned().flatten().collect::<Vec<_>>(),
            rows.clone().collect::<Vec<_>>()
        );
        let backward: Vec<_> = stretches(rows, Direction::Backward).collect();
        assert_eq!(backward.into_iter().rev().collect::<Vec<_>>(), forward);
        assert_eq!(stretches(5..5, Direction::Backward).count(), 0);
    }
}
