//! Byte planes: the lowest byte of every value, then the next of every value, and so on, through
//! zstd.

use crate::codecs::{varint, zstd_frames};
use crate::error::BlockError;

/// Compresses the lowest `width` bytes of all values into `frame`; `planes` is a buffer.
pub(super) fn compress(
    values: &[u64],
    width: usize,
    planes: &mut Vec<u8>,
    frame: &mut Vec<u8>,
) -> Result<(), BlockError> {
    planes.clear();
    for plane in 0..width {
        planes.extend(values.iter().map(|v| (v >> (8 * plane)) as u8));
    }
    frame.clear();
    zstd_frames::compress(planes, frame)
}

/// Inflates the byte planes of `count` values.
pub(super) fn get(bytes: &mut &[u8], count: usize, planes: &mut Vec<u8>) -> Result<(), BlockError> {
    let width = usize::from(varint::get_u8(bytes)?);
    check_width(width)?;
    zstd_frames::decompress(
        varint::get_bytes(bytes)?,
        count.saturating_mul(width),
        planes,
    )
}

/// Gathers the bytes of the values from `start` on from their planes.
pub(super) fn gather(planes: &[u8], count: usize, start: usize, values: &mut [u64]) {
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
