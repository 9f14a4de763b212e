//! A stream of entries that is taken piece by piece, in bounded memory.
//!
//! What comes is gathered until an entry is whole. Values that are longer than any line may be (core
//! dumps) are truncated, and the entry says so: a sender of the journal can't be refused one entry,
//! it would send it for ever.

use super::export::is_name;

/// Longest value that stays whole, in bytes.
const VALUE_BYTES_MAX: usize = 256 << 10;

/// An entry with this many bytes loses its further fields.
const ENTRY_BYTES_MAX: usize = 1 << 20;

/// The field of an entry that lost something.
pub(crate) const TRUNCATED: &str = "SKALD_TRUNCATED";

/// Gathers whole entries.
#[derive(Debug, Default)]
pub struct JournalStream {
    /// Whole entries, in the export format.
    whole: Vec<u8>,
    /// The entry that is coming.
    entry: Vec<u8>,
    /// What is coming of it.
    state: State,
    is_truncated: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A line; its first byte in the entry, and the bytes left out of it.
    #[default]
    LineStart,
    Line {
        from: usize,
    },
    /// The eight bytes of a length; where the name began.
    Length {
        from: usize,
        value: u64,
        bytes: u32,
    },
    /// A value with a length.
    Value {
        left: u64,
        room: usize,
    },
    /// The line end behind a value.
    ValueEnd,
}

impl JournalStream {
    /// Takes the next bytes of the body.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while let Some(byte) = bytes.first() {
            let used = match self.state {
                State::LineStart if *byte == b'\n' => self.end_entry(),
                State::LineStart => {
                    self.state = State::Line {
                        from: self.entry.len(),
                    };
                    0
                }
                State::Line { from } => self.line(bytes, from),
                State::Length {
                    from,
                    value,
                    bytes: count,
                } => self.length(*byte, from, value, count),
                State::Value { left, room } => self.value(bytes, left, room),
                State::ValueEnd => {
                    self.entry.push(b'\n');
                    self.state = State::LineStart;
                    usize::from(*byte == b'\n')
                }
            };
            bytes = &bytes[used..];
        }
    }

    /// Whole entries so far, which are forgotten.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.whole)
    }

    /// Bytes of whole entries.
    pub fn ready(&self) -> usize {
        self.whole.len()
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.whole.capacity() + self.entry.capacity()
    }

    /// Ends the body: whether it ended behind an entry. The last one needs no empty line behind it.
    pub fn end(&mut self) -> bool {
        if self.state == State::LineStart && !self.entry.is_empty() {
            self.end_entry();
        }
        self.state == State::LineStart
    }

    fn end_entry(&mut self) -> usize {
        if !self.entry.is_empty() {
            self.whole.extend_from_slice(&self.entry);
            if self.is_truncated {
                self.whole.extend_from_slice(TRUNCATED.as_bytes());
                self.whole.extend_from_slice(b"=true\n");
            }
            self.whole.push(b'\n');
        }
        self.entry.clear();
        self.is_truncated = false;
        self.state = State::LineStart;
        1
    }

    /// Appends as much as there is room for.
    fn append(&mut self, bytes: &[u8], room: usize) -> usize {
        let room = room.min(ENTRY_BYTES_MAX.saturating_sub(self.entry.len()));
        let taken = bytes.len().min(room);
        self.is_truncated |= taken < bytes.len();
        self.entry.extend_from_slice(&bytes[..taken]);
        taken
    }

    fn line(&mut self, bytes: &[u8], from: usize) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let room = (from + VALUE_BYTES_MAX).saturating_sub(self.entry.len());
        self.append(&bytes[..end.unwrap_or(bytes.len())], room);
        let Some(end) = end else {
            return bytes.len();
        };
        let is_binary = is_name(&self.entry[from..]);
        self.entry.push(b'\n');
        self.state = match is_binary {
            true => State::Length {
                from,
                value: 0,
                bytes: 0,
            },
            false => State::LineStart,
        };
        end + 1
    }

    fn length(&mut self, byte: u8, from: usize, value: u64, count: u32) -> usize {
        let value = value | u64::from(byte) << (8 * count);
        self.state = match count + 1 {
            8 => {
                let room = VALUE_BYTES_MAX.min(ENTRY_BYTES_MAX.saturating_sub(self.entry.len()));
                let taken = room.min(usize::try_from(value).unwrap_or(usize::MAX));
                self.is_truncated |= (taken as u64) < value;
                self.entry.extend_from_slice(&(taken as u64).to_le_bytes());
                match value {
                    0 => State::ValueEnd,
                    left => State::Value { left, room: taken },
                }
            }
            bytes => State::Length { from, value, bytes },
        };
        1
    }

    fn value(&mut self, bytes: &[u8], left: u64, room: usize) -> usize {
        let there = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let taken = there.min(room);
        self.entry.extend_from_slice(&bytes[..taken]);
        self.state = match left - there as u64 {
            0 => State::ValueEnd,
            left => State::Value {
                left,
                room: room - taken,
            },
        };
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(body: &[u8], size: usize) -> (Vec<u8>, bool) {
        let mut stream = JournalStream::default();
        let mut whole = Vec::new();
        for piece in body.chunks(size) {
            stream.push(piece);
            whole.extend(stream.take());
            assert!(stream.bytes() < 3 * ENTRY_BYTES_MAX);
        }
        let ended = stream.end();
        whole.extend(stream.take());
        (whole, ended)
    }

    #[test]
    fn entries_are_whole_whatever_the_pieces() {
        let body = b"A=b\nB\n\x03\0\0\0\0\0\0\0x\ny\n\n\nC=d\n\nD\n\0\0\0\0\0\0\0\0\n\n";
        let expected = b"A=b\nB\n\x03\0\0\0\0\0\0\0x\ny\n\nC=d\n\nD\n\0\0\0\0\0\0\0\0\n\n";
        for size in 1..body.len() {
            assert_eq!(
                gather(body, size),
                (expected.to_vec(), true),
                "pieces of {size}"
            );
        }
        assert_eq!(gather(b"A=b\n", 3), (b"A=b\n\n".to_vec(), true));
        assert_eq!(gather(b"A=b\n\nC=", 3), (b"A=b\n\n".to_vec(), false));
        assert_eq!(
            gather(b"not a field\n\n", 3),
            (b"not a field\n\n".to_vec(), true)
        );
    }

    #[test]
    fn values_that_are_too_long_are_truncated_and_the_next_entry_is_whole() {
        let long = vec![b'x'; 3 * VALUE_BYTES_MAX];
        let mut body = b"MESSAGE=m\nCOREDUMP\n".to_vec();
        body.extend_from_slice(&(long.len() as u64).to_le_bytes());
        body.extend_from_slice(&long);
        body.extend_from_slice(b"\nTEXT=");
        body.extend_from_slice(&long);
        body.extend_from_slice(b"\n\nMESSAGE=n\n\n");
        let (whole, ended) = gather(&body, 10_000);
        assert!(
            ended && whole.len() < 2 * VALUE_BYTES_MAX + 200,
            "{}",
            whole.len()
        );
        assert!(whole.ends_with(b"x\nSKALD_TRUNCATED=true\n\nMESSAGE=n\n\n"));
        assert!(whole.starts_with(b"MESSAGE=m\nCOREDUMP\n\0\0\x04\0\0\0\0\0x"));
    }
}
