//! Flush health: how a tenant's flushes fare, and when the next is tried after some failed.
//!
//! The wait doubles with each failure, up to a bound, so that a disk that is full or a folder that
//! can't be written is not written to in vain all the time.

use crate::StoreError;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The wait after the first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait: what was short is found again within this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Whether a tenant's flushes succeed.
#[derive(Debug, Default)]
pub(crate) struct FlushHealth {
    fails: AtomicBool,
    failing: Mutex<Option<Failing>>,
}

/// Flushes of a tenant that failed, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    /// How many they are.
    pub(crate) times: u32,
    /// When the next is due.
    pub(crate) next: Instant,
    /// What the last one said.
    pub(crate) why: String,
}

impl FlushHealth {
    /// Notes how a flush ended.
    pub(crate) fn note(&self, result: &Result<(), StoreError>) {
        let mut failing = self.failing.lock();
        *failing = result.as_ref().err().map(|error| {
            let times = failing.as_ref().map_or(0, |f| f.times) + 1;
            Failing {
                times,
                next: Instant::now() + wait(times),
                why: error.to_string(),
            }
        });
        self.fails.store(failing.is_some(), Ordering::Relaxed);
    }

    /// The failures since the last success; `None` when there are none.
    pub(crate) fn failing(&self) -> Option<Failing> {
        match self.fails.load(Ordering::Relaxed) {
            true => self.failing.lock().clone(),
            false => None,
        }
    }

    /// Whether the next flush has to wait.
    pub(crate) fn is_waiting(&self) -> bool {
        self.failing().is_some_and(|f| Instant::now() < f.next)
    }
}

/// How long after that many failures the next attempt comes.
fn wait(times: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << times.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_bound() {
        let waits = [1, 2, 3, 4, 5, 6, u32::MAX].map(|times| wait(times).as_secs());
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        let health = FlushHealth::default();
        health.note(&Err(StoreError::Unusable("no".to_owned())));
        health.note(&Err(StoreError::Unusable("still no".to_owned())));
        let failing = health.failing().expect("two flushes failed");
        assert_eq!((failing.times, failing.why.as_str()), (2, "still no"));
        assert!(health.is_waiting());
        health.note(&Ok(()));
        assert!(health.failing().is_none() && !health.is_waiting());
    }
}
