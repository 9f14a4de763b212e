//! Index errors distinguish damaged bytes from failures of the disk or of tantivy.

/// An index that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk refused.
    #[error("index file: {0}")]
    Io(#[from] std::io::Error),
    /// The bytes are not what was written.
    #[error("index is damaged: {0}")]
    Damaged(String),
    /// tantivy refused.
    #[error("stream index: {0}")]
    Tantivy(String),
}
