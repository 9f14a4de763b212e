//! Newest lines, those of every run, get a column apart from the older ones: newest-first readers
//! decode only the newest column, and of it only the runs they want.
//!
//! [`LinesSplitter`] writes the two columns, [`SplitLines`] reads them.

use crate::codecs::{varint, zstd_frames};
use crate::columns::lines::decode_whole;
use crate::encoding::NEWEST_FRAMES;
use crate::error::BlockError;
use crate::fetch::FetchedColumn;
use crate::limits::BLOCK_BYTES_MAX;
use crate::meta::{BlockMeta, NewestRows};
use crate::rows::holds_any;
use skald_model::{Batch, Run};
use std::ops::Range;

/// Runs share a frame until it has this many bytes.
const FRAME_BYTES_MIN: usize = 8 << 10;

/// Splits the lines of a batch into older and newest ones.
#[derive(Debug, Default)]
pub(crate) struct LinesSplitter {
    /// The older ones of all runs, one after the other.
    pub(crate) older: Vec<u8>,
    /// The newest ones of all runs, likewise, and where those of each run end.
    newest: Vec<u8>,
    newest_ends: Vec<usize>,
    frame: Vec<u8>,
}

impl LinesSplitter {
    /// Splits the lines of another batch.
    pub(crate) fn split(&mut self, batch: &Batch, newest: &[NewestRows]) {
        self.older.clear();
        self.newest.clear();
        self.newest_ends.clear();
        let put = |rows: Range<u32>, to: &mut Vec<u8>| {
            if !rows.is_empty() {
                to.extend_from_slice(&batch.lines[batch.lines_range(&rows)]);
            }
        };
        for (run, newest) in batch.runs.iter().zip(newest) {
            put(run.rows.start..newest.first, &mut self.older);
            put(newest.first..run.rows.end, &mut self.newest);
            self.newest_ends.push(self.newest.len());
        }
    }

    /// Appends the newest lines.
    pub(crate) fn encode_newest(&mut self, out: &mut Vec<u8>) -> Result<(), BlockError> {
        let mut start = 0;
        for (run, end) in (1..).zip(&self.newest_ends) {
            if end - start >= FRAME_BYTES_MIN || run == self.newest_ends.len() {
                zstd_frames::put(&self.newest[start..*end], &mut self.frame, out)?;
                start = *end;
            }
        }
        Ok(())
    }
}

/// Which of the two columns has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// The lines column.
    Older,
    /// The newest lines.
    Newest,
}

/// Lines in two columns, and which of them are wanted.
pub(crate) struct SplitLines {
    /// In order of rows: of each run the older ones, then the newest.
    sections: Vec<Section>,
}

/// The older or the newest rows of a run.
struct Section {
    age: Age,
    rows: Range<u32>,
    /// Bytes of their lines.
    bytes: u64,
    /// Whether the lines are to be read; others may be, where some of the same column are.
    wanted: bool,
}

impl SplitLines {
    /// The lines of a block with these runs, none of them wanted yet; `None` when all lines are one
    /// column.
    pub(crate) fn of(meta: &BlockMeta, runs: &[Run]) -> Result<Option<SplitLines>, BlockError> {
        if !meta.has_newest() {
            return Ok(None);
        }
        let newest = meta
            .newest_rows()
            .ok_or_else(|| BlockError::damaged("no lines of the block are the newest"))?;
        let mut sections = Vec::with_capacity(2 * runs.len());
        for ((run, newest), described) in runs.iter().zip(&newest).zip(&meta.runs) {
            let of = |age, rows, bytes| Section {
                age,
                wanted: false,
                rows,
                bytes,
            };
            let newest_bytes = described.line_bytes.checked_sub(newest.older_bytes);
            let newest_bytes = newest_bytes
                .ok_or_else(|| BlockError::damaged("a run is shorter than its older lines"))?;
            sections.push(of(
                Age::Older,
                run.rows.start..newest.first,
                newest.older_bytes,
            ));
            sections.push(of(Age::Newest, newest.first..run.rows.end, newest_bytes));
        }
        Ok(Some(SplitLines { sections }))
    }

    /// Wants the lines of these rows, or of all, and no others.
    pub(crate) fn want(&mut self, only: Option<&[u32]>) {
        for section in &mut self.sections {
            section.wanted = match only {
                Some(only) => holds_any(only, &section.rows),
                None => !section.rows.is_empty(),
            };
        }
        let (older, newest) = (self.wants(Age::Older), self.wants(Age::Newest));
        // Older lines are one frame. The newest are read run by run, but all of them where older
        // ones lie between.
        for section in &mut self.sections {
            section.wanted = match section.age {
                Age::Older => older,
                Age::Newest => newest && (older || section.wanted),
            };
        }
    }

    /// Whether some lines of this column are wanted.
    pub(crate) fn wants(&self, age: Age) -> bool {
        self.sections
            .iter()
            .any(|section| section.age == age && section.wanted)
    }

