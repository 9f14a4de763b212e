//! Options say how to open a store: where its data is, and what bounds memory, disk and background
//! work.

use crate::clock::{Clock, SystemClock};
use crate::files::{Files, RealFiles};
use crate::{DeleteCompiler, ObjectOptions, RetentionOf};
use skald_model::TenantId;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Tenants there may be unless told otherwise: each takes a folder, a manifest, and a few kilobytes
/// of memory.
const TENANTS: usize = 10_000;
/// Files of parts kept open unless told otherwise: fits the usual limit of 1,024 descriptors.
const OPEN_FILES: usize = 256;

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
    pub flush_age: Duration,
    /// Bytes of memory for heads, flushes, merges, directories, caches and queries together.
    pub memory: usize,
    /// Bytes of this for results that readers cache by block; 0 caches none.
    pub result_cache_bytes: usize,
    /// Bytes of WAL on disk that start a flush.
    pub wal_bytes: u64,
    /// Whether flushes and compactions start by themselves; without, only when called for.
    pub background: bool,
    /// Bytes after which the WAL begins a new segment.
    pub wal_segment_bytes: u64,
    /// How long a full disk is believed full before a push tries it again.
    pub full_retry: Duration,
    /// How long a push waits for room in memory, while flushing is behind, before it is refused.
    pub push_wait: Duration,
    /// Streams of a part from which on they are put into the tenant's stream index too.
    pub indexed_streams: usize,
    /// Tenants there may be; pushes of others are refused. Those whose data are there already stay.
    pub tenants: usize,
    /// A tenant that this number does not count: the server's own.
    pub own_tenant: Option<TenantId>,
    /// Files of parts kept open; one more is opened for the length of a read.
    pub open_files: usize,
    /// How long a step waits for a descriptor or memory that the system does not have, before it
    /// fails and is tried again as a whole.
    pub patience: Duration,
    /// How often a tenant is tried again whose folder could not be read.
    pub unreadable_retry: Duration,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What each tenant keeps.
    pub retention: RetentionOf,
    /// What delete requests mean.
    pub delete_compiler: DeleteCompiler,
    /// How long a delete request can be taken back: until then nothing is rewritten for it.
    pub delete_cancel_period: Duration,
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
            flush_age: Duration::from_secs(300),
            memory: 4 << 30,
            result_cache_bytes: 100 << 20,
            wal_bytes: 1 << 30,
            background: true,
            wal_segment_bytes: skald_wal::SEGMENT_BYTES,
            full_retry: Duration::from_secs(1),
            push_wait: Duration::from_secs(2),
            indexed_streams: 100_000,
            tenants: TENANTS,
            own_tenant: None,
            unreadable_retry: Duration::from_secs(30),
            open_files: OPEN_FILES,
            patience: Duration::from_millis(300),
            files: Arc::new(RealFiles),
            clock: Arc::new(SystemClock),
            retention: RetentionOf::default(),
            delete_compiler: DeleteCompiler::default(),
            delete_cancel_period: Duration::from_secs(86_400),
            objects: None,
        }
    }
}

/// When a push counts as durable: `ingester.wal.sync`.
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
