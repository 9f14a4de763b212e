//! Reader of the protobuf wire format, in place: tags, varints and length-prefixed bytes borrowed
//! from the buffer.
//!
//! Knows no message. Errors carry the words of Go's generated decoders, which clients have seen
//! from Loki.

use crate::rejection::BodyError;
use thiserror::Error;

/// Deepest nesting of groups that is skipped; groups are long deprecated and nobody sends them.
const GROUP_DEPTH_MAX: u32 = 32;

/// Why bytes are no protobuf message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    #[error("unexpected EOF")]
    Truncated,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    #[error("proto: {message}: illegal tag {field} (wire type {wire})")]
    Tag {
        message: &'static str,
        field: i32,
        wire: u8,
    },
    #[error("proto: wrong wireType = {wire} for field {field}")]
    FieldType { field: &'static str, wire: u8 },
    #[error("proto: unexpected end of group")]
    EndGroup,
}

impl From<WireError> for BodyError {
    fn from(error: WireError) -> BodyError {
        BodyError::Malformed(error.to_string())
    }
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number or a group: read past, never used by the messages here.
    Skipped(u8),
}

impl<'a> Value<'a> {
    /// The bytes of a string, bytes or message field.
    pub(crate) fn bytes(self, field: &'static str) -> Result<&'a [u8], WireError> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(WireError::FieldType {
                field,
                wire: other.wire(),
            }),
        }
    }

    /// The number of a varint field.
    pub(crate) fn varint(self, field: &'static str) -> Result<u64, WireError> {
        match self {
            Value::Varint(number) => Ok(number),
            other => Err(WireError::FieldType {
                field,
                wire: other.wire(),
            }),
        }
    }

    fn wire(self) -> u8 {
        match self {
            Value::Varint(_) => 0,
            Value::Bytes(_) => 2,
            Value::Skipped(wire) => wire,
        }
    }
}

/// Reads the fields of one message in order.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    message: &'static str,
}

impl<'a> Reader<'a> {
    /// Over the bytes of a `message`, whose name stands in errors.
    pub(crate) fn new(bytes: &'a [u8], message: &'static str) -> Reader<'a> {
        Reader {
            rest: bytes,
            message,
        }
    }

    /// The next field's number and value; `None` at the end.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<(i32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let (field, wire) = ((tag >> 3) as i32, (tag & 7) as u8);
        if wire == 4 {
            return Err(WireError::EndGroup);
        }
        if field <= 0 {
            return Err(WireError::Tag {
                message: self.message,
                field,
                wire,
            });
        }
        Ok(Some((field, self.value(wire, 0)?)))
    }

    #[inline]
    fn value(&mut self, wire: u8, depth: u32) -> Result<Value<'a>, WireError> {
        match wire {
            0 => Ok(Value::Varint(self.varint()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError::Overflow)?;
                Ok(Value::Bytes(self.take(len)?))
            }
            1 => self.take(8).map(|_| Value::Skipped(wire)),
            5 => self.take(4).map(|_| Value::Skipped(wire)),
            3 if depth < GROUP_DEPTH_MAX => self.skip_group(depth).map(|()| Value::Skipped(wire)),
            _ => Err(WireError::WireType(wire)),
        }
    }

    fn skip_group(&mut self, depth: u32) -> Result<(), WireError> {
        loop {
            let tag = self.varint()?;
            match (tag & 7) as u8 {
                4 => return Ok(()),
                wire => self.value(wire, depth + 1)?,
            };
        }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0u64;
        for (i, &byte) in self.rest.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                if i == 9 && byte > 1 {
                    return Err(WireError::Overflow);
                }
                self.rest = &self.rest[i + 1..];
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 {
            WireError::Truncated
        } else {
            WireError::Overflow
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], want: &str) {
        let mut reader = Reader::new(bytes, "M");
        let mut out = String::new();
        loop {
            match reader.field() {
                Ok(Some((field, value))) => out += &format!("{field}={value:?} "),
                Ok(None) => break,
                Err(error) => {
                    out += &format!("error: {error}");
                    break;
                }
            }
        }
        assert_eq!(out.trim_end(), want);
    }

    #[test]
    fn fields_are_read_in_order_and_groups_are_skipped() {
        check(
            &[8, 0x96, 1, 18, 2, b'h', b'i'],
            "1=Varint(150) 2=Bytes([104, 105])",
        );
        check(&[0x1b, 0x08, 1, 0x1c, 8, 2], "3=Skipped(3) 1=Varint(2)");
        check(
            &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 0, 0],
            "1=Skipped(1) 2=Skipped(5)",
        );
    }

    #[test]
    fn broken_bytes_are_reported_in_gos_words() {
        check(
            &[0xff, 0xff, 0xff, 0x20],
            "error: proto: illegal wireType 7",
        );
        check(&[18, 5, b'h'], "error: unexpected EOF");
        check(&[0x80], "error: unexpected EOF");
        check(&[0xff; 11], "error: proto: integer overflow");
        check(&[0x02, 0], "error: proto: M: illegal tag 0 (wire type 2)");
        check(&[0x0c], "error: proto: unexpected end of group");
    }

    #[test]
    fn deep_groups_end_in_an_error_not_in_a_deep_stack() {
        check(&[0x1b; 100_000], "error: proto: illegal wireType 3");
    }
}
