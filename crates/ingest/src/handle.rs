//! `Ingest` runs pushes on blocking threads, bounds how many, and waits until each is durable.

use crate::lanes::Lanes;
use crate::limits::IngestLimits;
use crate::pipeline::{Outcome, Pipeline, not_written};
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::tail_hub::TailHub;
use crate::validate::tenant_policy::{OnePolicy, TenantPolicies, TenantPolicy};
use skald_model::TenantId;
use skald_store::{Store, WriteError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often a push that waits looks for room.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Takes pushes. Cheap to share behind an `Arc`.
pub struct Ingest {
    pipeline: Arc<Pipeline>,
    /// Bounds the pushes that are decoded at once, and so their buffers.
    lanes: Lanes,
}

impl Ingest {
    /// Over a store, with the same limits for all; `clock` gives now in nanoseconds since 1970.
    pub fn new(store: Arc<Store>, limits: IngestLimits, clock: fn() -> i64) -> Ingest {
        let policy = OnePolicy(Arc::new(TenantPolicy::new(limits)));
        Ingest::with_policies(store, policy, clock)
    }

    /// As [`Ingest::new`], with limits by tenant.
    pub fn with_policies(
        store: Arc<Store>,
        policies: impl TenantPolicies,
        clock: fn() -> i64,
    ) -> Ingest {
        let workers = skald_model::cores().max(2);
        Ingest {
            pipeline: Arc::new(Pipeline::new(store, Box::new(policies), clock, workers)),
            lanes: Lanes::new(workers),
        }
    }

    /// Decodes, validates and writes a push; ends when it is durable.
    pub async fn push(&self, tenant: &TenantId, request: PushRequest) -> PushReply {
        let (protocol, content_type) = (request.protocol, request.content_type.clone());
        let (written, durable) = oneshot::channel();
        let result = match self.run_with_room(tenant, request, written).await {
            Outcome::Answered(reply) => Ok(reply),
            Outcome::NotWritten(error) => Err(error),
            Outcome::Writing(reply) => match durable.await {
                Ok(result) => result.map(|()| reply),
                Err(_) => Err(WriteError::Stopped(
                    "the store closed while a push was being written".to_owned(),
                )),
            },
        };
        let reply = result.unwrap_or_else(|error| {
            tracing::warn!(%tenant, %error, "push was not stored");
            not_written(protocol, content_type.as_deref(), &error)
        });
        self.pipeline.metrics().count_reply(reply.status);
        reply
    }

    /// Runs a push once there is room for it, which is waited for before anything of it is decoded.
    async fn run_with_room(
        &self,
        tenant: &TenantId,
        request: PushRequest,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Outcome {
        match self.wait_for_room().await {
            Ok(()) => self.run(tenant, request, written).await,
            Err(error) => Outcome::NotWritten(error),
        }
    }

    /// Waits while flushing is behind, no longer than a client bears.
    async fn wait_for_room(&self) -> Result<(), WriteError> {
        let store = self.pipeline.store();
        if store.room().is_ok() {
            return Ok(());
        }
        self.pipeline.metrics().count_wait();
        let until = Instant::now() + store.push_wait();
        loop {
            match store.room() {
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Runs the pipeline on a thread that may block; `written` hears when a write that was begun is
    /// durable.
    async fn run(
        &self,
        tenant: &TenantId,
        request: PushRequest,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Outcome {
        let lane = self.lanes.enter().await;
        let (pipeline, tenant) = (Arc::clone(&self.pipeline), tenant.clone());
        let running =
            tokio::task::spawn_blocking(move || pipeline.run(&tenant, &request, lane, written));
        running.await.unwrap_or_else(|error| {
            Outcome::NotWritten(WriteError::Stopped(format!(
                "a push could not be handled: {error}"
            )))
        })
    }

    /// Where live tails subscribe.
    pub fn tail_hub(&self) -> &Arc<TailHub> {
        self.pipeline.tail_hub()
    }

    /// Appends counters in Prometheus text form (`loki_distributor_*`, `loki_discarded_*`, our own)
    /// to `out`.
    pub fn write_metrics(&self, out: &mut String) {
        self.pipeline.metrics().write(out);
    }
}
