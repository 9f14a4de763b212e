//! Anchors: for every so many rows of a long run its time and the line bytes before it, in the directory.
//!
//! Times and lengths are stored as steps and lengths, so the place of a time in a run is found by adding them
//! up; from an anchor on that is a few frames instead of the whole run.

use crate::codecs::varint;
use crate::{BLOCK_ROWS_MAX, BlockError, RunMeta};

/// Rows between anchors as this program writes them: at most two frames of integers to add up, and about eight
/// bytes of directory for 256 entries.
pub(crate) const ANCHOR_ROWS: u32 = 256;
/// Fewest rows between anchors that are believed: a smaller number would let a directory claim more of them
/// than rows.
const ANCHOR_ROWS_MIN: u64 = 64;

/// A row of a run that need not be added up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Its time, nanoseconds.
    pub time: i64,
    /// Bytes of the run's lines before it.
    pub line_bytes: u64,
}

/// The anchors of a block: of each run, in order, those of rows `every`, `2 * every` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Rows from one to the next; zero in a block without anchors.
    pub every: u32,
    /// Those of all runs.
    pub all: Vec<Anchor>,
}

impl Anchors {
    /// How many a run of so many rows has.
    pub(crate) fn of_rows(&self, rows: u32) -> usize {
        rows.saturating_sub(1).checked_div(self.every).unwrap_or(0) as usize
    }

    /// Appends them as differences, from the run's first time on.
    pub(crate) fn encode(&self, runs: &[RunMeta], out: &mut Vec<u8>) {
        varint::put(out, u64::from(self.every));
        let mut all = self.all.iter();
        for run in runs {
            let mut before = Anchor {
                time: run.min_time,
                line_bytes: 0,
            };
            for anchor in all.by_ref().take(self.of_rows(run.rows)) {
                varint::put(out, anchor.time.wrapping_sub(before.time) as u64);
                varint::put(out, anchor.line_bytes.wrapping_sub(before.line_bytes));
                before = *anchor;
            }
        }
    }

    /// Takes what [`Anchors::encode`] put.
    pub(crate) fn decode(bytes: &mut &[u8], runs: &[RunMeta]) -> Result<Anchors, BlockError> {
        let every = varint::take_at_most(bytes, BLOCK_ROWS_MAX as u64, "the distance of anchors")?;
        if (1..ANCHOR_ROWS_MIN).contains(&every) {
            return Err(BlockError::Damaged(format!(
                "anchors every {every} rows, at least {ANCHOR_ROWS_MIN} can be"
            )));
        }
        let mut anchors = Anchors {
            every: every as u32,
            all: Vec::new(),
        };
        for run in runs {
            let mut anchor = Anchor {
                time: run.min_time,
                line_bytes: 0,
            };
            for _ in 0..anchors.of_rows(run.rows) {
                anchor.time = anchor.time.wrapping_add(varint::take(bytes)? as i64);
                anchor.line_bytes = anchor.line_bytes.wrapping_add(varint::take(bytes)?);
                anchors.all.push(anchor);
            }
        }
        Ok(anchors)
    }
}
