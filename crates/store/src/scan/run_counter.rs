//! Run counter: counts rows and line bytes of a piece's runs before a time, without reading lines.
//!
//! For a block from its directory entry and, at an edge inside a run, a few frames of its times;
//! for a chunk of the head, which is in memory and unsorted, by looking at the run's rows. Entries
//! as they are stored are counted: of a run that is not [`PieceRun::whole`] only reading tells.

use crate::part::Part;
use crate::scan::piece::Source;
use crate::{Piece, PieceRun, StoreError};
use skald_block::{Count, RowsBytes, RunCounter, RunMeta};
use skald_model::Batch;
use std::ops::Range;

/// Counts in the runs of one piece; what it fetched it keeps until it is dropped.
#[derive(Debug)]
pub struct PieceCounter<'a> {
    runs: &'a [PieceRun],
    source: Counted<'a>,
}

#[derive(Debug)]
enum Counted<'a> {
    Head(&'a Batch, Count),
    /// `places` are the numbers that the piece's runs have in the block.
    Block {
        part: &'a Part,
        block: u32,
        counter: Box<RunCounter<'a>>,
        places: Vec<usize>,
    },
}

impl Piece {
    /// A counter for its runs; reads nothing until asked for a time inside a run.
    pub fn counter(&self, count: Count) -> PieceCounter<'_> {
        let source = match &self.source {
            Source::Head(batch) => Counted::Head(batch, count),
            Source::Block { part, block } => {
                let meta = &part.blocks[*block as usize].meta;
                let mut row = 0;
                let begin = |run: &RunMeta| {
                    row += run.rows;
                    row - run.rows
                };
                let firsts: Vec<u32> = meta.runs.iter().map(begin).collect();
                let place = |run: &PieceRun| {
                    firsts
                        .partition_point(|first| *first <= run.rows.start)
                        .saturating_sub(1)
                };
                let places = self.runs.iter().map(place).collect();
                Counted::Block {
                    part,
                    block: *block,
                    counter: Box::new(RunCounter::new(meta, count)),
                    places,
                }
            }
        };
        PieceCounter {
            runs: &self.runs,
            source,
        }
    }
}

impl PieceCounter<'_> {
    /// What run `run` (a place in [`Piece::runs`]) has in `[from, to)`.
    pub fn within(&mut self, run: usize, from: i64, to: i64) -> Result<RowsBytes, StoreError> {
        let (first, last) = (self.before(run, from)?, self.before(run, to)?);
        Ok(RowsBytes {
            rows: last.rows.saturating_sub(first.rows),
            line_bytes: last.line_bytes.saturating_sub(first.line_bytes),
        })
    }

    /// What run `run` has before `time`.
    pub fn before(&mut self, run: usize, time: i64) -> Result<RowsBytes, StoreError> {
        match &mut self.source {
            Counted::Head(batch, count) => {
                Ok(count_rows(batch, &self.runs[run].rows, time, *count))
            }
            Counted::Block {
                part,
                block,
                counter,
                places,
            } => {
                let mut read = |range: Range<u64>| part.read_range(*block, range);
                counter
                    .before(places[run], time, &mut read)
                    .map_err(|error| part.block_error(*block, error))
            }
        }
    }
}

/// Rows before a time of a batch in memory.
fn count_rows(batch: &Batch, rows: &Range<u32>, time: i64, count: Count) -> RowsBytes {
    let mut found = RowsBytes::default();
    for row in rows
        .clone()
        .filter(|row| batch.timestamps[*row as usize] < time)
    {
        found.rows += 1;
        if count == Count::RowsAndBytes {
            found.line_bytes += batch.line_range(row).len() as u64;
        }
    }
    found
}
