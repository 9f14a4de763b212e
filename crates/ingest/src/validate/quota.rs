//! What a tenant has used of its rates and its number of streams: token buckets and the streams of the last hour.
//!
//! Nothing is kept for tenants without such limits. Changing a limit keeps what was used. Time is that of the
//! clock the entries are judged by; a clock set back grants nothing until it has caught up.

use crate::validate::limits::IngestLimits;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use skald_model::{StreamId, TenantId};
use std::sync::Arc;

/// Nanoseconds a second.
const SECOND_NS: f64 = 1e9;

/// A stream stays active for one to two of these, as about as long as Loki keeps one in memory.
const GENERATION_NS: i64 = 30 * 60 * 1_000_000_000;

/// Streams whose rate is remembered; when there are more, those that have rested longest are let go.
const STREAM_BUCKETS_MAX: usize = 100_000;

/// Tokens that come back at a rate, up to a burst.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: i64,
}

impl Bucket {
    fn full(burst: f64, now: i64) -> Bucket {
        Bucket {
            tokens: burst,
            at: now,
        }
    }

    fn refill(&mut self, rate: f64, burst: f64, now: i64) {
        let passed = now.saturating_sub(self.at).max(0) as f64 / SECOND_NS;
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.at = self.at.max(now);
    }

    /// Takes all of `amount` or nothing.
    fn take(&mut self, amount: f64, rate: f64, burst: f64, now: i64) -> bool {
        self.refill(rate, burst, now);
        let enough = amount <= self.tokens;
        if enough {
            self.tokens -= amount;
        }
        enough
    }
}

/// Streams written to lately, in two generations so that none needs a clock of its own.
#[derive(Debug, Default)]
struct Active {
    young: HashSet<StreamId, FixedState>,
    old: HashSet<StreamId, FixedState>,
    turned: i64,
}

impl Active {
    /// Whether the stream is active or may become so.
    fn admit(&mut self, id: StreamId, max: usize, now: i64) -> bool {
        if now.saturating_sub(self.turned) >= GENERATION_NS {
            let idle = now.saturating_sub(self.turned) >= 2 * GENERATION_NS;
            self.old = if idle {
                HashSet::default()
            } else {
                std::mem::take(&mut self.young)
            };
            self.young.clear();
            self.turned = now;
        }
        if self.young.contains(&id) {
            return true;
        }
        let known = self.old.remove(&id);
        let room = known || self.young.len() + self.old.len() < max;
        if room {
            self.young.insert(id);
        }
        room
    }
}

/// What one tenant has used.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    rate: Mutex<Option<Bucket>>,
    active: Mutex<Active>,
    streams: Mutex<HashMap<StreamId, Bucket, FixedState>>,
}

impl Quota {
    /// Whether the tenant may send so many bytes now.
    pub(crate) fn take(&self, bytes: u64, limits: &IngestLimits, now: i64) -> bool {
        let (rate, burst) = (limits.ingestion_rate, limits.ingestion_burst);
        rate == 0.0
            || self
                .rate
                .lock()
                .get_or_insert(Bucket::full(burst, now))
                .take(bytes as f64, rate, burst, now)
    }

    /// Whether the stream is active or may become so.
    pub(crate) fn admit(&self, id: StreamId, limits: &IngestLimits, now: i64) -> bool {
        limits.max_streams == 0 || self.active.lock().admit(id, limits.max_streams, now)
    }

    /// Whether a stream may get so many bytes now.
    pub(crate) fn take_stream(
        &self,
        id: StreamId,
        bytes: u64,
        limits: &IngestLimits,
        now: i64,
    ) -> bool {
        let (rate, burst) = (
            limits.per_stream_rate_limit as f64,
            limits.per_stream_rate_limit_burst as f64,
        );
        if rate == 0.0 {
            return true;
        }
        let mut streams = self.streams.lock();
        if streams.len() >= STREAM_BUCKETS_MAX && !streams.contains_key(&id) {
            streams.retain(|_, bucket| {
                bucket.refill(rate, burst, now);
                bucket.tokens < burst
            });
            if streams.len() >= STREAM_BUCKETS_MAX {
                streams.clear();
            }
        }
        streams
            .entry(id)
            .or_insert(Bucket::full(burst, now))
            .take(bytes as f64, rate, burst, now)
    }
}

/// The quotas of all tenants that have limits of this kind.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<TenantId, Arc<Quota>>>);

impl Quotas {
    /// The tenant's; `None` when nothing limits it.
    pub(crate) fn of(&self, tenant: &TenantId, limits: &IngestLimits) -> Option<Arc<Quota>> {
        if limits.ingestion_rate == 0.0
            && limits.max_streams == 0
            && limits.per_stream_rate_limit == 0
        {
            return None;
        }
        Some(Arc::clone(self.0.lock().entry(tenant.clone()).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn stream(n: u8) -> StreamId {
        StreamId::of(&skald_model::Labels::from_pairs([(
            "n",
            n.to_string().as_str(),
        )]))
    }

    #[test]
    fn a_rate_comes_back_with_time_and_a_burst_is_all_there_is() {
        let limits = IngestLimits {
            ingestion_rate: 10.0,
            ingestion_burst: 20.0,
            ..IngestLimits::default()
        };
        let quota = Quota::default();
        let asked = [
            (20, 0, true),
            (1, 0, false),
            (10, 1, true),
            (1, 1, false),
            (21, 99, false),
            (20, 99, true),
            (1, 50, false),
        ];
        for (bytes, second, expected) in asked {
            assert_eq!(
                quota.take(bytes, &limits, second * SECOND),
                expected,
                "{bytes} bytes at {second} s"
            );
        }
        assert!(quota.take(u64::MAX, &IngestLimits::default(), 0));
    }

    #[test]
    fn streams_have_a_number_and_one_that_rests_makes_room() {
        let limits = IngestLimits {
            max_streams: 2,
            ..IngestLimits::default()
        };
        let quota = Quota::default();
        let asked = [
            (1, 1, true),
            (2, 1, true),
            (3, 1, false),
            (1, 1, true),
            (1, 40, true),
            (3, 40, false),
            (3, 80, true),
        ];
        for (number, minute, expected) in asked {
            assert_eq!(
                quota.admit(stream(number), &limits, minute * 60 * SECOND),
                expected,
                "{number} at {minute} min"
            );
        }
    }

    #[test]
    fn each_stream_has_a_rate() {
        let limits = IngestLimits {
            per_stream_rate_limit: 1,
            per_stream_rate_limit_burst: 5,
            ..IngestLimits::default()
        };
        let quota = Quota::default();
        assert!(quota.take_stream(stream(1), 5, &limits, 0));
        assert!(!quota.take_stream(stream(1), 1, &limits, 0));
        assert!(quota.take_stream(stream(2), 5, &limits, 0));
        assert!(quota.take_stream(stream(1), 1, &limits, SECOND));
    }
}
