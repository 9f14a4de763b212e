//! Settings of Alertmanagers, as Loki's ruler has them.

use crate::http::{HttpConfig, TargetUrl};
use std::net::SocketAddr;
use std::time::Duration;

/// Alerts that wait for one target, unless configured.
pub const QUEUE_ALERTS: usize = 10_000;

/// Alertmanagers that all get all alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertmanagerConfig {
    /// Their addresses; with discovery the host is a name with SRV records.
    pub urls: Vec<TargetUrl>,
    /// Whether hosts are looked up as SRV records (`_port._tcp.name`).
    pub is_discovered: bool,
    /// How often they are looked up again.
    pub refresh_interval: Duration,
    /// The DNS server to ask instead of the system's.
    pub nameserver: Option<SocketAddr>,
    /// Alerts that wait for one of them; beyond that the oldest are dropped.
    pub queue_capacity: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// Who asks, and whom it trusts. User and password of an address hold where this has none.
    pub http: HttpConfig,
}

impl AlertmanagerConfig {
    /// At those addresses, with Loki's defaults.
    pub fn at(urls: Vec<TargetUrl>) -> AlertmanagerConfig {
        AlertmanagerConfig {
            urls,
            is_discovered: false,
            refresh_interval: Duration::from_secs(60),
            nameserver: None,
            queue_capacity: QUEUE_ALERTS,
            timeout: Duration::from_secs(10),
            http: HttpConfig::default(),
        }
    }
}
