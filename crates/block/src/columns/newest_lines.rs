//! Lines in two columns, the newest of every run and the older ones: who goes back in time reads the newest alone, and
//! of these the runs it wants.

use crate::codecs::{varint, zstd_frames};
use crate::columns::lines::decode_all;
use crate::decode::holds_any;
use crate::encode::ZSTD_LEVEL;
use crate::meta::Tail;
use crate::{BLOCK_BYTES_MAX, BlockError, BlockMeta, ColumnMeta};
use skald_model::{Batch, Run};
use std::ops::Range;

/// Newest lines in frames, each of one run or of several small ones.
pub(crate) const LINES_FRAMES: u8 = 6;

/// Runs share a frame until it has so many bytes.
const FRAME_BYTES_MIN: usize = 8 << 10;

/// The lines of a batch in two.
#[derive(Debug, Default)]
pub(crate) struct InTwo {
    /// The older ones of all runs, one behind the other.
    pub(crate) older: Vec<u8>,
    /// The newest ones of all runs, likewise, and where those of each run end.
    newest: Vec<u8>,
    newest_ends: Vec<usize>,
    frame: Vec<u8>,
}

impl InTwo {
    /// Takes in the lines of another batch.
    pub(crate) fn fill(&mut self, batch: &Batch, tails: &[Tail]) {
        self.older.clear();
        self.newest.clear();
        self.newest_ends.clear();
        let put = |rows: Range<u32>, to: &mut Vec<u8>| {
            if !rows.is_empty() {
                to.extend_from_slice(&batch.lines[batch.lines_range(&rows)]);
            }
        };
        for (run, tail) in batch.runs.iter().zip(tails) {
            put(run.rows.start..tail.row, &mut self.older);
            put(tail.row..run.rows.end, &mut self.newest);
            self.newest_ends.push(self.newest.len());
        }
    }

    /// Appends the newest lines.
    pub(crate) fn encode_newest(&mut self, out: &mut Vec<u8>) -> Result<(), BlockError> {
        let mut start = 0;
        for (run, end) in (1..).zip(&self.newest_ends) {
            if end - start >= FRAME_BYTES_MIN || run == self.newest_ends.len() {
                zstd_frames::put(&self.newest[start..*end], ZSTD_LEVEL, &mut self.frame, out)?;
                start = *end;
            }
        }
        Ok(())
    }
}

/// Lines of which the newest of each run are a column of their own, and what is wanted of them.
pub(crate) struct Apart {
    parts: Vec<Part>,
}

/// The older or the newest rows of a run.
struct Part {
    newest: bool,
    rows: Range<u32>,
    /// Bytes of their lines.
    bytes: u64,
    /// Whether the lines are to be read; others may be, where some of the same column are.
    wanted: bool,
}

impl Apart {
    /// Of a block with these runs, of which nothing is wanted yet; `None` when all lines are one column.
    pub(crate) fn of(meta: &BlockMeta, runs: &[Run]) -> Result<Option<Apart>, BlockError> {
        if !meta.has_newest() {
            return Ok(None);
        }
        let tails = meta
            .tails()
            .ok_or_else(|| BlockError::damaged("no lines of the block are the newest"))?;
        let mut parts = Vec::with_capacity(2 * runs.len());
        for ((run, tail), described) in runs.iter().zip(&tails).zip(&meta.runs) {
            let of = |newest, rows, bytes| Part {
                newest,
                wanted: false,
                rows,
                bytes,
            };
            let newest_bytes = described.line_bytes.checked_sub(tail.line_bytes);
            let newest_bytes = newest_bytes
                .ok_or_else(|| BlockError::damaged("a run is shorter than its older lines"))?;
            parts.push(of(false, run.rows.start..tail.row, tail.line_bytes));
            parts.push(of(true, tail.row..run.rows.end, newest_bytes));
        }
        Ok(Some(Apart { parts }))
    }

    /// Wants the lines of these rows, or of all, and no others.
    pub(crate) fn want(&mut self, only: Option<&[u32]>) {
        for part in &mut self.parts {
            part.wanted = match only {
                Some(only) => holds_any(only, &part.rows),
                None => !part.rows.is_empty(),
            };
        }
        let (older, newest) = (self.wants(false), self.wants(true));
        // Older lines are one frame. The newest are read run by run, but all of them where older ones lie between.
        for part in &mut self.parts {
            part.wanted = if part.newest {
                newest && (older || part.wanted)
            } else {
                older
            };
        }
    }

    /// Whether the newest lines are wanted, or the older ones.
    pub(crate) fn wants(&self, newest: bool) -> bool {
        self.parts
            .iter()
            .any(|part| part.newest == newest && part.wanted)
    }

    /// Whether lines of some of these rows are read.
    pub(crate) fn reads(&self, rows: &Range<usize>) -> bool {
        // Parts lie in order of rows, and a block may have thousands.
        let first = self
            .parts
            .partition_point(|part| part.rows.end as usize <= rows.start);
        let here = self.parts[first..]
            .iter()
            .take_while(|part| (part.rows.start as usize) < rows.end);
        here.into_iter().any(|part| part.wanted)
    }

