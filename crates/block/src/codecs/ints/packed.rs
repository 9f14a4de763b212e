//! Packed frames: a minimum, a width in bits, then each value less the minimum in that many bits.
//!
//! Few values that need more bits are exceptions: what they have above the width follows the frame.

use super::form::FRAME;
use crate::codecs::varint;
use crate::error::BlockError;

/// Values unpacked together.
const GROUP: usize = 8;
/// Bytes a group may be read from: 64 offsets and a word.
const GROUP_WINDOW: usize = 72;

/// Set in the width of a packed frame when exceptions follow.
pub(super) const HAS_EXCEPTIONS: u8 = 0x80;

/// Skips a packed frame of `values` values.
pub(super) fn skip(bytes: &mut &[u8], values: usize) -> Result<(), BlockError> {
    let header = FrameHeader::get(bytes)?;
    varint::get_slice(bytes, (values * header.width).div_ceil(8))?;
    header.exceptions(bytes, values, |_, _| ())
}

/// What precedes the values of a packed frame.
struct FrameHeader {
    min: u64,
    width: usize,
    has_exceptions: bool,
}

impl FrameHeader {
    fn get(bytes: &mut &[u8]) -> Result<FrameHeader, BlockError> {
        let (min, tag) = (varint::get(bytes)?, varint::get_u8(bytes)?);
        let header = FrameHeader {
            min,
            width: usize::from(tag & !HAS_EXCEPTIONS),
            has_exceptions: tag & HAS_EXCEPTIONS != 0,
        };
        if header.width > 64 || header.has_exceptions && header.width == 64 {
            return Err(BlockError::Damaged(format!(
                "a frame is {} bits wide",
                header.width
            )));
        }
        Ok(header)
    }

    /// Reads the exceptions after `count` values: the place of each, and its bits above the width.
    fn exceptions(
        &self,
        bytes: &mut &[u8],
        count: usize,
        mut each: impl FnMut(usize, u64),
    ) -> Result<(), BlockError> {
        if !self.has_exceptions {
            return Ok(());
        }
        for _ in 0..varint::get_u8(bytes)? {
            let (place, above) = (usize::from(varint::get_u8(bytes)?), varint::get(bytes)?);
            if place >= count {
                return Err(BlockError::damaged(
                    "a frame has an exception outside its values",
                ));
            }
            each(place, above);
        }
        Ok(())
    }
}

/// Appends one frame.
pub(super) fn pack(frame: &[u64], out: &mut Vec<u8>) {
    let min = frame.iter().copied().min().unwrap_or(0);
    let width = best_width(frame, min);
    let is_exception = |value: u64| width < 64 && (value - min) >> width != 0;
    let exceptions = frame.iter().filter(|value| is_exception(**value)).count();
    varint::put(out, min);
    out.push(width as u8 | if exceptions > 0 { HAS_EXCEPTIONS } else { 0 });
    let mask = if width == 0 {
        0
    } else {
        u64::MAX >> (64 - width)
    };
    let (mut pending, mut bits) = (0u128, 0u32);
    for &value in frame {
        pending |= u128::from((value - min) & mask) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    let tail = bits.div_ceil(8) as usize;
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..tail]);
    if exceptions > 0 {
        out.push(exceptions as u8);
        for (place, value) in frame
            .iter()
            .enumerate()
            .filter(|(_, value)| is_exception(**value))
        {
            out.push(place as u8);
            varint::put(out, (value - min) >> width);
        }
    }
}

/// The width with which a frame is shortest: few values that need more become exceptions.
pub(super) fn best_width(frame: &[u64], min: u64) -> u32 {
    let mut of_width = [0u32; 65];
    for value in frame {
        of_width[64 - (value - min).leading_zeros() as usize] += 1;
    }
    let widest = of_width.iter().rposition(|values| *values > 0).unwrap_or(0) as u32;
    let cost = |width: u32| {
        let wider = (width + 1..=widest).map(|wide| (wide, of_width[wide as usize]));
        let exceptions: u32 = wider
            .map(|(wide, values)| values * (1 + (wide - width).div_ceil(7)))
            .sum();
        (frame.len() as u32 * width).div_ceil(8) + exceptions + u32::from(exceptions > 0)
    };
    let narrower = (0..widest).filter(|width| of_width[*width as usize] > 0);
    // The wider of two that cost the same has fewer exceptions.
    std::iter::once(widest)
        .chain(narrower.rev())
        .min_by_key(|width| cost(*width))
        .unwrap_or(widest)
}

/// Decodes one frame of `out.len()` values.
pub(super) fn unpack(bytes: &mut &[u8], out: &mut [u64]) -> Result<(), BlockError> {
    let header = FrameHeader::get(bytes)?;
    let packed = varint::get_slice(bytes, (out.len() * header.width).div_ceil(8))?;
    unpack_bits(packed, &header, out);
    header.exceptions(bytes, out.len(), |place, above| {
        out[place] = out[place].wrapping_add(above << header.width)
    })
}

fn unpack_bits(packed: &[u8], &FrameHeader { min, width, .. }: &FrameHeader, out: &mut [u64]) {
    if width == 0 {
        return out.fill(min);
    }
    // Room after the last value, so that every value is one unaligned load.
    let mut padded = [0u8; FRAME * 8 + GROUP_WINDOW];
    padded[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (64 - width);
    if width > 56 {
        for (i, value) in out.iter_mut().enumerate() {
            let bit = i * width;
            let word = padded[bit / 8..]
                .first_chunk::<16>()
                .expect("padding follows the last value");
            *value = min.wrapping_add((u128::from_le_bytes(*word) >> (bit % 8)) as u64 & mask);
        }
        return;
    }
    // Eight values fill `width` bytes: within each such group bytes and shifts are the same.
    let offsets: [usize; GROUP] = std::array::from_fn(|i| i * width / 8);
    let shifts: [usize; GROUP] = std::array::from_fn(|i| i * width % 8);
    for (group, values) in out.chunks_mut(GROUP).enumerate() {
        let window = padded[group * width..]
            .first_chunk::<GROUP_WINDOW>()
            .expect("padding follows the last group");
        for ((value, offset), shift) in values.iter_mut().zip(offsets).zip(shifts) {
            // Offsets are below 50; the mask tells the compiler that no check is needed.
            let word = window[offset % 64..]
                .first_chunk::<8>()
                .expect("the window is longer");
            *value = min.wrapping_add(u64::from_le_bytes(*word) >> shift & mask);
        }
    }
}
