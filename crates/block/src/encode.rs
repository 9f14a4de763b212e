//! Encodes a batch into the bytes of a block and its metadata.

use crate::anchors::{ANCHOR_ROWS, Anchor, Anchors};
use crate::codecs::ints::{self, IntBuffers};
use crate::columns::metadata::{self, MetadataBuffers};
use crate::columns::newest_lines::LinesSplitter;
use crate::columns::{lines, times};
use crate::encoding::{self, FIELD_ESCAPED, NEWEST_FRAMES};
use crate::error::BlockError;
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_ROWS_MAX};
use crate::meta::{BlockMeta, ColumnKind, ColumnMeta, RunMeta};
use skald_fields::{Shredded, Shredder};
use skald_model::Batch;
use std::collections::BTreeSet;

/// The metadata whose values the directory counts.
const LEVEL_NAME: &str = "detected_level";

/// Encodes one block after the other with the same buffers.
#[derive(Debug, Default)]
pub struct Encoder {
    numbers: Vec<u64>,
    ints: IntBuffers,
    metadata: MetadataBuffers,
    splitter: LinesSplitter,
    shredder: Shredder,
}

impl Encoder {
    /// Encodes a batch whose runs are sorted by (stream, time, arrival); appends the bytes to
    /// `out`.
    pub fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) -> Result<BlockMeta, BlockError> {
        check(batch)?;
        let mut meta = describe(batch);
        let base = out.len();

        times::encode(
            &batch.timestamps,
            &meta.runs,
            &mut self.numbers,
            &mut self.ints,
            out,
        )?;
        add_column(&mut meta, base, out, ColumnKind::Times, 0, None);

        self.numbers.clear();
        self.numbers
            .extend((0..batch.len() as u32).map(|row| batch.line_range(row).len() as u64));
        ints::encode(&self.numbers, &mut self.ints, out)?;
        add_column(&mut meta, base, out, ColumnKind::Lengths, 0, None);

        for column in &batch.metadata {
            let written = metadata::encode(column, &mut self.metadata, out)?;
            let kind = ColumnKind::Metadata(column.name.clone());
            add_column(&mut meta, base, out, kind, written.encoding, written.range);
        }

        match self.shredder.shred(batch) {
            Some(shredded) => self.add_shredded(batch, &shredded, (&mut meta, base), out)?,
            None => match meta.newest_rows() {
                None => {
                    let encoding = lines::encode(&batch.lines, out)?;
                    add_column(&mut meta, base, out, ColumnKind::Lines, encoding, None);
                }
                Some(newest) => {
                    self.splitter.split(batch, &newest);
                    self.splitter.encode_newest(out)?;
                    add_column(
                        &mut meta,
                        base,
                        out,
                        ColumnKind::Newest,
                        NEWEST_FRAMES,
                        None,
                    );
                    let encoding = lines::encode(&self.splitter.older, out)?;
                    add_column(&mut meta, base, out, ColumnKind::Lines, encoding, None);
                }
            },
        }
        Ok(meta)
    }

    /// Appends the columns of shredded lines, then their skeletons and the whole lines.
    fn add_shredded(
        &mut self,
        batch: &Batch,
        shredded: &Shredded,
        (meta, base): (&mut BlockMeta, usize),
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        for column in &shredded.columns {
            let written = metadata::encode(&column.values, &mut self.metadata, out)?;
            let tag = written.encoding | if column.escaped { FIELD_ESCAPED } else { 0 };
            add_column(
                meta,
                base,
                out,
                ColumnKind::Field(column.values.name.clone()),
                tag,
                written.range,
            );
        }
        self.numbers.clear();
        self.numbers
            .extend(shredded.skeleton_codes.iter().map(|row| u64::from(*row)));
        lines::encode_shredded(batch, shredded, &self.numbers, &mut self.ints, out)?;
        add_column(
            meta,
            base,
            out,
            ColumnKind::Lines,
            encoding::shredded(shredded.form()),
            None,
        );
        Ok(())
    }
}

/// Describes the column that was just appended: it begins where the last one ended.
fn add_column(
    meta: &mut BlockMeta,
    base: usize,
    out: &[u8],
    kind: ColumnKind,
    encoding: u8,
    range: Option<(i64, i64)>,
) {
    let offset = meta.block_bytes();
    let bytes = &out[base + offset as usize..];
    meta.columns.push(ColumnMeta {
        kind,
        encoding,
        offset,
        len: bytes.len() as u64,
        crc: crc32fast::hash(bytes),
        range,
    });
}

