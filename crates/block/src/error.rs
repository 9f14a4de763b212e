//! Block errors tell damaged bytes from bytes that could not be fetched.

/// A block that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The bytes could not be fetched.
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
    pub(crate) fn damaged(what: &str) -> BlockError {
        BlockError::Damaged(what.to_owned())
    }

    pub(crate) fn truncated() -> BlockError {
        BlockError::damaged("bytes end too early")
    }
}
