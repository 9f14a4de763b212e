//! Reading a piece, and which of its rows lie in a range of time.

use crate::error::QueryError;
use skald_logql::pipeline::Selection;
use skald_model::{Batch, Columns, TimeRange};
use skald_store::{Piece, PieceRows, ReadSpec, StoreError};
use std::ops::Range;

/// Reads columns of a piece; `None` when it is damaged, which whoever answers from it tells.
pub(crate) fn read(piece: &Piece, columns: &Columns) -> Result<Option<PieceRows>, QueryError> {
    match piece.read(&ReadSpec::all(columns), None) {
        Ok(rows) => Ok(Some(rows)),
        Err(StoreError::Damaged { .. } | StoreError::Unavailable { .. }) => Ok(None),
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

/// Rows between two looks at whether the query goes on: some milliseconds of the dearest stages.
const STRETCH_ROWS: u32 = 4096;

/// The same rows in stretches, from the first or from the last.
pub(crate) fn stretches(rows: Range<u32>, from_last: bool) -> impl Iterator<Item = Range<u32>> {
    let count = (rows.end - rows.start).div_ceil(STRETCH_ROWS);
    (0..count).map(move |number| {
        let start = rows.start
            + STRETCH_ROWS
                * if from_last {
                    count - 1 - number
                } else {
                    number
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

/// Whether rows ascend in time, so that a reader may stop early.
pub(crate) fn ascending(batch: &Batch, rows: &Range<u32>) -> bool {
    batch.timestamps[rows.start as usize..rows.end as usize].is_sorted()
}

/// A hash of what makes an entry itself within its stream and time: line and metadata.
pub(crate) fn content_hash(batch: &Batch, row: u32) -> u64 {
    let mut hash = xxhash_rust::xxh3::xxh3_64(batch.line(row));
    for (name, value) in batch.metadata_of(row) {
        hash = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), hash);
        hash = xxhash_rust::xxh3::xxh3_64_with_seed(value.as_bytes(), hash);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_all_rows_from_either_end() {
        let rows = 10..10 + 2 * STRETCH_ROWS + 1;
        let forward: Vec<_> = stretches(rows.clone(), false).collect();
        assert_eq!(
            forward.iter().cloned().flatten().collect::<Vec<_>>(),
            rows.clone().collect::<Vec<_>>()
        );
        let backward: Vec<_> = stretches(rows, true).collect();
        assert_eq!(backward.into_iter().rev().collect::<Vec<_>>(), forward);
        assert_eq!(stretches(5..5, true).count(), 0);
    }
}
