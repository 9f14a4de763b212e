//! A content index held in memory lists the blocks that may match a content query.

use super::builder::BlockFilter;
use super::filter::{Filter, SizeClass};
use super::probe::Probe;
use crate::content::header::{FORMAT_VERSION, HEADER_BYTES, Shape, header_of};
use crate::error::IndexError;
use skald_model::ContentQuery;

/// A readable index, in memory.
#[derive(Debug)]
pub struct ContentIndex {
    bytes: Vec<u8>,
    shape: Shape,
}

impl ContentIndex {
    /// Opens the bytes of [`super::ContentIndexBuilder::finish`].
    pub fn open(bytes: Vec<u8>) -> Result<ContentIndex, IndexError> {
        header_of(&bytes)?;
        let (expected, found) = (
            u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]),
            crc32fast::hash(&bytes[5..]),
        );
        if expected != found {
            return Err(IndexError::Damaged(format!(
                "checksum of content index is {found:#010x}, expected {expected:#010x}"
            )));
        }
        let shape = Shape::decode(&bytes, bytes.len() as u64)?;
        Ok(ContentIndex { bytes, shape })
    }

    /// Blocks of the part.
    pub fn blocks(&self) -> usize {
        self.shape.blocks
    }

    /// The filters of all blocks, in their order; `None` when they are not of the version that is
    /// written, so that new ones would hold more.
    pub fn filters(&self) -> Option<Vec<BlockFilter>> {
        if self.shape.rules.version() != FORMAT_VERSION {
            return None;
        }
        let mut filters: Vec<Option<BlockFilter>> = (0..self.shape.blocks).map(|_| None).collect();
        for (matrix, blocks) in &self.shape.matrices {
            for (block, words) in blocks.iter().zip(matrix.columns(&self.bytes)) {
                let class = SizeClass::new(self.bytes[HEADER_BYTES + *block as usize])?;
                filters[*block as usize] = Some(BlockFilter(Filter { class, words }));
            }
        }
        filters.into_iter().collect()
    }

    /// One flag a block: false means it can't hold a match.
    pub fn candidates(&self, query: &ContentQuery) -> Vec<bool> {
        self.shape
            .candidates(&Probe::of(self.shape.rules, query), |matrix, row| {
                &self.bytes[self.shape.matrices[matrix].0.row_bytes(row)]
            })
    }
}
