//! Bytes → batch, column by column as asked for.

use crate::encode::{LINES_PLAIN, LINES_ZSTD};
use crate::{BLOCK_ROWS_MAX, BlockError, BlockMeta, ColumnKind, ColumnMeta, frames, ints, metadata, times};
use skald_model::{Batch, Columns, Run};
use std::ops::Range;

/// Columns nearer than this many bytes are fetched in one read, with what lies between.
const READ_GAP: u64 = 8 << 10;

/// Decodes the columns asked for. `read` fetches byte ranges of the block.
pub fn decode(
    meta: &BlockMeta,
    columns: &Columns,
    read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
) -> Result<Batch, BlockError> {
    decode_over(meta, columns, Batch::default(), read)
}

/// The same into the memory of a batch that is no longer needed: a reader of many blocks then asks the system
/// for none.
pub fn decode_over(
    meta: &BlockMeta,
    columns: &Columns,
    spare: Batch,
    read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
) -> Result<Batch, BlockError> {
    if meta.rows as usize > BLOCK_ROWS_MAX || meta.runs.iter().map(|r| u64::from(r.rows)).sum::<u64>() != u64::from(meta.rows) {
        return Err(BlockError::damaged("runs and rows of the directory entry disagree"));
    }
    let wanted: Vec<&ColumnMeta> = meta.columns.iter().filter(|column| wants(columns, &column.kind)).collect();
    let mut batch = emptied(spare);
    batch.runs = runs_of(meta);
    let mut rest = &wanted[..];
    while let Some(first) = rest.first() {
        let together = rest.windows(2).take_while(|pair| is_near(pair[0], pair[1])).count() + 1;
        let (group, later) = rest.split_at(together);
        let range = first.offset..group[together - 1].bytes().end;
        let fetched = read(range.clone())?;
        if fetched.len() as u64 != range.end - range.start {
            return Err(BlockError::cut_short());
        }
        for column in group {
            let start = (column.offset - range.start) as usize;
            decode_column(meta, column, &fetched[start..start + column.len as usize], &mut batch)?;
        }
        rest = later;
    }
    check(meta, columns, &batch)?;
    Ok(batch)
}

/// A batch without entries that keeps its large buffers.
fn emptied(mut batch: Batch) -> Batch {
    batch.timestamps.clear();
    batch.line_ends.clear();
    batch.lines.clear();
    batch.metadata.clear();
    batch
}

fn wants(columns: &Columns, kind: &ColumnKind) -> bool {
    match kind {
        ColumnKind::Times => true,
        ColumnKind::Lengths => columns.lines || columns.line_lengths,
        ColumnKind::Lines => columns.lines,
        ColumnKind::Metadata(name) => columns.wants_metadata(name),
    }
}

/// Whether one read should fetch both; false when they do not follow one another.
fn is_near(first: &ColumnMeta, second: &ColumnMeta) -> bool {
    second.offset.checked_sub(first.bytes().end).is_some_and(|gap| gap <= READ_GAP)
}

fn runs_of(meta: &BlockMeta) -> Vec<Run> {
    let mut start = 0;
    let run = |r: &crate::RunMeta| {
        let rows = start..start + r.rows;
        start = rows.end;
        Run { stream: r.stream, rows }
    };
    meta.runs.iter().map(run).collect()
}

fn decode_column(meta: &BlockMeta, column: &ColumnMeta, mut bytes: &[u8], batch: &mut Batch) -> Result<(), BlockError> {
    column.check(bytes)?;
    let rows = meta.rows as usize;
    match &column.kind {
        ColumnKind::Times => times::decode(bytes, &meta.runs, rows, &mut batch.timestamps)?,
        ColumnKind::Lengths => {
            let (mut end, ends) = (0u64, &mut batch.line_ends);
            ends.reserve(rows);
            ints::decode(&mut bytes, rows, |lengths| {
                ends.extend(lengths.iter().map(|length| {
                    end = end.saturating_add(*length);
                    end as u32
                }));
            })?;
            if end != meta.line_bytes || !bytes.is_empty() {
                return Err(BlockError::Damaged(format!("lines have {end} bytes, the directory says {}", meta.line_bytes)));
            }
        }
        ColumnKind::Lines => decode_lines(column.encoding, bytes, meta.line_bytes, &mut batch.lines)?,
        ColumnKind::Metadata(name) => batch.metadata.push(metadata::decode(bytes, name.clone(), rows)?),
    }
    Ok(())
}

fn decode_lines(encoding: u8, bytes: &[u8], len: u64, lines: &mut Vec<u8>) -> Result<(), BlockError> {
    match encoding {
        LINES_PLAIN if bytes.len() as u64 == len => {
            lines.extend_from_slice(bytes);
            Ok(())
        }
        LINES_PLAIN => Err(BlockError::damaged("lines are not as long as the directory says")),
        LINES_ZSTD => frames::decompress(bytes, len as usize, lines),
        tag => Err(BlockError::Damaged(format!("lines have unknown encoding {tag}"))),
    }
}

/// What was asked for is there, and nothing points outside.
fn check(meta: &BlockMeta, columns: &Columns, batch: &Batch) -> Result<(), BlockError> {
    let rows = meta.rows as usize;
    if batch.timestamps.len() != rows {
        return Err(BlockError::damaged("the block has no times"));
    }
    if (columns.lines || columns.line_lengths) && batch.line_ends.len() != rows {
        return Err(BlockError::damaged("the block has no lengths"));
    }
    if columns.lines && batch.lines.len() as u64 != meta.line_bytes {
        return Err(BlockError::damaged("the block has no lines"));
    }
    if !batch.metadata.is_sorted_by(|a, b| a.name < b.name) {
        return Err(BlockError::damaged("metadata columns are not sorted"));
    }
    Ok(())
}
