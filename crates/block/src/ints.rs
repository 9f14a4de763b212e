//! Sequences of u64 as bytes: constant, bit-packed in frames of 128, or byte planes through zstd.
//!
//! The count is not stored: whoever reads a column knows its rows.

use crate::{BlockError, frames, varint};
use std::ops::Range;

/// Values that share one minimum and one width.
pub(crate) const FRAME: usize = 128;
/// zstd must save at least one part in this many over packing, which decodes several times faster.
const PLANES_GAIN: usize = 8;
/// Shorter packed sequences are left alone: a zstd frame has about 20 bytes of its own.
const PLANES_WORTH: usize = 256;

/// Values unpacked together.
const GROUP: usize = 8;
/// Bytes a group may be read from: 64 offsets and a word.
const GROUP_WINDOW: usize = 72;

const TAG_CONSTANT: u8 = 0;
const TAG_PACKED: u8 = 1;
const TAG_PLANES: u8 = 2;

/// Buffers of [`encode`].
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    packed: Vec<u8>,
    planes: Vec<u8>,
    frame: Vec<u8>,
}

/// Appends `values` in the form that is shortest.
pub(crate) fn encode(values: &[u64], scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<(), BlockError> {
    let first = values.first().copied().unwrap_or(0);
    let bits = values.iter().fold(0, |bits, v| bits | v);
    if bits == first && values.iter().all(|&v| v == first) {
        out.push(TAG_CONSTANT);
        varint::put(out, first);
        return Ok(());
    }
    scratch.packed.clear();
    for frame in values.chunks(FRAME) {
        pack(frame, &mut scratch.packed);
    }
    if scratch.packed.len() >= PLANES_WORTH {
        let width = (64 - bits.leading_zeros()).div_ceil(8) as usize;
        scratch.planes.clear();
        for plane in 0..width {
            scratch.planes.extend(values.iter().map(|v| (v >> (8 * plane)) as u8));
        }
        let mut planes = std::mem::take(&mut scratch.frame);
        planes.clear();
        frames::compress(&scratch.planes, 1, &mut planes)?;
        scratch.frame = planes;
        if scratch.frame.len() + scratch.packed.len() / PLANES_GAIN < scratch.packed.len() {
            out.push(TAG_PLANES);
            out.push(width as u8);
            varint::put_bytes(out, &scratch.frame);
            return Ok(());
        }
    }
    out.push(TAG_PACKED);
    out.extend_from_slice(&scratch.packed);
    Ok(())
}

/// Takes `count` values from the front of `bytes` and hands them to `sink`, at most [`FRAME`] at a time.
pub(crate) fn decode(bytes: &mut &[u8], count: usize, mut sink: impl FnMut(&[u64])) -> Result<(), BlockError> {
    decode_where(bytes, count, |_| true, |_, values| values.into_iter().for_each(&mut sink))
}

/// A sequence whose frames can be had one by one, in any order.
#[derive(Debug)]
pub(crate) enum Frames {
    /// The value of all.
    Constant(u64),
    /// Where each frame begins, and the bytes of all.
    Packed { bytes: Vec<u8>, starts: Vec<u32> },
    /// Inflated, one plane behind the other.
    Planes(Vec<u8>),
}

impl Frames {
    /// Reads the shape of `count` values at the front of `bytes`; of packed ones only the frames' heads.
    pub(crate) fn open(mut bytes: &[u8], count: usize) -> Result<Frames, BlockError> {
        match varint::take_u8(&mut bytes)? {
            TAG_CONSTANT => Ok(Frames::Constant(varint::take(&mut bytes)?)),
            TAG_PACKED => {
                let (all, mut starts) = (bytes, Vec::with_capacity(count.div_ceil(FRAME).min(bytes.len())));
                for_frames(count, |_, n| {
                    starts.push((all.len() - bytes.len()) as u32);
                    skip(&mut bytes, n)
                })?;
                Ok(Frames::Packed { bytes: all.to_vec(), starts })
            }
            TAG_PLANES => {
                let mut planes = Vec::new();
                take_planes(&mut bytes, count, &mut planes)?;
                Ok(Frames::Planes(planes))
            }
            tag => Err(unknown(tag)),
        }
    }

    /// Decodes frame `frame` of a sequence of `count` values; gives the values it has.
    pub(crate) fn get<'a>(&self, frame: usize, count: usize, out: &'a mut [u64; FRAME]) -> Result<&'a [u64], BlockError> {
        let start = frame * FRAME;
        let values = &mut out[..FRAME.min(count.saturating_sub(start))];
        match self {
            Frames::Constant(value) => values.fill(*value),
            Frames::Packed { bytes, starts } => {
                let at = starts.get(frame).ok_or_else(BlockError::cut_short)?;
                unpack(&mut &bytes[*at as usize..], values)?;
            }
            Frames::Planes(planes) => gather(planes, count, start, values),
        }
        Ok(values)
    }
}

