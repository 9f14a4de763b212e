//! A token bucket: tokens come back at a rate, up to a burst.

/// Nanoseconds a second.
const SECOND_NS: f64 = 1e9;

/// Tokens and when they were counted. Rate and burst are given with each call, so that changing a
/// limit keeps what was used. A clock set back grants nothing until it has caught up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    tokens: f64,
    /// Nanoseconds since 1970.
    at: i64,
}

impl TokenBucket {
    pub(crate) fn full(burst: f64, now: i64) -> TokenBucket {
        TokenBucket {
            tokens: burst,
            at: now,
        }
    }

    /// Whether nothing is missing now.
    pub(crate) fn is_full(&mut self, rate: f64, burst: f64, now: i64) -> bool {
        self.refill(rate, burst, now);
        self.tokens >= burst
    }

    /// Takes all of `amount` or nothing; whether it was taken.
    pub(crate) fn take(&mut self, amount: f64, rate: f64, burst: f64, now: i64) -> bool {
        self.refill(rate, burst, now);
        let enough = amount <= self.tokens;
        if enough {
            self.tokens -= amount;
        }
        enough
    }

    fn refill(&mut self, rate: f64, burst: f64, now: i64) {
        let passed = now.saturating_sub(self.at).max(0) as f64 / SECOND_NS;
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.at = self.at.max(now);
    }
}
