//! Codec: varints and length-prefixed bytes, as WAL records and part directories hold them.

/// Appends a number in groups of seven bits, lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`put_varint`] appends.
pub(crate) fn varint_len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Takes a number from the front of `bytes`; `None` when it is cut short or longer than 64 bits.
pub(crate) fn get_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Appends bytes after their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes bytes that follow their length; `None` when fewer are there.
pub(crate) fn get_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(get_varint(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_come_back_and_truncated_ones_do_not() {
        let numbers = [0, 1, 0x7f, 0x80, 1 << 35, u64::MAX];
        let mut out = Vec::new();
        for number in numbers {
            let before = out.len();
            put_varint(&mut out, number);
            assert_eq!(out.len() - before, varint_len(number));
        }
        put_bytes(&mut out, b"text");
        let mut bytes = &out[..];
        for number in numbers {
            assert_eq!(get_varint(&mut bytes), Some(number));
        }
        assert_eq!(get_bytes(&mut &bytes[..bytes.len() - 1]), None);
        assert_eq!(get_bytes(&mut bytes), Some(&b"text"[..]));
        assert_eq!(get_varint(&mut bytes), None);
        assert_eq!(get_varint(&mut &[0xff; 11][..]), None);
    }
}
