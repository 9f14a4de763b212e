//! Head: holds entries that are not yet in parts, as chunks in arrival order of which only the last
//! grows.
//!
//! [`Head`] lives under its tenant's lock; [`HeadView`] is a snapshot for a query or a flush. Full
//! chunks are immutable and shared. Invariant: a row that arrived later has a higher (chunk, row).

pub(crate) mod backpressure;
pub(crate) mod stream_registry;

use crate::head::stream_registry::{Pages, StreamNumbers};
use crate::sequence::Sequence;
use skald_model::{Batch, BatchBuilder, WriteBatch};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of lines after which a chunk ends; one longer line has a chunk for itself.
const CHUNK_LINE_BYTES: usize = 1 << 20;
/// Rows after which a chunk ends: bounds what a query copies of the growing one when lines are
/// short.
const CHUNK_ROWS: usize = 32 * 1024;
/// Metadata cells (columns times rows, present or not) after which a chunk ends: entries that each
/// bring new names must not make a chunk grow with the square of its rows. 4 bytes a cell.
const CHUNK_CELLS: usize = 1 << 20;
/// A growing chunk of more line bytes than this is ended rather than copied for a query.
const COPY_LINE_BYTES: usize = 128 * 1024;

/// Rows of one stream in a chunk, by their sums.
#[derive(Clone, Debug)]
pub(crate) struct RunSums {
    pub(crate) stream: u32,
    pub(crate) rows: Range<u32>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) line_bytes: u32,
    pub(crate) metadata_bytes: u32,
}

/// Entries in arrival order, immutable.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) sequence: Sequence,
    pub(crate) batch: Arc<Batch>,
    pub(crate) runs: Vec<RunSums>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    /// Whether every run is in order of time, no two of its times equal: only then no entry can be
    /// a repeat.
    pub(crate) sorted: bool,
}

impl Chunk {
    fn new(sequence: Sequence, batch: Batch) -> Chunk {
        let metadata = metadata_bytes(&batch);
        let mut sorted = true;
        let runs: Vec<RunSums> = batch
            .runs
            .iter()
            .map(|run| {
                let rows = run.rows.start as usize..run.rows.end as usize;
                let times = &batch.timestamps[rows.clone()];
                sorted &= times.is_sorted_by(|a, b| a < b);
                let lines =
                    batch.line_range(run.rows.start).start..batch.line_range(run.rows.end - 1).end;
                RunSums {
                    stream: run.stream,
                    rows: run.rows.clone(),
                    min_time: times.iter().copied().min().unwrap_or(0),
                    max_time: times.iter().copied().max().unwrap_or(0),
                    line_bytes: lines.len() as u32,
                    metadata_bytes: metadata.get(rows).map_or(0, |m| m.iter().sum()),
                }
            })
            .collect();
        let min_time = runs.iter().map(|r| r.min_time).min().unwrap_or(0);
        let max_time = runs.iter().map(|r| r.max_time).max().unwrap_or(0);
        Chunk {
            sequence,
            batch: Arc::new(batch),
            runs,
            min_time,
            max_time,
            sorted,
        }
    }
}

/// Bytes of metadata names and values a row; empty when no row has any.
fn metadata_bytes(batch: &Batch) -> Vec<u32> {
    if batch.metadata.is_empty() {
        return Vec::new();
    }
    let mut bytes = vec![0u32; batch.len()];
    for column in &batch.metadata {
        for (sum, code) in bytes.iter_mut().zip(&column.codes) {
            if let Some(index) = code.checked_sub(1) {
                let start = if index == 0 {
                    0
                } else {
                    column.value_ends[index as usize - 1]
                };
                *sum += column.name.len() as u32 + column.value_ends[index as usize] - start;
            }
        }
    }
    bytes
}

/// What a query or a flush sees of a head.
#[derive(Debug, Default)]
pub(crate) struct HeadView {
    pub(crate) streams: Pages,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl HeadView {
    /// The first and the last time in it; `None` when it is empty.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let chunks = || self.chunks.iter();
        chunks()
            .map(|chunk| chunk.min_time)
            .min()
            .zip(chunks().map(|chunk| chunk.max_time).max())
    }
}

/// A head that takes no more entries and waits for its parts.
#[derive(Debug)]
pub(crate) struct SealedHead {
    pub(crate) view: Arc<HeadView>,
    /// The WAL's records of the tenant up to this one are in it or in parts.
    pub(crate) covered: u64,
    pub(crate) memory_bytes: usize,
    /// Of these, labels.
    pub(crate) label_bytes: usize,
    pub(crate) streams: usize,
    pub(crate) origin: Origin,
}

/// What a head grew by, in bytes of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    pub(crate) bytes: usize,
    /// Of these, labels of streams that are new to it.
    pub(crate) label_bytes: usize,
}

/// Where the entries of a sealed head come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Pushes to this process.
    #[default]
    Pushes,
    /// The WAL that an earlier process left.
    Replay,
}

