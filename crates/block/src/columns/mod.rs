//! Columns hold one property of a block's entries each: times, lines, metadata.

pub(crate) mod lines;
pub(crate) mod metadata;
pub(crate) mod newest_lines;
pub(crate) mod times;
