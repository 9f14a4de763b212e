//! Integers of one to ten bytes, seven bits a byte, lowest first; and the reader every decoder shares.

use crate::BlockError;

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

/// Takes one integer from the front.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<u64, BlockError> {
    let mut value = 0u64;
    for i in 0..VARINT_BYTES_MAX {
        let byte = take_u8(bytes)?;
        value |= u64::from(byte & 0x7f).checked_shl(7 * i).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(BlockError::damaged("a varint is longer than ten bytes"))
}

/// Takes one integer that must not exceed `most`; `what` names it in the error.
pub(crate) fn take_at_most(bytes: &mut &[u8], most: u64, what: &str) -> Result<u64, BlockError> {
    let value = take(bytes)?;
    if value > most {
        return Err(BlockError::Damaged(format!(
            "{what} is {value}, at most {most} can be"
        )));
    }
    Ok(value)
}

/// Takes one byte.
pub(crate) fn take_u8(bytes: &mut &[u8]) -> Result<u8, BlockError> {
    let (&first, rest) = bytes.split_first().ok_or_else(BlockError::cut_short)?;
    *bytes = rest;
    Ok(first)
}

/// Takes `len` bytes.
pub(crate) fn take_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], BlockError> {
    if len > bytes.len() {
        return Err(BlockError::cut_short());
    }
    let (head, rest) = bytes.split_at(len);
    *bytes = rest;
    Ok(head)
}

/// Takes what [`put_bytes`] put.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], BlockError> {
    let len = take(bytes)?;
    take_slice(bytes, usize::try_from(len).unwrap_or(usize::MAX))
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
            assert_eq!(take(&mut rest).expect("was just written"), value);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn endless_and_cut_integers_are_refused() {
        assert!(take(&mut &[0xff; 11][..]).is_err());
        assert!(take(&mut &[0x80][..]).is_err());
        assert!(take_bytes(&mut &[200, 1, 2][..]).is_err());
    }
}