/// Whether the batch is whole and no larger than a reader accepts.
fn check(batch: &Batch) -> Result<(), BlockError> {
    let refuse = |what: String| Err(BlockError::Unencodable(what));
    let rows = batch.len();
    if rows > BLOCK_ROWS_MAX {
        return refuse(format!("{rows} rows, at most {BLOCK_ROWS_MAX} can be"));
    }
    if batch.lines.len() > BLOCK_BYTES_MAX {
        return refuse(format!(
            "{} bytes of lines, at most {BLOCK_BYTES_MAX} can be",
            batch.lines.len()
        ));
    }
    if batch.line_ends.len() != rows
        || batch.line_ends.last().map_or(0, |end| *end as usize) != batch.lines.len()
    {
        return refuse("its lines are not as many or as long as its rows say".to_owned());
    }
    let mut covered = 0;
    for run in &batch.runs {
        if run.rows.start != covered || run.rows.end < covered {
            return refuse("its runs do not follow one another".to_owned());
        }
        covered = run.rows.end;
    }
    if covered as usize != rows {
        return refuse(format!("its runs cover {covered} of {rows} rows"));
    }
    for column in &batch.metadata {
        if column.codes.len() != rows
            || column.codes.iter().any(|code| *code > column.value_count())
        {
            return refuse(format!("metadata {:?} does not fit its rows", column.name));
        }
        if column.values.len() > BLOCK_BYTES_MAX {
            return refuse(format!(
                "metadata {:?} has {} bytes, at most {BLOCK_BYTES_MAX} can be",
                column.name,
                column.values.len()
            ));
        }
    }
    Ok(())
}

/// Whether a whole batch that was read back is what the directory entry says of it.
pub fn verify(meta: &BlockMeta, batch: &Batch) -> Result<(), BlockError> {
    check(batch)?;
    let found = describe(batch);
    // Earlier programs counted entries with an empty level, which is read as absent.
    let sorted = |levels: &[(String, u32)]| {
        let named = levels.iter().filter(|(level, _)| !level.is_empty());
        named.cloned().collect::<BTreeSet<_>>()
    };
    let same_anchors =
        meta.anchors.every == 0 || meta.anchors == anchors(batch, meta.anchors.every);
    let same = [
        ("rows", meta.rows == found.rows),
        (
            "times",
            (meta.min_time, meta.max_time) == (found.min_time, found.max_time),
        ),
        ("runs", meta.runs == found.runs),
        ("levels", sorted(&meta.levels) == sorted(&found.levels)),
        ("anchors", same_anchors),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(BlockError::Damaged(format!(
            "{what} of the directory entry are not those of the rows"
        ))),
        None => Ok(()),
    }
}

/// Anchors at every `every`th row of each run.
fn anchors(batch: &Batch, every: u32) -> Anchors {
    let mut all = Vec::new();
    for run in &batch.runs {
        let bytes_before = |row: u32| batch.line_range(row).start as u64;
        for row in run.rows.clone().step_by(every.max(1) as usize).skip(1) {
            let line_bytes = bytes_before(row) - bytes_before(run.rows.start);
            all.push(Anchor {
                time: batch.timestamps[row as usize],
                line_bytes,
            });
        }
    }
    Anchors { every, all }
}

/// The directory entry without columns.
fn describe(batch: &Batch) -> BlockMeta {
    let mut meta = BlockMeta {
        rows: batch.len() as u32,
        min_time: batch.timestamps.iter().copied().min().unwrap_or(0),
        max_time: batch.timestamps.iter().copied().max().unwrap_or(0),
        line_bytes: batch.lines.len() as u64,
        anchors: anchors(batch, ANCHOR_ROWS),
        ..BlockMeta::default()
    };
    meta.runs.reserve_exact(batch.runs.len());
    for run in &batch.runs {
        let times = &batch.timestamps[run.rows.start as usize..run.rows.end as usize];
        let line_bytes = match run.rows.end.checked_sub(1) {
            Some(last) if !run.rows.is_empty() => {
                batch.line_range(last).end - batch.line_range(run.rows.start).start
            }
            _ => 0,
        };
        meta.runs.push(RunMeta {
            stream: run.stream,
            rows: run.rows.len() as u32,
            min_time: times.first().copied().unwrap_or(meta.min_time),
            max_time: times.last().copied().unwrap_or(meta.min_time),
            line_bytes: line_bytes as u64,
            metadata_bytes: 0,
        });
    }
    for column in &batch.metadata {
        for (run, described) in batch.runs.iter().zip(&mut meta.runs) {
            let codes = &column.codes[run.rows.start as usize..run.rows.end as usize];
            let bytes = codes
                .iter()
                .filter_map(|code| code.checked_sub(1))
                .map(|value| value_len(&column.value_ends, value));
            described.metadata_bytes += bytes
                .map(|len| (len + column.name.len()) as u64)
                .sum::<u64>();
        }
        if &*column.name == LEVEL_NAME {
            meta.levels = metadata::count_values(column);
        }
    }
    meta
}

fn value_len(ends: &[u32], value: u32) -> usize {
    let value = value as usize;
    let start = if value == 0 { 0 } else { ends[value - 1] };
    (ends[value] - start) as usize
}