/// As [`decode`], but of frames that `wants` refuses, told by the numbers they would hold, only how many these are: a
/// reader of a few values then unpacks what is around them.
pub(crate) fn decode_where(
    bytes: &mut &[u8],
    count: usize,
    mut wants: impl FnMut(Range<usize>) -> bool,
    mut sink: impl FnMut(usize, Option<&[u64]>),
) -> Result<(), BlockError> {
    let mut values = [0u64; FRAME];
    match varint::take_u8(bytes)? {
        TAG_CONSTANT => {
            values.fill(varint::take(bytes)?);
            for_frames(count, |_, n| {
                sink(n, Some(&values[..n]));
                Ok(())
            })
        }
        TAG_PACKED => for_frames(count, |start, n| {
            if wants(start..start + n) {
                unpack(bytes, &mut values[..n])?;
                sink(n, Some(&values[..n]));
            } else {
                skip(bytes, n)?;
                sink(n, None);
            }
            Ok(())
        }),
        TAG_PLANES => {
            let mut planes = Vec::new();
            take_planes(bytes, count, &mut planes)?;
            for_frames(count, |start, n| {
                let wanted = wants(start..start + n);
                if wanted {
                    gather(&planes, count, start, &mut values[..n]);
                }
                sink(n, wanted.then_some(&values[..n]));
                Ok(())
            })
        }
        tag => Err(unknown(tag)),
    }
}

/// Takes the byte planes of `count` values.
fn take_planes(bytes: &mut &[u8], count: usize, planes: &mut Vec<u8>) -> Result<(), BlockError> {
    let width = usize::from(varint::take_u8(bytes)?);
    check_width(width)?;
    frames::decompress(varint::take_bytes(bytes)?, count.saturating_mul(width), planes)
}

/// Passes over a packed frame of so many values.
fn skip(bytes: &mut &[u8], values: usize) -> Result<(), BlockError> {
    varint::take(bytes)?;
    let width = usize::from(varint::take_u8(bytes)?);
    varint::take_slice(bytes, (values * width).div_ceil(8)).map(drop)
}

/// Puts together the values from `start` on out of their planes.
fn gather(planes: &[u8], count: usize, start: usize, values: &mut [u64]) {
    values.fill(0);
    for (shift, plane) in planes.chunks_exact(count.max(1)).enumerate() {
        for (value, byte) in values.iter_mut().zip(plane.get(start..).unwrap_or_default()) {
            *value |= u64::from(*byte) << (8 * shift);
        }
    }
}

fn check_width(width: usize) -> Result<(), BlockError> {
    if (1..=8).contains(&width) { Ok(()) } else { Err(BlockError::Damaged(format!("integers are {width} bytes wide"))) }
}

fn unknown(tag: u8) -> BlockError {
    BlockError::Damaged(format!("integers have unknown encoding {tag}"))
}

/// Calls `each(start, length)` for every frame of `count` values.
fn for_frames(count: usize, mut each: impl FnMut(usize, usize) -> Result<(), BlockError>) -> Result<(), BlockError> {
    for start in (0..count).step_by(FRAME) {
        each(start, FRAME.min(count - start))?;
    }
    Ok(())
}

