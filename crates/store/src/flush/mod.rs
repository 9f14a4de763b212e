//! Flush: turns heads into parts.

pub(crate) mod job;
pub(crate) mod progress;
pub(crate) mod write_parts;
