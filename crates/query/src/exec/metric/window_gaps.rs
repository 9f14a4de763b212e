//! Entries between two windows of a metric query are left out before any stage runs.
//!
//! No point of the answer counts them, so that none of them may make the query fail. Where entries
//! are counted as they are, nothing can fail and the windows leave them out by themselves.

use skald_logql::metric::RangeState;
use skald_logql::pipeline::Selection;
use skald_store::{Piece, PieceRows};

/// Whether all entries of a piece lie between the same two windows, or before or after all of them.
pub(crate) fn hold(piece: &Piece, state: &RangeState) -> bool {
    !state.counts(piece.min_time) && state.same_until(piece.min_time) > piece.max_time
}

/// Leaves rows out of the selection that no window counts.
pub(crate) fn leave_out(read: &PieceRows, state: &RangeState, selection: &mut Selection) {
    if !state.has_gaps() {
        return;
    }
    for run in &read.runs {
        // Times from..until count alike.
        let (mut from, mut until, mut counts) = (0, 0, true);
        for row in run.rows.clone() {
            let time = read.batch.timestamps[row as usize];
            if time < from || time >= until {
                (from, until, counts) = (time, state.same_until(time), state.counts(time));
            }
            if !counts {
                selection.remove(row);
            }
        }
    }
}
