//! Decodes the columns of a block that a reader asks for into a batch.
//!
//! A read goes down once: fetch the columns that [`ReadSpec`] needs, decode times, let the reader
//! pick rows by them, then decode the other columns. Two lists of rows narrow what is decoded:
//! *line rows*, whose lines are wanted, and *picked rows*, whose values are wanted in any column.

use crate::codecs::ints;
use crate::columns::fields::FieldColumns;
use crate::columns::newest_lines::{Age, SplitLines};
use crate::columns::{lines, metadata, times};
use crate::encoding;
use crate::error::BlockError;
use crate::fetch::{Fetched, ReadRange, fetch_one};
use crate::limits::BLOCK_ROWS_MAX;
use crate::meta::{BlockMeta, ColumnKind, RunMeta};
use crate::read_spec::ReadSpec;
use crate::rows::holds_any;
use skald_fields::Form;
use skald_model::{Batch, Columns, MetadataColumn, Run};
use std::ops::Range;

/// Decodes what `spec` asks for into the memory of `buffer`, a batch that is no longer needed: a
/// reader of many blocks then asks the system for none. `read` fetches byte ranges of the block.
///
/// # Errors
/// [`BlockError::Read`] when `read` fails, [`BlockError::Damaged`] when the bytes are not what was
/// written.
pub fn decode(
    meta: &BlockMeta,
    spec: &ReadSpec<'_>,
    buffer: Batch,
    read: ReadRange<'_>,
) -> Result<Batch, BlockError> {
    check_rows(meta)?;
    let mut batch = emptied(buffer);
    batch.runs = runs_of(meta);
    let mut split = None;
    if spec.columns.lines {
        split = SplitLines::of(meta, &batch.runs)?;
    }
    if let Some(split) = &mut split {
        split.want(spec.rows);
    }
    let fetched = fetch(meta, spec, split.as_ref(), read)?;
    decode_times(meta, &fetched, &mut batch.timestamps)?;
    let picked = spec.pick.map(|pick| pick(&batch.timestamps));
    let mut line_rows = spec.rows;
    if let Some(picked) = &picked {
        if picked.is_empty() {
            batch.line_ends.resize(meta.rows as usize, 0);
            return Ok(batch);
        }
        line_rows = Some(picked);
        if let Some(split) = &mut split {
            split.want(line_rows);
        }
    }
    let spec = ReadSpec {
        rows: line_rows,
        ..*spec
    };
    decode_metadata(meta, &fetched, picked.as_deref(), &mut batch.metadata)?;
    let mut fields = fields_of(meta, &fetched)?;
    decode_lengths(meta, &spec, &fetched, split.as_ref(), &mut batch.line_ends)?;
    match &split {
        Some(split) => split.decode(
            fetched.one(&ColumnKind::Lines)?,
            fetched.one(&ColumnKind::Newest)?,
            &mut batch.line_ends,
            &mut batch.lines,
        )?,
        None => decode_lines(meta, &spec, &fetched, &mut fields, &mut batch)?,
    }
    fields.add_wanted(&spec, &mut batch.metadata)?;
    check(meta, &spec, &batch)?;
    Ok(batch)
}

/// Fetches the columns that are needed. Of lines in two columns these are the ones that hold wanted
/// lines.
fn fetch<'m>(
    meta: &'m BlockMeta,
    spec: &ReadSpec<'_>,
    split: Option<&SplitLines>,
    read: ReadRange<'_>,
) -> Result<Fetched<'m>, BlockError> {
    let assembles = spec.columns.lines && meta.lines_are_shredded();
    let is_needed = |kind: &ColumnKind| match kind {
        ColumnKind::Times => true,
        ColumnKind::Lengths => spec.columns.lines || spec.columns.line_lengths,
        ColumnKind::Metadata(name) => spec.columns.wants_metadata(name),
        ColumnKind::Field(name) => assembles || spec.wants_field(name),
        ColumnKind::Lines => split.map_or(spec.columns.lines, |split| split.wants(Age::Older)),
        ColumnKind::Newest => split.is_some_and(|split| split.wants(Age::Newest)),
    };
    let columns = meta.columns.iter();
    let needed = columns.filter(|column| is_needed(&column.kind)).collect();
    Fetched::read(needed, read)
}

