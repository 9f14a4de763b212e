//! Merge cursor: a position in a part that is being merged, moving by rows and, where it can, by
//! blocks.
//!
//! A block is decoded only when one of its rows is asked for; where it begins and ends in time its
//! directory entry tells.

use crate::StoreError;
use crate::part::Part;
use skald_block::{ReadSpec, RunMeta};
use skald_index::BlockFilter;
use skald_model::{Batch, Columns};

/// A position in a part.
pub(crate) struct MergeCursor<'a> {
    pub(crate) part: &'a Part,
    /// The content filter of the block it is at, when that is as a new one would be; a block
    /// without cannot be copied.
    pub(crate) filter: Option<BlockFilter>,
    /// Those of the blocks after it.
    filters: std::vec::IntoIter<BlockFilter>,
    /// Merged numbers of the part's streams.
    numbers: &'a [u32],
    block: usize,
    /// The decoded block; `None` at the start of one that was not read yet.
    batch: Option<Batch>,
    run: usize,
    row: u32,
    run_end: u32,
}

impl<'a> MergeCursor<'a> {
    pub(crate) fn new(part: &'a Part, numbers: &'a [u32]) -> MergeCursor<'a> {
        let filters = part
            .load_content()
            .ok()
            .and_then(|content| content.filters());
        let filters = filters
            .filter(|filters| filters.len() == part.blocks.len())
            .unwrap_or_default()
            .into_iter();
        let mut cursor = MergeCursor {
            part,
            filter: None,
            filters,
            numbers,
            block: 0,
            batch: None,
            run: 0,
            row: 0,
            run_end: 0,
        };
        cursor.begin_block(0);
        cursor
    }

    fn begin_block(&mut self, block: usize) {
        self.filter = self.filters.next();
        (self.block, self.batch, self.run, self.row) = (block, None, 0, 0);
        self.run_end = self.run_meta().map_or(0, |run| run.rows);
    }

    /// The run it is at; `None` past the last block.
    fn run_meta(&self) -> Option<&'a RunMeta> {
        self.part.blocks.get(self.block)?.meta.runs.get(self.run)
    }

    /// The merged number of the stream it is at; `None` at the end.
    pub(crate) fn stream(&self) -> Option<u32> {
        self.run_meta().map(|run| self.numbers[run.stream as usize])
    }

    /// The time of the row it is at, which there must be.
    pub(crate) fn time(&self) -> i64 {
        match &self.batch {
            Some(batch) => batch.timestamps[self.row as usize],
            None => self.run_meta().map_or(i64::MAX, |run| run.min_time),
        }
    }

    pub(crate) fn is_at(&self, stream: u32, time: i64) -> bool {
        self.stream() == Some(stream) && self.time() == time
    }

    /// The block it is at the start of, with the run it consists of, when that is a single one.
    pub(crate) fn whole_run(&self) -> Option<(usize, &'a RunMeta)> {
        match (
            &self.batch,
            &self.part.blocks.get(self.block)?.meta.runs[..],
        ) {
            (None, [run]) => Some((self.block, run)),
            _ => None,
        }
    }

    /// Moves past the block it is at.
    pub(crate) fn skip_block(&mut self) {
        self.begin_block(self.block + 1);
    }

    /// The row it is at; decodes its block when that was not done yet.
    pub(crate) fn row(&mut self) -> Result<(&Batch, u32), StoreError> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.part.read_block(
                self.block as u32,
                &ReadSpec::all(&Columns::ALL),
                Batch::default(),
            )?,
        };
        Ok((self.batch.insert(batch), self.row))
    }

    /// Whether its next row may have the same time; the row was read.
    pub(crate) fn may_tie(&self) -> bool {
        let next = self
            .batch
            .as_ref()
            .and_then(|batch| batch.timestamps.get(self.row as usize + 1));
        next.is_none_or(|next| *next == self.time())
    }

    pub(crate) fn advance(&mut self) {
        self.row += 1;
        if self.row < self.run_end {
            return;
        }
        self.run += 1;
        match self.run_meta() {
            Some(run) => self.run_end += run.rows,
            None => self.begin_block(self.block + 1),
        }
    }
}

/// The cursor with the next row of a stream: the earliest, of equal ones the first to have arrived.
pub(crate) fn next_cursor(cursors: &[MergeCursor<'_>], stream: u32) -> Option<usize> {
    let mut best: Option<(i64, usize)> = None;
    for (index, cursor) in cursors.iter().enumerate() {
        if cursor.stream() == Some(stream) && best.is_none_or(|(time, _)| cursor.time() < time) {
            best = Some((cursor.time(), index));
        }
    }
    best.map(|(_, index)| index)
}
