//! Log queries give the first `limit` entries in the order asked for.

pub(crate) mod downsample;
pub(crate) mod entry;
mod entry_sink;
pub(crate) mod frontier;
pub(crate) mod label_sets;
pub(crate) mod piece_reader;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod rounds;
pub(crate) mod semijoin;
pub(crate) mod slices;
pub(crate) mod top_k;
pub(crate) mod top_rows;
