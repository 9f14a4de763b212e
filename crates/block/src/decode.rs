//! Bytes → batch, column by column as asked for.

use crate::lines::is_cut;
use crate::{BLOCK_ROWS_MAX, BlockError, BlockMeta, ColumnKind, ColumnMeta, ints, lines, metadata, times};
use skald_model::{Batch, Columns, MetadataColumn, Run};
use std::ops::Range;

/// Columns nearer than this many bytes are fetched in one read, with what lies between.
const READ_GAP: u64 = 8 << 10;

/// What to decode of a block.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The columns.
    pub columns: &'a Columns,
    /// Whether values of lines come as metadata, those of the names that are asked for as such; only where
    /// [`BlockMeta::fields_answer`] says that they can.
    pub fields: bool,
    /// The rows whose lines are wanted, in order; lines of others may be left empty. `None`: all.
    pub rows: Option<&'a [u32]>,
}

impl<'a> Wanted<'a> {
    /// Columns of all rows, as they are.
    pub fn all(columns: &'a Columns) -> Wanted<'a> {
        Wanted { columns, fields: false, rows: None }
    }

    /// Whether the labels that lines would give come as metadata of this name.
    fn as_metadata(&self, name: &str) -> bool {
        self.fields && !name.is_empty() && self.columns.wants_metadata(name)
    }
}

/// Decodes the columns asked for. `read` fetches byte ranges of the block.
pub fn decode(
    meta: &BlockMeta,
    columns: &Columns,
    read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
) -> Result<Batch, BlockError> {
    decode_over(meta, &Wanted::all(columns), Batch::default(), read)
}

/// Decodes what is wanted into the memory of a batch that is no longer needed: a reader of many blocks then asks
/// the system for none.
pub fn decode_over(
    meta: &BlockMeta,
    wanted: &Wanted<'_>,
    spare: Batch,
    read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
) -> Result<Batch, BlockError> {
    if meta.rows as usize > BLOCK_ROWS_MAX || meta.runs.iter().map(|r| u64::from(r.rows)).sum::<u64>() != u64::from(meta.rows) {
        return Err(BlockError::damaged("runs and rows of the directory entry disagree"));
    }
    let columns = wanted.columns;
    let joins = columns.lines && meta.columns.iter().any(|column| column.kind == ColumnKind::Lines && is_cut(column.encoding));
    let wants = |kind: &ColumnKind| match kind {
        ColumnKind::Field(name) => joins || wanted.as_metadata(name),
        kind => wants(columns, kind),
    };
    let read_columns: Vec<&ColumnMeta> = meta.columns.iter().filter(|column| wants(&column.kind)).collect();
    let mut batch = emptied(spare);
    let mut values = Vec::new();
    batch.runs = runs_of(meta);
    let mut rest = &read_columns[..];
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
            let bytes = &fetched[start..start + column.len as usize];
            decode_column(meta, column, bytes, wanted.rows, &mut batch, &mut values)?;
        }
        rest = later;
    }
    values.retain(|column: &MetadataColumn| wanted.as_metadata(&column.name));
    if !values.is_empty() {
        batch.metadata.append(&mut values);
        batch.metadata.sort_by(|a, b| a.name.cmp(&b.name));
    }
    check(meta, wanted, &batch)?;
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
        ColumnKind::Field(_) => false,
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

/// Decodes a column into the batch, or one of values cut out of lines into `values`.
fn decode_column(
    meta: &BlockMeta,
    column: &ColumnMeta,
    mut bytes: &[u8],
    only: Option<&[u32]>,
    batch: &mut Batch,
    values: &mut Vec<MetadataColumn>,
) -> Result<(), BlockError> {
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
        ColumnKind::Lines if is_cut(column.encoding) => lines::decode_cut(bytes, values, only, &mut batch.line_ends, &mut batch.lines)?,
        ColumnKind::Lines => lines::decode(column.encoding, bytes, meta.line_bytes, &mut batch.lines)?,
        ColumnKind::Metadata(name) => batch.metadata.push(metadata::decode(bytes, name.clone(), rows)?),
        ColumnKind::Field(name) => values.push(metadata::decode(bytes, name.clone(), rows)?),
    }
    Ok(())
}

/// What was asked for is there, and nothing points outside.
fn check(meta: &BlockMeta, wanted: &Wanted<'_>, batch: &Batch) -> Result<(), BlockError> {
    let columns = wanted.columns;
    let rows = meta.rows as usize;
    if batch.timestamps.len() != rows {
        return Err(BlockError::damaged("the block has no times"));
    }
    if (columns.lines || columns.line_lengths) && batch.line_ends.len() != rows {
        return Err(BlockError::damaged("the block has no lengths"));
    }
    if columns.lines && wanted.rows.is_none() && batch.lines.len() as u64 != meta.line_bytes {
        return Err(BlockError::damaged("the block has no lines"));
    }
    if !batch.metadata.is_sorted_by(|a, b| a.name < b.name) {
        return Err(BlockError::damaged("metadata columns are not sorted"));
    }
    Ok(())
}
