//! Compaction: merges the parts of a day and rewrites those with hidden entries.

pub(crate) mod dedup;
pub(crate) mod job;
pub(crate) mod merge;
pub(crate) mod merge_cursor;
pub(crate) mod policy;
pub(crate) mod rewrite;
