//! zstd frames, written and read with one context a thread.
//!
//! A frame is stored with its raw length, which bounds the allocation before anything is inflated.

use crate::codecs::varint;
use crate::error::BlockError;
use crate::limits::BLOCK_BYTES_MAX;
use std::cell::RefCell;
use std::io::Cursor;
use zstd::bulk::{Compressor, Decompressor};

/// Level of lines, values and numbers. docs/decisions/0002-block-encodings.md has the figures.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends `raw` as one zstd frame.
pub(crate) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), BlockError> {
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(Compressor::new(LEVEL)?),
        };
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
        let written = compressor.compress_to_buffer(raw, &mut out[start..])?;
        out.truncate(start + written);
        Ok(())
    })
}

/// Inflates a frame that must give exactly `raw_len` bytes, appending them to `out`.
pub(crate) fn decompress(
    frame: &[u8],
    raw_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    if raw_len > BLOCK_BYTES_MAX {
        return Err(BlockError::Damaged(format!(
            "a frame claims {raw_len} bytes, at most {BLOCK_BYTES_MAX} can be"
        )));
    }
    // A frame says its content's size: one that disagrees is refused before memory is taken for it.
    match zstd::zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) if size == raw_len as u64 => {}
        _ => {
            return Err(BlockError::damaged(
                "a zstd frame's size is not what the column says",
            ));
        }
    }
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new()?),
        };
        out.reserve(raw_len);
        // A cursor writes after what is there, into memory that nobody had to clear.
        let start = out.len() as u64;
        let mut end = Cursor::new(out);
        end.set_position(start);
        let written = decompressor
            .decompress_to_buffer(frame, &mut end)
            .map_err(|e| BlockError::Damaged(format!("inflating a zstd frame: {e}")))?;
        if written != raw_len {
            return Err(BlockError::Damaged(format!(
                "a zstd frame gave {written} bytes of {raw_len}"
            )));
        }
        Ok(())
    })
}

/// Appends `raw` preceded by its length and the stored length: as a zstd frame, or as it is when
/// compressing does not shorten it (equal lengths tell).
pub(crate) fn put(raw: &[u8], buffer: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), BlockError> {
    buffer.clear();
    compress(raw, buffer)?;
    varint::put(out, raw.len() as u64);
    varint::put_bytes(
        out,
        if buffer.len() < raw.len() {
            buffer
        } else {
            raw
        },
    );
    Ok(())
}

/// Skips what [`put`] wrote.
pub(crate) fn skip(bytes: &mut &[u8]) -> Result<(), BlockError> {
    varint::get(bytes)?;
    varint::get_bytes(bytes).map(drop)
}

/// Reads what [`put`] wrote and appends the raw bytes to `out`; gives how many.
pub(crate) fn get(bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<usize, BlockError> {
    let raw_len =
        varint::get_at_most(bytes, BLOCK_BYTES_MAX as u64, "the length of a frame")? as usize;
    let stored = varint::get_bytes(bytes)?;
    if stored.len() == raw_len {
        out.extend_from_slice(stored);
    } else {
        decompress(stored, raw_len, out)?;
    }
    Ok(raw_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_come_back() {
        for raw in [&b""[..], b"x", &[7u8; 100_000]] {
            let (mut out, mut back) = (Vec::new(), Vec::new());
            put(raw, &mut Vec::new(), &mut out).expect("memory is enough");
            assert!(out.len() < 200);
            get(&mut &out[..], &mut back).expect("was just written");
            assert_eq!(back, raw);
        }
    }

    #[test]
    fn a_frame_of_another_size_is_refused() {
        let mut frame = Vec::new();
        compress(&[1; 1000], &mut frame).expect("memory is enough");
        assert!(decompress(&frame, 999, &mut Vec::new()).is_err());
        assert!(decompress(&frame, usize::MAX, &mut Vec::new()).is_err());
        assert!(decompress(b"no frame", 1000, &mut Vec::new()).is_err());
    }
}
