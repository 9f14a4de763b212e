//! Sequences of u64 as bytes: constant, bit-packed in frames of 128, runs of equal ones, or byte planes through zstd.
//!
//! The count is not stored: whoever reads a column knows its rows.

use crate::BlockError;
use crate::codecs::{varint, zstd_frames};
use std::ops::Range;

/// Values that share one minimum and one width.
pub(crate) const FRAME: usize = 128;
/// zstd must save at least one part in this many over packing, which decodes several times faster.
const PLANES_GAIN: usize = 8;
/// And so many bytes: what is short is read often, a run's times most of all.
const PLANES_WORTH: usize = 256;

/// Values unpacked together.
const GROUP: usize = 8;
/// Bytes a group may be read from: 64 offsets and a word.
const GROUP_WINDOW: usize = 72;

const TAG_CONSTANT: u8 = 0;
const TAG_PACKED: u8 = 1;
const TAG_PLANES: u8 = 2;
const TAG_RUNS: u8 = 3;

/// Set in the width of a packed frame when exceptions follow.
const HAS_EXCEPTIONS: u8 = 0x80;

/// Buffers of [`encode`].
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    packed: Vec<u8>,
    runs: Vec<u8>,
    planes: Vec<u8>,
    frame: Vec<u8>,
}

/// Appends `values` in the form that is shortest.
pub(crate) fn encode(
    values: &[u64],
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
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
    let (tag, short) = match put_runs(values, scratch.packed.len(), &mut scratch.runs) {
        true => (TAG_RUNS, &scratch.runs),
        false => (TAG_PACKED, &scratch.packed),
    };
    if short.len() >= PLANES_WORTH {
        let width = (64 - bits.leading_zeros()).div_ceil(8) as usize;
        scratch.planes.clear();
        for plane in 0..width {
            scratch
                .planes
                .extend(values.iter().map(|v| (v >> (8 * plane)) as u8));
        }
        let mut planes = std::mem::take(&mut scratch.frame);
        planes.clear();
        zstd_frames::compress(&scratch.planes, 1, &mut planes)?;
        scratch.frame = planes;
        if scratch.frame.len() + PLANES_WORTH.max(short.len() / PLANES_GAIN) < short.len() {
            out.push(TAG_PLANES);
            out.push(width as u8);
            varint::put_bytes(out, &scratch.frame);
            return Ok(());
        }
    }
    out.push(tag);
    out.extend_from_slice(short);
    Ok(())
}

/// Writes runs of equal values, how many and then the length and value of each; false when that is not shorter than
/// `len` bytes.
fn put_runs(values: &[u64], len: usize, out: &mut Vec<u8>) -> bool {
    let runs = values.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1;
    // A run takes two bytes at least.
    if 2 * runs >= len {
        return false;
    }
    out.clear();
    varint::put(out, runs as u64);
    for run in values.chunk_by(|a, b| a == b) {
        varint::put(out, run.len() as u64);
        varint::put(out, run[0]);
    }
    out.len() < len
}

/// Takes what [`put_runs`] wrote of `count` values: where each run ends, and its value.
fn take_runs(bytes: &mut &[u8], count: usize) -> Result<Vec<(usize, u64)>, BlockError> {
    let runs = varint::take_at_most(bytes, count as u64, "the number of runs")? as usize;
    let mut all = Vec::with_capacity(runs.min(bytes.len() / 2));
    let mut end = 0;
    for _ in 0..runs {
        end += varint::take_at_most(bytes, (count - end) as u64, "the length of a run")? as usize;
        all.push((end, varint::take(bytes)?));
    }
    if end == count {
        Ok(all)
    } else {
        Err(BlockError::damaged("runs are fewer than values"))
    }
}

/// Fills in the values from `start` on.
fn fill_from_runs(runs: &[(usize, u64)], start: usize, values: &mut [u64]) {
    let mut filled = 0;
    for (end, value) in &runs[runs.partition_point(|(end, _)| *end <= start)..] {
        let to = (end - start).min(values.len());
        values[filled..to].fill(*value);
        filled = to;
        if filled == values.len() {
            return;
        }
    }
}

/// Takes `count` values from the front of `bytes` and hands them to `sink`, at most [`FRAME`] at a time.
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

/// A sequence whose frames can be had one by one, in any order.
#[derive(Debug)]
pub(crate) enum Frames {
    /// The value of all.
    Constant(u64),
    /// Where each frame begins, and the bytes of all.
    Packed { bytes: Vec<u8>, starts: Vec<u32> },
    /// Where each run of equal values ends, and its value.
    Runs(Vec<(usize, u64)>),
    /// Inflated, one plane behind the other.
    Planes(Vec<u8>),
}

