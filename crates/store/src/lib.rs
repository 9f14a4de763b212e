//! A data directory: WAL, head, flush, parts, compaction, recovery. README.md has the formats.
//!
//! Knows no LogQL and no HTTP. A write is visible to queries before it is acknowledged and durable when
//! its callback says so. A query sees what was written before it began, each entry's pieces exactly once
//! (equal entries may still occur in two pieces: readers drop repeats of (stream, time, line, metadata)
//! among pieces that overlap in time).
//!
//! Lock order: a tenant's `changes`, then its `state`, then the WAL's own locks. Queries take `state` for
//! as long as it takes to clone a few `Arc`s.

mod background;
mod bucket;
mod cache;
pub mod clock;
mod compaction;
mod deletes;
mod flush;
mod head;
mod layout;
mod manifest;
mod part;
mod recovery;
mod retention;
mod scan;
mod shared;
mod store;
mod tenant;
mod tools;

pub use bucket::{Address, Credentials, ObjectOptions, ObjectStatus, Place};
pub use cache::result_cache::{KeptStatus, KeptValue};
pub use deletes::{
    CancelError, DeleteCompiler, DeleteError, DeletePredicate, DeleteRequest, Progress,
};
pub use retention::{Retention, RetentionOf, StreamRetention};
pub use scan::piece::{Piece, PieceRows, PieceRun, RunRows};
pub use scan::run_counter::PieceCounter;
pub use scan::selector::Selecting;
pub use skald_block::{Count, Pick, ReadSpec, RowsBytes};
pub use skald_fields::Form;
pub use skald_patterns::{Pattern, StreamMiner};
pub use skald_wal::files;
pub use store::Store;
pub use tools::inspect::{BlockInfo, ColumnInfo, PartInfo, inspect};
pub use tools::verify::{Finding, Report, Severity, verify};

use clock::Clock;
use files::Files;
use skald_model::{ContentQuery, Labels, Matcher, MemoryUser, SelectedStream, TenantId, TimeRange};
use std::path::PathBuf;
use std::sync::Arc;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory; created when missing.
    pub data: PathBuf,
    /// When a push is acknowledged.
    pub wal_sync: WalSync,
    /// Bytes of lines in the head that start a flush.
    pub flush_bytes: usize,
    /// Age of the oldest unflushed entry that starts a flush.
    pub flush_age: std::time::Duration,
    /// Bytes of memory for heads, flushes, merges, directories, caches and queries together.
    pub memory: usize,
    /// Bytes of this that readers may keep of blocks to answer again; 0 keeps nothing.
    pub kept_bytes: usize,
    /// Bytes of WAL on disk that start a flush.
    pub wal_bytes: u64,
    /// Whether flushes and compactions start by themselves; without, only when called for.
    pub background: bool,
    /// Bytes after which the WAL begins a new segment.
    pub wal_segment_bytes: u64,
    /// How long a full disk is believed full before a push tries it again.
    pub full_retry: std::time::Duration,
    /// Streams of a part from which on they are put into the tenant's stream index too.
    pub indexed_streams: usize,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What each tenant keeps.
    pub retention: RetentionOf,
    /// What delete requests mean.
    pub delete_compiler: DeleteCompiler,
    /// How long a delete request can be taken back: until then nothing is rewritten for it.
    pub delete_cancel_period: std::time::Duration,
    /// Where parts go when they are to leave this disk; without, they stay.
    pub objects: Option<ObjectOptions>,
}

impl Options {
    /// Defaults for a data directory.
    pub fn new(data: impl Into<PathBuf>) -> Options {
        Options {
            data: data.into(),
            wal_sync: WalSync::Group,
            flush_bytes: 56 << 20,
            flush_age: std::time::Duration::from_secs(300),
            memory: 4 << 30,
            kept_bytes: 100 << 20,
            wal_bytes: 1 << 30,
            background: true,
            wal_segment_bytes: skald_wal::SEGMENT_BYTES,
            full_retry: std::time::Duration::from_secs(1),
            indexed_streams: 100_000,
            files: Arc::new(files::RealFiles),
            clock: Arc::new(clock::SystemClock),
            retention: RetentionOf::default(),
            delete_compiler: DeleteCompiler::default(),
            delete_cancel_period: std::time::Duration::from_secs(86_400),
            objects: None,
        }
    }
}

