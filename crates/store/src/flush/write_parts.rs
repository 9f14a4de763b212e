//! Part writing sorts a sealed head, drops equal entries, and writes one part for each UTC day.
//!
//! Order of steps: parts durable, manifest replaced, queries switched over, WAL truncated. A
//! failure before the manifest leaves the sealed head where it is, still in the WAL, for the next
//! attempt, which writes the days that are not finished.

use crate::StoreError;
use crate::head::HeadView;
use crate::parallel;
use crate::part::PartMeta;
use crate::part::block_builder::BlockBuilder;
use crate::part::stream_table::StreamTable;
use crate::part::writer::{NewPart, PartWriter, WRITER_BYTES};
use crate::tenant_dir::TenantDir;
use parking_lot::Mutex;
use skald_model::time::day_of;
use skald_model::{Batch, EntryHash, entry_eq};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// Among equal times more rows than this are compared through a table instead of each with each.
const PAIRWISE_ROWS: usize = 8;

/// Memory that sorting takes for a stream: its range of rows, its place in order, its run in the
/// directory.
const STREAM_BYTES: usize = 128;

/// What tables of streams take for each byte of their labels while a part is written and opened: the
/// table, its bytes, and these packed.
const LABELS_FACTOR: usize = 3;

/// Days of a head from which on several parts are written at once, when they have at most this many
/// bytes of lines each on average; and how many at once.
const MANY_DAYS: usize = 32;
const LITTLE_BYTES: usize = 64 << 10;
const WRITERS: usize = 8;

/// Rough bytes of a writer that has little to write, without its blocks.
const SMALL_WRITER_BYTES: usize = 1 << 20;

/// Where a row lies in a head.
#[derive(Clone, Copy, Debug)]
struct RowAt {
    chunk: u32,
    row: u32,
}

/// A stream of the head and where its rows lie in [`Sorted`].
type StreamRows = (u32, Range<usize>);

/// Rows of a head by stream, then (time, arrival), without repeats.
struct Sorted<'a> {
    head: &'a HeadView,
    rows: Vec<RowAt>,
    /// Rows of each stream, by the head's numbers.
    of_stream: Vec<Range<usize>>,
}

/// Rough bytes of memory that writing a head takes beside the head.
pub(crate) fn memory_bytes(head: &HeadView) -> usize {
    let batches = || head.chunks.iter().map(|chunk| &chunk.batch);
    let rows: usize = batches().map(|batch| batch.len()).sum();
    let lines: usize = batches().map(|batch| batch.lines.len()).sum();
    let writer = WRITER_BYTES.min(SMALL_WRITER_BYTES + 4 * lines);
    let streams =
        head.streams.len() * STREAM_BYTES + head.streams.all_label_bytes() * LABELS_FACTOR;
    rows * size_of::<RowAt>() + streams + writer
}

/// What is to be written of a head.
pub(crate) struct HeadParts<'a> {
    pub(crate) dir: TenantDir<'a>,
    pub(crate) head: &'a HeadView,
    /// Days whose parts an earlier attempt finished.
    pub(crate) finished: &'a BTreeSet<i32>,
    /// Gets the bytes of lines of each finished block.
    pub(crate) wrote: &'a (dyn Fn(usize) + Sync),
}

impl HeadParts<'_> {
    /// Writes a part for each day that is not finished, numbered from `next_part` on, which goes
    /// up by as many. Gives the parts that are durable, and why others are not.
    pub(crate) fn write(&self, next_part: &mut u64) -> (Vec<PartMeta>, Option<StoreError>) {
        let Some(first) = self.head.chunks.first() else {
            return (Vec::new(), None);
        };
        let sorted = Sorted::new(self.head);
        let labels = |stream: u32| self.head.streams.label_bytes(stream);
        let mut order: Vec<u32> = (0..self.head.streams.len() as u32).collect();
        order.sort_unstable_by(|a, b| labels(*a).cmp(labels(*b)));
        let mut days = sorted.days(&order);
        days.retain(|day, _| !self.finished.contains(day));
        let days: Vec<(i32, Vec<StreamRows>)> = days.into_iter().collect();
        let first_part = *next_part;
        *next_part += days.len() as u64;
        let written = Mutex::new((Vec::with_capacity(days.len()), None));
        parallel::for_each(days.len(), writers(self.head, days.len()), &|at| {
            if written.lock().1.is_some() {
                return;
            }
            let part = NewPart {
                id: first_part + at as u64,
                day: days[at].0,
                sequence: first.sequence,
            };
            let result = self.write_day(part, &sorted, &days[at].1);
            let mut written = written.lock();
            match result {
                Ok(meta) => written.0.push(meta),
                Err(error) => drop(written.1.get_or_insert(error)),
            }
        });
        let (mut metas, failed) = written.into_inner();
        metas.sort_unstable_by_key(|meta| meta.id);
        (metas, failed)
    }

    /// Writes the part of a day: its streams and their rows, streams in order of their labels.
    fn write_day(
        &self,
        part: NewPart,
        sorted: &Sorted<'_>,
        runs: &[StreamRows],
    ) -> Result<PartMeta, StoreError> {
        let mut writer = PartWriter::begin(self.dir, part)?;
        writer.mine(runs.iter().map(|(_, rows)| rows.len() as u64).sum());
        let mut builder = BlockBuilder::default();
        let mut write = |batch: &Batch| {
            writer.add_block(batch)?;
            (self.wrote)(batch.lines.len());
            Ok(())
        };
        for (number, (_, rows)) in runs.iter().enumerate() {
            let rows = &sorted.rows[rows.clone()];
            builder.begin_stream(
                rows.iter().map(|at| sorted.line_bytes(*at)).sum(),
                &mut write,
            )?;
            for at in rows {
                let batch = sorted.batch(*at);
                let row = at.row as usize;
                let metadata = batch.metadata_of(at.row);
                let entry = (
                    batch.timestamps[row],
                    &batch.lines[batch.line_range(at.row)],
                );
                builder.push(number as u32, entry, metadata, &mut write)?;
            }
        }
        builder.finish(&mut write)?;
        let labels = |stream: u32| self.head.streams.label_bytes(stream);
        let table = StreamTable::build(runs.iter().map(|(stream, _)| labels(*stream)));
        writer.finish(&table)
    }
}