/// Appends one frame: minimum, width in bits, then each value less the minimum in that many bits.
fn pack(frame: &[u64], out: &mut Vec<u8>) {
    let min = frame.iter().copied().min().unwrap_or(0);
    let max = frame.iter().copied().max().unwrap_or(0);
    let width = 64 - (max - min).leading_zeros();
    varint::put(out, min);
    out.push(width as u8);
    let (mut pending, mut bits) = (0u128, 0u32);
    for &value in frame {
        pending |= u128::from(value - min) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    let tail = bits.div_ceil(8) as usize;
    out.extend_from_slice(&(pending as u64).to_le_bytes()[..tail]);
}

/// Takes one frame of `out.len()` values.
fn unpack(bytes: &mut &[u8], out: &mut [u64]) -> Result<(), BlockError> {
    let min = varint::take(bytes)?;
    let width = usize::from(varint::take_u8(bytes)?);
    if width > 64 {
        return Err(BlockError::Damaged(format!("a frame is {width} bits wide")));
    }
    let packed = varint::take_slice(bytes, (out.len() * width).div_ceil(8))?;
    if width == 0 {
        out.fill(min);
        return Ok(());
    }
    // Room behind the last value, so that every value is one unaligned load.
    let mut padded = [0u8; FRAME * 8 + GROUP_WINDOW];
    padded[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (64 - width);
    if width > 56 {
        for (i, value) in out.iter_mut().enumerate() {
            let bit = i * width;
            let word = padded[bit / 8..].first_chunk::<16>().expect("padding follows the last value");
            *value = min.wrapping_add((u128::from_le_bytes(*word) >> (bit % 8)) as u64 & mask);
        }
        return Ok(());
    }
    // Eight values fill `width` bytes: within each such group bytes and shifts are the same.
    let offsets: [usize; GROUP] = std::array::from_fn(|i| i * width / 8);
    let shifts: [usize; GROUP] = std::array::from_fn(|i| i * width % 8);
    for (group, values) in out.chunks_mut(GROUP).enumerate() {
        let window = padded[group * width..].first_chunk::<GROUP_WINDOW>().expect("padding follows the last group");
        for ((value, offset), shift) in values.iter_mut().zip(offsets).zip(shifts) {
            // Offsets are below 50; the mask tells the compiler that no check is needed.
            let word = window[offset % 64..].first_chunk::<8>().expect("the window is longer");
            *value = min.wrapping_add(u64::from_le_bytes(*word) >> shift & mask);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u64]) -> usize {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        encode(values, &mut Scratch::default(), &mut out).expect("memory is enough");
        let mut rest = &out[..];
        decode(&mut rest, values.len(), |v| back.extend_from_slice(v)).expect("was just written");
        assert_eq!(back, values);
        assert!(rest.is_empty());
        let (frames, mut buffer) = (Frames::open(&out, values.len()).expect("was just written"), [0; FRAME]);
        for (number, expected) in values.chunks(FRAME).enumerate().rev() {
            assert_eq!(frames.get(number, values.len(), &mut buffer).expect("was just written"), expected);
        }
        for wanted in [0..values.len(), 0..0, 100..140, values.len().saturating_sub(1)..values.len()] {
            let (mut rest, mut some) = (&out[..], Vec::new());
            let wants = |frame: Range<usize>| frame.start < wanted.end && wanted.start < frame.end;
            let sink = |n, values: Option<&[u64]>| match values {
                Some(values) => some.extend(values.iter().map(|value| Some(*value))),
                None => some.resize(some.len() + n, None),
            };
            decode_where(&mut rest, values.len(), wants, sink).expect("was just written");
            assert!(rest.is_empty() && some.len() == values.len());
            assert!(some.iter().zip(values).all(|(some, value)| some.is_none_or(|some| some == *value)));
            assert!(values.get(wanted.clone()).is_none() || some[wanted].iter().all(Option::is_some));
        }
        out.len()
    }

    #[test]
    fn values_of_every_width_come_back() {
        for width in 0..=64u32 {
            let top = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let values: Vec<u64> = (0..301u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & top).collect();
            check(&values);
        }
        check(&[]);
        check(&[u64::MAX, 0]);
    }

    #[test]
    fn what_repeats_is_small() {
        assert!(check(&[9; 100_000]) <= 2);
        assert!(check(&(0..10_000u64).map(|i| 1000 + i % 7).collect::<Vec<_>>()) < 500);
        assert!(check(&(0..12_800u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).collect::<Vec<_>>()) <= 13_500);
    }

    #[test]
    fn damaged_frames_are_refused() {
        assert!(decode(&mut &[TAG_PACKED, 0, 65][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[TAG_PACKED, 0, 8, 1, 2][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[TAG_PLANES, 9, 0][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[77][..], 10, |_| ()).is_err());
    }
}
