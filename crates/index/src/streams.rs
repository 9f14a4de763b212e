//! The stream index of a tenant on tantivy: a document a stream, a term a label pair. Derived data.

use crate::IndexError;
use skald_model::{Labels, Matcher, StreamId};
use std::path::Path;

/// Matchers → streams. Internally locked; shared by threads.
pub struct StreamIndex {}

impl StreamIndex {
    /// Opens or creates the index in a folder; an unreadable one is an error (the caller removes and
    /// rebuilds it from parts).
    pub fn open(_folder: &Path) -> Result<StreamIndex, IndexError> {
        todo!()
    }

    /// Adds streams that are not in yet and commits; adding one twice is harmless.
    pub fn add(&self, _streams: &mut dyn Iterator<Item = (StreamId, Labels)>) -> Result<(), IndexError> {
        todo!()
    }

    /// Streams whose labels satisfy all matchers (all streams when there are none), in no order.
    pub fn find(&self, _matchers: &[Matcher]) -> Result<Vec<(StreamId, Labels)>, IndexError> {
        todo!()
    }

    /// Streams in the index.
    pub fn len(&self) -> u64 {
        todo!()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
