//! What a part tells of itself, at the end of its directory: enough to name it in a manifest made anew.

use crate::part::patterns::PatternsAt;
use crate::recovery::push_record::{put_varint, take_varint};
use std::collections::BTreeSet;

/// The first version of the part layout with patterns.
const WITH_PATTERNS: u32 = 3;

/// What no other part of a file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Its place in the order of arrival.
    pub(crate) sequence: u64,
    /// Numbers of the parts it stands for, those that stood in these included: a file of theirs that is still
    /// there must not be read beside this one.
    pub(crate) replaces: BTreeSet<u64>,
    /// Its templates of lines.
    pub(crate) patterns: PatternsAt,
}

impl About {
    /// Appends it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.sequence);
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

    /// Takes what [`About::encode`] put, or versions of the layout that had no patterns yet.
    pub(crate) fn decode(bytes: &mut &[u8], version: u32) -> Option<About> {
        let mut about = About {
            sequence: take_varint(bytes)?,
            ..About::default()
        };
        let mut id = 0u64;
        for _ in 0..take_varint(bytes)? {
            id = id.checked_add(take_varint(bytes)?)?;
            about.replaces.insert(id);
        }
        if version >= WITH_PATTERNS {
            let (bytes, plain, crc) = (
                take_varint(bytes)?,
                take_varint(bytes)?,
                take_varint(bytes)?,
            );
            about.patterns = PatternsAt {
                bytes,
                plain,
                crc: u32::try_from(crc).ok()?,
            };
        }
        Some(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_cut_ones_do_not() {
        let about = About {
            sequence: 7 << 20,
            replaces: BTreeSet::from([0, 3, 4, 900]),
            patterns: PatternsAt::default(),
        };
        let mut bytes = Vec::new();
        about.encode(&mut bytes);
        assert_eq!(About::decode(&mut &bytes[..], WITH_PATTERNS), Some(about));
        let mut older = &bytes[..bytes.len() - 3];
        assert_eq!(
            About::decode(&mut older, WITH_PATTERNS - 1).map(|a| a.patterns),
            Some(PatternsAt::default())
        );
        assert!(older.is_empty(), "version 2 ends before the patterns");
        for len in 0..bytes.len() {
            assert_eq!(
                About::decode(&mut &bytes[..len], WITH_PATTERNS),
                None,
                "cut to {len}"
            );
        }
    }
}
