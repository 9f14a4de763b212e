//! Varints: integers of one to ten bytes, seven bits a byte, lowest first; and the reads that all
//! decoders share.
//!
//! `get` functions read from the front of a slice and advance it. The store, the patterns and the
//! push decoder have varints of their own: none of them should depend on the block format, and each
//! has its own errors.

use crate::error::BlockError;

/// Longest varint: ten bytes carry 64 bits.
const VARINT_BYTES_MAX: u32 = 10;

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads one integer.
pub(crate) fn get(bytes: &mut &[u8]) -> Result<u64, BlockError> {
    let mut value = 0u64;
    for i in 0..VARINT_BYTES_MAX {
        let byte = get_u8(bytes)?;
        value |= u64::from(byte & 0x7f).checked_shl(7 * i).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(BlockError::damaged("a varint is longer than ten bytes"))
}

/// Reads one integer that must not exceed `most`; `what` names it in the error.
pub(crate) fn get_at_most(bytes: &mut &[u8], most: u64, what: &str) -> Result<u64, BlockError> {
    let value = get(bytes)?;
    if value > most {
        return Err(BlockError::Damaged(format!(
            "{what} is {value}, at most {most} can be"
        )));
    }
    Ok(value)
}

/// Reads one byte.
pub(crate) fn get_u8(bytes: &mut &[u8]) -> Result<u8, BlockError> {
    let (&first, rest) = bytes.split_first().ok_or_else(BlockError::truncated)?;
    *bytes = rest;
    Ok(first)
}

/// Reads `len` bytes.
pub(crate) fn get_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], BlockError> {
    if len > bytes.len() {
        return Err(BlockError::truncated());
    }
    let (head, rest) = bytes.split_at(len);
    *bytes = rest;
    Ok(head)
}

/// Reads a length and as many bytes, as [`put_bytes`] wrote them.
pub(crate) fn get_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], BlockError> {
    let len = get(bytes)?;
    get_slice(bytes, usize::try_from(len).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            let mut rest = &out[..];
            assert_eq!(get(&mut rest).expect("was just written"), value);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn endless_and_truncated_integers_are_refused() {
        assert!(get(&mut &[0xff; 11][..]).is_err());
        assert!(get(&mut &[0x80][..]).is_err());
        assert!(get_bytes(&mut &[200, 1, 2][..]).is_err());
    }
}
