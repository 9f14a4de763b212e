//! Settings of a webhook, with the names and defaults of Alertmanager's route and `webhook_config`.

use crate::alertmanager::QUEUE_ALERTS;
use crate::http::{HttpConfig, TargetUrl};
use crate::setting::duration;
use serde::Deserialize;
use std::time::Duration;

/// How a notification is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// Alertmanager's JSON, version 4.
    #[default]
    Alertmanager,
    /// What Slack's incoming webhooks take, and Mattermost, Rocket.Chat and Discord (`/slack`) too.
    Slack,
}

/// One webhook.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name; `receiver` in notifications.
    pub name: String,
    /// Where notifications go.
    pub url: TargetUrl,
    /// How they are written.
    #[serde(default)]
    pub format: WebhookFormat,
    /// Whether resolved alerts are notified too.
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Alerts in a notification; 0 is all.
    #[serde(default)]
    pub max_alerts: usize,
    /// Labels by which alerts are grouped; `...` stands for all.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// How long the first notification of a group waits for more alerts.
    #[serde(default = "group_wait", deserialize_with = "duration")]
    pub group_wait: Duration,
    /// Distance of notifications of a group that changes.
    #[serde(default = "group_interval", deserialize_with = "duration")]
    pub group_interval: Duration,
    /// Distance of notifications of a group that stays as it is.
    #[serde(default = "repeat_interval", deserialize_with = "duration")]
    pub repeat_interval: Duration,
    /// How long a request may take.
    #[serde(default = "timeout", deserialize_with = "duration")]
    pub timeout: Duration,
    /// Who asks, and whom it trusts.
    #[serde(default)]
    pub http_config: HttpConfig,
    /// `externalURL` in notifications.
    #[serde(default)]
    pub external_url: String,
    /// Alerts that are held, at most; beyond that the oldest are dropped.
    #[serde(default = "capacity")]
    pub queue_capacity: usize,
}

impl WebhookConfig {
    /// A webhook of a name at an address, with Alertmanager's defaults.
    pub fn to(name: &str, url: TargetUrl) -> WebhookConfig {
        WebhookConfig {
            name: name.to_owned(),
            url,
            format: WebhookFormat::Alertmanager,
            send_resolved: true,
            max_alerts: 0,
            group_by: Vec::new(),
            group_wait: group_wait(),
            group_interval: group_interval(),
            repeat_interval: repeat_interval(),
            timeout: timeout(),
            http_config: HttpConfig::default(),
            external_url: String::new(),
            queue_capacity: capacity(),
        }
    }
}

fn yes() -> bool {
    true
}

fn group_wait() -> Duration {
    Duration::from_secs(30)
}

fn group_interval() -> Duration {
    Duration::from_secs(300)
}

fn repeat_interval() -> Duration {
    Duration::from_secs(4 * 3600)
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}

fn capacity() -> usize {
    QUEUE_ALERTS
}
