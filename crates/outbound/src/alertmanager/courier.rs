//! A courier takes the alerts of one tenant from the queue of one Alertmanager there, a request at a time.

use super::pending::{Pending, Put, Waiting};
use super::wire;
use crate::counters::AlertCounts;
use crate::environment::now;
use crate::http::{Backoff, Client, Delivery, TargetUrl, Verdict};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Alerts in a request, at most: what Prometheus and Loki send.
const BATCH_ALERTS: usize = 256;

/// Pauses after failures, first and longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// Notes that alerts need not be sent any more, by their ids.
pub(crate) type OnDone = Box<dyn Fn(&[u64]) + Send + Sync>;

/// One tenant's alerts for one Alertmanager.
pub(crate) struct Sending {
    tenant: String,
    url: TargetUrl,
    client: Client,
    capacity: usize,
    pending: Mutex<Pending>,
    came: Notify,
    counts: Mutex<AlertCounts>,
    on_done: OnDone,
}

impl Sending {
    /// To an address, by a client, going on with what waits.
    pub(crate) fn new(
        tenant: &str,
        url: TargetUrl,
        client: Client,
        capacity: usize,
        pending: Pending,
        on_done: OnDone,
    ) -> Sending {
        Sending {
            tenant: tenant.to_owned(),
            counts: Mutex::new(AlertCounts {
                tenant: tenant.to_owned(),
                target: url.name(),
                queue_capacity: capacity as u64,
                ..AlertCounts::default()
            }),
            url,
            client,
            capacity,
            pending: Mutex::new(pending),
            came: Notify::new(),
            on_done,
        }
    }

    /// Queues alerts. The oldest make room.
    pub(crate) fn put(&self, alerts: impl Iterator<Item = Waiting>) {
        let (merged, excess) = {
            let mut pending = self.pending.lock();
            let merged = alerts
                .filter(|waiting| pending.put(waiting.clone()) == Put::Merged)
                .count();
            let excess = pending.excess(self.capacity);
            pending.remove(&excess);
            (merged, excess)
        };
        {
            let mut counts = self.counts.lock();
            counts.merged += merged as u64;
            counts.dropped += excess.len() as u64;
        }
        if !excess.is_empty() {
            (self.on_done)(&excess);
            tracing::warn!(tenant = self.tenant, target = %self.url, dropped = excess.len(), "the queue of alerts is full, the oldest are dropped");
        }
        self.came.notify_one();
    }

    /// All that wait.
    pub(crate) fn pending(&self) -> Pending {
        self.pending.lock().clone()
    }

    /// What was sent and what waits.
    pub(crate) fn counts(&self) -> AlertCounts {
        let mut counts = self.counts.lock().clone();
        counts.queue_length = self.pending.lock().len() as u64;
        counts
    }

    fn done(&self, alerts: &[Waiting]) {
        let ids: Vec<u64> = alerts.iter().map(|waiting| waiting.id).collect();
        self.pending.lock().remove(&ids);
        // After they are gone: a state restated meanwhile holds none of them.
        (self.on_done)(&ids);
    }

    async fn attempt(&self, alerts: &[Waiting]) -> Delivery {
        let url = self.url.join("/api/v2/alerts");
        let headers = [
            ("content-type", "application/json"),
            ("x-scope-orgid", self.tenant.as_str()),
        ];
        let body = Bytes::from(wire::body(alerts, now()));
        let began = Instant::now();
        let answer = self.client.post(url, &headers, body).await;
        self.counts.lock().latency.add(began.elapsed());
        answer.delivery(Verdict::AllButContent)
    }
}

/// Sends what comes until the task is ended. What can't be sent is tried again, in the state that it has then.
pub(crate) async fn deliver(sending: Arc<Sending>) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let mut has_been_refused = false;
    loop {
        let alerts = sending.pending.lock().oldest(BATCH_ALERTS);
        if alerts.is_empty() {
            sending.came.notified().await;
            continue;
        }
        let count = alerts.len() as u64;
        if backoff.failures() > 0 {
            sending.counts.lock().retries += 1;
        }
        match sending.attempt(&alerts).await {
            Delivery::Taken => {
                sending.done(&alerts);
                sending.counts.lock().sent += count;
                if backoff.failures() > 0 {
                    tracing::info!(tenant = sending.tenant, target = %sending.url, "alerts are taken again");
                }
                backoff.reset();
                has_been_refused = false;
            }
            Delivery::Refused(why) => {
                sending.done(&alerts);
                let mut counts = sending.counts.lock();
                counts.errors += count;
                counts.dropped += count;
                if !has_been_refused {
                    tracing::warn!(tenant = sending.tenant, target = %sending.url, alerts = count, why, "alerts were refused");
                }
                backoff.reset();
                has_been_refused = true;
            }
            Delivery::Later(why, asked) => {
                sending.counts.lock().errors += count;
                if backoff.failures() == 0 {
                    tracing::warn!(tenant = sending.tenant, target = %sending.url, alerts = count, why, "alerts could not be sent, they are tried again");
                }
                tokio::time::sleep(backoff.next(asked)).await;
            }
        }
    }
}
