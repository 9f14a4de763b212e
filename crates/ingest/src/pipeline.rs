//! The push pipeline decodes, validates, writes and publishes one push.
//!
//! Runs on a thread that may block. Buffers for decompressed bodies are reused between pushes, at
//! most one a worker.

use crate::decode::decoded::Decoded;
use crate::decode::message::Message;
use crate::lanes::Lane;
use crate::limits::IngestLimits;
use crate::metrics::{Format, Metrics, Spent};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::room::Room;
use crate::tail_hub::TailHub;
use crate::validate::rates::Rates;
use crate::validate::tenant_policy::{TenantPolicies, TenantPolicy};
use crate::validate::validator::{Rules, Validator};
use parking_lot::Mutex;
use skald_model::{Held, MemoryUser, TenantId};
use skald_store::{Store, WriteError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Largest buffer reused for the next push, in bytes; larger ones are rare and given back.
const BUFFER_REUSED_BYTES_MAX: usize = 8 << 20;

/// No buffer larger than this part of the memory budget is kept.
const BUFFER_REUSED_SHARE: usize = 128;

/// What became of a push.
pub(crate) enum Outcome {
    /// Nothing is being written; this is the answer.
    Answered(PushReply),
    /// The answer once the write is durable.
    Writing(PushReply),
    /// The store took nothing.
    NotWritten(WriteError),
}

/// Runs pushes, one a call.
pub(crate) struct Pipeline {
    store: Arc<Store>,
    policies: Box<dyn TenantPolicies>,
    clock: fn() -> i64,
    metrics: Metrics,
    rates: Rates,
    tail_hub: Arc<TailHub>,
    buffers: BufferPool,
}

impl Pipeline {
    pub(crate) fn new(
        store: Arc<Store>,
        policies: Box<dyn TenantPolicies>,
        clock: fn() -> i64,
        workers: usize,
    ) -> Pipeline {
        let tail_hub = Arc::new(TailHub::within(store.budget()));
        let buffers = BufferPool::new(workers, store.budget().bytes());
        Pipeline {
            store,
            policies,
            clock,
            metrics: Metrics::default(),
            rates: Rates::default(),
            tail_hub,
            buffers,
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn tail_hub(&self) -> &Arc<TailHub> {
        &self.tail_hub
    }

    /// Runs a push in its lane to where the store has it. `written` hears when the write is durable,
    /// if one was begun.
    pub(crate) fn run(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        lane: Lane,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Outcome {
        let mut buffer = self.buffers.take();
        let outcome = self
            .decode_and_store(tenant, request, &mut buffer, lane, written)
            .unwrap_or_else(|error| {
                Outcome::Answered(PushReply::unreadable(request.protocol, &error))
            });
        self.buffers.give_back(buffer);
        outcome
    }

    fn decode_and_store(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        buffer: &mut Vec<u8>,
        lane: Lane,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Outcome, BodyError> {
        let now = (self.clock)();
        if let Err(error) = self.store.admits(tenant) {
            return Ok(Outcome::NotWritten(error));
        }
        let policy = self.policies.of(tenant);
        let rates = self.rates.of(tenant, &policy.limits);
        let mut since = Instant::now();
        let mut spent = Spent {
            received: request.body.len() as u64,
            ..Spent::default()
        };

        let mut room = Room::within(self.store.budget(), lane);
        let message = Message::read(request, &policy.limits, buffer, &mut room)?;
        spent.decompressed = message.bytes() as u64;
        let mut decoded = decode(&message, &policy.limits, now, room)?;
        spent.decode = lap(&mut since);

        let rules = Rules {
            policy: &policy,
            rates: rates.as_deref(),
            now,
        };
        let validated = Validator::new(tenant, rules, &mut decoded).run();
        spent.validate = lap(&mut since);

        let rejections = &validated.rejections;
        let reply = rejections.text().map_or_else(PushReply::done, |text| {
            PushReply::error(request.protocol, rejections.status(), &text)
        });
        let mut outcome = Outcome::Answered(reply.clone());
        if !validated.batch.entries.is_empty() {
            // A copy of it waits to be written to the log.
            let bytes = validated.batch.bytes();
            let waiting = Held::charged(self.store.budget(), MemoryUser::Pushes, bytes);
            let durable = Box::new(move |result| {
                drop(waiting);
                drop(written.send(result));
            });
            outcome = match self.store.write(tenant, &validated.batch, durable) {
                Ok(()) => Outcome::Writing(reply),
                Err(error) => return Ok(Outcome::NotWritten(error)),
            };
            spent.write = lap(&mut since);
        }
        self.tail_hub.publish(tenant, &validated.batch);
        let format = Format::of(request.protocol);
        self.metrics
            .add(tenant, format, &validated.counters, &spent);
        Ok(outcome)
    }
}

/// The streams of a message; an error when there are none.
fn decode<'m>(
    message: &'m Message<'_>,
    limits: &IngestLimits,
    now: i64,
    room: Room,
) -> Result<Decoded<'m>, BodyError> {
    let decoded = message.decode(limits, now, room)?;
    match decoded.streams.is_empty() {
        true => Err(BodyError::NoStreams),
        false => Ok(decoded),
    }
}

/// The time since the last lap, which ends here.
fn lap(since: &mut Instant) -> Duration {
    let now = Instant::now();
    now - std::mem::replace(since, now)
}

/// Buffers that wait for the next push.
struct BufferPool {
    waiting: Mutex<Vec<Vec<u8>>>,
    count_max: usize,
    /// Largest buffer that is kept.
    bytes_max: usize,
}

impl BufferPool {
    fn new(count_max: usize, memory: usize) -> BufferPool {
        BufferPool {
            waiting: Mutex::default(),
            count_max,
            bytes_max: BUFFER_REUSED_BYTES_MAX.min(memory / BUFFER_REUSED_SHARE),
        }
    }

    fn take(&self) -> Vec<u8> {
        self.waiting.lock().pop().unwrap_or_default()
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut waiting = self.waiting.lock();
        if buffer.capacity() <= self.bytes_max && waiting.len() < self.count_max {
            waiting.push(buffer);
        }
    }
}

/// Decoding and validation without a store, for asking what they cost and what they do with any
/// bytes.
pub struct DryRun {
    policy: TenantPolicy,
    buffer: Vec<u8>,
}

impl DryRun {
    /// With limits of its own.
    pub fn new(limits: IngestLimits) -> DryRun {
        DryRun {
            policy: TenantPolicy::new(limits),
            buffer: Vec::new(),
        }
    }

    /// Decodes and validates a push as one of tenant `fake`; gives the bytes that would be stored,
    /// or the answer the client would get for a body that can't be read.
    pub fn accept(&mut self, request: &PushRequest) -> Result<usize, PushReply> {
        self.validated_bytes(request)
            .map_err(|error| PushReply::unreadable(request.protocol, &error))
    }

    fn validated_bytes(&mut self, request: &PushRequest) -> Result<usize, BodyError> {
        let limits = &self.policy.limits;
        let mut room = Room::default();
        let message = Message::read(request, limits, &mut self.buffer, &mut room)?;
        let mut decoded = message.decode(limits, i64::MAX, room)?;
        let rules = Rules {
            policy: &self.policy,
            rates: None,
            now: i64::MAX,
        };
        let tenant = TenantId::fake();
        let validated = Validator::new(&tenant, rules, &mut decoded).run();
        Ok(validated.batch.bytes())
    }
}
