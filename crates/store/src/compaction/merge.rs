//! Merge: several parts of a day become one.
//!
//! It streams: one decoded block of each input is held, and equal entries that meet in different
//! parts become one. A block of one stream that no other input overlaps is copied undecoded, its
//! content filter with it, unless that was built by older rules.

use crate::StoreError;
use crate::compaction::dedup::Dedup;
use crate::compaction::merge_cursor::{MergeCursor, next_cursor};
use crate::part::block_builder::BlockBuilder;
use crate::part::stream_table::StreamTable;
use crate::part::writer::{NewPart, PartWriter, WRITER_BYTES};
use crate::part::{Part, PartMeta, patterns};
use crate::tenant_dir::TenantDir;
use crate::throttle::Throttle;
use skald_block::BLOCK_LINE_BYTES;
use skald_model::Batch;
use skald_patterns::StreamPatterns;
use std::sync::Arc;

/// Bytes of lines from which on a block is worth copying: smaller ones would never grow together,
/// and blocks half full compress almost as well as full ones (docs/benchmarks.md).
const COPIED_LINE_BYTES_MIN: u64 = BLOCK_LINE_BYTES as u64 / 2;
/// What tables of streams take while they are merged: the new one, its bytes, and these packed.
const TABLE_FACTOR: usize = 3;

/// How a merge ended.
pub(crate) enum Merged {
    /// The part that stands for its inputs.
    Part(PartMeta),
    /// The throttle stopped it; nothing is left of it.
    Abandoned,
}

/// Rough bytes of memory that merging these parts takes: content filters are there once, and as
/// they are written twice.
pub(crate) fn memory_bytes(parts: &[Arc<Part>]) -> usize {
    let input = |part: &Arc<Part>| {
        let content = part.content_bytes() as usize * 2;
        content + part.table.memory_bytes() * TABLE_FACTOR + 2 * BLOCK_LINE_BYTES
    };
    parts.iter().map(input).sum::<usize>() + WRITER_BYTES
}

/// What is merged, and into what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    /// Parts of one day, in order of arrival.
    pub(crate) parts: &'a [Arc<Part>],
    /// The number of the part they become.
    pub(crate) id: u64,
}

/// Merges parts of one day.
pub(crate) fn merge(
    dir: &TenantDir<'_>,
    Inputs { parts, id }: Inputs<'_>,
    throttle: Throttle<'_>,
) -> Result<Merged, StoreError> {
    let Some(first) = parts.first() else {
        return Ok(Merged::Abandoned);
    };
    let begin = NewPart {
        id,
        day: first.meta.day,
        sequence: first.meta.sequence,
    };
    let mut writer = PartWriter::begin(*dir, begin)?;
    writer.supersedes(parts);
    let (table, numbers) =
        StreamTable::merge(&parts.iter().map(|part| &part.table).collect::<Vec<_>>());
    let mined = parts.iter().map(|part| read_patterns(part)).collect();
    writer.set_patterns(patterns::merge(mined, &numbers));
    let line_bytes = line_bytes(parts, &numbers, table.len());
    let mut merge = Merge {
        cursors: parts
            .iter()
            .zip(&numbers)
            .map(|(part, numbers)| MergeCursor::new(part, numbers))
            .collect(),
        dedup: Dedup::default(),
        builder: BlockBuilder::default(),
        output: Output {
            writer,
            throttle,
            going: true,
        },
    };
    for (number, line_bytes) in line_bytes.iter().enumerate() {
        merge.stream(number as u32, *line_bytes as usize)?;
        if !merge.output.going {
            return Ok(Merged::Abandoned);
        }
    }
    let Merge {
        builder,
        mut output,
        cursors,
        ..
    } = merge;
    // Their memory is free for the index, which is written next.
    drop(cursors);
    builder.finish(&mut |batch| output.block(batch))?;
    if !output.going {
        return Ok(Merged::Abandoned);
    }
    output.writer.finish(&table).map(Merged::Part)
}

