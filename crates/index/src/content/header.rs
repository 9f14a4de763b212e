//! The header of a content index gives its block count, its rules and where each filter is.

use crate::content::filter::SizeClass;
use crate::content::grams::Rules;
use crate::content::matrix::Matrix;
use crate::content::probe::Probe;
use crate::error::IndexError;
use std::collections::BTreeMap;

/// Version of the layout in README.md that is written; older ones are read.
pub const FORMAT_VERSION: u8 = Rules::Two.version();

/// Bytes before the blocks: version, checksum, number of blocks.
pub(super) const HEADER_BYTES: usize = 1 + 4 + 4;

/// What the bytes before the filters say.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) rules: Rules,
    /// The matrices, each with the blocks of its columns.
    pub(super) matrices: Vec<(Matrix, Vec<u32>)>,
    pub(super) blocks: usize,
}

impl Shape {
    /// Reads the header and the sizes of an index of `len` bytes, whose first bytes these are.
    pub(super) fn decode(bytes: &[u8], len: u64) -> Result<Shape, IndexError> {
        let (rules, blocks) = header_of(bytes)?;
        let classes = bytes
            .get(HEADER_BYTES..HEADER_BYTES + blocks)
            .ok_or_else(|| damaged("bytes end too early"))?;
        let mut columns: BTreeMap<SizeClass, Vec<u32>> = BTreeMap::new();
        for (block, &class) in classes.iter().enumerate() {
            let class =
                SizeClass::new(class).ok_or_else(|| damaged("a filter's size is not known"))?;
            columns.entry(class).or_default().push(block as u32);
        }
        let (mut matrices, mut offset) = (Vec::new(), HEADER_BYTES + blocks);
        for (class, blocks) in columns {
            let matrix = Matrix {
                offset,
                rows: class.bits(),
                columns: blocks.len(),
            };
            offset += matrix.bytes();
            matrices.push((matrix, blocks));
        }
        if offset as u64 != len {
            return Err(damaged("filters are not as long as their sizes say"));
        }
        Ok(Shape {
            rules,
            matrices,
            blocks,
        })
    }

    /// One flag a block; `row` gives the bytes of a row of a matrix, by their numbers.
    pub(super) fn candidates<'a>(
        &self,
        probe: &Probe,
        row: impl Fn(usize, usize) -> &'a [u8],
    ) -> Vec<bool> {
        let mut flags = vec![true; self.blocks];
        if probe.is_empty() {
            return flags;
        }
        for (number, (matrix, blocks)) in self.matrices.iter().enumerate() {
            let may_hold = probe.run(matrix, &|at| row(number, at));
            for (column, block) in blocks.iter().enumerate() {
                flags[*block as usize] = may_hold[column / 64] >> (column % 64) & 1 == 1;
            }
        }
        flags
    }
}

pub(super) fn damaged(what: &str) -> IndexError {
    IndexError::Damaged(what.to_owned())
}

/// The rules and the number of blocks that a header names, if this version can read what follows.
pub(super) fn header_of(bytes: &[u8]) -> Result<(Rules, usize), IndexError> {
    let header = bytes
        .first_chunk::<HEADER_BYTES>()
        .ok_or_else(|| damaged("bytes end too early"))?;
    let [version, _, _, _, _, b0, b1, b2, b3] = *header;
    let unknown = || IndexError::Damaged(format!("content index version {version} is not known"));
    Ok((
        Rules::of(version).ok_or_else(unknown)?,
        u32::from_le_bytes([b0, b1, b2, b3]) as usize,
    ))
}