fn decode_times(
    meta: &BlockMeta,
    fetched: &Fetched<'_>,
    times: &mut Vec<i64>,
) -> Result<(), BlockError> {
    if let Some(column) = fetched.one(&ColumnKind::Times)? {
        times::decode(column.checked()?, &meta.runs, meta.rows as usize, times)?;
    }
    if times.len() == meta.rows as usize {
        Ok(())
    } else {
        Err(BlockError::damaged("the block has no times"))
    }
}

fn decode_metadata(
    meta: &BlockMeta,
    fetched: &Fetched<'_>,
    picked: Option<&[u32]>,
    out: &mut Vec<MetadataColumn>,
) -> Result<(), BlockError> {
    for column in fetched.all() {
        let column = column?;
        if let ColumnKind::Metadata(name) = &column.meta.kind {
            let (bytes, rows) = (column.checked()?, meta.rows as usize);
            let mut values = metadata::decode(bytes, name.clone(), rows, picked)?;
            metadata::forget_empty(&mut values);
            out.push(values);
        }
    }
    Ok(())
}

/// The fields that were fetched; none is decoded yet.
fn fields_of<'f>(
    meta: &BlockMeta,
    fetched: &'f Fetched<'_>,
) -> Result<FieldColumns<'f>, BlockError> {
    let mut fields = FieldColumns::new(meta.rows as usize);
    for column in fetched.all() {
        let column = column?;
        if matches!(column.meta.kind, ColumnKind::Field(_)) {
            fields.push(column);
        }
    }
    Ok(fields)
}

/// Decodes lines that are one column, assembled from fields where they are shredded.
fn decode_lines(
    meta: &BlockMeta,
    spec: &ReadSpec<'_>,
    fetched: &Fetched<'_>,
    fields: &mut FieldColumns<'_>,
    batch: &mut Batch,
) -> Result<(), BlockError> {
    let Some(column) = fetched.one(&ColumnKind::Lines)? else {
        return Ok(());
    };
    let bytes = column.checked()?;
    let (ends, lines) = (&mut batch.line_ends, &mut batch.lines);
    match column.meta.encoding {
        tag if encoding::is_shredded(tag) => {
            lines::decode_shredded(bytes, fields, spec, ends, lines)
        }
        encoding::LINES_OLDER_NEWEST => lines::decode_older_newest(bytes, spec.rows, ends, lines),
        tag => lines::decode_whole(tag, bytes, meta.line_bytes, lines),
    }
}

/// The rows whose lengths are read.
enum LengthRows<'a> {
    All,
    /// Those of lines in two columns that are read.
    OfSplit(&'a SplitLines),
    /// Those in the frames around these rows.
    Around(&'a [u32]),
}

/// Chooses the rows whose lengths are read: few when only some lines are wanted and each can be
/// found by itself.
fn length_rows<'a>(
    meta: &BlockMeta,
    spec: &ReadSpec<'a>,
    split: Option<&'a SplitLines>,
) -> LengthRows<'a> {
    match (split, spec.rows) {
        (Some(split), _) if !split.wants(Age::Older) => LengthRows::OfSplit(split),
        // Each line is assembled by itself.
        (None, Some(rows)) if spec.columns.lines && meta.all_lines_are_shredded() => {
            LengthRows::Around(rows)
        }
        _ => LengthRows::All,
    }
}

