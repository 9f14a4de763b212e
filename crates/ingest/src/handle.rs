//! `Ingest` runs pushes on threads that may block, bounds how many, and waits until each is durable.

use crate::lanes::{LANES, Lanes};
use crate::limits::IngestLimits;
use crate::pipeline::{Again, Outcome, Pipeline, not_written, unreadable};
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::room::Waiting;
use crate::tail_hub::TailHub;
use crate::validate::tenant_policy::{OnePolicy, TenantPolicies, TenantPolicy};
use crate::workers::Workers;
use skald_model::TenantId;
use skald_store::{Store, WriteError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often a push that waits looks for room.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Memory of the budget for each place in a lane, in bytes: on a large machine with little memory
/// fewer pushes than cores are decoded at once.
const WORKER_BYTES: usize = 32 << 20;

/// Takes pushes. Cheap to share behind an `Arc`.
pub struct Ingest {
    pipeline: Arc<Pipeline>,
    /// Bounds the pushes that are decoded at once, and so their buffers.
    lanes: Lanes,
    workers: Workers,
}

/// Hears when a write is durable.
type Durable = oneshot::Receiver<Result<(), WriteError>>;

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
        let by_memory = store.budget().bytes() / WORKER_BYTES;
        let workers = skald_model::cores().min(by_memory).max(2);
        Ingest {
            pipeline: Arc::new(Pipeline::new(store, Box::new(policies), clock, workers)),
            lanes: Lanes::new(workers),
            workers: Workers::start(LANES * workers),
        }
    }

    /// Decodes, validates and writes a push; ends when it is durable.
    pub async fn push(&self, tenant: &TenantId, request: PushRequest) -> PushReply {
        let (protocol, content_type) = (request.protocol, request.content_type.clone());
        let (outcome, durable) = self.run_with_room(tenant, request).await;
        let result = match outcome {
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

    /// Runs a push once flushing is not behind, which is waited for before anything of it is decoded.
    async fn run_with_room(&self, tenant: &TenantId, request: PushRequest) -> (Outcome, Durable) {
        match self.wait_for_room().await {
            Ok(()) => self.run(tenant, request).await,
            Err(error) => (Outcome::NotWritten(error), oneshot::channel().1),
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

    /// Runs the pipeline on a thread that may block; again when the push turns out to need more than
    /// it was given.
    async fn run(&self, tenant: &TenantId, request: PushRequest) -> (Outcome, Durable) {
        let budget = self.pipeline.store().budget();
        let mut waiting = Waiting::new(budget, request.body.len());
        let request = Arc::new(request);
        loop {
            let (written, durable) = oneshot::channel();
            let (size, room) = match waiting.enter(&self.lanes).await {
                Ok(entered) => entered,
                Err(error) => {
                    return (Outcome::Answered(unreadable(&request, &error)), durable);
                }
            };
            let (pipeline, tenant) = (Arc::clone(&self.pipeline), tenant.clone());
            let its = Arc::clone(&request);
            let job = move || pipeline.run(&tenant, &its, room, written);
            match self.workers.run(size, job).await {
                Some(Ok(outcome)) => return (outcome, durable),
                Some(Err(Again(bytes))) => waiting.needs(bytes),
                None => {
                    let why = "a push could not be handled: its thread panicked";
                    return (
                        Outcome::NotWritten(WriteError::Stopped(why.to_owned())),
                        durable,
                    );
                }
            }
        }
    }

    /// Where live tails subscribe.
    pub fn tail_hub(&self) -> &Arc<TailHub> {
        self.pipeline.tail_hub()
    }

    /// Appends counters in Prometheus text form (`loki_distributor_*`, `loki_discarded_*`, our own)
    /// to `out`.
    pub fn write_metrics(&self, out: &mut String) {
        self.pipeline.write_metrics(out);
    }
}
