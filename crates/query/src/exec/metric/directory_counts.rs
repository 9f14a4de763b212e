//! Directory counts: the number and bytes of entries of runs, without reading lines.
//!
//! A run whose entries all count for the same windows is answered by its directory entry; one that
//! straddles edges of windows by its anchors and a few frames of its times. Where edges are many,
//! reading all times is cheaper, and the run is left to the reader.

use skald_logql::ast::RangeOp;
use skald_logql::metric::RangeState;
use skald_logql::pipeline::{ERROR, EXTRACTED_SUFFIX};
use skald_logql::typed::Leaf;
use skald_store::{Count, Piece, PieceCounter, PieceRun, RowsBytes, StoreError};

/// A run with fewer rows than this for each edge of a window in it is read: finding an edge decodes
/// about as many.
const ROWS_AN_EDGE: u64 = 256;

/// Takes from directories what a leaf needs of runs.
pub(crate) struct WholeRuns {
    /// Labels that tell series apart.
    names: Vec<String>,
    count: Count,
}

/// Entries of one run that count for the same windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    /// A time that counts for the same windows.
    pub(crate) time: i64,
    /// How many they are.
    pub(crate) rows: u64,
    /// The sum of their samples.
    pub(crate) value: f64,
}

impl WholeRuns {
    /// `None` when a leaf needs more than the number or the bytes of entries.
    pub(crate) fn of(leaf: &Leaf) -> Option<WholeRuns> {
        let grouping = leaf
            .grouping
            .as_ref()
            .filter(|_| leaf.counts_whole_runs())?;
        let bytes = matches!(leaf.spec.op, RangeOp::BytesOverTime | RangeOp::BytesRate);
        let count = if bytes {
            Count::RowsAndBytes
        } else {
            Count::Rows
        };
        Some(WholeRuns {
            names: grouping.labels.clone(),
            count,
        })
    }

    /// A counter for the piece, if the labels of a stream alone tell the series of each of its
    /// entries, none of them twice.
    pub(crate) fn counter<'p>(&self, piece: &'p Piece) -> Option<PieceCounter<'p>> {
        let in_metadata = |name: &String| {
            piece.has_metadata(name)
                || name
                    .strip_suffix(EXTRACTED_SUFFIX)
                    .is_some_and(|name| piece.has_metadata(name))
        };
        // An entry that came with an error fails the query, so that all of them have to be looked
        // at.
        let failed = piece.has_metadata(ERROR);
        let answers = piece.sorted && !failed && !self.names.iter().any(in_metadata);
        answers.then(|| piece.counter(self.count))
    }

    /// The stretches of run `at` of the counter's piece; `None` when the run has to be read.
    pub(crate) fn stretches(
        &self,
        counter: &mut PieceCounter<'_>,
        at: usize,
        run: &PieceRun,
        state: &RangeState,
    ) -> Result<Option<Vec<Stretch>>, StoreError> {
        let whole = RowsBytes {
            rows: run.entries(),
            line_bytes: run.line_bytes,
        };
        let mut stretches = Vec::new();
        let (mut time, mut before) = (run.min_time, RowsBytes::default());
        while before.rows < whole.rows {
            let next = state.same_until(time);
            let found = if next > run.max_time || next == i64::MAX {
                whole
            } else if stretches.len() as u64 >= run.entries() / ROWS_AN_EDGE {
                return Ok(None);
            } else {
                match counter.before(at, next) {
                    Ok(found) => found,
                    // Reading the run reports it.
                    Err(StoreError::Damaged { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                }
            };
            let rows = found.rows.saturating_sub(before.rows);
            let value = if self.count == Count::Rows {
                rows
            } else {
                found.line_bytes.saturating_sub(before.line_bytes)
            };
            stretches.push(Stretch {
                time,
                rows,
                value: value as f64,
            });
            (time, before) = (next, found);
        }
        stretches.retain(|stretch| stretch.rows > 0);
        Ok(Some(stretches))
    }
}