/// The head that takes entries.
#[derive(Debug, Default)]
pub(crate) struct Head {
    streams: StreamNumbers,
    chunks: Vec<Arc<Chunk>>,
    growing: BatchBuilder,
    growing_sequence: Sequence,
    last_sequence: Sequence,
    chunk_bytes: usize,
    view: Option<Arc<HeadView>>,
    first_at: Option<Instant>,
    /// What the inserts so far said they grew by.
    charged: usize,
    last_record: u64,
    new_streams: u64,
}

impl Head {
    /// Takes the entries of WAL record `record`; gives what it grew by.
    pub(crate) fn insert(&mut self, record: u64, batch: &WriteBatch<'_>) -> Growth {
        let label_bytes = self.streams.label_bytes();
        self.view = None;
        self.last_record = record;
        self.first_at.get_or_insert_with(Instant::now);
        for stream in &batch.streams {
            let (number, is_new) = self.streams.number(stream.id, &stream.labels);
            self.new_streams += u64::from(is_new);
            for entry in &batch.entries[stream.rows.start as usize..stream.rows.end as usize] {
                if self.is_full(entry.line.len()) {
                    self.end_chunk();
                }
                if self.growing.batch().is_empty() {
                    self.growing_sequence =
                        Sequence::first_of(record).max(self.last_sequence.next());
                    self.last_sequence = self.growing_sequence;
                }
                let metadata = batch.metadata_of(entry).iter().map(|(n, v)| (&**n, &**v));
                self.growing
                    .push(number, entry.timestamp, entry.line, metadata);
            }
        }
        let bytes = self.memory_bytes().saturating_sub(self.charged);
        self.charged += bytes;
        Growth {
            bytes,
            label_bytes: self.streams.label_bytes() - label_bytes,
        }
    }

    /// Whether the growing chunk must end before a line of this length.
    fn is_full(&self, line_bytes: usize) -> bool {
        let batch = self.growing.batch();
        let rows = batch.len();
        rows > 0
            && (batch.lines.len() + line_bytes > CHUNK_LINE_BYTES
                || rows >= CHUNK_ROWS
                || batch.metadata.len() * rows >= CHUNK_CELLS)
    }

    fn end_chunk(&mut self) {
        let rows = self.growing.batch().len();
        let next = BatchBuilder::with_capacity(rows, CHUNK_LINE_BYTES);
        let batch = std::mem::replace(&mut self.growing, next).finish();
        self.chunk_bytes += batch.memory_bytes() + batch.runs.len() * size_of::<RunSums>();
        self.chunks
            .push(Arc::new(Chunk::new(self.growing_sequence, batch)));
    }

    /// All entries there are now. Made once a change: what grows is ended or, while small, copied.
    pub(crate) fn view(&mut self) -> Arc<HeadView> {
        if let Some(view) = &self.view {
            return view.clone();
        }
        if self.growing.line_bytes() > COPY_LINE_BYTES {
            self.end_chunk();
        }
        let mut chunks = self.chunks.clone();
        if !self.growing.batch().is_empty() {
            let copy = self.growing.snapshot();
            chunks.push(Arc::new(Chunk::new(self.growing_sequence, copy)));
        }
        let view = Arc::new(HeadView {
            streams: self.streams.pages(),
            chunks,
        });
        self.view = Some(view.clone());
        view
    }

    /// Takes all entries out and starts over; `None` when there are none.
    pub(crate) fn seal(&mut self) -> Option<SealedHead> {
        if self.is_empty() {
            return None;
        }
        if !self.growing.batch().is_empty() {
            self.end_chunk();
        }
        let fresh = Head {
            last_sequence: self.last_sequence,
            new_streams: self.new_streams,
            ..Head::default()
        };
        let mut old = std::mem::replace(self, fresh);
        Some(SealedHead {
            view: old.view(),
            covered: old.last_record,
            memory_bytes: old.charged,
            label_bytes: old.streams.label_bytes(),
            streams: old.streams.len(),
            origin: Origin::Pushes,
        })
    }

    /// The last WAL record of it; 0 when nothing is in it.
    pub(crate) fn last_record(&self) -> u64 {
        self.last_record
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.growing.batch().is_empty()
    }

    /// The sequence of its first chunk.
    pub(crate) fn first_sequence(&self) -> Option<Sequence> {
        let growing = (!self.growing.batch().is_empty()).then_some(self.growing_sequence);
        self.chunks.first().map(|chunk| chunk.sequence).or(growing)
    }

    /// When its first entry came.
    pub(crate) fn first_at(&self) -> Option<Instant> {
        self.first_at
    }

    /// Bytes of memory that its inserts spoke of.
    pub(crate) fn charged_bytes(&self) -> usize {
        self.charged
    }

    fn memory_bytes(&self) -> usize {
        self.chunk_bytes
            + self.growing.line_bytes()
            + self.growing.batch().len() * 32
            + self.streams.memory_bytes()
    }

    /// Streams with entries in it.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Streams it numbered since start, over all seals.
    pub(crate) fn new_streams(&self) -> u64 {
        self.new_streams
    }
}
