//! The lines column: bytes as they are, one zstd frame, or what is left of lines whose values are columns.

use crate::decode::{Fields, Wanted};
use crate::encode::ZSTD_LEVEL;
use crate::meta::Tail;
use crate::{BlockError, BlockMeta, RunMeta, frames, ints, varint};
use skald_fields::{COLUMNS_MAX, Cut, Form, Parts, SKELETONS_MAX, SLOTS_MAX, Skeleton, Slot};
use skald_model::Batch;
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

/// Two zstd frames, the second of the newest rows of each run.
pub(crate) const LINES_TAIL: u8 = 5;

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

/// Appends the lines of a batch as they are, the newest of each run in a frame of their own; gives the encoding.
pub(crate) fn encode(batch: &Batch, tails: Option<&[Tail]>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let start = out.len();
    let encoding = match tails {
        None => {
            frames::compress(&batch.lines, ZSTD_LEVEL, out)?;
            LINES_ZSTD
        }
        Some(tails) => {
            let Scratch { older, newest, frame } = scratch;
            older.clear();
            newest.clear();
            let put = |rows: Range<u32>, to: &mut Vec<u8>| {
                if !rows.is_empty() {
                    to.extend_from_slice(&batch.lines[batch.lines_range(&rows)]);
                }
            };
            for (run, tail) in batch.runs.iter().zip(tails) {
                varint::put(out, u64::from(tail.row - run.rows.start));
                put(run.rows.start..tail.row, older);
                put(tail.row..run.rows.end, newest);
            }
            frames::put(older, ZSTD_LEVEL, frame, out)?;
            frames::put(newest, ZSTD_LEVEL, frame, out)?;
            LINES_TAIL
        }
    };
    if out.len() - start < batch.lines.len() {
        return Ok(encoding);
    }
    out.truncate(start);
    out.extend_from_slice(&batch.lines);
    Ok(LINES_PLAIN)
}

/// Buffers of [`encode`].
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    older: Vec<u8>,
    newest: Vec<u8>,
    frame: Vec<u8>,
}

/// Appends lines that are not cut to `lines`, which is empty; the directory says how many bytes they have. Those of
/// rows that are not `only` may be left empty, and `ends` says so.
pub(crate) fn decode(
    encoding: u8,
    bytes: &[u8],
    meta: &BlockMeta,
    only: Option<&[u32]>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    match encoding {
        LINES_PLAIN if bytes.len() as u64 == meta.line_bytes => {
            lines.extend_from_slice(bytes);
            Ok(())
        }
        LINES_PLAIN => Err(BlockError::damaged("lines are not as long as the directory says")),
        LINES_ZSTD => frames::decompress(bytes, meta.line_bytes as usize, lines),
        LINES_TAIL => decode_tails(bytes, &meta.runs, only, ends, lines),
        tag => Err(BlockError::Damaged(format!("lines have unknown encoding {tag}"))),
    }
}

fn decode_tails(
    mut bytes: &[u8],
    runs: &[RunMeta],
    only: Option<&[u32]>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    if runs.iter().map(|run| u64::from(run.rows)).sum::<u64>() != ends.len() as u64 {
        return Err(BlockError::damaged("lines have no lengths"));
    }
    let parts = take_parts(&mut bytes, runs, ends)?;
    let wanted = |newest: bool| parts.iter().any(|part| part.newest == newest && part.holds_any(only));
    let (wants_older, wants_newest) = (wanted(false), wanted(true));
    // The older and newest lines of several runs alternate: then the newest are put among the older ones.
    let mixes = runs.len() > 1 && wants_older && wants_newest;
    let (before, mut newest) = (lines.len(), Vec::new());
    let mut take = |wants: bool, into: &mut Vec<u8>| match wants {
        true => frames::take(&mut bytes, into).map(|len| len as u64),
        false => frames::skip(&mut bytes).map(|()| 0),
    };
    let older_bytes = take(wants_older, lines)?;
    let newest_bytes = take(wants_newest, if mixes { &mut newest } else { lines })?;
    let bytes_of = |newest: bool| parts.iter().filter(|part| part.newest == newest).map(|part| part.bytes).sum::<u64>();
    let fits = |wants: bool, newest, bytes| !wants || bytes_of(newest) == bytes;
    if !bytes.is_empty() || !fits(wants_older, false, older_bytes) || !fits(wants_newest, true, newest_bytes) {
        return Err(BlockError::damaged("lines are not as long as they should be"));
    }
    if mixes {
        mix(&parts, &newest, before, lines);
    }
    if !(wants_older && wants_newest) {
        let mut left_out = 0;
        for part in &parts {
            let is_read = if part.newest { wants_newest } else { wants_older };
            let before = part.start - left_out;
            let ends = &mut ends[part.rows.start as usize..part.rows.end as usize];
            match is_read {
                true => ends.iter_mut().for_each(|end| *end -= left_out),
                false => ends.fill(before),
            }
            left_out += if is_read { 0 } else { part.bytes as u32 };
        }
    }
    Ok(())
}

/// Moves older lines, which lie behind one another from `before` on, to where they belong, and the newest between them.
fn mix(parts: &[Part], newest: &[u8], before: usize, lines: &mut Vec<u8>) {
    let mut older = lines.len();
    let (mut newest, mut to) = (newest, older + newest.len());
    lines.resize(to, 0);
    for part in parts.iter().rev() {
        let bytes = part.bytes as usize;
        to -= bytes;
        if part.newest {
            let (rest, own) = newest.split_at(newest.len() - bytes);
            lines[to..to + bytes].copy_from_slice(own);
            newest = rest;
        } else {
            older -= bytes;
            lines.copy_within(older..older + bytes, to);
        }
    }
    debug_assert_eq!((older, to), (before, before));
}

/// The older or the newest rows of a run.
struct Part {
    newest: bool,
    rows: Range<u32>,
    /// Where its lines begin among all of the block.
    start: u32,
    bytes: u64,
}

impl Part {
    fn holds_any(&self, only: Option<&[u32]>) -> bool {
        let Some(only) = only else { return !self.rows.is_empty() };
        let first = only.partition_point(|row| *row < self.rows.start);
        only.get(first).is_some_and(|row| *row < self.rows.end)
    }
}

/// The older and the newest rows of each run, in order.
fn take_parts(bytes: &mut &[u8], runs: &[RunMeta], ends: &[u32]) -> Result<Vec<Part>, BlockError> {
    let (mut parts, mut row, mut start) = (Vec::with_capacity(2 * runs.len()), 0, 0);
    for run in runs {
        let older = varint::take_at_most(bytes, u64::from(run.rows), "the number of older rows of a run")? as u32;
        for (newest, rows) in [(false, row..row + older), (true, row + older..row + run.rows)] {
            let end = if rows.is_empty() { start } else { ends[rows.end as usize - 1] };
            parts.push(Part { newest, rows, start, bytes: u64::from(end - start) });
            start = end;
        }
        row += run.rows;
    }
    Ok(parts)
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
    let mut whole = Vec::new();
    frames::take(&mut bytes, &mut whole)?;
    if !bytes.is_empty() {
        return Err(BlockError::damaged("bytes follow the lines"));
    }
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