/// Bytes of lines of each merged stream.
fn line_bytes(parts: &[Arc<Part>], numbers: &[Vec<u32>], streams: usize) -> Vec<u64> {
    let mut bytes = vec![0; streams];
    for (part, numbers) in parts.iter().zip(numbers) {
        for (number, of_stream) in numbers.iter().zip(part.stream_line_bytes()) {
            bytes[*number as usize] += of_stream;
        }
    }
    bytes
}

/// The templates of a part; none when they can't be read, as they are derived and its lines are
/// what counts.
fn read_patterns(part: &Part) -> Vec<StreamPatterns> {
    part.read_patterns().unwrap_or_else(|error| {
        tracing::warn!(%error, "merging a part without its patterns");
        Vec::new()
    })
}

/// A merge at work.
struct Merge<'a> {
    cursors: Vec<MergeCursor<'a>>,
    dedup: Dedup,
    builder: BlockBuilder,
    output: Output<'a>,
}

/// Where blocks go.
struct Output<'a> {
    writer: PartWriter<'a>,
    throttle: Throttle<'a>,
    /// Cleared when the throttle stops the merge.
    going: bool,
}

impl Output<'_> {
    fn block(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.going {
            self.writer.add_block(batch)?;
            self.going = (self.throttle)();
        }
        Ok(())
    }
}

impl Merge<'_> {
    /// All rows of one stream.
    fn stream(&mut self, number: u32, line_bytes: usize) -> Result<(), StoreError> {
        let output = &mut self.output;
        self.builder
            .begin_stream(line_bytes, &mut |batch| output.block(batch))?;
        self.dedup.begin_stream();
        while let Some(next) = next_cursor(&self.cursors, number)
            && self.output.going
        {
            if self.copy_block(next, number)? {
                continue;
            }
            self.row(next, number)?;
            self.cursors[next].advance();
        }
        Ok(())
    }

    /// The row that cursor `next` is at.
    fn row(&mut self, next: usize, number: u32) -> Result<(), StoreError> {
        let time = self.cursors[next].time();
        self.cursors[next].row()?;
        let others = self
            .cursors
            .iter()
            .enumerate()
            .any(|(i, c)| i != next && c.is_at(number, time));
        let tie = self.cursors[next].may_tie() || others;
        let (batch, row) = self.cursors[next].row()?;
        if self.dedup.is_repeat(time, tie, batch, row) {
            return Ok(());
        }
        let entry = (time, &batch.lines[batch.line_range(row)]);
        let output = &mut self.output;
        self.builder
            .push(number, entry, batch.metadata_of(row), &mut |batch| {
                output.block(batch)
            })
    }

    /// Takes over the block that cursor `next` is at the start of as it is, when it holds this
    /// stream alone, is large enough to stand for itself, and no other input has an entry in its
    /// time; gives whether it did.
    fn copy_block(&mut self, next: usize, number: u32) -> Result<bool, StoreError> {
        let cursor = &self.cursors[next];
        let Some((block, run)) = cursor.whole_run() else {
            return Ok(false);
        };
        let alone =
            |other: &MergeCursor<'_>| other.stream() != Some(number) || other.time() > run.max_time;
        if run.line_bytes < COPIED_LINE_BYTES_MIN {
            return Ok(false);
        }
        let others = self.cursors.iter().enumerate().filter(|(i, _)| *i != next);
        if !self.builder.may_end()
            || !self.dedup.is_before(run.min_time)
            || !others.into_iter().all(|(_, c)| alone(c))
        {
            return Ok(false);
        }
        let cursor = &mut self.cursors[next];
        let Some(filter) = cursor.filter.take() else {
            return Ok(false);
        };
        let output = &mut self.output;
        self.builder.end_block(&mut |batch| output.block(batch))?;
        if output.going {
            output
                .writer
                .copy_block(cursor.part, block, number, filter)?;
            output.going = (output.throttle)();
        }
        self.dedup.skip_to(run.max_time);
        self.cursors[next].skip_block();
        Ok(true)
    }
}
