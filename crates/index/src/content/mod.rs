//! The content index of a part tells which blocks may hold a literal. It never says no to a block
//! that has it.
//!
//! A block's grams (grams.rs says which substrings) and metadata values set bits of a filter sized
//! to hold about half of its bits set. Filters of one size lie together, transposed (matrix.rs), so
//! that a probe of a gram reads one short row for all blocks. README.md is the format;
//! docs/decisions/0001-content-index.md has what was measured.

mod builder;
mod filter;
mod gram_window;
mod grams;
pub(crate) mod header;
mod index;
mod matrix;
mod probe;
mod recent;
pub(crate) mod remote;
#[cfg(test)]
mod tests;

pub use builder::{BlockFilter, ContentIndexBuilder};
pub use header::FORMAT_VERSION;
pub use index::ContentIndex;
pub use remote::{ContentRows, RowProbe};
