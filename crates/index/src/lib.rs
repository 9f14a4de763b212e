//! Finding without reading: the stream index (matchers → streams) and a part's content index.
//!
//! The only crate that names tantivy. Knows nothing of LogQL, HTTP or how blocks are encoded.

pub mod content;
pub mod streams;

pub use content::{BlockFilter, ContentIndex, ContentIndexBuilder, ContentRows, RowProbe};
pub use streams::StreamIndex;

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
