//! The lines column: bytes as they are, one zstd frame, or what is left of lines whose values are columns.

use crate::decode::{Fields, Wanted};
use crate::encode::ZSTD_LEVEL;
use crate::meta::Tail;
use crate::{BLOCK_BYTES_MAX, BlockError, BlockMeta, ColumnMeta, frames, ints, varint};
use skald_fields::{COLUMNS_MAX, Cut, Form, Parts, SKELETONS_MAX, SLOTS_MAX, Skeleton, Slot};
use skald_model::{Batch, Run};
use std::ops::Range;

/// The bytes of all lines as they are.
pub(crate) const LINES_PLAIN: u8 = 0;
/// All lines in one zstd frame.
pub(crate) const LINES_ZSTD: u8 = 1;
/// Skeletons, the values being columns of their own.
pub(crate) const LINES_CUT: u8 = 2;
/// The same, and all lines are JSON objects.
pub(crate) const LINES_CUT_JSON: u8 = 3;
/// The same, and all lines are logfmt.
pub(crate) const LINES_CUT_LOGFMT: u8 = 4;

/// Two zstd frames, the second of the newest rows; in blocks of one run of version 3.
pub(crate) const LINES_TAIL: u8 = 5;

/// Newest lines in frames, each of one run or of several small ones.
pub(crate) const LINES_FRAMES: u8 = 6;

/// Runs share a frame until it has so many bytes.
const FRAME_BYTES_MIN: usize = 8 << 10;

/// Set in the encoding of a field's column when some value is written with escapes.
pub(crate) const FIELD_ESCAPED: u8 = 0x80;

/// The tag of lines that are cut, all in one form or not.
pub(crate) fn lines_encoding(form: Option<Form>) -> u8 {
    match form {
        None => LINES_CUT,
        Some(Form::Json) => LINES_CUT_JSON,
        Some(Form::Logfmt) => LINES_CUT_LOGFMT,
    }
}

/// Whether lines of this encoding are put together from columns.
pub(crate) fn is_cut(encoding: u8) -> bool {
    (LINES_CUT..=LINES_CUT_LOGFMT).contains(&encoding)
}

/// Appends lines that are not cut, or some of them; gives the encoding.
pub(crate) fn encode(lines: &[u8], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let start = out.len();
    frames::compress(lines, ZSTD_LEVEL, out)?;
    if out.len() - start < lines.len() {
        return Ok(LINES_ZSTD);
    }
    out.truncate(start);
    out.extend_from_slice(lines);
    Ok(LINES_PLAIN)
}

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
                frames::put(&self.newest[start..*end], ZSTD_LEVEL, &mut self.frame, out)?;
                start = *end;
            }
        }
        Ok(())
    }
}

/// Appends lines that are not cut to `lines`, which is empty; they have `len` bytes. Those of rows that are not `only`
/// may be left empty, and `ends` says so.
pub(crate) fn decode(
    encoding: u8,
    bytes: &[u8],
    (len, only): (u64, Option<&[u32]>),
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    match encoding {
        LINES_TAIL => decode_tail(bytes, only, ends, lines),
        encoding => decode_all(encoding, bytes, len, lines),
    }
}

fn decode_all(encoding: u8, bytes: &[u8], len: u64, lines: &mut Vec<u8>) -> Result<(), BlockError> {
    match encoding {
        LINES_PLAIN if bytes.len() as u64 == len => {
            lines.extend_from_slice(bytes);
            Ok(())
        }
        LINES_PLAIN => Err(BlockError::damaged("lines are not as long as the directory says")),
        LINES_ZSTD => frames::decompress(bytes, len as usize, lines),
        tag => Err(BlockError::Damaged(format!("lines have unknown encoding {tag}"))),
    }
}

