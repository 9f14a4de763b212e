//! Outboxes of rules: alerts go to the notifier with a link to what made them, samples to remote
//! write.

use super::targets;
use crate::config::{Limits, RulerConfig};
use crate::limits::overrides::Overrides;
use parking_lot::Mutex;
use skald_model::{Labels, TenantId};
use skald_outbound::{
    Alert, AlertStatus, Environment, LabelSet, Notifier, NotifierConfig, OutboundError,
    RemoteWrite, RemoteWriteConfig, Sample,
};
use skald_ruler::outbox::{Notification, Notifications, Recorded, Refused, Samples};
use std::fmt::Write;

/// Nanoseconds of a millisecond, which is what the protocols count.
const MILLISECOND: i64 = 1_000_000;

/// How far before its start a link to an alert looks, nanoseconds.
const LINK_BEFORE: i64 = 3600 * 1_000_000_000;

/// What is sent for rules, and where.
pub(crate) struct Outboxes {
    /// Sends alerts.
    pub(super) notifier: Notifier,
    /// Sends samples.
    pub(super) remote_write: RemoteWrite,
    config: RulerConfig,
    base: Limits,
    /// What was set last.
    targets: Mutex<Targets>,
}

#[derive(PartialEq)]
struct Targets {
    alerts: NotifierConfig,
    samples: RemoteWriteConfig,
}

impl Targets {
    fn of(config: &RulerConfig, base: &Limits, overrides: &Overrides) -> Targets {
        Targets {
            alerts: targets::of_alerts(config, base, overrides),
            samples: targets::of_samples(config, overrides),
        }
    }
}

impl Outboxes {
    /// Goes on sending what the last process left.
    pub(crate) fn start(
        config: &RulerConfig,
        base: &Limits,
        overrides: &Overrides,
        environment: &Environment,
    ) -> Result<Outboxes, OutboundError> {
        let targets = Targets::of(config, base, overrides);
        Ok(Outboxes {
            notifier: Notifier::start(targets.alerts.clone(), environment)?,
            remote_write: RemoteWrite::start(targets.samples.clone(), environment)?,
            config: config.clone(),
            base: base.clone(),
            targets: Mutex::new(targets),
        })
    }

    /// Takes over limits of tenants that changed.
    pub(crate) fn reload(&self, overrides: &Overrides) -> Result<(), String> {
        let next = Targets::of(&self.config, &self.base, overrides);
        let mut targets = self.targets.lock();
        if next == *targets {
            return Ok(());
        }
        self.notifier.reconfigure(next.alerts.clone());
        let taken = self.remote_write.reconfigure(next.samples.clone());
        taken.map_err(|error| error.to_string())?;
        *targets = next;
        Ok(())
    }

    /// Ends; what waits is sent by the next process.
    pub(crate) fn close(&self) {
        self.notifier.close();
        self.remote_write.close();
    }

    fn alert(&self, notification: Notification) -> Alert {
        let generator_url = link(&self.config, &notification);
        Alert {
            labels: label_set(&notification.labels),
            annotations: notification.annotations.into_iter().collect(),
            starts_at: notification.starts_at.div_euclid(MILLISECOND),
            ends_at: notification.ends_at.div_euclid(MILLISECOND),
            generator_url,
            status: match notification.resolved {
                true => AlertStatus::Resolved,
                false => AlertStatus::Firing,
            },
        }
    }
}

impl Notifications for Outboxes {
    fn notify(&self, tenant: &TenantId, alerts: Vec<Notification>) -> Result<(), Refused> {
        let alerts = alerts.into_iter().map(|alert| self.alert(alert)).collect();
        self.notifier.send(tenant.as_str(), alerts);
        Ok(())
    }
}

impl Samples for Outboxes {
    fn append(&self, tenant: &TenantId, samples: Vec<Recorded>) -> Result<(), Refused> {
        if !self.remote_write.has_clients(tenant.as_str()) {
            return Ok(());
        }
        let samples: Vec<Sample> = samples.iter().map(sample).collect();
        let sent = self.remote_write.send(tenant.as_str(), &samples);
        sent.map_err(|error| Refused(error.to_string()))
    }
}

fn sample(recorded: &Recorded) -> Sample {
    Sample {
        labels: label_set(&recorded.labels),
        value: recorded.value,
        timestamp: recorded.at.div_euclid(MILLISECOND),
    }
}

fn label_set(labels: &Labels) -> LabelSet {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    labels.iter().map(own).collect()
}

/// Grafana's page with the query of an alert around its time; nothing without `ruler.external_url`.
fn link(config: &RulerConfig, alert: &Notification) -> String {
    if config.external_url.is_empty() {
        return String::new();
    }
    let mut query = serde_json::json!({
        "refId": "A",
        "expr": &*alert.query,
        "queryType": "range",
    });
    if !config.datasource_uid.is_empty() {
        query["datasource"] = serde_json::json!({"type": "loki", "uid": config.datasource_uid});
    }
    let milliseconds = |time: i64| time.div_euclid(MILLISECOND).to_string();
    let left = serde_json::json!({
        "queries": [query],
        "range": {
            "from": milliseconds(alert.starts_at.saturating_sub(LINK_BEFORE)),
            "to": milliseconds(alert.at),
        },
    });
    let base = config.external_url.trim_end_matches('/');
    format!("{base}/explore?left={}", escaped(&left.to_string()))
}

/// A text as it stands in the query of a URL.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to memory does not fail"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn alerts_lead_to_their_query_in_grafana() {
        let alert = Notification {
            labels: Labels::from_pairs([("alertname", "a")]),
            annotations: Vec::new(),
            starts_at: 7_200 * 1_000_000_000,
            ends_at: 0,
            resolved: false,
            value: 1.0,
            query: Arc::from("rate({a=\"b\"}[1m]) > 5"),
            at: 7_260 * 1_000_000_000,
        };
        let mut config = RulerConfig::default();
        assert_eq!(link(&config, &alert), "");
        config.external_url = "https://grafana/".to_owned();
        config.datasource_uid = "loki-1".to_owned();
        let url = link(&config, &alert);
        let left = url.strip_prefix("https://grafana/explore?left=");
        let left = left.expect("a link to Explore");
        assert!(!left.contains(['{', '"', ' ']), "{left}");
        for part in [
            "%22uid%22%3A%22loki-1%22",
            "%22from%22%3A%223600000%22",
            "%22to%22%3A%227260000%22",
        ] {
            assert!(left.contains(part), "{part} in {left}");
        }
    }
}
