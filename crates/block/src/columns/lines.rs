//! The lines column: bytes as they are, one zstd frame, or what is left of lines whose values are columns.

use crate::BlockError;
use crate::codecs::{ints, varint, zstd_frames};
use crate::decode::{Fields, Wanted};
use crate::encode::ZSTD_LEVEL;
use skald_fields::{
    Assembler, COLUMNS_MAX, Form, SKELETONS_MAX, SLOTS_MAX, Shredded, Skeleton, Slot,
};
use skald_model::Batch;

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
    zstd_frames::compress(lines, ZSTD_LEVEL, out)?;
    if out.len() - start < lines.len() {
        return Ok(LINES_ZSTD);
    }
    out.truncate(start);
    out.extend_from_slice(lines);
    Ok(LINES_PLAIN)
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

pub(crate) fn decode_all(
    encoding: u8,
    bytes: &[u8],
    len: u64,
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    match encoding {
        LINES_PLAIN if bytes.len() as u64 == len => {
            lines.extend_from_slice(bytes);
            Ok(())
        }
        LINES_PLAIN => Err(BlockError::damaged(
            "lines are not as long as the directory says",
        )),
        LINES_ZSTD => zstd_frames::decompress(bytes, len as usize, lines),
        tag => Err(BlockError::Damaged(format!(
            "lines have unknown encoding {tag}"
        ))),
    }
}

/// Of a block of version 3 with one run.
fn decode_tail(
    mut bytes: &[u8],
    only: Option<&[u32]>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let tail = varint::take_at_most(
        &mut bytes,
        ends.len() as u64,
        "the first of the newest rows",
    )? as usize;
    let older_bytes = tail.checked_sub(1).map_or(0, |last| ends[last]);
    let wants =
        |rows: &dyn Fn(u32) -> bool| only.is_none_or(|only| only.iter().any(|row| rows(*row)));
    if wants(&|row| (row as usize) < tail) {
        if zstd_frames::take(&mut bytes, lines)? != older_bytes as usize {
            return Err(BlockError::damaged(
                "older lines are not as long as they should be",
            ));
        }
    } else {
        zstd_frames::skip(&mut bytes)?;
        ends[..tail].fill(0);
        ends[tail..]
            .iter_mut()
            .for_each(|end| *end = end.saturating_sub(older_bytes));
    }
    if wants(&|row| row as usize >= tail) {
        zstd_frames::take(&mut bytes, lines)?;
    } else {
        zstd_frames::skip(&mut bytes)?;
        ends[tail..].fill(lines.len() as u32);
    }
    let fits = bytes.is_empty() && ends.last().is_none_or(|end| *end as usize == lines.len());
    if fits {
        Ok(())
    } else {
        Err(BlockError::damaged(
            "lines are not as long as they should be",
        ))
    }
}

/// Appends what is left of a batch's lines; `rows` are the numbers of [`Shredded::skeleton_codes`].
pub(crate) fn encode_cut(
    batch: &Batch,
    shredded: &Shredded,
    rows: &[u64],
    scratch: &mut ints::Scratch,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let mut section = Vec::new();
    varint::put(&mut section, shredded.skeletons.len() as u64);
    for skeleton in &shredded.skeletons {
        section.push(skeleton.form as u8);
        varint::put(&mut section, skeleton.slots.len() as u64);
        for slot in &skeleton.slots {
            varint::put_bytes(&mut section, &slot.literal);
            varint::put(&mut section, u64::from(slot.column));
        }
        varint::put_bytes(&mut section, &skeleton.suffix);
    }
    let mut frame = Vec::new();
    zstd_frames::put(&section, ZSTD_LEVEL, &mut frame, out)?;
    ints::encode(rows, scratch, out)?;
    let mut whole = section;
    whole.clear();
    for row in (0..batch.len() as u32).filter(|row| shredded.skeleton_codes[*row as usize] == 0) {
        whole.extend_from_slice(&batch.lines[batch.line_range(row)]);
    }
    zstd_frames::put(&whole, ZSTD_LEVEL, &mut frame, out)
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
        let kept = skald_fields::prefilter(&skeletons, &rows, fields, wanted.containing)?;
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
    if only
        .as_ref()
        .is_none_or(|only| only.iter().any(|row| rows.get(*row as usize) == Some(&0)))
    {
        zstd_frames::take(&mut bytes, &mut whole)?;
    } else {
        zstd_frames::skip(&mut bytes)?;
    }
    if !bytes.is_empty() {
        return Err(BlockError::damaged("bytes follow the lines"));
    }
    let columns = fields.take(only.as_deref())?;
    let assembler = Assembler {
        skeletons: &skeletons,
        skeleton_codes: &rows,
        columns: &columns,
        whole: &whole,
    };
    let assembled = match only {
        Some(only) => assembler.assemble_rows(&only, ends, lines),
        None => {
            lines.reserve_exact(ends.last().map_or(0, |end| *end as usize));
            assembler.assemble(ends, lines)
        }
    };
    assembled.map_err(|why| BlockError::Damaged(why.to_string()))
}

/// The rows, of so many, whose lines are not of this form or were not cut, in order.
pub(crate) fn rows_apart(
    mut bytes: &[u8],
    rows: usize,
    form: Form,
) -> Result<Vec<u32>, BlockError> {
    let (skeletons, numbers) = take_skeletons_of_rows(&mut bytes, rows)?;
    let of_form = |number: &u32| {
        number
            .checked_sub(1)
            .and_then(|n| skeletons.get(n as usize))
            .is_some_and(|s| s.form == form)
    };
    Ok((0..rows as u32)
        .zip(&numbers)
        .filter(|(_, number)| !of_form(number))
        .map(|(row, _)| row)
        .collect())
}

/// Skeletons, and for each row 0 or 1 + the number of its own.
fn take_skeletons_of_rows(
    bytes: &mut &[u8],
    rows: usize,
) -> Result<(Vec<Skeleton>, Vec<u32>), BlockError> {
    let mut section = Vec::new();
    zstd_frames::take(bytes, &mut section)?;
    let skeletons = take_skeletons(&section)?;
    let mut of_rows = Vec::with_capacity(rows);
    ints::decode(bytes, rows, |numbers| {
        of_rows.extend(
            numbers
                .iter()
                .map(|number| u32::try_from(*number).unwrap_or(u32::MAX)),
        );
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
            tag => {
                return Err(BlockError::Damaged(format!(
                    "a skeleton has unknown form {tag}"
                )));
            }
        };
        let slots = varint::take_at_most(bytes, SLOTS_MAX as u64, "the number of a line's values")?;
        let mut skeleton = Skeleton {
            form,
            slots: Vec::with_capacity(slots as usize),
            suffix: Vec::new(),
        };
        for _ in 0..slots {
            let literal = varint::take_bytes(bytes)?.to_vec();
            let column =
                varint::take_at_most(bytes, COLUMNS_MAX as u64, "the number of a column")? as u32;
            skeleton.slots.push(Slot { literal, column });
        }
        skeleton.suffix = varint::take_bytes(bytes)?.to_vec();
        skeletons.push(skeleton);
    }
    if section.is_empty() {
        Ok(skeletons)
    } else {
        Err(BlockError::damaged("bytes follow the skeletons"))
    }
}
