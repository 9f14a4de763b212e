//! The clock as a trait, so that a test can live through a day in a second.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970; may go back when somebody sets it.
    fn now(&self) -> i64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A clock that somebody sets.
#[derive(Debug)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// One that stands at `now`, in nanoseconds since 1970.
    pub fn new(now: i64) -> SetClock {
        SetClock(AtomicI64::new(now))
    }

    /// Sets it to `now`, in nanoseconds since 1970.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
