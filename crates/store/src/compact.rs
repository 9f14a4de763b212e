//! Merging the parts of a day: which, and how.
//!
//! [`choose_compaction`] is pure and picks neighbours in order of arrival only, so that equal times keep
//! their order. The merge streams: it holds one decoded block an input, and equal entries that met in
//! different parts become one. Whoever runs it sets its pace.

use crate::StoreError;
use crate::cut::BlockCutter;
use crate::files::Files;
use crate::layout::Layout;
use crate::part::{Part, PartMeta};
use crate::table::StreamTable;
use crate::writer::PartWriter;
use skald_model::{Batch, Columns, Labels, TenantId};
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Parts a day is left with when the server decides: few enough that a query over a day opens a handful
/// of files, enough that an entry is rewritten only a few times.
pub(crate) const PARTS_A_DAY: usize = 6;
/// Inputs of one merge: bounds the decoded blocks held, about 2 MB each.
const MERGE_PARTS_MAX: usize = 16;
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
    days.into_values().rev().filter(|day| day.len() > parts_a_day).find_map(|mut day| {
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

/// Merges parts of one day, given in order of arrival, into part `id`.
pub(crate) fn merge(
    files: &dyn Files,
    layout: &Layout,
    tenant: &TenantId,
    (parts, id): (&[Arc<Part>], u64),
    pace: Pace<'_>,
) -> Result<Merged, StoreError> {
    let Some(first) = parts.first() else { return Ok(Merged::Abandoned) };
    let mut writer = PartWriter::begin(files, layout, tenant, (first.meta.day, id, first.meta.sequence))?;
    writer.replace(parts);
    let streams = MergedStreams::new(parts);
    let mut cursors: Vec<Cursor<'_>> = parts.iter().zip(&streams.numbers).map(|(p, n)| Cursor::new(p, n)).collect();
    for cursor in &mut cursors {
        cursor.load()?;
    }
    let mut cutter = BlockCutter::default();
    let mut repeats = Repeats::new();
    let mut going = true;
    let mut sink = |batch: &Batch| {
        writer.add_block(batch)?;
        going = going && pace();
        Ok(())
    };
    for (number, line_bytes) in streams.line_bytes.iter().enumerate() {
        cutter.begin_stream(*line_bytes as usize, &mut sink)?;
        repeats.begin_stream();
        while let Some(next) = next_cursor(&cursors, number as u32) {
            let time = cursors[next].time();
            let tie =
                cursors[next].may_tie() || cursors.iter().enumerate().any(|(i, c)| i != next && c.is_at(number as u32, time));
            let (batch, row) = cursors[next].row();
            if !repeats.is_repeat(time, tie, batch, row) {
                let entry = (time, &batch.lines[batch.line_range(row)]);
                cutter.push(number as u32, entry, batch.metadata_of(row), &mut sink)?;
            }
            cursors[next].advance()?;
        }
    }
    cutter.finish(&mut sink)?;
    if !going {
        return Ok(Merged::Abandoned);
    }
    let table = StreamTable::build(streams.labels.iter());
    writer.finish(&table).map(Merged::Part)
}

/// The cursor with the next row of a stream: the earliest, of equal ones the first to have arrived.
fn next_cursor(cursors: &[Cursor<'_>], stream: u32) -> Option<usize> {
    let mut best: Option<(i64, usize)> = None;
    for (index, cursor) in cursors.iter().enumerate() {
        if cursor.stream() == Some(stream) && best.is_none_or(|(time, _)| cursor.time() < time) {
            best = Some((cursor.time(), index));
        }
    }
    best.map(|(_, index)| index)
}

/// The streams of all inputs.
struct MergedStreams {
    labels: Vec<Labels>,
    /// Bytes of lines of each.
    line_bytes: Vec<u64>,
    /// For each input its streams' numbers here.
    numbers: Vec<Vec<u32>>,
}

impl MergedStreams {
    fn new(parts: &[Arc<Part>]) -> MergedStreams {
        let mut all: Vec<(Labels, usize, u32)> = Vec::new();
        for (part, open) in parts.iter().enumerate() {
            all.extend((0..open.table.len() as u32).map(|stream| (open.table.labels(stream), part, stream)));
        }
        all.sort_unstable();
        let mut merged = MergedStreams {
            labels: Vec::new(),
            line_bytes: Vec::new(),
            numbers: parts.iter().map(|p| vec![0; p.table.len()]).collect(),
        };
        for (labels, part, stream) in all {
            if merged.labels.last() != Some(&labels) {
                merged.labels.push(labels);
            }
            merged.numbers[part][stream as usize] = merged.labels.len() as u32 - 1;
        }
        merged.line_bytes = vec![0; merged.labels.len()];
        for (part, numbers) in parts.iter().zip(&merged.numbers) {
            for run in part.blocks.iter().flat_map(|b| &b.meta.runs) {
                merged.line_bytes[numbers[run.stream as usize] as usize] += run.line_bytes;
            }
        }
        merged
    }
}

/// A place in a part, moving from row to row.
struct Cursor<'a> {
    part: &'a Part,
    /// Merged numbers of the part's streams.
    numbers: &'a [u32],
    block: usize,
    batch: Batch,
    run: usize,
    row: u32,
}

impl<'a> Cursor<'a> {
    fn new(part: &'a Part, numbers: &'a [u32]) -> Cursor<'a> {
        Cursor { part, numbers, block: 0, batch: Batch::default(), run: 0, row: 0 }
    }

    /// Decodes the block it is at; past the last one it is at no stream.
    fn load(&mut self) -> Result<(), StoreError> {
        (self.run, self.row) = (0, 0);
        self.batch = Batch::default();
        if self.block < self.part.blocks.len() {
            self.batch = self.part.read_block(self.block as u32, &Columns::ALL)?;
        }
        Ok(())
    }

    /// The merged number of the stream it is at; `None` at the end.
    fn stream(&self) -> Option<u32> {
        self.batch.runs.get(self.run).map(|run| self.numbers[run.stream as usize])
    }

    fn time(&self) -> i64 {
        self.batch.timestamps[self.row as usize]
    }

    fn is_at(&self, stream: u32, time: i64) -> bool {
        self.stream() == Some(stream) && self.time() == time
    }

    /// Whether its next row may have the same time.
    fn may_tie(&self) -> bool {
        self.batch.timestamps.get(self.row as usize + 1).is_none_or(|next| *next == self.time())
    }

    fn row(&self) -> (&Batch, u32) {
        (&self.batch, self.row)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.row += 1;
        if self.row == self.batch.runs[self.run].rows.end {
            self.run += 1;
            if self.run == self.batch.runs.len() {
                self.block += 1;
                return self.load();
            }
        }
        Ok(())
    }
}

/// Knows the entries of one stream and time by hash, and only where several have that time.
struct Repeats {
    /// Drawn at start, so that nobody can prepare two lines that count as one.
    seed: u64,
    time: Option<i64>,
    seen: HashSet<u128>,
}

impl Repeats {
    fn new() -> Repeats {
        let seed = std::hash::RandomState::new().build_hasher().finish();
        Repeats { seed, time: None, seen: HashSet::new() }
    }

    fn begin_stream(&mut self) {
        self.time = None;
    }

    /// Whether an equal entry came before; `tie` says that another row of this time may follow.
    fn is_repeat(&mut self, time: i64, tie: bool, batch: &Batch, row: u32) -> bool {
        let follows = self.time == Some(time);
        if !follows {
            self.seen.clear();
            self.time = Some(time);
        }
        (follows || tie) && !self.seen.insert(self.hash(batch, row))
    }

    fn hash(&self, batch: &Batch, row: u32) -> u128 {
        let mut hasher = Xxh3::with_seed(self.seed);
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(&batch.lines[batch.line_range(row)]);
        for (name, value) in batch.metadata_of(row) {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        hasher.digest128()
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
        assert_eq!(choose_compaction(&metas(parts), parts_a_day).as_deref(), expected);
    }

    #[test]
    fn the_cheapest_neighbours_of_a_crowded_day_are_merged() {
        check(&[(1, 1, 100), (1, 2, 100)], 2, None);
        check(&[(1, 1, 100), (1, 2, 100), (1, 3, 100)], 2, Some(&[0, 1, 2]));
        check(&[(1, 1, 900), (1, 2, 100), (1, 3, 90), (1, 4, 100)], 3, Some(&[1, 2, 3]));
        check(&[(1, 3, 10), (1, 1, 10), (1, 2, 10_000)], 2, Some(&[1, 2, 0]));
        check(&[(1, 1, 10), (2, 2, 10), (3, 3, 10)], 1, None);
        check(&[(1, 1, 5 << 30), (1, 2, 5 << 30), (1, 3, 5 << 30)], 1, None);
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
