//! What a part tells of itself, at the end of its directory: enough to name it in a manifest made anew.

use crate::record::{put_varint, take_varint};
use std::collections::BTreeSet;

/// What no other part of a file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// Its place in the order of arrival.
    pub(crate) sequence: u64,
    /// Numbers of the parts it stands for, those that stood in these included: a file of theirs that is still
    /// there must not be read beside this one.
    pub(crate) replaces: BTreeSet<u64>,
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
    }

    /// Takes what [`About::encode`] put.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<About> {
        let mut about = About { sequence: take_varint(bytes)?, replaces: BTreeSet::new() };
        let mut id = 0u64;
        for _ in 0..take_varint(bytes)? {
            id = id.checked_add(take_varint(bytes)?)?;
            about.replaces.insert(id);
        }
        Some(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_cut_ones_do_not() {
        let about = About { sequence: 7 << 20, replaces: BTreeSet::from([0, 3, 4, 900]) };
        let mut bytes = Vec::new();
        about.encode(&mut bytes);
        assert_eq!(About::decode(&mut &bytes[..]), Some(about));
        for len in 0..bytes.len() {
            assert_eq!(About::decode(&mut &bytes[..len]), None, "cut to {len}");
        }
    }
}
