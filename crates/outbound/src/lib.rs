//! Alerts and samples leave Skald from here: to Alertmanagers, to webhooks, to receivers of remote write.
//!
//! [`Notifier`] takes alerts of tenants and sends them to each [`Alertmanager`](AlertmanagerConfig) and
//! [webhook](WebhookConfig); [`RemoteWrite`] takes samples. What waits lies on disk (README.md) and is sent
//! until it is taken or refused for good, across kills and restarts. Nothing here knows rules, queries or the
//! HTTP server: who makes alerts hands them in, and reads the counters ([`AlertCounts`], [`SampleCounts`]).
//!
//! ```no_run
//! use skald_outbound::{Alert, AlertStatus, Environment, Notifier, NotifierConfig, TenantNotifications, WebhookConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Runtime::new()?;
//! let environment = Environment::new("data/outbound", runtime.handle().clone());
//! let to = TenantNotifications {
//!     webhooks: vec![WebhookConfig::to("chat", "http://127.0.0.1:9000/hook".parse()?)],
//!     ..TenantNotifications::default()
//! };
//! let notifier = Notifier::start(NotifierConfig::for_all(to), &environment)?;
//! let alert = Alert::firing([("alertname", "ShellInContainer")], 1_700_000_000_000, 1_700_000_240_000);
//! notifier.send("tenant", vec![alert]);
//! # Ok(())
//! # }
//! ```

mod alert;
mod alertmanager;
mod counters;
mod dns;
mod environment;
mod error;
mod http;
mod notifier;
mod queue;
mod relabel;
mod remote_write;
mod sample;
mod setting;
mod webhook;

pub use alert::{Alert, AlertStatus, LabelSet};
pub use alertmanager::{AlertmanagerConfig, QUEUE_ALERTS};
pub use counters::{AlertCounts, Latency, SampleCounts};
pub use environment::Environment;
pub use error::OutboundError;
pub use http::{Authorization, BasicAuth, HttpConfig, OAuth2, Secret, TargetUrl, TlsConfig};
pub use notifier::{Notifier, NotifierConfig, TenantNotifications};
pub use relabel::{Action, RelabelRule, Relabeling};
pub use remote_write::{
    Protocol, QueueConfig, RemoteWrite, RemoteWriteBlock, RemoteWriteConfig, TenantRemoteWrite,
};
pub use sample::{STALE_NAN_BITS, Sample};
pub use webhook::{WebhookConfig, WebhookFormat};
