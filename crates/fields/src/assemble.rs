//! Assembles lines from skeletons and columns of values, byte for byte.
//!
//! [`Assembler::assemble`] gives all lines of a block, [`Assembler::assemble_rows`] those of some
//! rows.

use crate::shredded::Skeleton;
use skald_model::MetadataColumn;

/// Why lines can't be assembled: their skeletons, columns and lengths disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A row's skeleton or a skeleton's column is none of those given.
    #[error("a skeleton or a column of a line is not there")]
    Missing,
    /// A row lacks a value that its skeleton has.
    #[error("a value of a line is not there")]
    Value,
    /// A line came out longer or shorter than it is.
    #[error("a line is not as long as it should be")]
    Length,
}

/// The shredded lines of a block, as [`crate::Shredded`] has them, and its whole lines.
#[derive(Clone, Copy, Debug)]
pub struct Assembler<'a> {
    /// Skeletons.
    pub skeletons: &'a [Skeleton],
    /// For each row 0 when its line is whole, else 1 + the number of its skeleton.
    pub skeleton_codes: &'a [u32],
    /// Columns of values.
    pub columns: &'a [MetadataColumn],
    /// The whole lines, one after the other.
    pub whole: &'a [u8],
}

impl Assembler<'_> {
    /// Appends all lines to `lines`, which is empty; `ends` says where each ends.
    ///
    /// # Errors
    /// When the lines do not have the lengths that `ends` says, or a skeleton, column or value is
    /// missing.
    pub fn assemble(&self, ends: &[u32], lines: &mut Vec<u8>) -> Result<(), AssembleError> {
        self.check(ends)?;
        let mut whole = self.whole;
        let mut start = 0;
        for (row, end) in ends.iter().enumerate() {
            let end = *end as usize;
            if !self.put(row, lines)? {
                let line = whole
                    .split_off(..end.checked_sub(start).ok_or(AssembleError::Length)?)
                    .ok_or(AssembleError::Length)?;
                lines.extend_from_slice(line);
            }
            if lines.len() != end {
                return Err(AssembleError::Length);
            }
            start = end;
        }
        if whole.is_empty() {
            Ok(())
        } else {
            Err(AssembleError::Length)
        }
    }

    /// Appends the lines of the rows `wanted`, which are in order, to `lines`, which is empty. The
    /// other lines come out empty, and `ends` is changed to say so. Whole lines need not be there
    /// when none of the rows has one.
    pub fn assemble_rows(
        &self,
        wanted: &[u32],
        ends: &mut [u32],
        lines: &mut Vec<u8>,
    ) -> Result<(), AssembleError> {
        self.check(ends)?;
        let mut whole = 0;
        let mut wanted = wanted.iter().copied().peekable();
        let mut start = 0;
        for (row, end) in ends.iter_mut().enumerate() {
            let length = end.checked_sub(start).ok_or(AssembleError::Length)? as usize;
            start = *end;
            let is_wanted = wanted.next_if(|wanted| *wanted as usize == row).is_some();
            let before = lines.len();
            if self.skeleton_codes[row] == 0 {
                if is_wanted {
                    lines.extend_from_slice(
                        self.whole
                            .get(whole..whole + length)
                            .ok_or(AssembleError::Length)?,
                    );
                }
                whole += length;
            } else if is_wanted {
                self.put(row, lines)?;
            }
            if is_wanted && lines.len() - before != length {
                return Err(AssembleError::Length);
            }
            *end = lines.len() as u32;
        }
        Ok(())
    }

    /// Whether all numbers point at something that is there.
    fn check(&self, ends: &[u32]) -> Result<(), AssembleError> {
        let columns = self.columns.len();
        let points_inside = |skeleton: &Skeleton| {
            skeleton
                .slots
                .iter()
                .all(|slot| (slot.column as usize) < columns)
        };
        let has_rows = |column: &MetadataColumn| column.codes.len() == self.skeleton_codes.len();
        let fits = self.skeletons.iter().all(points_inside)
            && self.columns.iter().all(has_rows)
            && ends.len() == self.skeleton_codes.len();
        if fits {
            Ok(())
        } else {
            Err(AssembleError::Missing)
        }
    }

    /// Appends the line of a row; false, and nothing, when it is a whole one.
    fn put(&self, row: usize, lines: &mut Vec<u8>) -> Result<bool, AssembleError> {
        let Some(number) = self.skeleton_codes[row].checked_sub(1) else {
            return Ok(false);
        };
        let skeleton = self
            .skeletons
            .get(number as usize)
            .ok_or(AssembleError::Missing)?;
        for slot in &skeleton.slots {
            lines.extend_from_slice(&slot.literal);
            lines.extend_from_slice(
                value(&self.columns[slot.column as usize], row).ok_or(AssembleError::Value)?,
            );
        }
        lines.extend_from_slice(&skeleton.suffix);
        Ok(true)
    }
}

/// The value a row has in a column.
fn value(column: &MetadataColumn, row: usize) -> Option<&[u8]> {
    let index = (column.codes[row] as usize).checked_sub(1)?;
    let end = *column.value_ends.get(index)? as usize;
    let start = if index == 0 {
        0
    } else {
        column.value_ends[index - 1] as usize
    };
    column.values.get(start..end)
}
