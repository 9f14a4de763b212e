//! Metric queries gather the samples of each leaf and evaluate the operators over them.

pub(crate) mod dedup;
pub(crate) mod directory_counts;
pub(crate) mod leaf;
pub(crate) mod query;
pub(crate) mod sample_cache;
pub(crate) mod window_gaps;
