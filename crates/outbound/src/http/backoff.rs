//! Backoff between attempts: twice as long after each failure, within bounds, and never in step with others.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The pauses after failures in a row.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// From the pause after a first failure to the longest one.
    pub(crate) fn new(least: Duration, most: Duration) -> Backoff {
        Backoff {
            least,
            most: most.max(least),
            failures: 0,
        }
    }

    /// The next pause: between half and all of what is due, or what the receiver asked for, if longer, with
    /// as much jitter added.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let due = self
            .least
            .saturating_mul(1 << self.failures.min(20))
            .min(self.most);
        self.failures = self.failures.saturating_add(1);
        let jitter = due.mul_f64(random() / 2.0);
        match asked {
            Some(asked) if asked > due => asked + jitter,
            _ => due - jitter,
        }
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number from 0 to 1.
fn random() -> f64 {
    let bits = std::hash::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let (least, most) = (Duration::from_millis(100), Duration::from_millis(350));
        let mut backoff = Backoff::new(least, most);
        for due in [100, 200, 350, 350] {
            let pause = backoff.next(None).as_millis();
            assert!((due / 2..=due).contains(&pause), "{pause} of {due}");
        }
        backoff.reset();
        assert!(backoff.next(None) <= least);
    }

    #[test]
    fn a_receiver_that_asks_for_a_longer_pause_gets_it() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let asked = Duration::from_secs(30);
        let pause = backoff.next(Some(asked));
        assert!(
            pause >= asked && pause <= asked + Duration::from_millis(50),
            "{pause:?}"
        );
        assert!(backoff.next(Some(Duration::ZERO)) >= Duration::from_millis(100));
    }
}