/// Threads that write the parts of a head: several when there are many days of little each, as
/// then the disk's syncs take the time.
fn writers(head: &HeadView, days: usize) -> usize {
    let line_bytes: usize = head
        .chunks
        .iter()
        .map(|chunk| chunk.batch.lines.len())
        .sum();
    if days >= MANY_DAYS && line_bytes / days <= LITTLE_BYTES {
        WRITERS
    } else {
        1
    }
}

impl<'a> Sorted<'a> {
    fn new(head: &'a HeadView) -> Sorted<'a> {
        let streams = head.streams.len();
        let mut ends = vec![0usize; streams];
        for run in head.chunks.iter().flat_map(|c| &c.runs) {
            ends[run.stream as usize] += run.rows.len();
        }
        let mut next = Vec::with_capacity(streams);
        let mut total = 0;
        for end in &ends {
            next.push(total);
            total += end;
        }
        let mut rows = vec![RowAt { chunk: 0, row: 0 }; total];
        for (chunk, run) in head
            .chunks
            .iter()
            .enumerate()
            .flat_map(|(i, c)| c.runs.iter().map(move |r| (i, r)))
        {
            let at = &mut next[run.stream as usize];
            for row in run.rows.clone() {
                rows[*at] = RowAt {
                    chunk: chunk as u32,
                    row,
                };
                *at += 1;
            }
        }
        let mut sorted = Sorted {
            head,
            rows,
            of_stream: Vec::with_capacity(streams),
        };
        let mut start = 0;
        for end in next {
            let distinct = sorted.sort_stream(start..end);
            sorted.of_stream.push(start..start + distinct);
            start = end;
        }
        sorted
    }

    /// Sorts a stream's rows, given in order of arrival, and drops repeats; gives how many stay.
    fn sort_stream(&mut self, range: Range<usize>) -> usize {
        let mut rows = std::mem::take(&mut self.rows);
        let stream = &mut rows[range];
        if !stream.is_sorted_by_key(|at| self.time(*at)) {
            stream.sort_by_key(|at| self.time(*at));
        }
        let mut distinct = 0;
        let mut from = 0;
        while from < stream.len() {
            let time = self.time(stream[from]);
            let ties = stream[from..]
                .iter()
                .take_while(|at| self.time(**at) == time)
                .count();
            let count = self.keep_distinct(&mut stream[from..from + ties]);
            stream.copy_within(from..from + count, distinct);
            distinct += count;
            from += ties;
        }
        self.rows = rows;
        distinct
    }

    /// Moves the first of equal rows to the front, in order; gives how many there are.
    fn keep_distinct(&self, ties: &mut [RowAt]) -> usize {
        if ties.len() == 1 {
            return 1;
        }
        let hashed = ties.len() > PAIRWISE_ROWS;
        // The first row of each hash: an equal hash is settled by the bytes.
        let mut by_hash: HashMap<EntryHash, RowAt> = HashMap::new();
        let mut distinct = 0;
        for at in 0..ties.len() {
            let row = ties[at];
            let is_repeat = if hashed {
                match by_hash.entry(EntryHash::of_content(self.batch(row), row.row)) {
                    Entry::Occupied(first) => self.are_equal(*first.get(), row),
                    Entry::Vacant(place) => {
                        place.insert(row);
                        false
                    }
                }
            } else {
                let mut before = ties[..distinct].iter();
                before.any(|other| self.are_equal(*other, row))
            };
            if !is_repeat {
                ties[distinct] = row;
                distinct += 1;
            }
        }
        distinct
    }

    fn are_equal(&self, a: RowAt, b: RowAt) -> bool {
        entry_eq((self.batch(a), a.row), (self.batch(b), b.row))
    }

    /// Streams and their rows for each day, streams in the given order.
    fn days(&self, order: &[u32]) -> BTreeMap<i32, Vec<StreamRows>> {
        let mut days: BTreeMap<i32, Vec<StreamRows>> = BTreeMap::new();
        for stream in order {
            let all = self.of_stream[*stream as usize].clone();
            let mut start = all.start;
            while start < all.end {
                let day = day_of(self.time(self.rows[start]));
                let len =
                    self.rows[start..all.end].partition_point(|at| day_of(self.time(*at)) == day);
                days.entry(day)
                    .or_default()
                    .push((*stream, start..start + len));
                start += len;
            }
        }
        days
    }

    fn batch(&self, at: RowAt) -> &'a Batch {
        &self.head.chunks[at.chunk as usize].batch
    }

    fn time(&self, at: RowAt) -> i64 {
        self.batch(at).timestamps[at.row as usize]
    }

    fn line_bytes(&self, at: RowAt) -> usize {
        self.batch(at).line_range(at.row).len()
    }
}
