//! Lineage: which parts a part replaced, stored in its directory, so that a lost manifest can be
//! rebuilt.

use crate::codec::{get_varint, put_varint};
use crate::part::patterns::PatternsAt;
use crate::sequence::Sequence;
use std::collections::BTreeSet;

/// The first version of the part layout with patterns.
const WITH_PATTERNS: u32 = 3;

/// What a part says of itself besides its streams and blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// Its place in the order of arrival.
    pub(crate) sequence: Sequence,
    /// Numbers of the parts it replaced, and of those that they had replaced: a file of theirs that
    /// is still there must not be read too.
    pub(crate) replaces: BTreeSet<u64>,
    /// Its templates of lines.
    pub(crate) patterns: PatternsAt,
}

impl Lineage {
    /// Appends it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.sequence.to_u64());
        put_varint(out, self.replaces.len() as u64);
        let mut before = 0;
        for id in &self.replaces {
            put_varint(out, id - before);
            before = *id;
        }
        for number in [
            self.patterns.bytes,
            self.patterns.plain,
            u64::from(self.patterns.crc),
        ] {
            put_varint(out, number);
        }
    }

    /// Takes what [`Lineage::encode`] put, or versions of the layout that had no patterns yet.
    pub(crate) fn decode(bytes: &mut &[u8], version: u32) -> Option<Lineage> {
        let mut lineage = Lineage {
            sequence: Sequence::from_u64(get_varint(bytes)?),
            ..Lineage::default()
        };
        let mut id = 0u64;
        for _ in 0..get_varint(bytes)? {
            id = id.checked_add(get_varint(bytes)?)?;
            lineage.replaces.insert(id);
        }
        if version >= WITH_PATTERNS {
            let (bytes, plain, crc) = (get_varint(bytes)?, get_varint(bytes)?, get_varint(bytes)?);
            lineage.patterns = PatternsAt {
                bytes,
                plain,
                crc: u32::try_from(crc).ok()?,
            };
        }
        Some(lineage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_truncated_ones_do_not() {
        let lineage = Lineage {
            sequence: Sequence::first_of(7),
            replaces: BTreeSet::from([0, 3, 4, 900]),
            patterns: PatternsAt::default(),
        };
        let mut bytes = Vec::new();
        lineage.encode(&mut bytes);
        assert_eq!(
            Lineage::decode(&mut &bytes[..], WITH_PATTERNS),
            Some(lineage)
        );
        let mut older = &bytes[..bytes.len() - 3];
        assert_eq!(
            Lineage::decode(&mut older, WITH_PATTERNS - 1).map(|a| a.patterns),
            Some(PatternsAt::default())
        );
        assert!(older.is_empty(), "version 2 ends before the patterns");
        for len in 0..bytes.len() {
            assert_eq!(
                Lineage::decode(&mut &bytes[..len], WITH_PATTERNS),
                None,
                "truncated to {len}"
            );
        }
    }
}
