//! Notifications as bodies: Alertmanager's JSON, version 4, and Slack's.

use super::config::{WebhookConfig, WebhookFormat};
use super::groups::Notification;
use crate::alert::{Alert, LabelSet, rfc3339};
use serde::Serialize;
use serde_json::json;

/// The end of an alert that fires.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// Alerts that a message in a chat shows, at most; their number is said.
const SLACK_ALERTS: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    receiver: &'a str,
    status: &'a str,
    alerts: Vec<MessageAlert<'a>>,
    group_labels: &'a LabelSet,
    common_labels: LabelSet,
    common_annotations: LabelSet,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'a str,
    group_key: &'a str,
    truncated_alerts: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageAlert<'a> {
    status: &'a str,
    labels: &'a LabelSet,
    annotations: &'a LabelSet,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// The body of a notification.
pub(super) fn body(notification: &Notification, config: &WebhookConfig) -> Vec<u8> {
    let written = match config.format {
        WebhookFormat::Alertmanager => serde_json::to_vec(&message(notification, config)),
        WebhookFormat::Slack => serde_json::to_vec(&slack(notification, config)),
    };
    written.expect("texts are always JSON")
}

fn message<'a>(notification: &'a Notification, config: &'a WebhookConfig) -> Message<'a> {
    let all = &notification.alerts;
    let shown = match config.max_alerts {
        0 => all.len(),
        most => all.len().min(most),
    };
    Message {
        receiver: &config.name,
        status: status(all),
        alerts: all[..shown].iter().map(message_alert).collect(),
        group_labels: &notification.labels,
        common_labels: common(all.iter().map(|alert| &alert.labels)),
        common_annotations: common(all.iter().map(|alert| &alert.annotations)),
        external_url: &config.external_url,
        version: "4",
        group_key: &notification.key,
        truncated_alerts: all.len() - shown,
    }
}

fn message_alert(alert: &Alert) -> MessageAlert<'_> {
    MessageAlert {
        status: alert_status(alert),
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: rfc3339(alert.starts_at),
        ends_at: match alert.is_firing() {
            true => NO_END.to_owned(),
            false => rfc3339(alert.ends_at),
        },
        generator_url: &alert.generator_url,
        fingerprint: format!("{:016x}", alert.fingerprint()),
    }
}

fn status(alerts: &[Alert]) -> &'static str {
    alerts
        .iter()
        .find(|alert| alert.is_firing())
        .map_or("resolved", alert_status)
}

fn alert_status(alert: &Alert) -> &'static str {
    if alert.is_firing() {
        "firing"
    } else {
        "resolved"
    }
}

/// The pairs that all sets have.
fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut common = sets.next().cloned().unwrap_or_default();
    for set in sets {
        common.retain(|name, value| set.get(name) == Some(value));
    }
    common
}

fn slack(notification: &Notification, config: &WebhookConfig) -> serde_json::Value {
    let alerts = &notification.alerts;
    let shown = match config.max_alerts {
        0 => SLACK_ALERTS,
        most => most.min(SLACK_ALERTS),
    };
    let common = common(alerts.iter().map(|alert| &alert.labels));
    let firing = alerts.iter().filter(|alert| alert.is_firing()).count();
    let state = match firing {
        0 => "RESOLVED".to_owned(),
        count => format!("FIRING:{count}"),
    };
    let name = common.get("alertname").map_or("alerts", String::as_str);
    let mut text = escaped(&format!("[{state}] {name}"));
    if alerts.len() > shown {
        text.push_str(&format!(" (and {} more)", alerts.len() - shown));
    }
    let attachments: Vec<_> = alerts.iter().take(shown).map(attachment).collect();
    json!({ "text": text, "attachments": attachments })
}

