//! Texts of one shape with hex digits in it: trace ids, UUIDs.
//!
//! The bytes that all texts share are stored once, the digits that vary two a byte.

use crate::codecs::texts::{Texts, Wanted, wants};
use crate::codecs::varint;
use crate::error::BlockError;
use crate::limits::BLOCK_BYTES_MAX;

/// Longest value with a shape: room for two UUIDs.
const BYTES_MAX: usize = 80;
/// A value needs this many hex digits that vary, or plain bytes are as good.
const DIGITS_MIN: usize = 8;

/// Each byte that all values share, or `None` where they have lower-case hex digits.
pub(crate) fn find(texts: Texts<'_>) -> Option<Vec<Option<u8>>> {
    let first = texts.iter().next()?;
    if first.len() > BYTES_MAX || texts.ends.len() < 2 {
        return None;
    }
    let mut shape: Vec<Option<u8>> = first.iter().map(|b| Some(*b)).collect();
    for text in texts.iter() {
        if text.len() != shape.len() {
            return None;
        }
        for (position, byte) in shape.iter_mut().zip(text) {
            let both_hex = position.is_none_or(|b| nibble(b).is_some()) && nibble(*byte).is_some();
            match *position {
                Some(b) if b == *byte => {}
                _ if both_hex => *position = None,
                _ => return None,
            }
        }
    }
    // On disk a zero stands for a digit, so a shared zero can't be written.
    let digits = shape.iter().filter(|p| p.is_none()).count();
    (digits >= DIGITS_MIN && !shape.contains(&Some(0))).then_some(shape)
}

pub(crate) fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Appends the length, the shared bytes (zero where digits vary), then the digits of all values,
/// two a byte.
pub(crate) fn put(shape: &[Option<u8>], texts: Texts<'_>, out: &mut Vec<u8>) {
    out.push(shape.len() as u8);
    out.extend(shape.iter().map(|p| p.unwrap_or(0)));
    let mut pending = None;
    for text in texts.iter() {
        for (position, byte) in shape.iter().zip(text) {
            if position.is_some() {
                continue;
            }
            let digit = nibble(*byte).expect("the shape has digits here");
            match pending.take() {
                None => pending = Some(digit),
                Some(low) => out.push(low | (digit << 4)),
            }
        }
    }
    out.extend(pending);
}

/// The two digits of each byte, the low half first.
const HEX_PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte & 15], digits[byte >> 4]];
        byte += 1;
    }
    pairs
};

/// Reads `count` texts and appends those that are wanted.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let len = usize::from(varint::get_u8(bytes)?);
    let shape = varint::get_slice(bytes, len)?;
    let digits = shape.iter().filter(|b| **b == 0).count();
    if count.saturating_mul(len) > BLOCK_BYTES_MAX {
        return Err(BlockError::damaged(
            "shaped values are more than a block can hold",
        ));
    }
    let packed = varint::get_slice(bytes, (digits * count).div_ceil(2))?;
    if wanted.is_some() {
        for number in 0..count {
            if wants(wanted, number) {
                let mut digit = number * digits;
                values.extend(shape.iter().map(|&byte| match byte {
                    0 => {
                        let pair = HEX_PAIRS[usize::from(packed[digit / 2])];
                        digit += 1;
                        pair[(digit - 1) % 2]
                    }
                    byte => byte,
                }));
            }
            ends.push(values.len() as u32);
        }
        return Ok(());
    }
    // All digits first, a byte of two at a time, then the pieces of each value between what all
    // share.
    let mut all = vec![0; packed.len() * 2];
    for (pair, byte) in all.chunks_exact_mut(2).zip(packed) {
        pair.copy_from_slice(&HEX_PAIRS[usize::from(*byte)]);
    }
    let pieces: Vec<&[u8]> = shape.chunk_by(|a, b| (*a == 0) == (*b == 0)).collect();
    values.reserve(count * len);
    let mut all = &all[..];
    for _ in 0..count {
        for piece in &pieces {
            if piece[0] == 0 {
                let (digits, rest) = all
                    .split_at_checked(piece.len())
                    .ok_or_else(BlockError::truncated)?;
                values.extend_from_slice(digits);
                all = rest;
            } else {
                values.extend_from_slice(piece);
            }
        }
        ends.push(values.len() as u32);
    }
    Ok(())
}
