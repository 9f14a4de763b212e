//! `holds_any` tells whether a sorted list of wanted rows has any row in a range.

use std::ops::Range;

/// Whether some of the rows, which are in order, lie in a range.
pub(crate) fn holds_any(rows: &[u32], range: &Range<u32>) -> bool {
    let first = rows.partition_point(|row| *row < range.start);
    rows.get(first).is_some_and(|row| *row < range.end)
}
