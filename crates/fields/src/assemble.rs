//! Lines out of skeletons and columns of values, byte for byte.

use crate::shred::Skeleton;
use skald_model::MetadataColumn;

/// What does not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
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

/// A block's lines as [`crate::Cut`] has them, with what was written elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Skeletons.
    pub skeletons: &'a [Skeleton],
    /// For each row 0 when its line is whole, else 1 + the number of its skeleton.
    pub rows: &'a [u32],
    /// Columns of values.
    pub columns: &'a [MetadataColumn],
    /// The whole lines, one behind the other.
    pub whole: &'a [u8],
}

/// Appends all lines to `lines`, which is empty; `ends` says where each ends.
pub fn join(parts: &Parts<'_>, ends: &[u32], lines: &mut Vec<u8>) -> Result<(), JoinError> {
    parts.check(ends)?;
    let mut whole = parts.whole;
    let mut start = 0;
    for (row, end) in ends.iter().enumerate() {
        let end = *end as usize;
        if !parts.put(row, lines)? {
            let line = whole
                .split_off(..end.checked_sub(start).ok_or(JoinError::Length)?)
                .ok_or(JoinError::Length)?;
            lines.extend_from_slice(line);
        }
        if lines.len() != end {
            return Err(JoinError::Length);
        }
        start = end;
    }
    if whole.is_empty() {
        Ok(())
    } else {
        Err(JoinError::Length)
    }
}

/// The same with the lines of the rows `only`, which are in order; all others are empty, and `ends` says so. Where none
/// of these is whole, whole lines need not be there.
pub fn join_some(
    parts: &Parts<'_>,
    only: &[u32],
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), JoinError> {
    parts.check(ends)?;
    let mut whole = 0;
    let mut only = only.iter().copied().peekable();
    let mut start = 0;
    for (row, end) in ends.iter_mut().enumerate() {
        let length = end.checked_sub(start).ok_or(JoinError::Length)? as usize;
        start = *end;
        let wanted = only.next_if(|wanted| *wanted as usize == row).is_some();
        let before = lines.len();
        if parts.rows[row] == 0 {
            if wanted {
                lines.extend_from_slice(
                    parts
                        .whole
                        .get(whole..whole + length)
                        .ok_or(JoinError::Length)?,
                );
            }
            whole += length;
        } else if wanted {
            parts.put(row, lines)?;
        }
        if wanted && lines.len() - before != length {
            return Err(JoinError::Length);
        }
        *end = lines.len() as u32;
    }
    Ok(())
}

impl Parts<'_> {
    /// Whether all numbers point at something.
    fn check(&self, ends: &[u32]) -> Result<(), JoinError> {
        let columns = self.columns.len();
        let points_inside = |skeleton: &Skeleton| {
            skeleton
                .slots
                .iter()
                .all(|slot| (slot.column as usize) < columns)
        };
        let has_rows = |column: &MetadataColumn| column.codes.len() == self.rows.len();
        let fits = self.skeletons.iter().all(points_inside)
            && self.columns.iter().all(has_rows)
            && ends.len() == self.rows.len();
        if fits {
            Ok(())
        } else {
            Err(JoinError::Missing)
        }
    }

    /// Appends the line of a row; false, and nothing, when it is a whole one.
    fn put(&self, row: usize, lines: &mut Vec<u8>) -> Result<bool, JoinError> {
        let Some(number) = self.rows[row].checked_sub(1) else {
            return Ok(false);
        };
        let skeleton = self
            .skeletons
            .get(number as usize)
            .ok_or(JoinError::Missing)?;
        for slot in &skeleton.slots {
            lines.extend_from_slice(&slot.literal);
            lines.extend_from_slice(
                value(&self.columns[slot.column as usize], row).ok_or(JoinError::Value)?,
            );
        }
        lines.extend_from_slice(&skeleton.tail);
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
