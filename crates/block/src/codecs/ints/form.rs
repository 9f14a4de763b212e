//! Tags name the four forms of a sequence of integers; `FRAME` is how many values a frame has.

/// Values of a frame; packed ones share one minimum and one width.
pub(crate) const FRAME: usize = 128;

// Tags on disk.
pub(super) const TAG_CONSTANT: u8 = 0;
pub(super) const TAG_PACKED: u8 = 1;
pub(super) const TAG_PLANES: u8 = 2;
pub(super) const TAG_RUNS: u8 = 3;
