//! Encodes entries as blocks, a column at a time, and decodes the columns a reader asks for.
//! README.md is the format.
//!
//! A block is the unit of compression, checksum and pruning. [`Encoder`] writes one, [`decode()`]
//! reads what a [`ReadSpec`] asks for, [`BlockMeta`] is what a part's directory keeps of it, and
//! [`RunCounter`] counts within a run without decoding it. Nothing here opens files: callers pass
//! bytes in and get bytes out, so the store and the fuzzer share one decoder. Invariant: the runs
//! of a block are sorted by (stream, time, arrival).
//!
//! ```
//! use skald_block::{Encoder, ReadSpec, decode};
//! use skald_model::{Batch, BatchBuilder, Columns};
//!
//! let mut entries = BatchBuilder::default();
//! entries.push(0, 1_700_000_000_000_000_000, b"GET /", [("user", "7")].into_iter());
//! entries.push(0, 1_700_000_001_000_000_000, b"GET /cart", std::iter::empty());
//! let mut bytes = Vec::new();
//! let meta = Encoder::default().encode(&entries.finish(), &mut bytes)?;
//!
//! // Times alone: no other column is fetched.
//! let mut read = |range: std::ops::Range<u64>| {
//!     Ok(bytes[range.start as usize..range.end as usize].to_vec())
//! };
//! let times = decode(&meta, &ReadSpec::all(&Columns::TIMES), Batch::default(), &mut read)?;
//! assert!(times.timestamps.len() == 2 && times.lines.is_empty());
//!
//! let all = decode(&meta, &ReadSpec::all(&Columns::ALL), times, &mut read)?;
//! assert_eq!(all.line(1), b"GET /cart");
//! # Ok::<(), skald_block::BlockError>(())
//! ```

mod anchors;
mod codecs;
mod columns;
mod decode;
mod describe;
mod directory_entry;
mod encode;
mod encoding;
mod error;
mod fetch;
mod limits;
mod meta;
mod read_spec;
mod rows;
mod run_counter;

pub use anchors::{Anchor, Anchors};
pub use decode::{decode, residual_rows};
pub use encode::{Encoder, verify};
pub use error::BlockError;
pub use fetch::ReadRange;
pub use limits::{
    BLOCK_BYTES_MAX, BLOCK_LINE_BYTES, BLOCK_METADATA_BYTES, BLOCK_ROWS, BLOCK_ROWS_MAX,
    FORMAT_VERSION,
};
pub use meta::{
    BlockMeta, ColumnKind, ColumnMeta, FieldCoverage, NEWEST_ROWS_MIN, NewestRows, RunMeta,
};
pub use read_spec::{Pick, ReadSpec};
pub use run_counter::{Count, RowsBytes, RunCounter};