    /// Appends the lines that are wanted to `lines`, which is empty; `ends` says where each ends, and then that others
    /// are empty. Columns that are not wanted need not be there, and `ends` may take lines for empty that are not read.
    pub(crate) fn decode(
        &self,
        older: Option<(&ColumnMeta, &[u8])>,
        newest: Option<(&ColumnMeta, &[u8])>,
        ends: &mut [u32],
        lines: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let rows = self.parts.last().map_or(0, |part| part.rows.end) as usize;
        if ends.len() != rows || !lines.is_empty() {
            return Err(BlockError::damaged(
                "lines have no lengths, or are there twice",
            ));
        }
        if self
            .parts
            .iter()
            .any(|part| part.wanted && part.place(ends).len() as u64 != part.bytes)
        {
            return Err(BlockError::damaged(
                "lines of a run are not as long as the directory says",
            ));
        }
        self.take(false, older, lines)?;
        let wants_both = self.wants(false) && self.wants(true);
        // The older and newest lines of several runs alternate: then the newest are put among the older ones.
        if wants_both && self.parts.len() > 2 {
            let mut apart = Vec::new();
            self.take(true, newest, &mut apart)?;
            self.mix(&apart, ends, lines);
        } else {
            self.take(true, newest, lines)?;
        }
        if !wants_both {
            self.leave_out(ends);
        }
        Ok(())
    }

    /// Appends what is wanted of a column.
    fn take(
        &self,
        newest: bool,
        column: Option<(&ColumnMeta, &[u8])>,
        into: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        if !self.wants(newest) {
            return Ok(());
        }
        let (column, bytes) =
            column.ok_or_else(|| BlockError::damaged("the block has not all lines"))?;
        column.check(bytes)?;
        let parts = self.parts.iter().filter(|part| part.newest == newest);
        match (newest, column.encoding) {
            (true, LINES_FRAMES) => take_frames(bytes, parts, into),
            (true, tag) => Err(BlockError::Damaged(format!(
                "the newest lines have unknown encoding {tag}"
            ))),
            (false, tag) => decode_all(
                tag,
                bytes,
                parts.fold(0, |sum: u64, part| sum.saturating_add(part.bytes)),
                into,
            ),
        }
    }

    /// Moves older lines, which lie behind one another, to where they belong, and the newest between them.
    fn mix(&self, mut newest: &[u8], ends: &[u32], lines: &mut Vec<u8>) {
        let mut older = lines.len();
        lines.resize(older + newest.len(), 0);
        for part in self.parts.iter().rev() {
            let place = part.place(ends);
            if part.newest {
                let (rest, own) = newest.split_at(newest.len() - place.len());
                lines[place].copy_from_slice(own);
                newest = rest;
            } else {
                let from = older - place.len();
                lines.copy_within(from..older, place.start);
                older = from;
            }
        }
    }

    /// Says of lines that were not read that they are empty.
    fn leave_out(&self, ends: &mut [u32]) {
        let (mut left_out, mut start) = (0, 0);
        for part in &self.parts {
            let ends = &mut ends[part.rows.start as usize..part.rows.end as usize];
            let end = ends.last().copied().unwrap_or(start);
            if part.wanted {
                ends.iter_mut().for_each(|end| *end -= left_out);
            } else {
                ends.fill(start - left_out);
                left_out += end - start;
            }
            start = end;
        }
    }
}

impl Part {
    /// Where its lines lie among all of the block.
    fn place(&self, ends: &[u32]) -> Range<usize> {
        let end = |row: u32| {
            row.checked_sub(1)
                .map_or(0, |last| ends[last as usize] as usize)
        };
        end(self.rows.start)..end(self.rows.end)
    }
}

/// Appends the lines of those parts that are wanted, from frames that each have all lines of some of them, in order.
fn take_frames<'a>(
    mut bytes: &[u8],
    parts: impl Iterator<Item = &'a Part>,
    into: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let (mut parts, mut frame) = (parts.peekable(), Vec::new());
    while !bytes.is_empty() {
        let len = varint::take_at_most(
            &mut &*bytes,
            BLOCK_BYTES_MAX as u64,
            "the length of a frame",
        )?;
        let (mut left, mut places) = (len, Vec::new());
        let mut all = true;
        while let Some(part) =
            parts.next_if(|part| part.bytes <= left && (left > 0 || part.bytes == 0))
        {
            let start = (len - left) as usize;
            left -= part.bytes;
            all &= part.wanted || part.bytes == 0;
            if part.wanted && part.bytes > 0 {
                places.push(start..(len - left) as usize);
            }
        }
        if left > 0 {
            return Err(BlockError::damaged(
                "a frame of lines is not that of whole runs",
            ));
        }
        if places.is_empty() {
            zstd_frames::skip(&mut bytes)?;
        } else if all {
            zstd_frames::take(&mut bytes, into)?;
        } else {
            frame.clear();
            zstd_frames::take(&mut bytes, &mut frame)?;
            places
                .into_iter()
                .for_each(|place| into.extend_from_slice(&frame[place]));
        }
    }
    if parts.any(|part| part.bytes > 0) {
        Err(BlockError::damaged(
            "frames have fewer lines than the directory says",
        ))
    } else {
        Ok(())
    }
}
