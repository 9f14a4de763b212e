//! Bytes → batch, column by column as asked for.

use crate::codecs::ints;
use crate::columns::lines::is_cut;
use crate::columns::newest_lines::Apart;
use crate::columns::{lines, metadata, times};
use crate::run_counter::{ReadRange, fetch};
use crate::{BLOCK_ROWS_MAX, BlockError, BlockMeta, ColumnKind, ColumnMeta};
use skald_fields::{Form, LazyColumns};
use skald_model::{Batch, Columns, Literal, MetadataColumn, Run};
use std::ops::Range;
use std::sync::Arc;

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
    /// What lines must contain to be wanted, of each list one literal; those that lack it may be left empty.
    pub containing: &'a [Vec<Literal>],
}

impl<'a> Wanted<'a> {
    /// Columns of all rows, as they are.
    pub fn all(columns: &'a Columns) -> Wanted<'a> {
        Wanted {
            columns,
            fields: false,
            rows: None,
            containing: &[],
        }
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
    decode_chosen(meta, wanted, spare, read, None)
}

/// The same, but with the times of all rows at hand `choose` says which of the wanted rows matter: values of others may
/// be left out, metadata too.
pub fn decode_chosen(
    meta: &BlockMeta,
    wanted: &Wanted<'_>,
    spare: Batch,
    read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
    choose: Option<Choose<'_>>,
) -> Result<Batch, BlockError> {
    check_rows(meta)?;
    let (mut wanted, columns) = (*wanted, wanted.columns);
    let joins = columns.lines && meta.lines_are_cut();
    let mut batch = emptied(spare);
    batch.runs = runs_of(meta);
    let mut apart = if columns.lines {
        Apart::of(meta, &batch.runs)?
    } else {
        None
    };
    apart.iter_mut().for_each(|apart| apart.want(wanted.rows));
    let wants = |kind: &ColumnKind| match (kind, &apart) {
        (ColumnKind::Newest, Some(apart)) => apart.wants(true),
        (ColumnKind::Lines, Some(apart)) => apart.wants(false),
        (ColumnKind::Field(name), _) => joins || wanted.as_metadata(name),
        (kind, _) => wants(columns, kind),
    };
    let read_columns: Vec<&ColumnMeta> = meta
        .columns
        .iter()
        .filter(|column| wants(&column.kind))
        .collect();
    let fetched = Fetched::read(&read_columns, read)?;
    decode_times(meta, &read_columns, &fetched, &mut batch.timestamps)?;
    let chosen = choose.map(|choose| choose(&batch.timestamps));
    if let Some(rows) = &chosen {
        wanted.rows = Some(rows);
        apart.iter_mut().for_each(|apart| apart.want(wanted.rows));
    }
    if chosen.as_ref().is_some_and(Vec::is_empty) {
        batch.line_ends.resize(meta.rows as usize, 0);
        return Ok(batch);
    }
    let mut fields = Fields {
        rows: meta.rows as usize,
        columns: Vec::new(),
    };
    let (mut older, mut newest) = (None, None);
    for column in read_columns {
        let bytes = fetched.bytes_of(column)?;
        match &column.kind {
            ColumnKind::Times => {}
            ColumnKind::Lengths => decode_lengths(
                meta,
                column,
                bytes,
                &lengths_of(meta, &wanted, apart.as_ref()),
                &mut batch,
            )?,
            ColumnKind::Newest => newest = Some((column, bytes)),
            ColumnKind::Lines if apart.is_some() => older = Some((column, bytes)),
            ColumnKind::Lines => {
                decode_lines(meta, column, bytes, &mut fields, &wanted, &mut batch)?
            }
            ColumnKind::Field(_) => fields.columns.push(Field {
                column,
                bytes,
                values: None,
            }),
            ColumnKind::Metadata(name) => {
                column.check(bytes)?;
                let values = metadata::decode_some(
                    bytes,
                    name.clone(),
                    meta.rows as usize,
                    chosen.as_deref(),
                )?;
                batch.metadata.push(values);
            }
        }
    }
    if let Some(apart) = apart {
        apart.decode(older, newest, &mut batch.line_ends, &mut batch.lines)?;
    }
    fields.add_wanted(&wanted, &mut batch.metadata)?;
    check(meta, &wanted, &batch)?;
    Ok(batch)
}

/// From the times of all rows those that matter, in order.
pub type Choose<'a> = &'a mut dyn FnMut(&[i64]) -> Vec<u32>;

/// Whether some of these rows, which are in order, lie in a range of rows.
pub(crate) fn holds_any(rows: &[u32], range: &Range<u32>) -> bool {
    let first = rows.partition_point(|row| *row < range.start);
    rows.get(first).is_some_and(|row| *row < range.end)
}

fn decode_times(
    meta: &BlockMeta,
    columns: &[&ColumnMeta],
    fetched: &Fetched,
    times: &mut Vec<i64>,
) -> Result<(), BlockError> {
    for column in columns
        .iter()
        .filter(|column| column.kind == ColumnKind::Times)
    {
        let bytes = fetched.bytes_of(column)?;
        column.check(bytes)?;
        times::decode(bytes, &meta.runs, meta.rows as usize, times)?;
    }
    if times.len() == meta.rows as usize {
        Ok(())
    } else {
        Err(BlockError::damaged("the block has no times"))
    }
}

/// Lines that are one column, put together from fields where they are cut.
fn decode_lines(
    meta: &BlockMeta,
    column: &ColumnMeta,
    bytes: &[u8],
    fields: &mut Fields<'_>,
    wanted: &Wanted<'_>,
    batch: &mut Batch,
) -> Result<(), BlockError> {
    column.check(bytes)?;
    let (ends, lines) = (&mut batch.line_ends, &mut batch.lines);
    match column.encoding {
        encoding if is_cut(encoding) => lines::decode_cut(bytes, fields, wanted, ends, lines),
        encoding => lines::decode(encoding, bytes, (meta.line_bytes, wanted.rows), ends, lines),
    }
}

/// Whose lengths tell where lines are: those of all rows, or of rows around these.
enum Lengths<'a> {
    All,
    Of(&'a Apart),
    Around(&'a [u32]),
}

/// Where only some lines are read, a few frames of lengths say where they lie.
fn lengths_of<'a>(meta: &BlockMeta, wanted: &Wanted<'a>, apart: Option<&'a Apart>) -> Lengths<'a> {
    match (apart, wanted.rows) {
        (Some(apart), _) if !apart.wants(false) => Lengths::Of(apart),
        // Each line is put together by itself.
        (None, Some(rows)) if wanted.columns.lines && meta.lines_are_all_cut() => {
            Lengths::Around(rows)
        }
        _ => Lengths::All,
    }
}

/// Reads where lines end; those of rows whose lengths are not wanted are taken for empty.
fn decode_lengths(
    meta: &BlockMeta,
    column: &ColumnMeta,
    mut bytes: &[u8],
    lengths: &Lengths<'_>,
    batch: &mut Batch,
) -> Result<(), BlockError> {
    column.check(bytes)?;
    let (rows, mut end, ends) = (meta.rows as usize, 0u64, &mut batch.line_ends);
    ends.reserve(rows);
    let wants = |frame: Range<usize>| match lengths {
        Lengths::All => true,
        Lengths::Of(apart) => apart.reads(&frame),
        Lengths::Around(rows) => holds_any(rows, &(frame.start as u32..frame.end as u32)),
    };
    let sink = |count: usize, lengths: Option<&[u64]>| match lengths {
        Some(lengths) => ends.extend(lengths.iter().map(|length| {
            end = end.saturating_add(*length);
            end as u32
        })),
        None => ends.resize(ends.len() + count, end as u32),
    };
    ints::decode_where(&mut bytes, rows, wants, sink)?;
    let fits = if matches!(lengths, Lengths::All) {
        end == meta.line_bytes
    } else {
        end <= meta.line_bytes
    };
    if fits && bytes.is_empty() {
        return Ok(());
    }
    Err(BlockError::Damaged(format!(
        "lines have {end} bytes, the directory says {}",
        meta.line_bytes
    )))
}

/// Rows whose lines are not of this form, in order: what [`crate::FieldsAnswer::Some`] leaves to whoever reads lines.
/// Only of blocks with lines that are cut.
pub fn rows_apart(
    meta: &BlockMeta,
    form: Form,
    read: ReadRange<'_>,
) -> Result<Vec<u32>, BlockError> {
    check_rows(meta)?;
    lines::rows_apart(
        &fetch(meta, &ColumnKind::Lines, read)?,
        meta.rows as usize,
        form,
    )
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

/// The bytes of columns, those that lie near each other fetched in one read.
struct Fetched {
    /// Where each read begins in the block, and what it gave.
    reads: Vec<(u64, Vec<u8>)>,
}

impl Fetched {
    fn read(
        columns: &[&ColumnMeta],
        read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
    ) -> Result<Fetched, BlockError> {
        let mut reads = Vec::new();
        let mut rest = columns;
        while let Some(first) = rest.first() {
            let together = rest
                .windows(2)
                .take_while(|pair| is_near(pair[0], pair[1]))
                .count()
                + 1;
            let (group, later) = rest.split_at(together);
            let range = first.offset..group[together - 1].bytes().end;
            let bytes = read(range.clone())?;
            if bytes.len() as u64 != range.end - range.start {
                return Err(BlockError::cut_short());
            }
            reads.push((range.start, bytes));
            rest = later;
        }
        Ok(Fetched { reads })
    }

    fn bytes_of(&self, column: &ColumnMeta) -> Result<&[u8], BlockError> {
        let within = |(start, bytes): &(u64, Vec<u8>)| {
            *start <= column.offset && column.offset - start <= bytes.len() as u64
        };
        let (start, bytes) = self
            .reads
            .iter()
            .rfind(|read| within(read))
            .ok_or_else(BlockError::cut_short)?;
        let from = (column.offset - start) as usize;
        bytes
            .get(from..from + column.len as usize)
            .ok_or_else(BlockError::cut_short)
    }
}

/// Columns of values cut out of lines, decoded when they are looked at.
pub(crate) struct Fields<'a> {
    rows: usize,
    columns: Vec<Field<'a>>,
}

struct Field<'a> {
    column: &'a ColumnMeta,
    bytes: &'a [u8],
    values: Option<MetadataColumn>,
}

impl Fields<'_> {
    /// Adds the values that are wanted as metadata, in order of names.
    fn add_wanted(
        &mut self,
        wanted: &Wanted<'_>,
        metadata: &mut Vec<MetadataColumn>,
    ) -> Result<(), BlockError> {
        let before = metadata.len();
        for at in 0..self.columns.len() {
            if matches!(&self.columns[at].column.kind, ColumnKind::Field(name) if wanted.as_metadata(name))
            {
                self.get(at)?;
                metadata.extend(self.columns[at].values.take());
            }
        }
        if metadata.len() > before {
            metadata.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(())
    }

    /// Takes all columns; with `only` those that are not decoded yet need no values but those of these rows.
    pub(crate) fn take(&mut self, only: Option<&[u32]>) -> Result<Vec<MetadataColumn>, BlockError> {
        let rows = self.rows;
        // Lines are put together once: whoever wants values as metadata decodes those few again.
        self.columns
            .iter_mut()
            .map(|field| {
                field
                    .values
                    .take()
                    .map_or_else(|| field.decode(rows, only), Ok)
            })
            .collect()
    }
}

impl Field<'_> {
    fn decode(&self, rows: usize, only: Option<&[u32]>) -> Result<MetadataColumn, BlockError> {
        self.column.check(self.bytes)?;
        let name = match &self.column.kind {
            ColumnKind::Field(name) => name.clone(),
            _ => Arc::from(""),
        };
        metadata::decode_some(self.bytes, name, rows, only)
    }
}

impl LazyColumns for Fields<'_> {
    type Error = BlockError;

