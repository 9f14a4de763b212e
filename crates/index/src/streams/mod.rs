//! The stream index of a tenant finds streams by matchers, on tantivy. Derived data.
//!
//! A document is a stream, a term is a label pair. Fields: `id` (the stream's id, so that a known
//! stream is not added twice), `pair` (for each label the terms `name` and `name NUL value`),
//! `labels` (stored, the canonical bytes). Ids of found streams are computed from their labels. A
//! writer lives only while streams are added, so that an idle tenant costs no threads and no heap.

mod doc_set;
mod index;
mod select;
mod terms;
#[cfg(test)]
mod tests;

pub use index::StreamIndex;
pub use select::is_narrow;