impl Frames {
    /// Reads the shape of `count` values at the front of `bytes`; of packed ones only the frames' heads.
    pub(crate) fn open(mut bytes: &[u8], count: usize) -> Result<Frames, BlockError> {
        match varint::take_u8(&mut bytes)? {
            TAG_CONSTANT => Ok(Frames::Constant(varint::take(&mut bytes)?)),
            TAG_PACKED => {
                let (all, mut starts) = (
                    bytes,
                    Vec::with_capacity(count.div_ceil(FRAME).min(bytes.len())),
                );
                for_frames(count, |_, n| {
                    starts.push((all.len() - bytes.len()) as u32);
                    skip(&mut bytes, n)
                })?;
                Ok(Frames::Packed {
                    bytes: all.to_vec(),
                    starts,
                })
            }
            TAG_RUNS => Ok(Frames::Runs(take_runs(&mut bytes, count)?)),
            TAG_PLANES => {
                let mut planes = Vec::new();
                take_planes(&mut bytes, count, &mut planes)?;
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
                let at = starts.get(frame).ok_or_else(BlockError::cut_short)?;
                unpack(&mut &bytes[*at as usize..], values)?;
            }
            Frames::Runs(runs) => fill_from_runs(runs, start, values),
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
        TAG_RUNS => {
            let runs = take_runs(bytes, count)?;
            for_frames(count, |start, n| {
                fill_from_runs(&runs, start, &mut values[..n]);
                sink(n, Some(&values[..n]));
                Ok(())
            })
        }
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
    zstd_frames::decompress(
        varint::take_bytes(bytes)?,
        count.saturating_mul(width),
        planes,
    )
}

/// Passes over a packed frame of so many values.
fn skip(bytes: &mut &[u8], values: usize) -> Result<(), BlockError> {
    let head = FrameHead::take(bytes)?;
    varint::take_slice(bytes, (values * head.width).div_ceil(8))?;
    head.exceptions(bytes, values, |_, _| ())
}

/// What stands before the values of a packed frame.
struct FrameHead {
    min: u64,
    width: usize,
    has_exceptions: bool,
}

impl FrameHead {
    fn take(bytes: &mut &[u8]) -> Result<FrameHead, BlockError> {
        let (min, tag) = (varint::take(bytes)?, varint::take_u8(bytes)?);
        let head = FrameHead {
            min,
            width: usize::from(tag & !HAS_EXCEPTIONS),
            has_exceptions: tag & HAS_EXCEPTIONS != 0,
        };
        if head.width > 64 || head.has_exceptions && head.width == 64 {
            return Err(BlockError::Damaged(format!(
                "a frame is {} bits wide",
                head.width
            )));
        }
        Ok(head)
    }

    /// Takes the exceptions behind `count` values: the place of each, and what stands above the width.
    fn exceptions(
        &self,
        bytes: &mut &[u8],
        count: usize,
        mut each: impl FnMut(usize, u64),
    ) -> Result<(), BlockError> {
        if !self.has_exceptions {
            return Ok(());
        }
        for _ in 0..varint::take_u8(bytes)? {
            let (place, above) = (usize::from(varint::take_u8(bytes)?), varint::take(bytes)?);
            if place >= count {
                return Err(BlockError::damaged(
                    "a frame has an exception behind its values",
                ));
            }
            each(place, above);
        }
        Ok(())
    }
}

/// Puts together the values from `start` on out of their planes.
fn gather(planes: &[u8], count: usize, start: usize, values: &mut [u64]) {
    values.fill(0);
    for (shift, plane) in planes.chunks_exact(count.max(1)).enumerate() {
        for (value, byte) in values
            .iter_mut()
            .zip(plane.get(start..).unwrap_or_default())
        {
            *value |= u64::from(*byte) << (8 * shift);
        }
    }
}

fn check_width(width: usize) -> Result<(), BlockError> {
    if (1..=8).contains(&width) {
        Ok(())
    } else {
        Err(BlockError::Damaged(format!(
            "integers are {width} bytes wide"
        )))
    }
}

fn unknown(tag: u8) -> BlockError {
    BlockError::Damaged(format!("integers have unknown encoding {tag}"))
}

/// Calls `each(start, length)` for every frame of `count` values.
fn for_frames(
    count: usize,
    mut each: impl FnMut(usize, usize) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    for start in (0..count).step_by(FRAME) {
        each(start, FRAME.min(count - start))?;
    }
    Ok(())
}

/// Appends one frame: minimum, width in bits, then each value less the minimum in that many bits; then what exceptions
/// have above these.
fn pack(frame: &[u64], out: &mut Vec<u8>) {
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
fn best_width(frame: &[u64], min: u64) -> u32 {
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

/// Takes one frame of `out.len()` values.
fn unpack(bytes: &mut &[u8], out: &mut [u64]) -> Result<(), BlockError> {
    let head = FrameHead::take(bytes)?;
    let packed = varint::take_slice(bytes, (out.len() * head.width).div_ceil(8))?;
    unpack_bits(packed, &head, out);
    head.exceptions(bytes, out.len(), |place, above| {
        out[place] = out[place].wrapping_add(above << head.width)
    })
}

fn unpack_bits(packed: &[u8], &FrameHead { min, width, .. }: &FrameHead, out: &mut [u64]) {
    if width == 0 {
        return out.fill(min);
    }
    // Room behind the last value, so that every value is one unaligned load.
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
        let (frames, mut buffer) = (
            Frames::open(&out, values.len()).expect("was just written"),
            [0; FRAME],
        );
        for (number, expected) in values.chunks(FRAME).enumerate().rev() {
            assert_eq!(
                frames
                    .get(number, values.len(), &mut buffer)
                    .expect("was just written"),
                expected
            );
        }
        for wanted in [
            0..values.len(),
            0..0,
            100..140,
            values.len().saturating_sub(1)..values.len(),
        ] {
            let (mut rest, mut some) = (&out[..], Vec::new());
            let wants = |frame: Range<usize>| frame.start < wanted.end && wanted.start < frame.end;
            let sink = |n, values: Option<&[u64]>| match values {
                Some(values) => some.extend(values.iter().map(|value| Some(*value))),
                None => some.resize(some.len() + n, None),
            };
            decode_where(&mut rest, values.len(), wants, sink).expect("was just written");
            assert!(rest.is_empty() && some.len() == values.len());
            assert!(
                some.iter()
                    .zip(values)
                    .all(|(some, value)| some.is_none_or(|some| some == *value))
            );
            assert!(
                values.get(wanted.clone()).is_none() || some[wanted].iter().all(Option::is_some)
            );
        }
        out.len()
    }

    #[test]
    fn values_of_every_width_come_back() {
        for width in 0..=64u32 {
            let top = if width == 0 {
                0
            } else {
                u64::MAX >> (64 - width)
            };
            let values: Vec<u64> = (0..301u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & top)
                .collect();
            check(&values);
        }
        check(&[]);
        check(&[u64::MAX, 0]);
    }

    #[test]
    fn what_repeats_is_small() {
        assert!(check(&[9; 100_000]) <= 2);
        assert!(check(&(0..10_000u64).map(|i| 1000 + i % 7).collect::<Vec<_>>()) < 500);
        assert!(
            check(
                &(0..12_800u64)
                    .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56)
                    .collect::<Vec<_>>()
            ) <= 13_500
        );
    }

    #[test]
    fn few_large_values_are_exceptions() {
        let mut values = vec![143_008_474; 1000];
        for (place, value) in [
            (0, 7),
            (17, u64::MAX),
            (500, 759_805_485_060),
            (501, 143_008_475),
            (999, 0),
        ] {
            values[place] = value;
        }
        assert!(check(&values) < 150);
        let mix = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        check(
            &(0..1000)
                .map(|i| mix(i) >> (mix(i * 7) % 64))
                .collect::<Vec<_>>(),
        );
        assert_eq!(best_width(&[5; 9], 5), 0);
        assert_eq!(best_width(&[u64::MAX, 1 << 60, 1 << 63], 0), 64);
    }

    #[test]
    fn runs_of_equal_values_are_two_numbers_each() {
        let runs = [
            (300, 143_008_474),
            (1, 759_805_485_060),
            (128, 9),
            (129, 7),
            (700, 134_784_345),
            (5, u64::MAX),
            (1, 0),
        ];
        let values: Vec<u64> = runs
            .iter()
            .flat_map(|(length, value)| std::iter::repeat_n(*value, *length))
            .collect();
        assert!(check(&values) < 60);
        let refused = |bytes: &[u8]| assert!(decode(&mut &bytes[..], 10, |_| ()).is_err());
        refused(&[TAG_RUNS, 2, 5, 1, 4, 2]);
        refused(&[TAG_RUNS, 2, 5, 1, 6, 2]);
        refused(&[TAG_RUNS, 11, 5, 1]);
        refused(&[TAG_RUNS, 2, 5, 1]);
    }

    #[test]
    fn damaged_exceptions_are_refused() {
        let head = [TAG_PACKED, 5, HAS_EXCEPTIONS];
        let with = |rest: &[u8]| decode(&mut &[&head, rest].concat()[..], 10, |_| ());
        assert!(with(&[1, 9, 1]).is_ok());
        assert!(with(&[1, 10, 1]).is_err());
        assert!(with(&[2, 9, 1]).is_err());
        assert!(with(&[]).is_err());
        assert!(
            decode(
                &mut &[TAG_PACKED, 5, HAS_EXCEPTIONS | 64, 0, 0][..],
                1,
                |_| ()
            )
            .is_err()
        );
    }

    #[test]
    fn damaged_frames_are_refused() {
        assert!(decode(&mut &[TAG_PACKED, 0, 65][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[TAG_PACKED, 0, 8, 1, 2][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[TAG_PLANES, 9, 0][..], 10, |_| ()).is_err());
        assert!(decode(&mut &[77][..], 10, |_| ()).is_err());
    }
}
