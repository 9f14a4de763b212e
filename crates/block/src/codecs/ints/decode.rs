//! Reads a sequence from its start, whole or in the frames that hold wanted values.

use super::form::{FRAME, TAG_CONSTANT, TAG_PACKED, TAG_PLANES, TAG_RUNS};
use super::{packed, planes, runs};
use crate::codecs::varint;
use crate::error::BlockError;
use std::ops::Range;

/// Reads `count` values from the front of `bytes` and hands them to `sink`, at most [`FRAME`] at a
/// time.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    mut sink: impl FnMut(&[u64]),
) -> Result<(), BlockError> {
    decode_where(
        bytes,
        count,
        |_| true,
        |_, values| values.into_iter().for_each(&mut sink),
    )
}

/// Reads `count` values from the front of `bytes`, but unpacks only the frames that `wants` accepts
/// by the places of their values. `sink` gets the number of values of each frame, and the values
/// where they were unpacked.
pub(crate) fn decode_where(
    bytes: &mut &[u8],
    count: usize,
    mut wants: impl FnMut(Range<usize>) -> bool,
    mut sink: impl FnMut(usize, Option<&[u64]>),
) -> Result<(), BlockError> {
    let mut values = [0u64; FRAME];
    match varint::get_u8(bytes)? {
        TAG_CONSTANT => {
            values.fill(varint::get(bytes)?);
            for_frames(count, |_, n| {
                sink(n, Some(&values[..n]));
                Ok(())
            })
        }
        TAG_PACKED => for_frames(count, |start, n| {
            if wants(start..start + n) {
                packed::unpack(bytes, &mut values[..n])?;
                sink(n, Some(&values[..n]));
            } else {
                packed::skip(bytes, n)?;
                sink(n, None);
            }
            Ok(())
        }),
        TAG_RUNS => {
            let runs = runs::get(bytes, count)?;
            for_frames(count, |start, n| {
                runs::fill(&runs, start, &mut values[..n]);
                sink(n, Some(&values[..n]));
                Ok(())
            })
        }
        TAG_PLANES => {
            let mut planes = Vec::new();
            planes::get(bytes, count, &mut planes)?;
            for_frames(count, |start, n| {
                let wanted = wants(start..start + n);
                if wanted {
                    planes::gather(&planes, count, start, &mut values[..n]);
                }
                sink(n, wanted.then_some(&values[..n]));
                Ok(())
            })
        }
        tag => Err(unknown(tag)),
    }
}

pub(super) fn unknown(tag: u8) -> BlockError {
    BlockError::Damaged(format!("integers have unknown encoding {tag}"))
}

/// Calls `each(start, length)` for every frame of `count` values.
pub(super) fn for_frames(
    count: usize,
    mut each: impl FnMut(usize, usize) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    for start in (0..count).step_by(FRAME) {
        each(start, FRAME.min(count - start))?;
    }
    Ok(())
}
