//! A part's content index: which blocks may hold a literal. Never says no to a block that has it.

use crate::IndexError;
use skald_model::{Batch, ContentQuery};

/// Builds the index of one part, block by block.
#[derive(Debug, Default)]
pub struct ContentIndexBuilder {
    blocks: u32,
}

impl ContentIndexBuilder {
    /// Adds the next block (all its lines and metadata).
    pub fn add_block(&mut self, _batch: &Batch) {
        self.blocks += 1;
    }

    /// The index as bytes.
    pub fn finish(self) -> Vec<u8> {
        self.blocks.to_le_bytes().to_vec()
    }
}

/// A readable index.
#[derive(Debug)]
pub struct ContentIndex {
    blocks: u32,
}

impl ContentIndex {
    /// Opens the bytes of [`ContentIndexBuilder::finish`].
    pub fn open(bytes: Vec<u8>) -> Result<ContentIndex, IndexError> {
        let blocks = bytes.first_chunk().ok_or_else(|| IndexError::Damaged("bytes end too early".to_owned()))?;
        Ok(ContentIndex { blocks: u32::from_le_bytes(*blocks) })
    }

    /// One flag a block: false means it can't hold a match.
    pub fn candidates(&self, _query: &ContentQuery) -> Vec<bool> {
        vec![true; self.blocks as usize]
    }
}
