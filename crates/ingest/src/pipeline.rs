//! The push pipeline decodes, validates, writes and publishes one push.
//!
//! Runs on a thread that may block. Buffers for decompressed bodies are reused between pushes, at
//! most one a worker.

use crate::decode::body;
use crate::decode::decoded::Decoded;
use crate::forms;
use crate::limits::IngestLimits;
use crate::metrics::{Metrics, Spent};
use crate::receivers::{self, Outcome as PushOutcome, Receiver, Reception, Scratch, Taken};
use crate::recent_keys::{self, Claim, Moment, RecentKeys};
use crate::rejection::{BodyError, RefusedRows};
use crate::reply::PushReply;
use crate::request::{Protocol, PushRequest};
use crate::room::Room;
use crate::tail_hub::TailHub;
use crate::validate::rates::Rates;
use crate::validate::tenant_policy::{TenantPolicies, TenantPolicy};
use crate::validate::validator::{Rules, Validated, Validator};
use parking_lot::Mutex;
use skald_model::{Held, MemoryUser, TenantId};
use skald_store::{Store, WriteError};
use std::borrow::Cow;
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

/// A push needs this many bytes, has no place or no room for them, and begins again once it has.
pub(crate) struct Again(pub(crate) usize);

/// Runs pushes, one a call.
pub(crate) struct Pipeline {
    store: Arc<Store>,
    policies: Box<dyn TenantPolicies>,
    clock: fn() -> i64,
    metrics: Metrics,
    rates: Rates,
    recent: Arc<RecentKeys>,
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
        let recent = Arc::new(RecentKeys::within(store.budget()));
        Pipeline {
            store,
            policies,
            clock,
            metrics: Metrics::default(),
            rates: Rates::default(),
            recent,
            tail_hub,
            buffers,
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Appends all there are in Prometheus text form.
    pub(crate) fn write_metrics(&self, out: &mut String) {
        self.metrics.write(out);
        self.recent.write(out);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn tail_hub(&self) -> &Arc<TailHub> {
        &self.tail_hub
    }

    /// Runs a push within its room to where the store has it. `written` hears when the write is
    /// durable, if one was begun.
    pub(crate) fn run(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        room: Room,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Outcome, Again> {
        let mut buffer = self.buffers.take();
        let stored = self.decode_and_store(tenant, request, &mut buffer, room, written);
        self.buffers.give_back(buffer);
        stored.or_else(|error| match error {
            BodyError::Again(bytes) => Err(Again(bytes)),
            error => Ok(Outcome::Answered(unreadable(request, &error))),
        })
    }

    fn decode_and_store(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        buffer: &mut Vec<u8>,
        mut room: Room,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Outcome, BodyError> {
        let now = (self.clock)();
        if let Err(error) = self.store.admits(tenant) {
            return Ok(Outcome::NotWritten(error));
        }
        let receiver = receivers::of(request.protocol);
        let policy = self.policies.of(tenant);
        let rates = self.rates.of(tenant, &policy.limits);
        let mut since = Instant::now();
        let mut spent = Spent::of_body(request.body.len());

        let body = decompressed(request, &policy.limits, buffer, &mut room)?;
        spent.decompressed = body.len() as u64;
        let (limits, scratch) = (&policy.limits, &Scratch::default());
        let reception = Reception {
            request,
            body,
            scratch,
            limits,
            now,
        };
        let mut decoded = decoded(receiver, &reception, room)?;
        let claim = self.claim(tenant, &mut decoded, limits, now);
        let (note, positions) = (decoded.note.take(), std::mem::take(&mut decoded.positions));
        spent.decode = lap(&mut since);

        let rules = Rules {
            policy: &policy,
            rates: rates.as_deref(),
            now,
            budget: Some(self.store.budget()),
        };
        let came = decoded.entries.len();
        let validated = Validator::new(tenant, rules, &mut decoded).run();
        spent.validate = lap(&mut since);

        let repeats = claim.as_ref().map_or(0, Claim::repeats);
        let began = !validated.batch.entries.is_empty();
        if began {
            if let Err(error) = self.write(tenant, &validated, claim, written) {
                return Ok(Outcome::NotWritten(error));
            }
            spent.write = lap(&mut since);
        }
        let refused = in_order_of_request(&validated.refused, &positions);
        let read = PushOutcome {
            rejections: &validated.rejections,
            refused: &refused,
            came,
            stored: validated.batch.entries.len() + repeats,
            note: note.as_deref(),
        };
        let mut reply = receiver.reply(request.content_type.as_deref(), &Taken::Read(read));
        reply.account = Box::new(validated.account());
        self.tail_hub.publish(tenant, &validated.batch);
        self.metrics
            .add(tenant, receiver.name(), &validated.counters, &spent);
        Ok(match began {
            true => Outcome::Writing(reply),
            false => Outcome::Answered(reply),
        })
    }

    /// Leaves out events that came before, by the keys that their receiver gave them.
    fn claim(
        &self,
        tenant: &TenantId,
        decoded: &mut Decoded<'_>,
        limits: &IngestLimits,
        now: i64,
    ) -> Option<Claim> {
        if decoded.keys.is_empty() {
            return None;
        }
        let window = limits.k8s_audit_dedup_window;
        let stored = || {
            let since = now.saturating_sub(window.saturating_mul(2));
            let keys = recent_keys::stored_keys(&self.store, tenant, since, self.recent.most());
            keys.unwrap_or_else(|error| {
                tracing::warn!(%tenant, %error, "stored audit events can't be read: one that comes again may be stored twice");
                Vec::new()
            })
        };
        let moment = Moment { now, window };
        Some(self.recent.claim(tenant, decoded, moment, stored))
    }

    /// Hands a batch to the store; `written` hears when it is durable.
    fn write(
        &self,
        tenant: &TenantId,
        validated: &Validated<'_>,
        mut claim: Option<Claim>,
        written: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<(), WriteError> {
        let batch = &validated.batch;
        if let Some(claim) = &mut claim {
            claim.give_up(&validated.refused);
        }
        // A copy of it waits to be written to the log.
        let bytes = batch.bytes() + batch.label_bytes();
        let waiting = Held::charged(self.store.budget(), MemoryUser::Pushes, bytes);
        let durable = Box::new(move |result: Result<(), WriteError>| {
            drop(waiting);
            if let (Ok(()), Some(claim)) = (&result, claim) {
                claim.keep();
            }
            drop(written.send(result));
        });
        self.store.write(tenant, batch, durable)
    }
}

/// The body of a request without its encodings; lies in `buffer`, or is the body as it came when
/// there was nothing to undo.
fn decompressed<'b>(
    request: &'b PushRequest,
    limits: &IngestLimits,
    buffer: &'b mut Vec<u8>,
    room: &mut Room,
) -> Result<&'b [u8], BodyError> {
    body::check_received(request.body.len(), limits)?;
    let receiver = receivers::of(request.protocol);
    let encodings = receiver.encodings(request)?;
    body::decompress(&request.body, &encodings, limits, buffer, room)
        .map_err(|error| receiver.undecodable(error, request))
}

/// Streams and entries of a body, those of a known form with their columns.
fn decoded<'m>(
    receiver: &dyn Receiver,
    reception: &Reception<'m>,
    room: Room,
) -> Result<Decoded<'m>, BodyError> {
    let mut decoded = receiver.decode(reception, room)?;
    forms::discover(&mut decoded, reception.limits)?;
    Ok(decoded)
}

/// Refused rows by where they stood in the request, if that is another order.
fn in_order_of_request<'r>(
    refused: &'r [RefusedRows],
    positions: &[u32],
) -> Cow<'r, [RefusedRows]> {
    if positions.is_empty() || refused.is_empty() {
        return Cow::Borrowed(refused);
    }
    let alone = refused.iter().flat_map(|refused| {
        let rows = refused.rows.start as usize..refused.rows.end as usize;
        positions[rows].iter().map(|position| RefusedRows {
            rows: *position..position + 1,
            ..refused.clone()
        })
    });
    Cow::Owned(alone.collect())
}

