//! Rate limits count each tenant's bytes and streams, and refuse what exceeds `ingestion_rate`.
//!
//! Nothing is remembered for tenants without such limits. Changing a limit keeps what was used.
//! Time is that of the clock the entries are judged by. The words of refusals are Loki's.

use crate::limits::IngestLimits;
use crate::rejection::{Reason, Rejected};
use crate::validate::token_bucket::TokenBucket;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use skald_model::{Labels, StreamId, TenantId};
use std::sync::Arc;

/// A stream stays active for one to two of these, about as long as Loki keeps one in memory.
const GENERATION_NS: i64 = 30 * 60 * 1_000_000_000;

/// Streams whose rate is remembered; when there are more, those that have rested longest are let
/// go.
const STREAM_BUCKETS_MAX: usize = 100_000;

/// Streams written to lately, in two generations so that none needs a clock of its own.
#[derive(Debug, Default)]
struct ActiveStreams {
    young: HashSet<StreamId, FixedState>,
    old: HashSet<StreamId, FixedState>,
    turned: i64,
}

impl ActiveStreams {
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
pub(crate) struct TenantRates {
    tenant: Mutex<Option<TokenBucket>>,
    active: Mutex<ActiveStreams>,
    streams: Mutex<HashMap<StreamId, TokenBucket, FixedState>>,
}

/// Entries that ask to be let in: how many, and the bytes of their lines and metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

impl TenantRates {
    /// Checks the tenant's rate: all of `amount` or nothing.
    pub(crate) fn check_tenant(
        &self,
        tenant: &TenantId,
        amount: Amount,
        limits: &IngestLimits,
        now: i64,
    ) -> Result<(), Rejected> {
        let Amount { lines, bytes } = amount;
        if self.take(bytes, limits, now) {
            return Ok(());
        }
        let limit = limits.ingestion_rate as u64;
        Err(Rejected {
            reason: Reason::RateLimited,
            message: format!(
                "ingestion rate limit exceeded for user {tenant} (limit: {limit} bytes/sec) while attempting to \
                 ingest '{lines}' lines totaling '{bytes}' bytes, reduce log volume or contact your Loki \
                 administrator to see if the limit can be increased"
            ),
        })
    }

    /// Checks the number of streams and the rate of this one: all of `amount` or nothing.
    pub(crate) fn check_stream(
        &self,
        tenant: &TenantId,
        (id, labels): (StreamId, &Labels),
        amount: Amount,
        limits: &IngestLimits,
        now: i64,
    ) -> Result<(), Rejected> {
        if !self.admit(id, limits, now) {
            return Err(Rejected {
                reason: Reason::StreamLimit,
                message: format!(
                    "maximum active stream limit exceeded when trying to create stream {labels}, reduce the number \
                     of active streams (reduce labels or reduce label values), or contact your Loki administrator \
                     to see if the limit can be increased, user: '{tenant}'"
                ),
            });
        }
        if !self.take_stream(id, amount.bytes, limits, now) {
            let (limit, total) = (size(limits.per_stream_rate_limit), size(amount.bytes));
            return Err(Rejected {
                reason: Reason::StreamRateLimited,
                message: format!(
                    "Per stream rate limit exceeded (limit: {limit}/sec) while attempting to ingest for stream \
                     '{labels}' totaling {total}, consider splitting a stream via additional labels or contact your \
                     Loki administrator to see if the limit can be increased"
                ),
            });
        }
        Ok(())
    }

    /// Whether the tenant may send that many bytes now.
    fn take(&self, bytes: u64, limits: &IngestLimits, now: i64) -> bool {
        let (rate, burst) = (limits.ingestion_rate, limits.ingestion_burst);
        rate == 0.0
            || self
                .tenant
                .lock()
                .get_or_insert(TokenBucket::full(burst, now))
                .take(bytes as f64, rate, burst, now)
    }

    /// Whether the stream is active or may become so.
    fn admit(&self, id: StreamId, limits: &IngestLimits, now: i64) -> bool {
        limits.max_streams == 0 || self.active.lock().admit(id, limits.max_streams, now)
    }

    /// Whether a stream may get that many bytes now.
    fn take_stream(&self, id: StreamId, bytes: u64, limits: &IngestLimits, now: i64) -> bool {
        let (rate, burst) = (
            limits.per_stream_rate_limit as f64,
            limits.per_stream_rate_limit_burst as f64,
        );
        if rate == 0.0 {
            return true;
        }
        let mut streams = self.streams.lock();
        if streams.len() >= STREAM_BUCKETS_MAX && !streams.contains_key(&id) {
            streams.retain(|_, bucket| !bucket.is_full(rate, burst, now));
            if streams.len() >= STREAM_BUCKETS_MAX {
                streams.clear();
            }
        }
        streams
            .entry(id)
            .or_insert(TokenBucket::full(burst, now))
            .take(bytes as f64, rate, burst, now)
    }
}

/// Tenants whose rates are known at once; a client that makes up names starts them over.
const TENANTS_MAX: usize = 100_000;

/// The rates of all tenants that have limits of this kind.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<TenantId, Arc<TenantRates>>>);

impl Rates {
    /// The tenant's; `None` when nothing limits it.
    pub(crate) fn of(&self, tenant: &TenantId, limits: &IngestLimits) -> Option<Arc<TenantRates>> {
        if limits.ingestion_rate == 0.0
            && limits.max_streams == 0
            && limits.per_stream_rate_limit == 0
        {
            return None;
        }
        let mut tenants = self.0.lock();
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(tenant) {
            tenants.clear();
        }
        Some(Arc::clone(tenants.entry(tenant.clone()).or_default()))
    }
}

/// Bytes in the largest unit they fill, with one decimal where it says something.
fn size(bytes: u64) -> String {
    for (unit, shift) in [("GB", 30), ("MB", 20), ("KB", 10)] {
        if bytes >= 1 << shift {
            let tenths = (bytes as f64 / (1u64 << shift) as f64 * 10.0).round() as u64;
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if tenth == 0 {
                format!("{whole}{unit}")
            } else {
                format!("{whole}.{tenth}{unit}")
            };
        }
    }
    format!("{bytes}B")
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
        let rates = TenantRates::default();
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
                rates.take(bytes, &limits, second * SECOND),
                expected,
                "{bytes} bytes at {second} s"
            );
        }
        assert!(rates.take(u64::MAX, &IngestLimits::default(), 0));
    }

    #[test]
    fn streams_have_a_number_and_one_that_rests_makes_room() {
        let limits = IngestLimits {
            max_streams: 2,
            ..IngestLimits::default()
        };
        let rates = TenantRates::default();
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
                rates.admit(stream(number), &limits, minute * 60 * SECOND),
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
        let rates = TenantRates::default();
        assert!(rates.take_stream(stream(1), 5, &limits, 0));
        assert!(!rates.take_stream(stream(1), 1, &limits, 0));
        assert!(rates.take_stream(stream(2), 5, &limits, 0));
        assert!(rates.take_stream(stream(1), 1, &limits, SECOND));
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (900, "900B"),
            (3 << 20, "3MB"),
            (3 << 19, "1.5MB"),
            (262_144, "256KB"),
            (1 << 31, "2GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
