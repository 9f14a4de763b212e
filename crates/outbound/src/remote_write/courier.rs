//! A courier takes the samples of one client from their queue to the receiver, one request at a time.

use super::config::{Protocol, RemoteWriteBlock};
use super::series::{Gathered, Series, drop_before, requests, samples};
use super::wire;
use crate::counters::SampleCounts;
use crate::environment::now;
use crate::error::OutboundError;
use crate::http::{Answer, Backoff, Client, Delivery, Verdict};
use crate::queue::{Backlog, Batch, Due};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How long a receiver that knows only 1.0 is asked in it, before 2.0 is tried again; milliseconds.
const V1_MS: i64 = 3_600_000;

/// The pause after the queue could not be read.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// What a courier needs to know.
pub(super) struct Courier {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) block: RemoteWriteBlock,
    pub(super) client: Client,
    pub(super) org_id: OrgId,
    pub(super) backlog: Arc<Backlog>,
    pub(super) counts: Arc<Mutex<SampleCounts>>,
    /// Until when 1.0 is spoken although 2.0 is configured, in milliseconds of Unix time.
    pub(super) v1_until: AtomicI64,
}

/// Whether requests name the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrgId {
    Tenant,
    AsConfigured,
}

impl Courier {
    /// Works until the task is ended.
    pub(super) async fn run(self: Arc<Courier>) {
        let came = self.backlog.came();
        let most = self.block.queue.max_samples_per_send;
        let deadline =
            i64::try_from(self.block.queue.batch_send_deadline.as_millis()).unwrap_or(i64::MAX);
        loop {
            match self.backlog.due(most, deadline) {
                Due::Empty => came.notified().await,
                Due::At(at) if at > now() => {
                    let pause = Duration::from_millis(at.abs_diff(now()));
                    // A change of the clock must not stop the queue.
                    let pause = pause.min(self.block.queue.batch_send_deadline);
                    let _ = tokio::time::timeout(pause, came.notified()).await;
                }
                Due::At(_) | Due::Now => self.deliver_oldest(most).await,
            }
        }
    }

