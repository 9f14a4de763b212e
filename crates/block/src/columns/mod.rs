//! The columns of a block: how times, metadata, fields and lines are written and read.
//!
//! From the bottom: times, metadata, fields (laid out as metadata), lines, and lines in two
//! columns.

pub(crate) mod fields;
pub(crate) mod lines;
pub(crate) mod metadata;
pub(crate) mod newest_lines;
pub(crate) mod times;
