//! The cursor of a page: says where in the total order of entries the page ended.
//!
//! Entries are ordered by time, then by the identity of their stream, then by arrival within the
//! stream. None of the three changes when entries move from the head into parts or parts are
//! merged, so a [`Cursor`] stays good for as long as the entries do. It names the last entry of a
//! page by its content and not by a count: entries that arrive later, even at the same time, shift
//! nothing.

use skald_model::Direction;
use skald_model::StreamId;
use std::cmp::Ordering;

/// Layout of a cursor's bytes: version, direction, time, stream, content, query.
const CURSOR_BYTES: usize = 1 + 1 + 8 + 16 + 8 + 4;

/// Version of the layout.
const CURSOR_VERSION: u8 = 1;

/// The last entry of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub(crate) direction: Direction,
    pub(crate) timestamp: i64,
    pub(crate) stream: StreamId,
    /// Hash of line and metadata as they are stored.
    pub(crate) content: u64,
    /// Which query it belongs to.
    query: u32,
}

/// Where an entry lies, seen from a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// On an earlier page.
    Before,
    /// At the cursor's own time and stream: arrival decides.
    Beside,
    /// On this page or a later one.
    After,
}

impl Cursor {
    /// After an entry of this time, stream and content.
    pub(crate) fn new(
        direction: Direction,
        at: (i64, StreamId),
        content: u64,
        query: &str,
    ) -> Cursor {
        Cursor {
            direction,
            timestamp: at.0,
            stream: at.1,
            content,
            query: fingerprint(query),
        }
    }

    /// Whether it was given out for this query and direction.
    pub(crate) fn belongs_to(&self, query: &str, direction: Direction) -> bool {
        self.query == fingerprint(query) && self.direction == direction
    }

    /// Where an entry lies.
    pub(crate) fn place(&self, timestamp: i64, stream: StreamId) -> Place {
        let order = (timestamp, stream).cmp(&(self.timestamp, self.stream));
        match self.direction.order(order) {
            Ordering::Less => Place::Before,
            Ordering::Equal => Place::Beside,
            Ordering::Greater => Place::After,
        }
    }

    /// Its bytes, for whatever text the caller makes of them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(CURSOR_BYTES);
        out.extend([
            CURSOR_VERSION,
            u8::from(self.direction == Direction::Forward),
        ]);
        out.extend(self.timestamp.to_le_bytes());
        out.extend(self.stream.0.to_le_bytes());
        out.extend(self.content.to_le_bytes());
        out.extend(self.query.to_le_bytes());
        out
    }

    /// Reads what [`Cursor::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Option<Cursor> {
        let bytes: &[u8; CURSOR_BYTES] = bytes.try_into().ok()?;
        let [version, direction, rest @ ..] = bytes;
        let direction = match (*version, *direction) {
            (CURSOR_VERSION, 0) => Direction::Backward,
            (CURSOR_VERSION, 1) => Direction::Forward,
            _ => return None,
        };
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (stream, rest) = rest.split_first_chunk()?;
        let (content, rest) = rest.split_first_chunk()?;
        Some(Cursor {
            direction,
            timestamp: i64::from_le_bytes(*timestamp),
            stream: StreamId(u128::from_le_bytes(*stream)),
            content: u64::from_le_bytes(*content),
            query: u32::from_le_bytes(rest.try_into().ok()?),
        })
    }
}

fn fingerprint(query: &str) -> u32 {
    xxhash_rust::xxh3::xxh3_64(query.as_bytes()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(direction: Direction) -> Cursor {
        Cursor::new(direction, (-5, StreamId(7 << 100)), u64::MAX, "{a=\"b\"}")
    }

    #[test]
    fn a_cursor_reads_back_and_anything_else_is_refused() {
        for direction in [Direction::Forward, Direction::Backward] {
            let bytes = cursor(direction).encode();
            assert_eq!(Cursor::decode(&bytes), Some(cursor(direction)));
            assert_eq!(Cursor::decode(&bytes[1..]), None);
            assert_eq!(Cursor::decode(&[bytes.as_slice(), &[0]].concat()), None);
        }
        assert_eq!(Cursor::decode(&[9; CURSOR_BYTES]), None);
    }

    #[test]
    fn a_cursor_is_for_one_query_in_one_direction() {
        let cursor = cursor(Direction::Forward);
        assert!(cursor.belongs_to("{a=\"b\"}", Direction::Forward));
        assert!(!cursor.belongs_to("{a=\"c\"}", Direction::Forward));
        assert!(!cursor.belongs_to("{a=\"b\"}", Direction::Backward));
    }

    #[test]
    fn entries_lie_by_time_then_by_stream() {
        let check = |direction, timestamp, stream, expected| {
            assert_eq!(
                cursor(direction).place(timestamp, StreamId(stream)),
                expected
            );
        };
        check(Direction::Forward, -6, u128::MAX, Place::Before);
        check(Direction::Forward, -5, 7, Place::Before);
        check(Direction::Forward, -5, 7 << 100, Place::Beside);
        check(Direction::Forward, -5, 8 << 100, Place::After);
        check(Direction::Backward, -5, 8 << 100, Place::Before);
        check(Direction::Backward, -6, u128::MAX, Place::After);
    }
}
