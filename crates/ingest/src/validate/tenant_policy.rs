//! A tenant's policy holds its ingest limits and what is compiled from them.
//!
//! Tenants with the same rules for labels share one cache of streams, so that a thousand tenants
//! that differ in a rate only do not cost a thousand caches.

use crate::level::LineDetector;
use crate::limits::IngestLimits;
use crate::validate::stream_labels::StreamResolver;
use skald_model::TenantId;
use std::fmt;
use std::sync::Arc;

/// Limits with the caches that depend on them. Made when limits change, not for a push.
pub struct TenantPolicy {
    pub(crate) limits: IngestLimits,
    pub(crate) streams: Arc<StreamResolver>,
    pub(crate) detector: LineDetector,
}

/// Policies by tenant. Asked once a push, so a change holds from the next push on.
pub trait TenantPolicies: Send + Sync + 'static {
    /// The policy of a tenant.
    fn of(&self, tenant: &TenantId) -> Arc<TenantPolicy>;
}

impl<P: TenantPolicies> TenantPolicies for Arc<P> {
    fn of(&self, tenant: &TenantId) -> Arc<TenantPolicy> {
        (**self).of(tenant)
    }
}

/// One policy for all.
pub(crate) struct OnePolicy(pub(crate) Arc<TenantPolicy>);

impl TenantPolicies for OnePolicy {
    fn of(&self, _: &TenantId) -> Arc<TenantPolicy> {
        Arc::clone(&self.0)
    }
}

impl TenantPolicy {
    /// With a cache of its own.
    pub fn new(limits: IngestLimits) -> TenantPolicy {
        TenantPolicy {
            detector: LineDetector::new(&limits),
            streams: Arc::new(StreamResolver::new()),
            limits,
        }
    }

    /// Other limits; the cache is shared when they treat labels alike.
    pub fn with(&self, limits: IngestLimits) -> TenantPolicy {
        let alike = label_rules(&limits) == label_rules(&self.limits);
        let streams = if alike {
            Arc::clone(&self.streams)
        } else {
            Arc::new(StreamResolver::new())
        };
        TenantPolicy {
            detector: LineDetector::new(&limits),
            streams,
            limits,
        }
    }

    /// The limits.
    pub fn limits(&self) -> &IngestLimits {
        &self.limits
    }
}

/// What decides whether labels are taken and what becomes of them.
fn label_rules(limits: &IngestLimits) -> (usize, usize, usize, &[String], &[String]) {
    (
        limits.max_label_names_per_series,
        limits.max_label_name_length,
        limits.max_label_value_length,
        &limits.discover_service_name,
        &limits.log_level_fields,
    )
}

impl fmt::Debug for TenantPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantPolicy")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_streams_is_shared_by_policies_that_treat_labels_alike() {
        let first = TenantPolicy::new(IngestLimits::default());
        let alike = first.with(IngestLimits {
            max_line_size: 1,
            ..IngestLimits::default()
        });
        let other = first.with(IngestLimits {
            max_label_names_per_series: 1,
            ..IngestLimits::default()
        });
        assert!(Arc::ptr_eq(&first.streams, &alike.streams));
        assert!(!Arc::ptr_eq(&first.streams, &other.streams));
    }
}
