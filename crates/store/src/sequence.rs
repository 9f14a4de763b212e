//! Sequence: numbers blocks and chunks in order of arrival: WAL record, then ordinal.
//!
//! Entries of equal times are ordered by it. A part has that of the first chunk it was made from,
//! and its blocks the numbers that follow. Which record a sequence belongs to says whether a part
//! holds entries from before or after a delete request.

use serde::{Deserialize, Serialize};

/// Bits that number what one WAL record, or one part, gave rise to.
const ORDINAL_BITS: u32 = 20;

/// A place in the order of arrival.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Sequence(u64);

impl Sequence {
    /// The first of a WAL record.
    pub(crate) fn first_of(record: u64) -> Sequence {
        Sequence(record << ORDINAL_BITS)
    }

    /// The WAL record it belongs to.
    pub(crate) fn record(self) -> u64 {
        self.0 >> ORDINAL_BITS
    }

    /// The next one.
    pub(crate) fn next(self) -> Sequence {
        Sequence(self.0.saturating_add(1))
    }

    /// That of block `block` of a part with this one.
    pub(crate) fn of_block(self, block: u32) -> Sequence {
        Sequence(self.0.saturating_add(u64::from(block)))
    }

    /// As parts and manifests store it.
    pub(crate) fn to_u64(self) -> u64 {
        self.0
    }

    /// What [`Sequence::to_u64`] gave.
    pub(crate) fn from_u64(stored: u64) -> Sequence {
        Sequence(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_record_gave_rise_to_lies_between_it_and_the_next() {
        let first = Sequence::first_of(7);
        let last = first.of_block((1 << ORDINAL_BITS) - 1);
        assert_eq!((first.record(), last.record()), (7, 7));
        assert!(first < first.next() && last < Sequence::first_of(8));
        assert_eq!(last.next(), Sequence::first_of(8));
        assert_eq!(Sequence::from_u64(first.to_u64()), first);
    }
}
