//! What keeps alerts or samples from being taken.

/// Alerts or samples can't be taken, or can't be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The queue on disk refuses.
    #[error("the queue in {folder} takes nothing: {error}")]
    Queue {
        /// Where it lies.
        folder: String,
        /// What the log of it said.
        error: skald_wal::WalError,
    },
    /// A folder can't be made.
    #[error("making {folder}: {error}")]
    Folder {
        /// Which.
        folder: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A setting can't be used.
    #[error("{0}")]
    Setting(String),
}

impl OutboundError {
    /// The error of a folder that can't be made.
    pub(crate) fn folder(folder: &std::path::Path, error: std::io::Error) -> OutboundError {
        OutboundError::Folder {
            folder: folder.display().to_string(),
            error,
        }
    }

    /// The error of a queue in a folder.
    pub(crate) fn queue(folder: &std::path::Path, error: skald_wal::WalError) -> OutboundError {
        OutboundError::Queue {
            folder: folder.display().to_string(),
            error,
        }
    }
}