    /// Whether lines of some of these rows are read.
    pub(crate) fn reads(&self, rows: &Range<usize>) -> bool {
        // Sections lie in order of rows, and a block may have thousands.
        let first = self
            .sections
            .partition_point(|section| section.rows.end as usize <= rows.start);
        let here = self.sections[first..]
            .iter()
            .take_while(|section| (section.rows.start as usize) < rows.end);
        here.into_iter().any(|section| section.wanted)
    }

    /// Appends the lines that are wanted to `lines`, which is empty; `ends` says where each ends,
    /// and then that others are empty. Columns that are not wanted need not be there, and `ends`
    /// may take lines for empty that are not read.
    pub(crate) fn decode(
        &self,
        older: Option<FetchedColumn<'_>>,
        newest: Option<FetchedColumn<'_>>,
        ends: &mut [u32],
        lines: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let rows = self.sections.last().map_or(0, |section| section.rows.end) as usize;
        if ends.len() != rows || !lines.is_empty() {
            return Err(BlockError::damaged(
                "lines have no lengths, or are there twice",
            ));
        }
        if self
            .sections
            .iter()
            .any(|section| section.wanted && section.place(ends).len() as u64 != section.bytes)
        {
            return Err(BlockError::damaged(
                "lines of a run are not as long as the directory says",
            ));
        }
        self.append(Age::Older, older, lines)?;
        let wants_both = self.wants(Age::Older) && self.wants(Age::Newest);
        // The older and newest lines of several runs alternate: then the newest are put among the
        // older ones.
        if wants_both && self.sections.len() > 2 {
            let mut between = Vec::new();
            self.append(Age::Newest, newest, &mut between)?;
            self.interleave(&between, ends, lines);
        } else {
            self.append(Age::Newest, newest, lines)?;
        }
        if !wants_both {
            self.leave_out(ends);
        }
        Ok(())
    }

    /// Appends the wanted lines of a column.
    fn append(
        &self,
        age: Age,
        column: Option<FetchedColumn<'_>>,
        into: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        if !self.wants(age) {
            return Ok(());
        }
        let column = column.ok_or_else(|| BlockError::damaged("the block has not all lines"))?;
        let bytes = column.checked()?;
        let sections = self.sections.iter().filter(|section| section.age == age);
        match (age, column.meta.encoding) {
            (Age::Newest, NEWEST_FRAMES) => decode_frames(bytes, sections, into),
            (Age::Newest, tag) => Err(BlockError::Damaged(format!(
                "the newest lines have unknown encoding {tag}"
            ))),
            (Age::Older, tag) => decode_whole(
                tag,
                bytes,
                sections.fold(0, |sum: u64, section| sum.saturating_add(section.bytes)),
                into,
            ),
        }
    }

    /// Moves older lines, which lie one after the other, to where they belong, and the newest
    /// between them.
    fn interleave(&self, mut newest: &[u8], ends: &[u32], lines: &mut Vec<u8>) {
        let mut older = lines.len();
        lines.resize(older + newest.len(), 0);
        for section in self.sections.iter().rev() {
            let place = section.place(ends);
            if section.age == Age::Newest {
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

    /// Makes `ends` say that lines that were not read are empty.
    fn leave_out(&self, ends: &mut [u32]) {
        let (mut left_out, mut start) = (0, 0);
        for section in &self.sections {
            let ends = &mut ends[section.rows.start as usize..section.rows.end as usize];
            let end = ends.last().copied().unwrap_or(start);
            if section.wanted {
                ends.iter_mut().for_each(|end| *end -= left_out);
            } else {
                ends.fill(start - left_out);
                left_out += end - start;
            }
            start = end;
        }
    }
}

impl Section {
    /// Where its lines lie among all of the block.
    fn place(&self, ends: &[u32]) -> Range<usize> {
        let end = |row: u32| {
            row.checked_sub(1)
                .map_or(0, |last| ends[last as usize] as usize)
        };
        end(self.rows.start)..end(self.rows.end)
    }
}

/// Appends the lines of wanted sections, from frames that each have all lines of some sections, in
/// order.
fn decode_frames<'a>(
    mut bytes: &[u8],
    sections: impl Iterator<Item = &'a Section>,
    into: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let (mut sections, mut frame) = (sections.peekable(), Vec::new());
    while !bytes.is_empty() {
        let len = varint::get_at_most(
            &mut &*bytes,
            BLOCK_BYTES_MAX as u64,
            "the length of a frame",
        )?;
        let (mut left, mut places) = (len, Vec::new());
        let mut all = true;
        while let Some(section) =
            sections.next_if(|section| section.bytes <= left && (left > 0 || section.bytes == 0))
        {
            let start = (len - left) as usize;
            left -= section.bytes;
            all &= section.wanted || section.bytes == 0;
            if section.wanted && section.bytes > 0 {
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
            zstd_frames::get(&mut bytes, into)?;
        } else {
            frame.clear();
            zstd_frames::get(&mut bytes, &mut frame)?;
            places
                .into_iter()
                .for_each(|place| into.extend_from_slice(&frame[place]));
        }
    }
    if sections.any(|section| section.bytes > 0) {
        Err(BlockError::damaged(
            "frames have fewer lines than the directory says",
        ))
    } else {
        Ok(())
    }
}
