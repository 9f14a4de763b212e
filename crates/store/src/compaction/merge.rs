//! Merging the parts of a day: which, and how.
//!
//! [`choose_compaction`] is pure and picks neighbours in order of arrival only, so that equal times keep
//! their order. The merge streams: it holds one decoded block an input, and equal entries that met in
//! different parts become one. A block of one stream that no other input overlaps is copied undecoded, its
//! content filter with it, unless that was built by older rules. Whoever runs it sets its pace.

use crate::StoreError;
use crate::compaction::dedup::Repeats;
use crate::compaction::merge_cursor::{Cursor, next_cursor};
use crate::files::Files;
use crate::layout::Layout;
use crate::part::block_builder::BlockCutter;
use crate::part::stream_table::StreamTable;
use crate::part::writer::{PartWriter, WRITER_BYTES};
use crate::part::{Part, PartMeta, patterns};
use skald_block::BLOCK_LINE_BYTES;
use skald_model::{Batch, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Parts a day is left with when the server decides: few enough that a query over a day opens a handful
/// of files, enough that an entry is rewritten only a few times.
pub(crate) const PARTS_A_DAY: usize = 6;
/// Inputs of one merge: bounds the decoded blocks held, about 2 MB each.
const MERGE_PARTS_MAX: usize = 16;
/// Bytes of lines from which on a block is worth copying: smaller ones would never grow together, and blocks
/// half full compress almost as well as full ones (docs/benchmarks.md).
const COPIED_LINE_BYTES_MIN: u64 = BLOCK_LINE_BYTES as u64 / 2;
/// Bytes of a merged part: a larger one would make a rewrite, and the space it needs meanwhile, too big.
const PART_BYTES_MAX: u64 = 8 << 30;

/// Which parts to merge next so that each day is left with at most `parts_a_day`; by their ids, in order
/// of arrival. Of all neighbours the ones that cost the fewest rewritten bytes for each part saved.
pub(crate) fn choose_compaction(parts: &[PartMeta], parts_a_day: usize) -> Option<Vec<u64>> {
    let mut days: BTreeMap<i32, Vec<&PartMeta>> = BTreeMap::new();
    for part in parts {
        days.entry(part.day).or_default().push(part);
    }
    // The newest day first: it is the one that is asked most.
    days.into_values()
        .rev()
        .filter(|day| day.len() > parts_a_day)
        .find_map(|mut day| {
            day.sort_by_key(|p| (p.sequence, p.id));
            let mut best: Option<(u64, Vec<u64>)> = None;
            for first in 0..day.len() {
                let mut bytes = day[first].bytes;
                for last in first + 1..day.len().min(first + MERGE_PARTS_MAX) {
                    bytes += day[last].bytes;
                    if bytes > PART_BYTES_MAX {
                        break;
                    }
                    let cost = bytes / (last - first) as u64;
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, day[first..=last].iter().map(|p| p.id).collect()));
                    }
                }
            }
            best.map(|(_, ids)| ids)
        })
}

/// Called after each block written; `false` abandons the merge.
pub(crate) type Pace<'a> = &'a mut dyn FnMut() -> bool;

/// How a merge ended.
pub(crate) enum Merged {
    /// The part that stands for its inputs.
    Part(PartMeta),
    /// It was told to stop; nothing is left of it.
    Abandoned,
}

/// Rough bytes of memory that merging these parts takes: content filters are there once, and as they are written twice.
pub(crate) fn memory_bytes(parts: &[Arc<Part>]) -> usize {
    let input = |part: &Arc<Part>| {
        part.content_bytes() as usize * 2 + part.table.memory_bytes() + 2 * BLOCK_LINE_BYTES
    };
    parts.iter().map(input).sum::<usize>() + WRITER_BYTES
}

/// Merges parts of one day, given in order of arrival, into part `id`.
pub(crate) fn merge(
    files: &dyn Files,
    layout: &Layout,
    tenant: &TenantId,
    (parts, id): (&[Arc<Part>], u64),
    pace: Pace<'_>,
) -> Result<Merged, StoreError> {
    let Some(first) = parts.first() else {
        return Ok(Merged::Abandoned);
    };
    let mut writer = PartWriter::begin(
        files,
        layout,
        tenant,
        (first.meta.day, id, first.meta.sequence),
    )?;
    writer.replace(parts);
    let (table, numbers) =
        StreamTable::merge(&parts.iter().map(|part| &part.table).collect::<Vec<_>>());
    writer.keep_patterns(patterns::merge(parts, &numbers));
    let line_bytes = line_bytes(parts, &numbers, table.len());
    let mut merge = Merge {
        cursors: parts
            .iter()
            .zip(&numbers)
            .map(|(part, numbers)| Cursor::new(part, numbers))
            .collect(),
        repeats: Repeats::new(),
        cutter: BlockCutter::default(),
        output: Output {
            writer,
            pace,
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
        cutter,
        mut output,
        cursors,
        ..
    } = merge;
    // Their memory is free for the index, which is written next.
    drop(cursors);
    cutter.finish(&mut |batch| output.block(batch))?;
    if !output.going {
        return Ok(Merged::Abandoned);
    }
    output.writer.finish(&table).map(Merged::Part)
}

/// Bytes of lines of each merged stream.
fn line_bytes(parts: &[Arc<Part>], numbers: &[Vec<u32>], streams: usize) -> Vec<u64> {
    let mut bytes = vec![0; streams];
    for (part, numbers) in parts.iter().zip(numbers) {
        for run in part.blocks.iter().flat_map(|b| &b.meta.runs) {
            bytes[numbers[run.stream as usize] as usize] += run.line_bytes;
        }
    }
    bytes
}

/// A merge at work.
struct Merge<'a> {
    cursors: Vec<Cursor<'a>>,
    repeats: Repeats,
    cutter: BlockCutter,
    output: Output<'a>,
}

