//! The lines column stores lines as they are, in one zstd frame, or as skeletons whose values are
//! fields.

use crate::codecs::ints::{self, IntBuffers};
use crate::codecs::{varint, zstd_frames};
use crate::columns::fields::FieldColumns;
use crate::encoding::{LINES_PLAIN, LINES_ZSTD};
use crate::error::BlockError;
use crate::read_spec::ReadSpec;
use skald_fields::{
    Assembler, COLUMNS_MAX, Form, SKELETONS_MAX, SLOTS_MAX, Shredded, Skeleton, Slot,
};
use skald_model::Batch;

/// Appends lines that are not shredded; gives their encoding.
pub(crate) fn encode(lines: &[u8], out: &mut Vec<u8>) -> Result<u8, BlockError> {
    let start = out.len();
    zstd_frames::compress(lines, out)?;
    if out.len() - start < lines.len() {
        return Ok(LINES_ZSTD);
    }
    out.truncate(start);
    out.extend_from_slice(lines);
    Ok(LINES_PLAIN)
}

/// Appends lines that are not shredded, `len` bytes, to `lines`.
pub(crate) fn decode_whole(
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

/// Appends older and newest lines, two frames of a block of version 3 with one run, to `lines`,
/// which is empty. With `wanted`, a frame without any of these rows is skipped: its lines come out
/// empty, and `ends` says so.
pub(crate) fn decode_older_newest(
    mut bytes: &[u8],
    wanted: Option<&[u32]>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let first = varint::get_at_most(
        &mut bytes,
        ends.len() as u64,
        "the first of the newest rows",
    )? as usize;
    let older_bytes = first.checked_sub(1).map_or(0, |last| ends[last]);
    let wants =
        |rows: &dyn Fn(u32) -> bool| wanted.is_none_or(|all| all.iter().any(|row| rows(*row)));
    if wants(&|row| (row as usize) < first) {
        if zstd_frames::get(&mut bytes, lines)? != older_bytes as usize {
            return Err(BlockError::damaged(
                "older lines are not as long as they should be",
            ));
        }
    } else {
        zstd_frames::skip(&mut bytes)?;
        ends[..first].fill(0);
        ends[first..]
            .iter_mut()
            .for_each(|end| *end = end.saturating_sub(older_bytes));
    }
    if wants(&|row| row as usize >= first) {
        zstd_frames::get(&mut bytes, lines)?;
    } else {
        zstd_frames::skip(&mut bytes)?;
        ends[first..].fill(lines.len() as u32);
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

/// Appends the skeletons and whole lines of a shredded batch; `codes` are its
/// [`Shredded::skeleton_codes`].
pub(crate) fn encode_shredded(
    batch: &Batch,
    shredded: &Shredded,
    codes: &[u64],
    buffers: &mut IntBuffers,
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
    zstd_frames::put(&section, &mut frame, out)?;
    ints::encode(codes, buffers, out)?;
    let mut whole = section;
    whole.clear();
    for row in (0..batch.len() as u32).filter(|row| shredded.skeleton_codes[*row as usize] == 0) {
        whole.extend_from_slice(&batch.lines[batch.line_range(row)]);
    }
    zstd_frames::put(&whole, &mut frame, out)
}

/// Assembles lines and appends them to `lines`, which is empty; `ends` says where each ends. Lines
/// that are not wanted may come out empty, and `ends` says so then.
pub(crate) fn decode_shredded(
    mut bytes: &[u8],
    fields: &mut FieldColumns<'_>,
    spec: &ReadSpec<'_>,
    ends: &mut [u32],
    lines: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let (skeletons, codes) = get_skeletons_of_rows(&mut bytes, ends.len())?;
    let wanted = prefiltered(&skeletons, &codes, fields, spec)?;
    if wanted.as_ref().is_some_and(Vec::is_empty) {
        ends.fill(0);
        return Ok(());
    }
    let wanted = wanted.filter(|wanted| wanted.len() < ends.len());
    let is_whole = |row: &u32| codes.get(*row as usize) == Some(&0);
    let mut whole = Vec::new();
    if wanted.as_ref().is_none_or(|rows| rows.iter().any(is_whole)) {
        zstd_frames::get(&mut bytes, &mut whole)?;
    } else {
        zstd_frames::skip(&mut bytes)?;
    }
    if !bytes.is_empty() {
        return Err(BlockError::damaged("bytes follow the lines"));
    }
    let assembler = Assembler {
        skeletons: &skeletons,
        skeleton_codes: &codes,
        columns: &fields.take_values(wanted.as_deref())?,
        whole: &whole,
    };
    let assembled = match wanted {
        Some(rows) => assembler.assemble_rows(&rows, ends, lines),
        None => {
            lines.reserve_exact(ends.last().map_or(0, |end| *end as usize));
            assembler.assemble(ends, lines)
        }
    };
    assembled.map_err(|why| BlockError::Damaged(why.to_string()))
}

/// The rows whose lines are wanted and may hold the texts that lines must contain; `None`: all.
fn prefiltered(
    skeletons: &[Skeleton],
    codes: &[u32],
    fields: &mut FieldColumns<'_>,
    spec: &ReadSpec<'_>,
) -> Result<Option<Vec<u32>>, BlockError> {
    if spec.must_contain.is_empty() {
        return Ok(spec.rows.map(<[u32]>::to_vec));
    }
    let kept = skald_fields::prefilter(skeletons, codes, fields, spec.must_contain)?;
    let is_kept = |row: &u32| kept.get(*row as usize) == Some(&true);
    Ok(Some(match spec.rows {
        Some(rows) => rows.iter().copied().filter(is_kept).collect(),
        None => (0..codes.len() as u32).filter(is_kept).collect(),
    }))
}

/// The rows, of `rows` rows, whose lines are not of this form or are whole, in order.
pub(crate) fn residual_rows(
    mut bytes: &[u8],
    rows: usize,
    form: Form,
) -> Result<Vec<u32>, BlockError> {
    let (skeletons, codes) = get_skeletons_of_rows(&mut bytes, rows)?;
    let of_form = |code: &u32| {
        code.checked_sub(1)
            .and_then(|number| skeletons.get(number as usize))
            .is_some_and(|skeleton| skeleton.form == form)
    };
    Ok((0..rows as u32)
        .zip(&codes)
        .filter(|(_, code)| !of_form(code))
        .map(|(row, _)| row)
        .collect())
}

/// Reads the skeletons, and for each row 0 or 1 + the number of its own.
fn get_skeletons_of_rows(
    bytes: &mut &[u8],
    rows: usize,
) -> Result<(Vec<Skeleton>, Vec<u32>), BlockError> {
    let mut section = Vec::new();
    zstd_frames::get(bytes, &mut section)?;
    let skeletons = get_skeletons(&section)?;
    let mut codes = Vec::with_capacity(rows);
    ints::decode(bytes, rows, |numbers| {
        codes.extend(
            numbers
                .iter()
                .map(|number| u32::try_from(*number).unwrap_or(u32::MAX)),
        );
    })?;
    Ok((skeletons, codes))
}

fn get_skeletons(mut section: &[u8]) -> Result<Vec<Skeleton>, BlockError> {
    let bytes = &mut section;
    let count = varint::get_at_most(bytes, SKELETONS_MAX as u64, "the number of skeletons")?;
    let mut skeletons = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let form = match varint::get_u8(bytes)? {
            tag if tag == Form::Json as u8 => Form::Json,
            tag if tag == Form::Logfmt as u8 => Form::Logfmt,
            tag => {
                return Err(BlockError::Damaged(format!(
                    "a skeleton has unknown form {tag}"
                )));
            }
        };
        let slots = varint::get_at_most(bytes, SLOTS_MAX as u64, "the number of a line's values")?;
        let mut skeleton = Skeleton {
            form,
            slots: Vec::with_capacity(slots as usize),
            suffix: Vec::new(),
        };
        for _ in 0..slots {
            let literal = varint::get_bytes(bytes)?.to_vec();
            let column =
                varint::get_at_most(bytes, COLUMNS_MAX as u64, "the number of a column")? as u32;
            skeleton.slots.push(Slot { literal, column });
        }
        skeleton.suffix = varint::get_bytes(bytes)?.to_vec();
        skeletons.push(skeleton);
    }
    if section.is_empty() {
        Ok(skeletons)
    } else {
        Err(BlockError::damaged("bytes follow the skeletons"))
    }
}