/// Of a block of version 3 with one run.
fn decode_tail(mut bytes: &[u8], only: Option<&[u32]>, ends: &mut [u32], lines: &mut Vec<u8>) -> Result<(), BlockError> {
    let tail = varint::take_at_most(&mut bytes, ends.len() as u64, "the first of the newest rows")? as usize;
    let older_bytes = tail.checked_sub(1).map_or(0, |last| ends[last]);
    let wants = |rows: &dyn Fn(u32) -> bool| only.is_none_or(|only| only.iter().any(|row| rows(*row)));
    if wants(&|row| (row as usize) < tail) {
        if frames::take(&mut bytes, lines)? != older_bytes as usize {
            return Err(BlockError::damaged("older lines are not as long as they should be"));
        }
    } else {
        frames::skip(&mut bytes)?;
        ends[..tail].fill(0);
        ends[tail..].iter_mut().for_each(|end| *end = end.saturating_sub(older_bytes));
    }
    if wants(&|row| row as usize >= tail) {
        frames::take(&mut bytes, lines)?;
    } else {
        frames::skip(&mut bytes)?;
        ends[tail..].fill(lines.len() as u32);
    }
    let fits = bytes.is_empty() && ends.last().is_none_or(|end| *end as usize == lines.len());
    if fits { Ok(()) } else { Err(BlockError::damaged("lines are not as long as they should be")) }
}

/// Lines of which the newest of each run are a column of their own, and what is wanted of them.
pub(crate) struct Apart {
    parts: Vec<Part>,
    wants_older: bool,
    wants_newest: bool,
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
    /// Of a block with these runs; `None` when all lines are one column.
    pub(crate) fn of(meta: &BlockMeta, runs: &[Run], only: Option<&[u32]>) -> Result<Option<Apart>, BlockError> {
        if !meta.has_newest() {
            return Ok(None);
        }
        let tails = meta.tails().ok_or_else(|| BlockError::damaged("no lines of the block are the newest"))?;
        let mut parts = Vec::with_capacity(2 * runs.len());
        for ((run, tail), described) in runs.iter().zip(&tails).zip(&meta.runs) {
            let of = |newest, rows: Range<u32>, bytes| Part { newest, wanted: holds_any(&rows, only), rows, bytes };
            let newest_bytes = described.line_bytes.checked_sub(tail.line_bytes);
            let newest_bytes = newest_bytes.ok_or_else(|| BlockError::damaged("a run is shorter than its older lines"))?;
            parts.push(of(false, run.rows.start..tail.row, tail.line_bytes));
            parts.push(of(true, tail.row..run.rows.end, newest_bytes));
        }
        let wants = |newest: bool| parts.iter().any(|part| part.newest == newest && part.wanted);
        let (wants_older, wants_newest) = (wants(false), wants(true));
        // Older lines are one frame. The newest are read run by run, but all of them where older ones lie between.
        for part in &mut parts {
            part.wanted = if part.newest { wants_newest && (wants_older || part.wanted) } else { wants_older };
        }
        Ok(Some(Apart { parts, wants_older, wants_newest }))
    }

    /// Whether the newest lines are wanted, or the older ones.
    pub(crate) fn wants(&self, newest: bool) -> bool {
        if newest { self.wants_newest } else { self.wants_older }
    }

