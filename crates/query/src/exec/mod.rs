//! Execution runs one planned query over the pieces it selects.

pub(crate) mod content_query;
pub(crate) mod context;
pub(crate) mod interrupt;
pub(crate) mod log;
pub(crate) mod metric;
pub(crate) mod row_range;
pub(crate) mod scan;
