//! Entries ⇄ bytes: a block is the unit of compression, checksum and pruning. README.md is the format.
//!
//! Main types: [`Encoder`], [`decode()`], and [`BlockMeta`], what a part's directory keeps of a block;
//! [`RunCounter`] counts within a run without decoding it.
//! Nothing here opens files: callers pass bytes in and get bytes out, so the store and the fuzzer share
//! one decoder. Invariant: the runs of a block are sorted by (stream, time, arrival).

mod anchors;
mod codecs;
mod columns;
mod decode;
mod describe;
mod encode;
mod meta;
mod run_counter;

pub use anchors::{Anchor, Anchors};
pub use decode::{Choose, Wanted, decode, decode_chosen, decode_over, rows_apart};
pub use encode::{Encoder, verify};
pub use meta::{BlockMeta, ColumnKind, ColumnMeta, FieldsAnswer, RunMeta, TAIL_ROWS_MIN, Tail};
pub use run_counter::{Count, ReadRange, RowsBytes, RunCounter};

/// Version of the layout in README.md. Every directory entry begins with it; older ones are read.
pub const FORMAT_VERSION: u8 = 4;

/// Most bytes of lines in a block (one longer line still fits alone).
pub const BLOCK_LINE_BYTES: usize = 1 << 20;

/// Most rows a writer should put in a block: keeps blocks of empty lines small enough to hold in memory.
pub const BLOCK_ROWS: usize = 1 << 17;

/// Most bytes of metadata values (all columns) a writer should put in a block: the metadata of an entry
/// may be many times its line.
pub const BLOCK_METADATA_BYTES: usize = 8 << 20;

/// Most bytes one column may inflate to: a damaged length can't ask for more memory than this.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;
const _: () = assert!(BLOCK_LINE_BYTES < BLOCK_BYTES_MAX && BLOCK_METADATA_BYTES < BLOCK_BYTES_MAX);

/// Most rows a block may have: a damaged row count can't ask for more memory than this many times 8 bytes.
pub const BLOCK_ROWS_MAX: usize = 1 << 24;
const _: () = assert!(BLOCK_ROWS < BLOCK_ROWS_MAX);

/// A block that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The bytes could not be had.
    #[error("reading block: {0}")]
    Read(#[from] std::io::Error),
    /// The bytes are not what was written.
    #[error("block is damaged: {0}")]
    Damaged(String),
    /// The batch is larger than a block may be, or is not a well-formed batch.
    #[error("batch can't be a block: {0}")]
    Unencodable(String),
}

impl BlockError {
    fn damaged(what: &str) -> BlockError {
        BlockError::Damaged(what.to_owned())
    }

    fn cut_short() -> BlockError {
        BlockError::damaged("bytes end too early")
    }
}
