//! Generations hold the keys of one tenant: of events being written, and of those stored lately.
//!
//! Keys are not forgotten one by one but by generation: one stays for at least the window it was
//! given, and at most twice as long.

use crate::decode::event_key::EventKey;
use hashbrown::HashSet;

type Keys = HashSet<EventKey, foldhash::quality::RandomState>;

/// The keys of one tenant.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// Of events that are being written.
    pub(super) pending: Keys,
    /// Of events that were stored since `turned`.
    recent: Keys,
    /// Of those stored in the window before.
    older: Keys,
    /// When `recent` began, nanoseconds since 1970.
    turned: i64,
    /// Whether what the store had at the start is among them.
    pub(super) learned: bool,
}

impl Generations {
    /// Whether an event with the key was stored.
    pub(super) fn has(&self, key: &EventKey) -> bool {
        self.recent.contains(key) || self.older.contains(key)
    }

    /// Notes an event that is stored.
    pub(super) fn insert(&mut self, key: EventKey) {
        self.recent.insert(key);
    }

    /// Begins a new generation when the last one has lasted for `window`. When there was nothing for
    /// as long again, that one has had its time too.
    pub(super) fn turn_if_due(&mut self, now: i64, window: i64) {
        let lasted = now.saturating_sub(self.turned);
        if lasted >= window.saturating_mul(2) {
            self.recent = Keys::default();
        }
        if lasted >= window {
            self.turn(now);
        }
    }

    /// Forgets the older generation at once; gives how many keys that were.
    pub(super) fn turn(&mut self, now: i64) -> usize {
        let forgotten = self.older.len();
        self.older = std::mem::take(&mut self.recent);
        self.turned = now;
        forgotten
    }

    /// Keys of the generation that grows.
    pub(super) fn young(&self) -> usize {
        self.recent.len()
    }

    /// Keys of stored events.
    pub(super) fn len(&self) -> usize {
        self.recent.len() + self.older.len()
    }

    /// Whether it can be forgotten.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0 && self.pending.is_empty()
    }

    /// Bytes they take.
    pub(super) fn bytes(&self) -> usize {
        let all = [&self.pending, &self.recent, &self.older];
        all.iter().map(|keys| keys.allocation_size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EventKey {
        EventKey::of(&[text.as_bytes()])
    }

    #[test]
    fn a_key_stays_for_the_window_and_at_most_twice_as_long() {
        let mut keys = Generations::default();
        keys.turn_if_due(100, 10);
        keys.insert(key("a"));
        keys.turn_if_due(109, 10);
        keys.insert(key("b"));
        assert!(keys.has(&key("a")) && keys.has(&key("b")));
        keys.turn_if_due(110, 10);
        assert!(keys.has(&key("a")) && keys.has(&key("b")));
        keys.turn_if_due(119, 10);
        assert!(keys.has(&key("b")), "ten later it is still known");
        keys.turn_if_due(120, 10);
        assert!(!keys.has(&key("a")) && !keys.has(&key("b")));
        keys.insert(key("c"));
        keys.turn_if_due(1000, 10);
        assert!(!keys.has(&key("c")), "nothing came for long");
    }

    #[test]
    fn without_room_the_older_ones_go() {
        let mut keys = Generations::default();
        keys.turn_if_due(100, 10);
        keys.insert(key("a"));
        assert_eq!((keys.turn(101), keys.len()), (0, 1));
        keys.insert(key("b"));
        assert_eq!((keys.turn(102), keys.len()), (1, 1));
        assert!(keys.has(&key("b")) && !keys.is_empty());
        assert_eq!(keys.turn(103), 1);
        assert!(keys.is_empty());
    }
}
