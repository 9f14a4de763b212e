//! Limits bound what a block holds and what damaged bytes can ask for.

/// Version of the layout in README.md. Every directory entry begins with it; older ones are read.
pub const FORMAT_VERSION: u8 = 4;

/// Most bytes of lines in a block (one longer line still fits alone).
pub const BLOCK_LINE_BYTES: usize = 1 << 20;

/// Most rows a writer should put in a block: keeps blocks of empty lines small enough to hold in
/// memory.
pub const BLOCK_ROWS: usize = 1 << 17;

/// Most bytes of metadata values (all columns) a writer should put in a block: the metadata of an
/// entry may be many times its line.
pub const BLOCK_METADATA_BYTES: usize = 8 << 20;

/// Most bytes one column may inflate to: a damaged length can't ask for more memory than this.
pub const BLOCK_BYTES_MAX: usize = 256 << 20;
const _: () = assert!(BLOCK_LINE_BYTES < BLOCK_BYTES_MAX && BLOCK_METADATA_BYTES < BLOCK_BYTES_MAX);

/// Most rows a block may have: a damaged row count can't ask for more memory than this many times 8
/// bytes.
pub const BLOCK_ROWS_MAX: usize = 1 << 24;
const _: () = assert!(BLOCK_ROWS < BLOCK_ROWS_MAX);
