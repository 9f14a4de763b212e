//! Webhooks get notifications of groups of alerts, as Alertmanager sends them: no Alertmanager is needed.

mod config;
mod courier;
mod groups;
mod wire;

pub use config::{WebhookConfig, WebhookFormat};
pub(crate) use courier::{Sending, deliver};
pub(crate) use groups::{Groups, Notified};