    fn may_hold(&self, column: usize, byte: u8) -> bool {
        self.columns
            .get(column)
            .is_none_or(|field| metadata::may_hold(field.bytes, byte))
    }

    fn get(&mut self, column: usize) -> Result<&MetadataColumn, BlockError> {
        let field = self
            .columns
            .get_mut(column)
            .ok_or_else(|| BlockError::damaged("a line has a column that is not there"))?;
        if field.values.is_none() {
            field.values = Some(field.decode(self.rows, None)?);
        }
        Ok(field.values.as_ref().expect("was just decoded"))
    }
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
        ColumnKind::Field(_) | ColumnKind::Newest => false,
    }
}

/// Whether one read should fetch both; false when they do not follow one another.
fn is_near(first: &ColumnMeta, second: &ColumnMeta) -> bool {
    second
        .offset
        .checked_sub(first.bytes().end)
        .is_some_and(|gap| gap <= READ_GAP)
}

fn runs_of(meta: &BlockMeta) -> Vec<Run> {
    let mut start = 0;
    let run = |r: &crate::RunMeta| {
        let rows = start..start + r.rows;
        start = rows.end;
        Run {
            stream: r.stream,
            rows,
        }
    };
    meta.runs.iter().map(run).collect()
}

/// What was asked for is there, and nothing points outside.
fn check(meta: &BlockMeta, wanted: &Wanted<'_>, batch: &Batch) -> Result<(), BlockError> {
    let columns = wanted.columns;
    let rows = meta.rows as usize;
    if (columns.lines || columns.line_lengths) && batch.line_ends.len() != rows {
        return Err(BlockError::damaged("the block has no lengths"));
    }
    let ends_at = u64::from(batch.line_ends.last().copied().unwrap_or(0));
    let all = wanted.rows.is_none() && wanted.containing.is_empty();
    if columns.lines && (batch.lines.len() as u64 != ends_at || all && ends_at != meta.line_bytes) {
        return Err(BlockError::damaged(
            "lines are not as long as they should be",
        ));
    }
    if !batch.metadata.is_sorted_by(|a, b| a.name < b.name) {
        return Err(BlockError::damaged("metadata columns are not sorted"));
    }
    Ok(())
}
