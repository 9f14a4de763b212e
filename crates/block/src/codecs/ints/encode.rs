//! Writes a sequence in the form that is shortest.

use super::form::{FRAME, TAG_CONSTANT, TAG_PACKED, TAG_PLANES, TAG_RUNS};
use super::{packed, planes, runs};
use crate::codecs::varint;
use crate::error::BlockError;

/// zstd must save at least one part in this many over packing, which decodes several times faster.
const PLANES_GAIN: usize = 8;
/// And at least this many bytes: what is short is read often, a run's times most of all.
const PLANES_WORTH: usize = 256;

/// Buffers that [`encode`] reuses.
#[derive(Debug, Default)]
pub(crate) struct IntBuffers {
    packed: Vec<u8>,
    runs: Vec<u8>,
    planes: Vec<u8>,
    frame: Vec<u8>,
}

/// Appends `values` in the form that is shortest.
pub(crate) fn encode(
    values: &[u64],
    buffers: &mut IntBuffers,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let first = values.first().copied().unwrap_or(0);
    let bits = values.iter().fold(0, |bits, v| bits | v);
    if bits == first && values.iter().all(|&v| v == first) {
        out.push(TAG_CONSTANT);
        varint::put(out, first);
        return Ok(());
    }
    buffers.packed.clear();
    for frame in values.chunks(FRAME) {
        packed::pack(frame, &mut buffers.packed);
    }
    let (tag, short) = match runs::put(values, buffers.packed.len(), &mut buffers.runs) {
        true => (TAG_RUNS, &buffers.runs),
        false => (TAG_PACKED, &buffers.packed),
    };
    if short.len() >= PLANES_WORTH {
        let width = (64 - bits.leading_zeros()).div_ceil(8) as usize;
        planes::compress(values, width, &mut buffers.planes, &mut buffers.frame)?;
        if buffers.frame.len() + PLANES_WORTH.max(short.len() / PLANES_GAIN) < short.len() {
            out.push(TAG_PLANES);
            out.push(width as u8);
            varint::put_bytes(out, &buffers.frame);
            return Ok(());
        }
    }
    out.push(tag);
    out.extend_from_slice(short);
    Ok(())
}
