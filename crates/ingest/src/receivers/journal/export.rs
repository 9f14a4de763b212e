//! The journal's export format: fields of entries, entries ended by an empty line.
//!
//! ```text
//! NAME=value\n
//! NAME\n, u64 little-endian length, value, \n
//! \n
//! ```

/// Longest name of a field, in bytes: the journal's own bound.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// One field, or what is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A name with its value.
    Field(&'a [u8], &'a [u8]),
    /// A line that is no field.
    Faulty(&'a [u8]),
    /// The entry ends.
    End,
}

/// Whether it may be the name of a field.
pub(crate) fn is_name(name: &[u8]) -> bool {
    let is_of_name = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(is_of_name)
}

/// The next part of a body, which is left with the rest; `None` at its end, or where the body ends
/// within a part.
pub(crate) fn next<'a>(body: &mut &'a [u8]) -> Option<Part<'a>> {
    let end = memchr::memchr(b'\n', body)?;
    let (line, rest) = (&body[..end], &body[end + 1..]);
    if line.is_empty() {
        *body = rest;
        return Some(Part::End);
    }
    if let Some(at) = memchr::memchr(b'=', line) {
        *body = rest;
        return Some(match is_name(&line[..at]) {
            true => Part::Field(&line[..at], &line[at + 1..]),
            false => Part::Faulty(line),
        });
    }
    if !is_name(line) {
        *body = rest;
        return Some(Part::Faulty(line));
    }
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    *body = rest.strip_prefix(b"\n")?;
    Some(Part::Field(line, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_lines_or_have_a_length() {
        let mut body: &[u8] =
            b"A=b=c\nB\n\x03\0\0\0\0\0\0\0x\ny\n\nnot one\nC=\nD\n\x09\0\0\0\0\0\0\0x";
        let parts: Vec<Part<'_>> = std::iter::from_fn(|| next(&mut body)).collect();
        let expected = [
            Part::Field(b"A", b"b=c"),
            Part::Field(b"B", b"x\ny"),
            Part::End,
            Part::Faulty(b"not one"),
            Part::Field(b"C", b""),
        ];
        assert_eq!(parts, expected);
        assert!(body.starts_with(b"D\n"), "what is not whole stays");
    }
}
