//! A part's content index: which blocks may hold a literal. Never says no to a block that has it.

use crate::IndexError;
use skald_model::{Batch, ContentQuery};

/// Builds the index of one part, block by block.
#[derive(Debug, Default)]
pub struct ContentIndexBuilder {}

impl ContentIndexBuilder {
    /// Adds the next block (all its lines and metadata).
    pub fn add_block(&mut self, _batch: &Batch) {
        todo!()
    }

    /// The index as bytes.
    pub fn finish(self) -> Vec<u8> {
        todo!()
    }
}

/// A readable index.
#[derive(Debug)]
pub struct ContentIndex {}

impl ContentIndex {
    /// Opens the bytes of [`ContentIndexBuilder::finish`].
    pub fn open(_bytes: Vec<u8>) -> Result<ContentIndex, IndexError> {
        todo!()
    }

    /// One flag a block: false means it can't hold a match.
    pub fn candidates(&self, _query: &ContentQuery) -> Vec<bool> {
        todo!()
    }
}
