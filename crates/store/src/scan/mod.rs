//! Scan: finds the pieces that a query reads, from labels, times and content, without reading
//! lines.

pub(crate) mod labels;
pub(crate) mod patterns;
pub(crate) mod piece;
pub(crate) mod run_counter;
pub(crate) mod select;
pub(crate) mod selector;
pub(crate) mod visible_runs;
