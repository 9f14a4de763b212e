//! Threads give memory they have freed back to the system when they rest, and when they are asked.
//!
//! Each thread has a heap of its own, and what it freed stays there, counted by nobody, until the
//! thread itself gives it back. How that is done is the allocator's business: the program says it
//! once ([`set`]). Libraries that have threads call [`give_back`] before these rest for long or when
//! they have freed much, and [`when_asked`] between two pieces of work.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a thread waits for work before it gives memory back; one that is busy never does.
pub const REST: Duration = Duration::from_millis(500);

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// How often all threads were asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Of these, how often this thread has heard.
    static HEARD: Cell<u64> = const { Cell::new(0) };
}

/// Says how a thread gives back what it freed; the first to say it counts.
pub fn set(give_back: fn()) {
    GIVE_BACK.get_or_init(|| give_back);
}

/// Gives back what this thread freed; does nothing where nobody said how.
pub fn give_back() {
    if let Some(give_back) = GIVE_BACK.get() {
        give_back();
    }
}

/// Asks all threads to give back what they freed, as soon as they have an end of something.
pub fn ask() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// Gives back what this thread freed if it was asked since it last looked. Costs next to nothing.
#[inline]
pub fn when_asked() {
    let asked = ASKED.load(Ordering::Relaxed);
    if HEARD.replace(asked) != asked {
        give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_hears_once_of_being_asked() {
        static TIMES: AtomicU64 = AtomicU64::new(0);
        set(|| {
            TIMES.fetch_add(1, Ordering::Relaxed);
        });
        let heard = || {
            when_asked();
            when_asked();
            TIMES.load(Ordering::Relaxed)
        };
        assert_eq!(heard(), 0);
        ask();
        ask();
        assert_eq!(heard(), 1);
        let other = std::thread::spawn(heard).join();
        assert_eq!(other.expect("no panic"), 2);
    }
}
