//! The write-ahead log: segments of records, one fsync shared by those who wait. README.md is the
//! format.
//!
//! Main types: [`Wal`] appends and cuts, [`Replayed`] is a record read back, [`files::Files`] is
//! the one seam to the disk. Payloads are opaque bytes. Invariants: sequence numbers rise with
//! every record; a callback that got `Ok` in a syncing mode ran after an fsync that covers its
//! record; a segment whose fsync failed is never written or synced again, and when the disk is not
//! merely full nothing is acknowledged any more. Knows no async runtime and not what a payload
//! means.

mod commit;
mod committer;
pub mod files;
mod queue;
mod record;
mod recovery;
mod replay;
mod segment;
#[cfg(any(test, feature = "simulation"))]
pub mod sim;
#[cfg(test)]
mod tests;

pub use commit::Wal;
pub use queue::{Done, Encoded};
pub use replay::{ReplayReport, Replayed, Tail, TailKind, bytes_in, read, read_from};

use std::sync::Arc;
use std::time::Duration;

/// When a record's callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After one fsync shared by all records that were waiting.
    Group,
    /// After an fsync of its own.
    Always,
    /// After the write; an fsync follows within [`Options::interval`].
    Interval,
    /// After the write; the operating system syncs when it likes.
    None,
}

/// How to open a log.
#[derive(Clone, Debug)]
pub struct Options {
    /// When callbacks run.
    pub sync: Sync,
    /// Bytes after which a new segment is begun; one longer record still fits.
    pub segment_bytes: u64,
    /// Distance of fsyncs in [`Sync::Interval`].
    pub interval: Duration,
    /// How long a full disk is believed full before a write tries again.
    pub full_retry: Duration,
    /// Least sequence number of the next record: above what anybody remembers of earlier logs.
    pub first_sequence: u64,
    /// Bytes of buffers that are kept for the next records; nobody is charged for them.
    pub spare_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            sync: Sync::Group,
            segment_bytes: SEGMENT_BYTES,
            interval: Duration::from_secs(1),
            full_retry: Duration::from_secs(1),
            first_sequence: 1,
            spare_bytes: SPARE_BYTES,
        }
    }
}

/// Bytes of buffers that are kept, unless told otherwise.
const SPARE_BYTES: usize = 64 << 20;

/// Bytes of a segment, unless told otherwise: large enough that rolling is rare, small enough that
/// cutting gives space back soon and that sixteen fit in the default WAL bound.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Version of the segment layout in README.md.
pub const FORMAT_VERSION: u32 = 1;

/// The log can't do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WalError {
    /// The disk refused.
    #[error("{context}: {error}")]
    Io {
        /// What was being done.
        context: String,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// No space; later writes may work.
    #[error("no space left for the write-ahead log")]
    DiskFull,
    /// The system refuses for now: short of descriptors, memory or threads, or read-only. Nothing
    /// was acknowledged, later writes may work.
    #[error("{context}: {error}, try again later")]
    Short {
        /// What was being done.
        context: String,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// Writes ended for good; why.
    #[error("{0}")]
    Stopped(String),
    /// A segment of a newer program.
    #[error(
        "segment {segment} has format version {found}, this program reads up to {FORMAT_VERSION}"
    )]
    Newer {
        /// File name.
        segment: String,
        /// Its version.
        found: u32,
    },
}

impl WalError {
    /// An error of the disk with what was being done.
    fn io(context: impl Into<String>, error: std::io::Error) -> WalError {
        WalError::Io {
            context: context.into(),
            error: Arc::new(error),
        }
    }

    /// The error of a write that may be tried again when the cause passes by itself.
    fn undone(context: impl Into<String>, error: std::io::Error) -> WalError {
        if files::is_full(&error) {
            WalError::DiskFull
        } else if files::may_pass(&error) {
            WalError::Short {
                context: context.into(),
                error: Arc::new(error),
            }
        } else {
            WalError::io(context, error)
        }
    }

    /// Whether a later write may work.
    fn may_pass(&self) -> bool {
        matches!(self, WalError::DiskFull | WalError::Short { .. })
    }
}
