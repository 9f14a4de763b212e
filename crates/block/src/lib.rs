//! Entries ⇄ bytes: a block is the unit of compression, checksum and pruning. README.md is the format.
//!
//! Nothing here opens files: callers pass bytes in and get bytes out, so the store and the fuzzer share
//! one decoder. Invariant: the runs of a block are sorted by (stream, time, arrival).

use skald_model::{Batch, Columns};
use std::ops::Range;

/// Most bytes of lines in a block (one longer line still fits alone).
pub const BLOCK_LINE_BYTES: usize = 1 << 20;

/// A block that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The bytes could not be had.
    #[error("reading block: {0}")]
    Read(#[from] std::io::Error),
    /// The bytes are not what was written.
    #[error("block is damaged: {0}")]
    Damaged(String),
}

/// A run as the directory describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// Stream number within the part.
    pub stream: u32,
    /// Rows.
    pub rows: u32,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Bytes of its lines.
    pub line_bytes: u64,
    /// Bytes of its metadata (names and values).
    pub metadata_bytes: u64,
}

/// What a part's directory keeps of a block: enough to decide whether, and which bytes, to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// Rows of all runs.
    pub rows: u32,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Bytes of all lines.
    pub line_bytes: u64,
    /// Runs in order.
    pub runs: Vec<RunMeta>,
}

impl BlockMeta {
    /// Appends the directory entry.
    pub fn encode(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// Reads a directory entry from the front of `bytes` and advances it.
    pub fn decode(_bytes: &mut &[u8]) -> Result<BlockMeta, BlockError> {
        todo!()
    }
}

/// Buffers reused from block to block.
#[derive(Debug, Default)]
pub struct Encoder {}

impl Encoder {
    /// Encodes a batch whose runs are sorted by (stream, time, arrival); appends the bytes to `out`.
    pub fn encode(&mut self, _batch: &Batch, _out: &mut Vec<u8>) -> Result<BlockMeta, BlockError> {
        todo!()
    }
}

/// Decodes the columns asked for. `read` fetches byte ranges of the block.
pub fn decode(
    _meta: &BlockMeta,
    _columns: &Columns,
    _read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
) -> Result<Batch, BlockError> {
    todo!()
}
