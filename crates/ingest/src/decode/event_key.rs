//! The key of an event: what its copies have in common, however each was written.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU128;
use std::sync::LazyLock;

/// A hash of the values that make an event that one and no other. It holds within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EventKey(NonZeroU128);

/// Their secrets are random: who may choose a part of the values can't make two keys meet.
static HASHERS: LazyLock<[RandomState; 2]> =
    LazyLock::new(|| [RandomState::new(), RandomState::new()]);

impl EventKey {
    /// Of the event with these values, in this order.
    pub(crate) fn of(values: &[&[u8]]) -> EventKey {
        let half = |state: &RandomState| u128::from(state.hash_one(values));
        let [high, low] = &*HASHERS;
        let key = half(high) << 64 | half(low);
        EventKey(NonZeroU128::new(key).unwrap_or(NonZeroU128::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_run_into_each_other() {
        let key = |values: &[&[u8]]| EventKey::of(values);
        assert_eq!(key(&[b"a", b"bc"]), key(&[b"a", b"bc"]));
        assert_ne!(key(&[b"a", b"bc"]), key(&[b"ab", b"c"]));
        assert_ne!(key(&[b"a", b""]), key(&[b"", b"a"]));
        assert_ne!(key(&[b"a"]), key(&[b"a", b""]));
    }
}
