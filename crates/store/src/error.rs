//! Errors of the store: what failed, where, and whether trying again may help.

use crate::files::{is_full, is_transient, may_pass};
use skald_model::{Stop, TenantId};
use std::path::Path;
use std::sync::Arc;

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
    /// Data that can't be read. Reading it again gives the same.
    #[error("{what}: {why}")]
    Damaged {
        /// The part, block or file.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Data that can't be fetched now; a later attempt may succeed.
    #[error("{what}: {why}")]
    Unavailable {
        /// The part, block or object.
        what: String,
        /// What went wrong.
        why: String,
    },
    /// A tenant's folder could not be read when the directory was opened; others can be.
    #[error("the data of tenant {tenant} can't be read: {why}")]
    TenantUnreadable {
        /// Whose it is.
        tenant: TenantId,
        /// What the system said.
        why: String,
    },
    /// The directory or bucket can't be used as it is: another process holds it, its format is
    /// newer, or it is not the right one.
    #[error("{0}")]
    Unusable(String),
    /// Who asked may hold no more of what is found, or need not go on.
    #[error("{0}")]
    Stopped(#[from] Stop),
}

/// A write that was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk is full: try again later.
    #[error("no space left on the data disk")]
    DiskFull,
    /// As many tenants are known as there may be, and this is another one.
    #[error(
        "maximum number of tenants reached (limit: {limit}, ingester.max_tenants): tenant {tenant} has no entries yet"
    )]
    TooManyTenants {
        /// Who pushed.
        tenant: TenantId,
        /// How many there may be.
        limit: usize,
    },
    /// The tenant's entries can't be written to parts, and no more of them fit into memory or the
    /// WAL: try again later.
    #[error("entries of this tenant can't be written to disk, try again later: {0}")]
    NotFlushed(String),
    /// The tenant's data could not be read at start: nothing is added to it until it can be.
    #[error("{0}")]
    Unreadable(String),
    /// Too much is waiting to be flushed: try again later.
    #[error("unflushed entries wait to be written, flushing is behind: try again later")]
    Busy,
    /// There is no memory for more entries, and heads hold little of it: try again later.
    #[error("the server is out of memory for new entries, try again later")]
    OutOfMemory,
    /// The WAL is being replayed: try again in a moment.
    #[error("the server is starting and replays its write-ahead log, try again later")]
    Recovering,
    /// The server is short of descriptors, memory or threads, or its disk is read-only: try again in
    /// a moment.
    #[error("nothing can be written now: {0}")]
    Short(String),
    /// The store stopped taking writes for good; why.
    #[error("the store takes no writes: {0}")]
    Stopped(String),
}

impl StoreError {
    /// What sort of error it is, whatever file it is about.
    pub(crate) fn kind(&self) -> String {
        match self {
            StoreError::Io { error, .. } => {
                format!("{:?} {:?}", error.kind(), error.raw_os_error())
            }
            StoreError::Damaged { why, .. } | StoreError::Unavailable { why, .. } => why.clone(),
            StoreError::TenantUnreadable { why, .. } | StoreError::Unusable(why) => why.clone(),
            StoreError::Stopped(stop) => stop.to_string(),
        }
    }

    /// Whether the system is only short of descriptors, memory or threads.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, StoreError::Io { error, .. } if is_transient(error))
    }

    /// Whether it may pass by itself: the system is short of something, or the disk is full or
    /// read-only.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, StoreError::Io { error, .. } if may_pass(error))
    }

    /// Whether the disk, or the user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, StoreError::Io { error, .. } if is_full(error))
    }

    /// An error of the disk, with what was being done.
    pub(crate) fn io(context: impl Into<String>, error: std::io::Error) -> StoreError {
        StoreError::Io {
            context: context.into(),
            error: Arc::new(error),
        }
    }

    /// For `map_err`: an error of the disk while `doing` something with a file or folder.
    pub(crate) fn at(doing: &str, path: &Path) -> impl Fn(std::io::Error) -> StoreError {
        move |error| StoreError::io(format!("{doing} {}", path.display()), error)
    }

    /// Damage of `what`.
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> StoreError {
        StoreError::Damaged {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// `what` can't be had now.
    pub(crate) fn unavailable(what: impl Into<String>, why: impl ToString) -> StoreError {
        StoreError::Unavailable {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

impl From<skald_wal::WalError> for StoreError {
    fn from(error: skald_wal::WalError) -> StoreError {
        match error {
            skald_wal::WalError::Io { context, error } => StoreError::Io { context, error },
            error => StoreError::Unusable(error.to_string()),
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> WriteError {
        match error {
            StoreError::TenantUnreadable { .. } => WriteError::Unreadable(error.to_string()),
            error => WriteError::Stopped(error.to_string()),
        }
    }
}

impl From<skald_wal::WalError> for WriteError {
    fn from(error: skald_wal::WalError) -> WriteError {
        match error {
            skald_wal::WalError::DiskFull => WriteError::DiskFull,
            skald_wal::WalError::Short { .. } => WriteError::Short(error.to_string()),
            skald_wal::WalError::Stopped(why) => WriteError::Stopped(why),
            error => WriteError::Stopped(error.to_string()),
        }
    }
}
