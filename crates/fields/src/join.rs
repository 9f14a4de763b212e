//! Lines out of skeletons and columns of values, byte for byte.

use crate::cut::Skeleton;
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
    let columns = parts.columns.len();
    let points_inside = |skeleton: &Skeleton| skeleton.slots.iter().all(|slot| (slot.column as usize) < columns);
    let has_rows = |column: &MetadataColumn| column.codes.len() == parts.rows.len();
    if !parts.skeletons.iter().all(points_inside) || !parts.columns.iter().all(has_rows) || ends.len() != parts.rows.len() {
        return Err(JoinError::Missing);
    }
    let mut whole = parts.whole;
    let (mut start, lines_max) = (0, ends.last().map_or(0, |end| *end as usize));
    for (row, (number, end)) in parts.rows.iter().zip(ends).enumerate() {
        let end = *end as usize;
        match number.checked_sub(1) {
            None => {
                let length = end.checked_sub(start).ok_or(JoinError::Length)?;
                let (line, rest) = whole.split_at_checked(length).ok_or(JoinError::Length)?;
                lines.extend_from_slice(line);
                whole = rest;
            }
            Some(number) => {
                let skeleton = parts.skeletons.get(number as usize).ok_or(JoinError::Missing)?;
                for slot in &skeleton.slots {
                    lines.extend_from_slice(&slot.literal);
                    lines.extend_from_slice(value(&parts.columns[slot.column as usize], row).ok_or(JoinError::Value)?);
                }
                lines.extend_from_slice(&skeleton.tail);
            }
        }
        if lines.len() != end || end > lines_max {
            return Err(JoinError::Length);
        }
        start = end;
    }
    if whole.is_empty() { Ok(()) } else { Err(JoinError::Length) }
}

/// The value a row has in a column.
fn value(column: &MetadataColumn, row: usize) -> Option<&[u8]> {
    let index = (column.codes[row] as usize).checked_sub(1)?;
    let end = *column.value_ends.get(index)? as usize;
    let start = if index == 0 { 0 } else { column.value_ends[index - 1] as usize };
    column.values.get(start..end)
}