    /// Whether lines of some of these rows are read.
    pub(crate) fn reads(&self, rows: &Range<usize>) -> bool {
        let here = |part: &Part| (part.rows.start as usize) < rows.end && rows.start < part.rows.end as usize;
        self.parts.iter().any(|part| part.wanted && here(part))
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
            return Err(BlockError::damaged("lines have no lengths, or are there twice"));
        }
        if self.parts.iter().any(|part| part.wanted && part.place(ends).len() as u64 != part.bytes) {
            return Err(BlockError::damaged("lines of a run are not as long as the directory says"));
        }
        self.take(false, older, lines)?;
        let wants_both = self.wants_older && self.wants_newest;
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
    fn take(&self, newest: bool, column: Option<(&ColumnMeta, &[u8])>, into: &mut Vec<u8>) -> Result<(), BlockError> {
        if !self.wants(newest) {
            return Ok(());
        }
        let (column, bytes) = column.ok_or_else(|| BlockError::damaged("the block has not all lines"))?;
        column.check(bytes)?;
        let parts = self.parts.iter().filter(|part| part.newest == newest);
        match (newest, column.encoding) {
            (true, LINES_FRAMES) => take_frames(bytes, parts, into),
            (true, tag) => Err(BlockError::Damaged(format!("the newest lines have unknown encoding {tag}"))),
            (false, tag) => decode_all(tag, bytes, parts.fold(0, |sum: u64, part| sum.saturating_add(part.bytes)), into),
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
        let end = |row: u32| row.checked_sub(1).map_or(0, |last| ends[last as usize] as usize);
        end(self.rows.start)..end(self.rows.end)
    }
}

/// Whether some of these rows are wanted.
fn holds_any(rows: &Range<u32>, only: Option<&[u32]>) -> bool {
    let Some(only) = only else { return !rows.is_empty() };
    let first = only.partition_point(|row| *row < rows.start);
    only.get(first).is_some_and(|row| *row < rows.end)
}

/// Appends the lines of those parts that are wanted, from frames that each have all lines of some of them, in order.
fn take_frames<'a>(mut bytes: &[u8], parts: impl Iterator<Item = &'a Part>, into: &mut Vec<u8>) -> Result<(), BlockError> {
    let (mut parts, mut frame) = (parts.peekable(), Vec::new());
    while !bytes.is_empty() {
        let len = varint::take_at_most(&mut &*bytes, BLOCK_BYTES_MAX as u64, "the length of a frame")?;
        let (mut left, mut places) = (len, Vec::new());
        let mut all = true;
        while let Some(part) = parts.next_if(|part| part.bytes <= left && (left > 0 || part.bytes == 0)) {
            let start = (len - left) as usize;
            left -= part.bytes;
            all &= part.wanted || part.bytes == 0;
            if part.wanted && part.bytes > 0 {
                places.push(start..(len - left) as usize);
            }
        }
        if left > 0 {
            return Err(BlockError::damaged("a frame of lines is not that of whole runs"));
        }
        if places.is_empty() {
            frames::skip(&mut bytes)?;
        } else if all {
            frames::take(&mut bytes, into)?;
        } else {
            frame.clear();
            frames::take(&mut bytes, &mut frame)?;
            places.into_iter().for_each(|place| into.extend_from_slice(&frame[place]));
        }
    }
    if parts.any(|part| part.bytes > 0) {
        Err(BlockError::damaged("frames have fewer lines than the directory says"))
    } else {
        Ok(())
    }
}

/// Appends what is left of a batch's lines; `rows` are the numbers of [`Cut::rows`].
pub(crate) fn encode_cut(
    batch: &Batch,
    cut: &Cut,
    rows: &[u64],
    scratch: &mut ints::Scratch,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let mut section = Vec::new();
    varint::put(&mut section, cut.skeletons.len() as u64);
    for skeleton in &cut.skeletons {
        section.push(skeleton.form as u8);
        varint::put(&mut section, skeleton.slots.len() as u64);
        for slot in &skeleton.slots {
            varint::put_bytes(&mut section, &slot.literal);
            varint::put(&mut section, u64::from(slot.column));
        }
        varint::put_bytes(&mut section, &skeleton.tail);
    }
    let mut frame = Vec::new();
    frames::put(&section, ZSTD_LEVEL, &mut frame, out)?;
    ints::encode(rows, scratch, out)?;
    let mut whole = section;
    whole.clear();
    for row in (0..batch.len() as u32).filter(|row| cut.rows[*row as usize] == 0) {
        whole.extend_from_slice(&batch.lines[batch.line_range(row)]);
    }
    frames::put(&whole, ZSTD_LEVEL, &mut frame, out)
}