/// `ingester.wal.sync`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalSync {
    /// One fsync shared by the pushes that wait for it.
    Group,
    /// One fsync a push.
    Always,
    /// An fsync a second; a push does not wait.
    Interval,
    /// Left to the operating system.
    None,
}

/// The store can't do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("{context}: {error}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// Data that can't be read; names the part and block.
    #[error("{0}")]
    Damaged(String),
    /// Data that can't be had now and may be had later; names the part.
    #[error("{0}")]
    Unavailable(String),
    /// Another process holds the directory, or its format is newer.
    #[error("{0}")]
    Unusable(String),
}

/// A write that was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full: try again later.
    #[error("no space left on the data disk")]
    DiskFull,
    /// Too much is waiting to be flushed: try again later.
    #[error("the server is out of memory for new entries, try again later")]
    Busy,
    /// The WAL is being replayed: try again in a moment.
    #[error("the server is starting and replays its write-ahead log, try again later")]
    Recovering,
    /// The store stopped taking writes for good; why.
    #[error("the store takes no writes: {0}")]
    Stopped(String),
}

/// What a query wants to read.
#[derive(Clone, Debug)]
pub struct Select<'a> {
    /// Streams.
    pub matchers: &'a [Matcher],
    /// Times.
    pub range: TimeRange,
    /// What lines must contain, for pruning.
    pub content: &'a ContentQuery,
}

/// Streams and pieces that may hold what was asked for.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// The matching streams that have pieces; runs point here.
    pub streams: Vec<SelectedStream>,
    /// What to read, in no order.
    pub pieces: Vec<Piece>,
    /// Trouble the user should know of (damaged part and so on).
    pub warnings: Vec<String>,
    /// Blocks that were left out by their content index.
    pub blocks_pruned: u64,
}

/// Templates of lines that parts keep.
#[derive(Clone, Debug, Default)]
pub struct MinedStreams {
    /// A stream's labels and its templates in one part.
    pub streams: Vec<(Labels, Vec<Pattern>)>,
    /// Trouble the user should know of.
    pub warnings: Vec<String>,
}

/// What `/metrics` and `/ready` tell of a store.
#[derive(Clone, Debug, Default)]
pub struct StoreStatus {
    /// Whether the WAL is being replayed: no writes are taken yet.
    pub recovering: bool,
    /// Why it takes no writes, when it does not.
    pub stopped: Option<String>,
    /// Whether the disk of the WAL was full when last tried.
    pub disk_full: bool,
    /// Bytes in the head.
    pub head_bytes: u64,
    /// Bytes of memory there are for all users together.
    pub memory_budget: u64,
    /// Bytes of memory each user holds, and how often it was refused.
    pub memory: Vec<(MemoryUser, u64, u64)>,
    /// What readers keep of blocks.
    pub kept: KeptStatus,
    /// Streams in the head, per tenant.
    pub head_streams: Vec<(TenantId, u64)>,
    /// Bytes of WAL on disk.
    pub wal_bytes: u64,
    /// Parts on disk.
    pub parts: u64,
    /// Bytes of parts.
    pub part_bytes: u64,
    /// Flushes since start.
    pub flushes: u64,
    /// Compactions since start.
    pub compactions: u64,
    /// Manifests that were damaged or lost and made anew at start.
    pub manifests_rebuilt: u64,
    /// fsyncs of the WAL since start.
    pub wal_syncs: u64,
    /// Parts rewritten without entries that were deleted or had expired, since start.
    pub rewrites: u64,
    /// Parts removed because all in them had expired, since start.
    pub expired_parts: u64,
    /// Entries that went with them or were left out of parts, since start.
    pub expired_entries: u64,
    /// Bytes of the lines of these.
    pub expired_bytes: u64,
    /// Entries left out of parts because they were deleted, since start.
    pub deleted_entries: u64,
    /// Delete requests that are not processed.
    pub pending_deletes: u64,
    /// Object storage, when parts go there.
    pub objects: Option<ObjectStatus>,
    /// Streams created since start, per tenant.
    pub streams_created: Vec<(TenantId, u64)>,
}

impl From<crate::bucket::ObjectError> for StoreError {
    fn from(error: crate::bucket::ObjectError) -> StoreError {
        StoreError::Unavailable(error.to_string())
    }
}

impl StoreError {
    /// An error of the disk with what was being done.
    pub(crate) fn io(context: impl Into<String>, error: std::io::Error) -> StoreError {
        StoreError::Io {
            context: context.into(),
            error: Arc::new(error),
        }
    }
}
