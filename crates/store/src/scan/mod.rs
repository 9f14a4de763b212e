//! A scan selects the blocks and head chunks that a query reads.

pub(crate) mod labels;
pub(crate) mod literal_search;
pub(crate) mod piece;
pub(crate) mod run_counter;
pub(crate) mod selector;
pub(crate) mod stream_index;