/// Where blocks go.
struct Output<'a> {
    writer: PartWriter<'a>,
    pace: Pace<'a>,
    /// Cleared when the merge is told to stop.
    going: bool,
}

impl Output<'_> {
    fn block(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.going {
            self.writer.add_block(batch)?;
            self.going = (self.pace)();
        }
        Ok(())
    }
}

impl Merge<'_> {
    /// All rows of one stream.
    fn stream(&mut self, number: u32, line_bytes: usize) -> Result<(), StoreError> {
        let output = &mut self.output;
        self.cutter
            .begin_stream(line_bytes, &mut |batch| output.block(batch))?;
        self.repeats.begin_stream();
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
        if self.repeats.is_repeat(time, tie, batch, row) {
            return Ok(());
        }
        let entry = (time, &batch.lines[batch.line_range(row)]);
        let output = &mut self.output;
        self.cutter
            .push(number, entry, batch.metadata_of(row), &mut |batch| {
                output.block(batch)
            })
    }

    /// Takes over the block that cursor `next` is at the start of as it is, when it holds this stream alone, is large
    /// enough to stand for itself, and no other input has an entry in its time; gives whether it did.
    fn copy_block(&mut self, next: usize, number: u32) -> Result<bool, StoreError> {
        let cursor = &self.cursors[next];
        let Some((block, run)) = cursor.whole_run() else {
            return Ok(false);
        };
        let alone =
            |other: &Cursor<'_>| other.stream() != Some(number) || other.time() > run.max_time;
        if run.line_bytes < COPIED_LINE_BYTES_MIN {
            return Ok(false);
        }
        let others = self.cursors.iter().enumerate().filter(|(i, _)| *i != next);
        if !self.cutter.may_end()
            || !self.repeats.is_behind(run.min_time)
            || !others.into_iter().all(|(_, c)| alone(c))
        {
            return Ok(false);
        }
        let cursor = &mut self.cursors[next];
        let Some(filter) = cursor.filter.take() else {
            return Ok(false);
        };
        let output = &mut self.output;
        self.cutter.end_block(&mut |batch| output.block(batch))?;
        if output.going {
            output
                .writer
                .copy_block(cursor.part, block, number, filter)?;
            output.going = (output.pace)();
        }
        self.repeats.pass(run.max_time);
        self.cursors[next].skip_block();
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts by (day, sequence, bytes); ids are their places.
    fn metas(parts: &[(i32, u64, u64)]) -> Vec<PartMeta> {
        let meta = |(id, (day, sequence, bytes)): (usize, &(i32, u64, u64))| PartMeta {
            id: id as u64,
            day: *day,
            min_time: 0,
            max_time: 0,
            rows: 1,
            line_bytes: 1,
            bytes: *bytes,
            streams: 1,
            sequence: *sequence,
        };
        parts.iter().enumerate().map(meta).collect()
    }

    fn check(parts: &[(i32, u64, u64)], parts_a_day: usize, expected: Option<&[u64]>) {
        assert_eq!(
            choose_compaction(&metas(parts), parts_a_day).as_deref(),
            expected
        );
    }

    #[test]
    fn the_cheapest_neighbours_of_a_crowded_day_are_merged() {
        check(&[(1, 1, 100), (1, 2, 100)], 2, None);
        check(
            &[(1, 1, 100), (1, 2, 100), (1, 3, 100)],
            2,
            Some(&[0, 1, 2]),
        );
        check(
            &[(1, 1, 900), (1, 2, 100), (1, 3, 90), (1, 4, 100)],
            3,
            Some(&[1, 2, 3]),
        );
        check(
            &[(1, 3, 10), (1, 1, 10), (1, 2, 10_000)],
            2,
            Some(&[1, 2, 0]),
        );
        check(&[(1, 1, 10), (2, 2, 10), (3, 3, 10)], 1, None);
        check(
            &[(1, 1, 5 << 30), (1, 2, 5 << 30), (1, 3, 5 << 30)],
            1,
            None,
        );
    }

    #[test]
    fn a_day_of_many_equal_flushes_rewrites_each_entry_a_few_times() {
        let mut sizes: Vec<(i32, u64, u64)> = Vec::new();
        let mut rewritten = 0;
        for flush in 0..200 {
            sizes.push((1, flush, 100));
            let metas = metas(&sizes);
            if let Some(ids) = choose_compaction(&metas, PARTS_A_DAY) {
                let bytes: u64 = ids.iter().map(|id| sizes[*id as usize].2).sum();
                rewritten += bytes;
                let first = sizes[ids[0] as usize].1;
                sizes.retain(|s| !ids.iter().any(|id| metas[*id as usize].sequence == s.1));
                sizes.push((1, first, bytes));
            }
            assert!(sizes.len() <= PARTS_A_DAY);
        }
        assert!(rewritten < 200 * 100 * 5, "{rewritten}");
    }
}
