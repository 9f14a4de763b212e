//! A courier sends the notifications of one webhook and tenant when they are due.

use super::config::WebhookConfig;
use super::groups::{Groups, Notification, Notified};
use super::wire;
use crate::alert::Alert;
use crate::counters::AlertCounts;
use crate::environment::now;
use crate::http::{Backoff, Client, Delivery, Verdict};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Pauses after failures, first and longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// Notes what a group was notified of.
pub(crate) type OnNotified = Box<dyn Fn(&Notified) + Send + Sync>;

/// One tenant's alerts for one webhook.
pub(crate) struct Sending {
    tenant: String,
    config: WebhookConfig,
    client: Client,
    groups: Mutex<Groups>,
    came: Notify,
    counts: Mutex<AlertCounts>,
    on_notified: OnNotified,
}

impl Sending {
    /// By a client, going on with groups that are known.
    pub(crate) fn new(
        tenant: &str,
        config: WebhookConfig,
        client: Client,
        groups: Groups,
        on_notified: OnNotified,
    ) -> Sending {
        Sending {
            tenant: tenant.to_owned(),
            counts: Mutex::new(AlertCounts {
                tenant: tenant.to_owned(),
                target: format!("webhook/{}", config.name),
                queue_capacity: config.queue_capacity as u64,
                ..AlertCounts::default()
            }),
            config,
            client,
            groups: Mutex::new(groups),
            came: Notify::new(),
            on_notified,
        }
    }

    /// The settings.
    pub(crate) fn config(&self) -> &WebhookConfig {
        &self.config
    }

    /// Adds states of alerts that came at a time.
    pub(crate) fn put(&self, alerts: impl Iterator<Item = Alert>, at: i64) {
        let dropped = {
            let mut groups = self.groups.lock();
            for alert in alerts {
                groups.put(alert, at, &self.config);
            }
            groups.shrink(self.config.queue_capacity)
        };
        if dropped > 0 {
            self.counts.lock().dropped += dropped;
            tracing::warn!(
                tenant = self.tenant,
                webhook = self.config.name,
                dropped,
                "a webhook holds too many alerts, the oldest are dropped"
            );
        }
        self.came.notify_one();
    }

    /// All alerts with when they came, and what was notified.
    pub(crate) fn contents(&self) -> (Vec<(Alert, i64)>, Vec<Notified>) {
        self.groups.lock().contents()
    }

    /// What was sent and what waits.
    pub(crate) fn counts(&self) -> AlertCounts {
        let mut counts = self.counts.lock().clone();
        counts.queue_length = self.groups.lock().owing() as u64;
        counts
    }

    fn taken(&self, notification: &Notification) {
        let notified = &notification.notified;
        // Noted under the lock, so that a state restated meanwhile says the same.
        let mut groups = self.groups.lock();
        groups.taken(notified, &self.config);
        (self.on_notified)(notified);
    }

    async fn attempt(&self, notification: &Notification) -> Delivery {
        let headers = [("content-type", "application/json")];
        let body = Bytes::from(wire::body(notification, &self.config));
        let began = Instant::now();
        let answer = self
            .client
            .post(self.config.url.url().clone(), &headers, body)
            .await;
        self.counts.lock().latency.add(began.elapsed());
        answer.delivery(Verdict::AllButContent)
    }
}

/// Sends what is due until the task is ended. After a failure the group is asked anew what it has to say.
pub(crate) async fn deliver(sending: Arc<Sending>) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        let (due, next) = {
            let mut groups = sending.groups.lock();
            (groups.due(now(), &sending.config), groups.next_due())
        };
        let Some(notification) = due else {
            wait(&sending, next).await;
            continue;
        };
        // Nothing that this webhook wants to hear; its group need not be asked again for it.
        if notification.alerts.is_empty() {
            sending.taken(&notification);
            continue;
        }
        if backoff.failures() > 0 {
            sending.counts.lock().retries += 1;
        }
        let (count, group) = (notification.alerts.len() as u64, &notification.key);
        match sending.attempt(&notification).await {
            Delivery::Taken => {
                sending.taken(&notification);
                sending.counts.lock().sent += count;
                backoff.reset();
            }
            Delivery::Refused(why) => {
                // The group is due again as if it had been taken, with what it has to say then.
                let interval =
                    i64::try_from(sending.config.group_interval.as_millis()).unwrap_or(i64::MAX);
                sending
                    .groups
                    .lock()
                    .failed(&notification, now().saturating_add(interval.max(1)));
                let mut counts = sending.counts.lock();
                counts.errors += count;
                counts.dropped += count;
                tracing::warn!(
                    tenant = sending.tenant,
                    webhook = sending.config.name,
                    group,
                    why,
                    "a notification was refused"
                );
                backoff.reset();
            }
            Delivery::Later(why, asked) => {
                sending.groups.lock().failed(&notification, now());
                sending.counts.lock().errors += count;
                if backoff.failures() == 0 {
                    tracing::warn!(
                        tenant = sending.tenant,
                        webhook = sending.config.name,
                        group,
                        why,
                        "a notification could not be sent, it is tried again"
                    );
                }
                tokio::time::sleep(backoff.next(asked)).await;
            }
        }
    }
}

/// Waits until a group is due or alerts come.
async fn wait(sending: &Sending, next: Option<i64>) {
    /// A change of the clock holds nothing up for longer.
    const MOST: Duration = Duration::from_secs(10);
    match next {
        None => sending.came.notified().await,
        Some(next) => {
            let pause =
                Duration::from_millis(u64::try_from(next.saturating_sub(now())).unwrap_or(0))
                    .min(MOST);
            let _ = tokio::time::timeout(pause, sending.came.notified()).await;
        }
    }
}
