//! Frames of a sequence that are decoded one by one, in any order.

use super::decode::{for_frames, unknown};
use super::form::{FRAME, TAG_CONSTANT, TAG_PACKED, TAG_PLANES, TAG_RUNS};
use super::{packed, planes, runs};
use crate::codecs::varint;
use crate::error::BlockError;

/// A sequence whose frames are decoded when asked for.
#[derive(Debug)]
pub(crate) enum Frames {
    /// The value of all.
    Constant(u64),
    /// Where each frame begins, and the bytes of all.
    Packed { bytes: Vec<u8>, starts: Vec<u32> },
    /// Where each run of equal values ends, and its value.
    Runs(Vec<(usize, u64)>),
    /// Inflated, one plane after the other.
    Planes(Vec<u8>),
}

impl Frames {
    /// Reads the shape of `count` values at the front of `bytes`; of packed ones only the frames'
    /// headers.
    pub(crate) fn open(mut bytes: &[u8], count: usize) -> Result<Frames, BlockError> {
        match varint::get_u8(&mut bytes)? {
            TAG_CONSTANT => Ok(Frames::Constant(varint::get(&mut bytes)?)),
            TAG_PACKED => {
                let (all, mut starts) = (
                    bytes,
                    Vec::with_capacity(count.div_ceil(FRAME).min(bytes.len())),
                );
                for_frames(count, |_, n| {
                    starts.push((all.len() - bytes.len()) as u32);
                    packed::skip(&mut bytes, n)
                })?;
                Ok(Frames::Packed {
                    bytes: all.to_vec(),
                    starts,
                })
            }
            TAG_RUNS => Ok(Frames::Runs(runs::get(&mut bytes, count)?)),
            TAG_PLANES => {
                let mut planes = Vec::new();
                planes::get(&mut bytes, count, &mut planes)?;
                Ok(Frames::Planes(planes))
            }
            tag => Err(unknown(tag)),
        }
    }

    /// Decodes frame `frame` of a sequence of `count` values; gives the values it has.
    pub(crate) fn get<'a>(
        &self,
        frame: usize,
        count: usize,
        out: &'a mut [u64; FRAME],
    ) -> Result<&'a [u64], BlockError> {
        let start = frame * FRAME;
        let values = &mut out[..FRAME.min(count.saturating_sub(start))];
        match self {
            Frames::Constant(value) => values.fill(*value),
            Frames::Packed { bytes, starts } => {
                let at = starts.get(frame).ok_or_else(BlockError::truncated)?;
                packed::unpack(&mut &bytes[*at as usize..], values)?;
            }
            Frames::Runs(runs) => runs::fill(runs, start, values),
            Frames::Planes(planes) => planes::gather(planes, count, start, values),
        }
        Ok(values)
    }
}