/// Puts lines together again, appending them to `lines`, which is empty; `ends` says where each ends. Lines that are
/// not wanted are empty then, and `ends` says so.
pub(crate) fn decode_cut(
    mut bytes: &[u8],
    fields: &mut Fields<'_>,
    wanted: &Wanted<'_>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let (skeletons, rows) = take_skeletons_of_rows(&mut bytes, ends.len())?;
    let mut only = wanted.rows.map(<[u32]>::to_vec);
    if !wanted.containing.is_empty() {
        let kept = skald_fields::sift(&skeletons, &rows, fields, wanted.containing)?;
        let holds = |row: &u32| kept.get(*row as usize) == Some(&true);
        only = Some(match only {
            Some(rows) => rows.into_iter().filter(holds).collect(),
            None => (0..ends.len() as u32).filter(holds).collect(),
        });
    }
    if only.as_ref().is_some_and(Vec::is_empty) {
        ends.fill(0);
        return Ok(());
    }
    let only = only.filter(|only| only.len() < ends.len());
    let mut whole = Vec::new();
    if only.as_ref().is_none_or(|only| only.iter().any(|row| rows.get(*row as usize) == Some(&0))) {
        frames::take(&mut bytes, &mut whole)?;
    } else {
        frames::skip(&mut bytes)?;
    }
    if !bytes.is_empty() {
        return Err(BlockError::damaged("bytes follow the lines"));
    }
    let columns = fields.take(only.as_deref())?;
    let parts = Parts { skeletons: &skeletons, rows: &rows, columns: &columns, whole: &whole };
    let joined = match only {
        Some(only) => skald_fields::join_some(&parts, &only, ends, lines),
        None => {
            lines.reserve_exact(ends.last().map_or(0, |end| *end as usize));
            skald_fields::join(&parts, ends, lines)
        }
    };
    joined.map_err(|why| BlockError::Damaged(why.to_string()))
}

/// The rows, of so many, whose lines are not of this form or were not cut, in order.
pub(crate) fn rows_apart(mut bytes: &[u8], rows: usize, form: Form) -> Result<Vec<u32>, BlockError> {
    let (skeletons, numbers) = take_skeletons_of_rows(&mut bytes, rows)?;
    let of_form = |number: &u32| number.checked_sub(1).and_then(|n| skeletons.get(n as usize)).is_some_and(|s| s.form == form);
    Ok((0..rows as u32).zip(&numbers).filter(|(_, number)| !of_form(number)).map(|(row, _)| row).collect())
}

/// Skeletons, and for each row 0 or 1 + the number of its own.
fn take_skeletons_of_rows(bytes: &mut &[u8], rows: usize) -> Result<(Vec<Skeleton>, Vec<u32>), BlockError> {
    let mut section = Vec::new();
    frames::take(bytes, &mut section)?;
    let skeletons = take_skeletons(&section)?;
    let mut of_rows = Vec::with_capacity(rows);
    ints::decode(bytes, rows, |numbers| {
        of_rows.extend(numbers.iter().map(|number| u32::try_from(*number).unwrap_or(u32::MAX)));
    })?;
    Ok((skeletons, of_rows))
}

fn take_skeletons(mut section: &[u8]) -> Result<Vec<Skeleton>, BlockError> {
    let bytes = &mut section;
    let count = varint::take_at_most(bytes, SKELETONS_MAX as u64, "the number of skeletons")?;
    let mut skeletons = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let form = match varint::take_u8(bytes)? {
            tag if tag == Form::Json as u8 => Form::Json,
            tag if tag == Form::Logfmt as u8 => Form::Logfmt,
            tag => return Err(BlockError::Damaged(format!("a skeleton has unknown form {tag}"))),
        };
        let slots = varint::take_at_most(bytes, SLOTS_MAX as u64, "the number of a line's values")?;
        let mut skeleton = Skeleton { form, slots: Vec::with_capacity(slots as usize), tail: Vec::new() };
        for _ in 0..slots {
            let literal = varint::take_bytes(bytes)?.to_vec();
            let column = varint::take_at_most(bytes, COLUMNS_MAX as u64, "the number of a column")? as u32;
            skeleton.slots.push(Slot { literal, column });
        }
        skeleton.tail = varint::take_bytes(bytes)?.to_vec();
        skeletons.push(skeleton);
    }
    if section.is_empty() { Ok(skeletons) } else { Err(BlockError::damaged("bytes follow the skeletons")) }
}
