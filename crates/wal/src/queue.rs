//! The queue holds records that wait for the log's thread, and buffers for the next ones.

use crate::WalError;
use std::sync::Arc;
use std::time::Instant;

/// Called once with what became of a record; runs on the log's thread and must not block.
pub type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// Buffers kept for reuse, and the largest worth keeping, in bytes.
pub(crate) const SPARE_BUFFERS: usize = 16;
pub(crate) const SPARE_BUFFER_BYTES: usize = 4 << 20;

/// A record ready to be queued.
#[derive(Debug)]
pub struct Encoded {
    pub(crate) tenant: Arc<str>,
    /// Room for the header, then tenant and payload.
    pub(crate) bytes: Vec<u8>,
    pub(crate) body_crc: u32,
}

/// A record that has its place.
pub(crate) struct Queued {
    pub(crate) record: Encoded,
    pub(crate) sequence: u64,
    pub(crate) done: Done,
}

/// What waits, and whether more may.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) queue: Vec<Queued>,
    pub(crate) queued_bytes: u64,
    pub(crate) next_sequence: u64,
    pub(crate) stopped: Option<String>,
    /// When the disk was last found full.
    pub(crate) full: Option<Instant>,
    pub(crate) closing: bool,
    pub(crate) spare: Vec<Vec<u8>>,
}