/// The answer to a body of which nothing was taken.
pub(crate) fn unreadable(request: &PushRequest, error: &BodyError) -> PushReply {
    let content_type = request.content_type.as_deref();
    receivers::refusal(
        request.protocol,
        content_type,
        error.status(),
        &error.to_string(),
    )
}

/// The answer when the store took nothing.
pub(crate) fn not_written(
    protocol: Protocol,
    content_type: Option<&str>,
    error: &WriteError,
) -> PushReply {
    let (status, why) = match error {
        WriteError::Busy | WriteError::OutOfMemory => (429, None),
        WriteError::TooManyTenants { .. } => (429, Some("too_many_tenants")),
        WriteError::DiskFull => (503, Some("disk_full")),
        WriteError::Recovering => (503, Some("starting")),
        _ => (503, None),
    };
    let mut reply = receivers::refusal(protocol, content_type, status, &error.to_string());
    reply.account.why = why;
    reply
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
        let run = self.run(request).map(|(bytes, _)| bytes);
        run.map_err(|error| unreadable(request, &error))
    }

    /// The answer the client would get.
    pub fn answer(&mut self, request: &PushRequest) -> PushReply {
        let run = self.run(request).map(|(_, reply)| reply);
        run.unwrap_or_else(|error| unreadable(request, &error))
    }

    fn run(&mut self, request: &PushRequest) -> Result<(usize, PushReply), BodyError> {
        let limits = &self.policy.limits;
        let mut room = Room::default();
        let body = decompressed(request, limits, &mut self.buffer, &mut room)?;
        let scratch = Scratch::default();
        let reception = Reception {
            request,
            body,
            scratch: &scratch,
            limits,
            now: i64::MAX,
        };
        let receiver = receivers::of(request.protocol);
        let mut decoded = decoded(receiver, &reception, room)?;
        let (note, positions) = (decoded.note.take(), std::mem::take(&mut decoded.positions));
        let rules = Rules {
            policy: &self.policy,
            rates: None,
            now: i64::MAX,
            budget: None,
        };
        let tenant = TenantId::fake();
        let came = decoded.entries.len();
        let validated = Validator::new(&tenant, rules, &mut decoded).run();
        let refused = in_order_of_request(&validated.refused, &positions);
        let read = PushOutcome {
            rejections: &validated.rejections,
            refused: &refused,
            came,
            stored: validated.batch.entries.len(),
            note: note.as_deref(),
        };
        let reply = receiver.reply(request.content_type.as_deref(), &Taken::Read(read));
        Ok((validated.batch.bytes(), reply))
    }
}