    async fn deliver_oldest(self: &Arc<Courier>, most: u64) {
        let read = self.on_disk(move |backlog| {
            let batch = backlog.read(most)?;
            if let Some(batch) = &batch {
                backlog.begin(batch.last);
            }
            Ok(batch)
        });
        let batch: Batch = match read.await {
            Ok(Some(batch)) => batch,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(tenant = self.tenant, client = self.id, %error, "samples can't be read back");
                return tokio::time::sleep(DISK_PAUSE).await;
            }
        };
        for request in self.requests_of(&batch) {
            self.deliver(&request).await;
        }
        let last = batch.last;
        let done = self.on_disk(move |backlog| {
            backlog.finish(last);
            Ok(())
        });
        if let Err(error) = done.await {
            tracing::warn!(%error, "it is not noted that samples were sent");
        }
    }

    /// Runs what waits for the disk where waiting holds up nobody.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Courier>,
        work: impl FnOnce(&Backlog) -> Result<T, OutboundError> + Send + 'static,
    ) -> Result<T, OutboundError> {
        let backlog = Arc::clone(&self.backlog);
        let done = tokio::task::spawn_blocking(move || work(&backlog)).await;
        done.unwrap_or_else(|error| {
            Err(OutboundError::Setting(format!(
                "the disk's thread ended: {error}"
            )))
        })
    }

    fn requests_of(&self, batch: &Batch) -> Vec<Vec<Series>> {
        let mut gathered = Gathered::default();
        for payload in &batch.payloads {
            match wire::decode_v1(payload) {
                Ok(series) => gathered.add_series(series),
                Err(error) => tracing::warn!(
                    tenant = self.tenant,
                    error,
                    "samples of a queue can't be decoded"
                ),
            }
        }
        let mut series = gathered.finish();
        let limit = self.block.queue.sample_age_limit;
        if !limit.is_zero() {
            let age = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
            let dropped = drop_before(&mut series, now().saturating_sub(age));
            self.counts.lock().dropped += dropped;
        }
        requests(series, self.block.queue.max_samples_per_send)
    }

    /// Sends a request until it is taken or refused for good.
    async fn deliver(&self, series: &[Series]) {
        let count = samples(series);
        let queue = &self.block.queue;
        let mut backoff = Backoff::new(queue.min_backoff, queue.max_backoff);
        loop {
            let delivery = self.attempt(series, backoff.failures()).await;
            let newest = series
                .iter()
                .flat_map(|one| &one.points)
                .map(|point| point.timestamp)
                .max();
            match delivery {
                Delivery::Taken => {
                    let mut counts = self.counts.lock();
                    counts.sent += count;
                    let seconds = newest.unwrap_or(0) as f64 / 1000.0;
                    counts.highest_sent_timestamp = counts.highest_sent_timestamp.max(seconds);
                    return;
                }
                Delivery::Refused(why) => {
                    self.counts.lock().failed += count;
                    return tracing::warn!(
                        tenant = self.tenant,
                        client = self.id,
                        samples = count,
                        why,
                        "samples were refused and are dropped"
                    );
                }
                Delivery::Later(why, asked) => {
                    self.counts.lock().retried += count;
                    if backoff.failures() == 0 {
                        tracing::warn!(
                            tenant = self.tenant,
                            client = self.id,
                            why,
                            "samples could not be sent, they are tried again"
                        );
                    }
                    tokio::time::sleep(backoff.next(asked)).await;
                }
            }
        }
    }

    /// One attempt, and another at once in 1.0 where the receiver does not know 2.0.
    async fn attempt(&self, series: &[Series], failures: u32) -> Delivery {
        let retries = self.block.queue.retry_on_http_429;
        let verdict = if retries {
            Verdict::TooMany
        } else {
            Verdict::None
        };
        let speaks_v2 =
            self.block.protocol == Protocol::V2 && self.v1_until.load(Ordering::Relaxed) <= now();
        if !speaks_v2 {
            return self
                .post(series, Protocol::V1, failures)
                .await
                .delivery(verdict);
        }
        let answer = self.post(series, Protocol::V2, failures).await;
        let delivery = answer.delivery(verdict);
        let is_unknown = answer.status().is_some_and(|status| status.as_u16() == 415);
        // A receiver of 2.0 says what it wrote; one that says nothing took it for something else.
        let is_silent = delivery == Delivery::Taken
            && answer
                .number("x-prometheus-remote-write-samples-written")
                .is_none();
        if !is_unknown && !is_silent {
            self.note_partial(&answer, series);
            return delivery;
        }
        tracing::info!(
            tenant = self.tenant,
            client = self.id,
            "the receiver does not know remote write 2.0, 1.0 is used for an hour"
        );
        self.v1_until
            .store(now().saturating_add(V1_MS), Ordering::Relaxed);
        self.post(series, Protocol::V1, failures)
            .await
            .delivery(verdict)
    }

    /// Notes samples that a receiver of 2.0 left out of a request it took.
    fn note_partial(&self, answer: &Answer, series: &[Series]) {
        let written = answer.number("x-prometheus-remote-write-samples-written");
        let is_taken = answer.status().is_some_and(|status| status.is_success());
        if let Some(written) = written.filter(|written| is_taken && *written < samples(series)) {
            tracing::warn!(
                tenant = self.tenant,
                client = self.id,
                written,
                of = samples(series),
                "the receiver wrote fewer samples than it was sent"
            );
        }
    }

    async fn post(&self, series: &[Series], protocol: Protocol, failures: u32) -> Answer {
        let (content_type, version, body) = match protocol {
            Protocol::V1 => ("application/x-protobuf", "0.1.0", wire::encode_v1(series)),
            Protocol::V2 => (
                "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                "2.0.0",
                wire::encode_v2(series),
            ),
        };
        let mut headers = vec![
            ("content-encoding", "snappy"),
            ("content-type", content_type),
            ("x-prometheus-remote-write-version", version),
        ];
        let attempt = failures.to_string();
        if failures > 0 {
            headers.push(("retry-attempt", &attempt));
        }
        if self.org_id == OrgId::Tenant {
            headers.push(("x-scope-orgid", &self.tenant));
        }
        let began = Instant::now();
        let answer = self
            .client
            .post(self.block.url.url().clone(), &headers, Bytes::from(body))
            .await;
        self.counts.lock().latency.add(began.elapsed());
        answer
    }
}
