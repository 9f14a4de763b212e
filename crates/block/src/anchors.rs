//! Anchors mark every 256th row of a long run with its time and the line bytes before it.
//!
//! Times and lengths are stored as steps and lengths, so the place of a time in a run is found by
//! adding them up; from an anchor on that is a few frames instead of the whole run.

/// Rows between anchors as this program writes them: at most two frames of integers to add up, and
/// about eight bytes of directory for 256 entries.
pub(crate) const ANCHOR_ROWS: u32 = 256;

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
    /// The anchors of all runs.
    pub all: Vec<Anchor>,
}

impl Anchors {
    /// How many anchors a run of `rows` rows has.
    pub(crate) fn of_rows(&self, rows: u32) -> usize {
        rows.saturating_sub(1).checked_div(self.every).unwrap_or(0) as usize
    }
}
