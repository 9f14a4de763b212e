//! Execution runs one query over the pieces it selects.

pub(crate) mod context;
pub(crate) mod dedup;
pub(crate) mod directory_counts;
pub(crate) mod downsample;
pub(crate) mod log;
pub(crate) mod metric;
pub(crate) mod prune;
pub(crate) mod row_range;
pub(crate) mod sample_cache;
pub(crate) mod scan;
pub(crate) mod semijoin;
pub(crate) mod top_k;
pub(crate) mod top_rows;
pub(crate) mod window_gaps;