fn attachment(alert: &Alert) -> serde_json::Value {
    let annotation = |name: &str| alert.annotations.get(name).map(String::as_str);
    let title = annotation("summary").or(alert.labels.get("alertname").map(String::as_str));
    let pairs: Vec<String> = alert
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let texts = [
        annotation("description").or(annotation("message")),
        Some(&pairs.join(" ")),
    ];
    let text: Vec<String> = texts.into_iter().flatten().map(escaped).collect();
    let color = if alert.is_firing() { "danger" } else { "good" };
    let title = escaped(title.unwrap_or("alert"));
    let mut attachment = json!({
        "color": color,
        "title": title,
        "fallback": format!("{} {title}", alert_status(alert)),
        "text": text.join("\n"),
        "ts": alert.starts_at / 1000,
    });
    if !alert.generator_url.is_empty() {
        attachment["title_link"] = alert.generator_url.clone().into();
    }
    attachment
}

/// Text in which Slack finds no links and no names of people.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::groups::Notified;
    use super::*;

    fn notification() -> Notification {
        let mut one = Alert::firing(
            [("alertname", "Shell"), ("pod", "a")],
            1_700_000_000_000,
            1_700_000_240_000,
        );
        one.annotations = LabelSet::from([("summary".to_owned(), "<!here> a shell".to_owned())]);
        one.generator_url = "http://skald/x".to_owned();
        let other = Alert::firing([("alertname", "Shell"), ("pod", "b")], 1_700_000_000_000, 0)
            .resolved(1_700_000_060_000);
        Notification {
            key: "{}:{alertname=\"Shell\"}".to_owned(),
            labels: LabelSet::from([("alertname".to_owned(), "Shell".to_owned())]),
            alerts: vec![one, other],
            notified: Notified::default(),
        }
    }

    fn config() -> WebhookConfig {
        let mut config = WebhookConfig::to("hook", "http://a/".parse().expect("a URL"));
        config.external_url = "http://skald".to_owned();
        config
    }

    #[test]
    fn a_message_is_alertmanagers_version_4() {
        let shown: serde_json::Value =
            serde_json::from_slice(&body(&notification(), &config())).expect("JSON");
        let expected = json!({
            "receiver": "hook", "status": "firing", "version": "4", "truncatedAlerts": 0,
            "groupKey": "{}:{alertname=\"Shell\"}", "externalURL": "http://skald",
            "groupLabels": {"alertname": "Shell"}, "commonLabels": {"alertname": "Shell"}, "commonAnnotations": {},
            "alerts": [
                {"status": "firing", "labels": {"alertname": "Shell", "pod": "a"}, "annotations": {"summary": "<!here> a shell"},
                 "startsAt": "2023-11-14T22:13:20.000Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://skald/x",
                 "fingerprint": format!("{:016x}", notification().alerts[0].fingerprint())},
                {"status": "resolved", "labels": {"alertname": "Shell", "pod": "b"}, "annotations": {},
                 "startsAt": "2023-11-14T22:13:20.000Z", "endsAt": "2023-11-14T22:14:20.000Z", "generatorURL": "",
                 "fingerprint": format!("{:016x}", notification().alerts[1].fingerprint())}
            ]
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn alerts_beyond_the_limit_are_counted() {
        let mut config = config();
        config.max_alerts = 1;
        let shown: serde_json::Value =
            serde_json::from_slice(&body(&notification(), &config)).expect("JSON");
        assert_eq!(shown["alerts"].as_array().map(Vec::len), Some(1));
        assert_eq!(shown["truncatedAlerts"], 1);
    }

    #[test]
    fn a_chat_gets_text_in_which_nobody_is_called() {
        let mut config = config();
        config.format = WebhookFormat::Slack;
        let shown: serde_json::Value =
            serde_json::from_slice(&body(&notification(), &config)).expect("JSON");
        assert_eq!(shown["text"], "[FIRING:1] Shell");
        let first = &shown["attachments"][0];
        assert_eq!(first["title"], "&lt;!here&gt; a shell");
        assert_eq!(
            (&first["color"], &first["title_link"]),
            (&json!("danger"), &json!("http://skald/x"))
        );
        assert_eq!(shown["attachments"][1]["color"], "good");
    }
}
