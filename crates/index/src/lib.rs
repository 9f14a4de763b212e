//! Two indexes narrow a query: one finds streams by labels, one the blocks that may hold a text.
//!
//! The only crate that names tantivy. It knows nothing of LogQL, HTTP or how blocks are encoded.
//!
//! ```
//! use skald_index::{ContentIndex, ContentIndexBuilder};
//! use skald_model::{BatchBuilder, ContentQuery, Literal};
//!
//! let mut index = ContentIndexBuilder::default();
//! for line in ["GET /cart took=48213", "worker started"] {
//!     let mut block = BatchBuilder::default();
//!     block.push(0, 0, line.as_bytes(), std::iter::empty());
//!     index.add_block(&block.finish());
//! }
//! let index = ContentIndex::open(index.finish())?;
//!
//! let started = Literal { bytes: b"started".to_vec(), ignore_case: false };
//! let query = ContentQuery { lines: vec![vec![started]], ..ContentQuery::default() };
//! assert_eq!(index.candidates(&query), [false, true]);
//! # Ok::<(), skald_index::IndexError>(())
//! ```

pub mod content;
mod error;
pub mod streams;

pub use content::{BlockFilter, ContentIndex, ContentIndexBuilder, ContentRows, RowProbe};
pub use error::IndexError;
pub use streams::StreamIndex;