/// Reads where lines end; rows whose lengths are not read count as empty.
fn decode_lengths(
    meta: &BlockMeta,
    spec: &ReadSpec<'_>,
    fetched: &Fetched<'_>,
    split: Option<&SplitLines>,
    ends: &mut Vec<u32>,
) -> Result<(), BlockError> {
    let Some(column) = fetched.one(&ColumnKind::Lengths)? else {
        return Ok(());
    };
    let wanted = length_rows(meta, spec, split);
    let (mut bytes, rows, mut end) = (column.checked()?, meta.rows as usize, 0u64);
    ends.reserve(rows);
    let wants = |frame: Range<usize>| match &wanted {
        LengthRows::All => true,
        LengthRows::OfSplit(split) => split.reads(&frame),
        LengthRows::Around(rows) => holds_any(rows, &(frame.start as u32..frame.end as u32)),
    };
    let sink = |count: usize, lengths: Option<&[u64]>| match lengths {
        Some(lengths) => ends.extend(lengths.iter().map(|length| {
            end = end.saturating_add(*length);
            end as u32
        })),
        None => ends.resize(ends.len() + count, end as u32),
    };
    ints::decode_where(&mut bytes, rows, wants, sink)?;
    let fits = match wanted {
        LengthRows::All => end == meta.line_bytes,
        _ => end <= meta.line_bytes,
    };
    if fits && bytes.is_empty() {
        return Ok(());
    }
    Err(BlockError::Damaged(format!(
        "lines have {end} bytes, the directory says {}",
        meta.line_bytes
    )))
}

/// Residual rows, in order: those whose lines are not of this form, or are whole. Fields do not
/// tell what a parser would find in them, so their lines have to be read. Only of blocks with
/// shredded lines ([`crate::FieldCoverage::Some`]).
pub fn residual_rows(
    meta: &BlockMeta,
    form: Form,
    read: ReadRange<'_>,
) -> Result<Vec<u32>, BlockError> {
    check_rows(meta)?;
    let bytes = fetch_one(meta, &ColumnKind::Lines, read)?;
    lines::residual_rows(&bytes, meta.rows as usize, form)
}

fn check_rows(meta: &BlockMeta) -> Result<(), BlockError> {
    if meta.rows as usize > BLOCK_ROWS_MAX
        || meta.runs.iter().map(|r| u64::from(r.rows)).sum::<u64>() != u64::from(meta.rows)
    {
        return Err(BlockError::damaged(
            "runs and rows of the directory entry disagree",
        ));
    }
    Ok(())
}

/// A batch without entries that keeps its large buffers.
fn emptied(mut batch: Batch) -> Batch {
    batch.timestamps.clear();
    batch.line_ends.clear();
    batch.lines.clear();
    batch.metadata.clear();
    batch
}

fn runs_of(meta: &BlockMeta) -> Vec<Run> {
    let mut start = 0;
    let run = |r: &RunMeta| {
        let rows = start..start + r.rows;
        start = rows.end;
        Run {
            stream: r.stream,
            rows,
        }
    };
    meta.runs.iter().map(run).collect()
}

/// Checks that what was asked for is there, and that nothing points outside.
fn check(meta: &BlockMeta, spec: &ReadSpec<'_>, batch: &Batch) -> Result<(), BlockError> {
    let Columns {
        lines,
        line_lengths,
        ..
    } = spec.columns;
    let rows = meta.rows as usize;
    if (*lines || *line_lengths) && batch.line_ends.len() != rows {
        return Err(BlockError::damaged("the block has no lengths"));
    }
    let ends_at = u64::from(batch.line_ends.last().copied().unwrap_or(0));
    let all = spec.rows.is_none() && spec.must_contain.is_empty();
    if *lines && (batch.lines.len() as u64 != ends_at || all && ends_at != meta.line_bytes) {
        return Err(BlockError::damaged(
            "lines are not as long as they should be",
        ));
    }
    if !batch.metadata.is_sorted_by(|a, b| a.name < b.name) {
        return Err(BlockError::damaged("metadata columns are not sorted"));
    }
    Ok(())
}
