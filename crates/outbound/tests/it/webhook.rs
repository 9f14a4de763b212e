//! Webhooks get notifications of groups, once, across restarts.

use super::receiver::{Receiver, Reply, status};
use super::support::{NOW, Place, counts, firing, until, url};
use skald_outbound::{TenantNotifications, WebhookConfig, WebhookFormat};
use std::time::Duration;

fn webhook(receiver: &Receiver) -> WebhookConfig {
    let mut config = WebhookConfig::to("chat", url(&receiver.url("/hook?key=secret")));
    config.group_by = vec!["alertname".to_owned()];
    config.group_wait = Duration::ZERO;
    config.group_interval = Duration::from_millis(50);
    config
}

fn to(config: WebhookConfig) -> TenantNotifications {
    TenantNotifications {
        webhooks: vec![config],
        ..TenantNotifications::default()
    }
}

#[test]
fn a_notification_comes_once_and_a_restart_neither_repeats_nor_forgets() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, Vec::new());
    let settings = to(webhook(&receiver));
    let notifier = place.notifier(settings.clone());
    notifier.send("t", vec![firing("a")]);
    let request = receiver.next();
    assert_eq!(request.path, "/hook?key=secret");
    let message = request.json();
    assert_eq!(
        (&message["version"], &message["receiver"]),
        (&"4".into(), &"chat".into())
    );
    assert_eq!(
        (&message["status"], &message["groupKey"]),
        (&"firing".into(), &r#"{}:{alertname="a"}"#.into())
    );
    until(|| counts(&notifier).sent == 1);
    // The ruler sends it again and again; so does a new run.
    notifier.send("t", vec![firing("a")]);
    notifier.close();
    let notifier = place.notifier(settings.clone());
    notifier.send("t", vec![firing("a")]);
    notifier.send("t", vec![firing("b")]);
    let message = receiver.next().json();
    assert_eq!(message["groupLabels"]["alertname"], "b");
    notifier.send("t", vec![firing("a").resolved(NOW + 60_000)]);
    let message = receiver.next().json();
    assert_eq!(
        (&message["status"], &message["groupLabels"]["alertname"]),
        (&"resolved".into(), &"a".into())
    );
    assert_eq!(message["alerts"][0]["endsAt"], "2023-11-14T22:14:20.000Z");
    until(|| counts(&notifier).sent == 2);
    notifier.close();
    let notifier = place.notifier(settings);
    notifier.send("t", vec![firing("c")]);
    assert_eq!(receiver.next().json()["groupLabels"]["alertname"], "c");
}

#[test]
fn what_was_not_taken_is_said_by_the_next_run() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![status(503); 100]);
    let settings = to(webhook(&receiver));
    let notifier = place.notifier(settings.clone());
    notifier.send("t", vec![firing("a")]);
    assert!(!receiver.next().is_taken());
    until(|| counts(&notifier).queue_length == 1);
    notifier.close();
    let address = receiver.stop(&place.runtime);
    let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
    let _notifier = place.notifier(settings);
    assert_eq!(receiver.next().json()["status"], "firing");
}

#[test]
fn a_refused_notification_is_counted_and_its_group_goes_on() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![status(400), Reply::Close]);
    let notifier = place.notifier(to(webhook(&receiver)));
    notifier.send("t", vec![firing("a")]);
    assert_eq!(receiver.next().reply, status(400));
    until(|| counts(&notifier).dropped == 1);
    assert_eq!(receiver.next().reply, Reply::Close);
    assert_eq!(
        receiver.next_taken().json()["groupLabels"]["alertname"],
        "a"
    );
    until(|| (counts(&notifier).sent, counts(&notifier).queue_length) == (1, 0));
    let counts = counts(&notifier);
    assert_eq!(
        (counts.target.as_str(), counts.retries),
        ("webhook/chat", 1)
    );
}

#[test]
fn a_chat_gets_its_own_format() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, Vec::new());
    let mut config = webhook(&receiver);
    config.format = WebhookFormat::Slack;
    let notifier = place.notifier(to(config));
    notifier.send("t", vec![firing("ShellInContainer")]);
    let message = receiver.next().json();
    assert_eq!(message["text"], "[FIRING:1] ShellInContainer");
    assert_eq!(message["attachments"][0]["color"], "danger");
}

#[test]
fn settings_are_alertmanagers() {
    let text = "
        name: chat
        url: https://hooks.slack.example/services/T0/B0/abc
        format: slack
        group_by: [alertname, namespace]
        group_wait: 10s
        repeat_interval: 12h
        max_alerts: 5
        http_config: {authorization: {credentials: word}}";
    let config: WebhookConfig = serde_yaml_ng::from_str(text).expect("it can be read");
    assert_eq!(config.repeat_interval, Duration::from_secs(12 * 3600));
    assert_eq!(config.group_interval, Duration::from_secs(300));
    assert!(config.send_resolved);
    let shown = format!("{config:?}");
    assert!(!shown.contains("T0") && !shown.contains("word"), "{shown}");
    assert!(
        serde_yaml_ng::from_str::<WebhookConfig>("{name: a, url: 'http://a', group_waits: 1s}")
            .is_err()
    );
}
