//! Alerts as Alertmanager's API v2 takes them.

use super::pending::Waiting;
use crate::alert::{LabelSet, rfc3339};
use serde::Serialize;

/// An alert of `POST /api/v2/alerts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert<'a> {
    labels: &'a LabelSet,
    annotations: &'a LabelSet,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
}

/// The body of a request, sent at a time. An alert that fires and waited beyond its end is good for as long
/// again as it was when it came: its receiver would take it for resolved.
pub(super) fn body(alerts: &[Waiting], now: i64) -> Vec<u8> {
    let postable: Vec<PostableAlert<'_>> = alerts
        .iter()
        .map(|waiting| {
            let alert = &waiting.alert;
            let is_over = alert.is_firing() && alert.ends_at <= now;
            let good_for = alert.ends_at.saturating_sub(waiting.at).max(60_000);
            PostableAlert {
                labels: &alert.labels,
                annotations: &alert.annotations,
                starts_at: rfc3339(alert.starts_at),
                ends_at: rfc3339(if is_over {
                    now.saturating_add(good_for)
                } else {
                    alert.ends_at
                }),
                generator_url: &alert.generator_url,
            }
        })
        .collect();
    serde_json::to_vec(&postable).expect("texts are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Alert;
    use std::sync::Arc;

    fn shown(alert: Alert, now: i64) -> String {
        let waiting = Waiting {
            id: 1,
            alert: Arc::new(alert),
            at: 1_700_000_000_000,
        };
        String::from_utf8(body(&[waiting], now)).expect("it is text")
    }

    #[test]
    fn alerts_are_written_as_alertmanager_reads_them() {
        let mut alert = Alert::firing([("alertname", "a")], 1_700_000_000_000, 1_700_000_240_000);
        alert.generator_url = "http://g/".to_owned();
        let expected = r#"[{"labels":{"alertname":"a"},"annotations":{},"startsAt":"2023-11-14T22:13:20.000Z","endsAt":"2023-11-14T22:17:20.000Z","generatorURL":"http://g/"}]"#;
        assert_eq!(shown(alert, 1_700_000_001_000), expected);
    }

    #[test]
    fn what_fires_and_waited_too_long_does_not_look_resolved() {
        let alert = Alert::firing([("alertname", "a")], 1_700_000_000_000, 1_700_000_240_000);
        let late = 1_700_003_600_000;
        assert!(shown(alert.clone(), late).contains(r#""endsAt":"2023-11-14T23:17:20.000Z""#));
        let resolved = alert.resolved(1_700_000_060_000);
        assert!(shown(resolved, late).contains(r#""endsAt":"2023-11-14T22:14:20.000Z""#));
    }
}
