//! Outboxes as traits: where alerts and samples go once they are made.
//!
//! Taking something means it will be sent though the process ends: queues on disk, retries and the
//! protocols are on the other side. What is refused stays due and is handed over again.

use skald_model::{Labels, TenantId};
use std::sync::Arc;

/// An alert to be sent: firing, or resolved when it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Its labels, `alertname` among them; external labels are not yet there.
    pub labels: Labels,
    /// Its annotations, sorted by name.
    pub annotations: Vec<(String, String)>,
    /// When it began to fire.
    pub starts_at: i64,
    /// When it ended, or until when it counts as firing unless it is sent again.
    pub ends_at: i64,
    /// Whether it has ended.
    pub resolved: bool,
    /// The value of the last evaluation that found it.
    pub value: f64,
    /// The query of its rule, for a link.
    pub query: Arc<str>,
    /// The slot that sends it.
    pub at: i64,
}

/// A sample of a recording rule, or of `ALERTS` and `ALERTS_FOR_STATE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Labels with `__name__`.
    pub labels: Labels,
    /// When.
    pub at: i64,
    /// The value; [`stale_marker`] where the series has ended.
    pub value: f64,
}

/// Prometheus' mark of a series that has ended: a NaN of its own.
pub fn stale_marker() -> f64 {
    f64::from_bits(0x7ff0_0000_0000_0002)
}

/// Whether a value is [`stale_marker`].
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == stale_marker().to_bits()
}

/// An outbox did not take what it was given; why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Takes alerts.
pub trait Notifications: Send + Sync {
    /// Takes all of them or none.
    fn notify(&self, tenant: &TenantId, alerts: Vec<Notification>) -> Result<(), Refused>;
}

/// Takes samples.
pub trait Samples: Send + Sync {
    /// Takes all of them or none.
    fn append(&self, tenant: &TenantId, samples: Vec<Recorded>) -> Result<(), Refused>;
}

/// Takes all and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Notifications for Discard {
    fn notify(&self, _: &TenantId, _: Vec<Notification>) -> Result<(), Refused> {
        Ok(())
    }
}

impl Samples for Discard {
    fn append(&self, _: &TenantId, _: Vec<Recorded>) -> Result<(), Refused> {
        Ok(())
    }
}
