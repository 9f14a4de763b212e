//! One push from its bytes to the store, on a thread that may block.
//!
//! Buffers for decompressed bodies are kept between pushes, at most one a worker.

use crate::decode::push::Decoded;
use crate::decode::{body, json, otlp, protobuf};
use crate::metrics::{Format, Metrics, Spent};
use crate::tail_hub::Hub;
use crate::validate::limits::IngestLimits;
use crate::validate::quota::Quotas;
use crate::validate::rejection::BodyError;
use crate::validate::tenant_policy::{Profile, Profiles};
use crate::validate::{Rules, Validated, rates, validate};
use crate::{Protocol, PushReply, PushRequest};
use parking_lot::Mutex;
use skald_model::TenantId;
use skald_store::{Store, WriteError};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Largest buffer kept for the next push, in bytes; larger ones are rare and given back.
const BUFFER_KEPT_BYTES_MAX: usize = 8 << 20;

/// What became of a push that the store did not refuse.
pub(crate) enum Outcome {
    /// Nothing is being written; this is the answer.
    Answered(PushReply),
    /// The answer once the write is durable.
    Writing(PushReply),
}

/// Takes pushes, one a call.
pub(crate) struct Taker {
    store: Arc<Store>,
    profiles: Box<dyn Profiles>,
    clock: fn() -> i64,
    metrics: Metrics,
    quotas: Quotas,
    hub: Arc<Hub>,
    buffers: Mutex<Vec<Vec<u8>>>,
    buffers_max: usize,
}

impl Taker {
    pub(crate) fn new(
        store: Arc<Store>,
        profiles: Box<dyn Profiles>,
        clock: fn() -> i64,
        workers: usize,
    ) -> Taker {
        Taker {
            store,
            profiles,
            clock,
            metrics: Metrics::default(),
            quotas: Quotas::default(),
            hub: Arc::default(),
            buffers: Mutex::default(),
            buffers_max: workers,
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Decodes, validates and hands over. `done` is told when a write ends, if one was begun.
    pub(crate) fn take(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        done: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Outcome, WriteError> {
        let mut buffer = self.buffers.lock().pop().unwrap_or_default();
        let mut spent = Spent {
            received: request.body.len() as u64,
            ..Spent::default()
        };
        let outcome = self.take_with(tenant, request, &mut buffer, &mut spent, done);
        if buffer.capacity() <= BUFFER_KEPT_BYTES_MAX {
            let mut buffers = self.buffers.lock();
            if buffers.len() < self.buffers_max {
                buffers.push(buffer);
            }
        }
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => Ok(Outcome::Answered(PushReply::error(
                request.protocol,
                error.status(),
                &error.to_string(),
            ))),
        }
    }

    fn take_with(
        &self,
        tenant: &TenantId,
        request: &PushRequest,
        buffer: &mut Vec<u8>,
        spent: &mut Spent,
        done: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Result<Outcome, WriteError>, BodyError> {
        let now = (self.clock)();
        let profile = self.profiles.of(tenant);
        let quota = self.quotas.of(tenant, &profile.limits);
        let rules = Rules {
            profile: &profile,
            quota: quota.as_deref(),
            now,
        };
        decode(
            request,
            &profile.limits,
            now,
            buffer,
            spent,
            |decoded, spent| {
                self.store_decoded(tenant, request.protocol, &rules, decoded, spent, done)
            },
        )?
    }

    fn store_decoded(
        &self,
        tenant: &TenantId,
        protocol: Protocol,
        rules: &Rules<'_>,
        decoded: &Decoded<'_>,
        spent: &mut Spent,
        done: oneshot::Sender<Result<(), WriteError>>,
    ) -> Result<Result<Outcome, WriteError>, BodyError> {
        if decoded.streams.is_empty() {
            return Err(BodyError::NoStreams);
        }
        let begin = Instant::now();
        let Validated {
            batch,
            refusals,
            tally,
        } = validate(tenant, decoded, rules);
        spent.validate = begin.elapsed();
        let refused = |text: String| PushReply::error(protocol, refusals.status(), &text);
        let reply = refusals.text().map_or_else(PushReply::done, refused);
        let mut written = Ok(Outcome::Answered(reply.clone()));
        if !batch.entries.is_empty() {
            let begin = Instant::now();
            let tell = Box::new(move |result| drop(done.send(result)));
            written = self
                .store
                .write(tenant, &batch, tell)
                .map(|()| Outcome::Writing(reply));
            spent.write = begin.elapsed();
        }
        if written.is_ok() {
            self.hub.publish(tenant, &batch);
            let format = if protocol == Protocol::Otlp {
                Format::Otlp
            } else {
                Format::Loki
            };
            self.metrics.add(tenant, format, &tally, spent);
        }
        Ok(written)
    }
}

/// Undoes the encodings of a push, decodes it and hands it on.
fn decode<T>(
    request: &PushRequest,
    limits: &IngestLimits,
    now: i64,
    buffer: &mut Vec<u8>,
    spent: &mut Spent,
    then: impl FnOnce(&Decoded<'_>, &mut Spent) -> T,
) -> Result<T, BodyError> {
    let begin = Instant::now();
    body::check_received(request.body.len(), limits)?;
    let content_type = request.content_type.as_deref();
    let content_encoding = request.content_encoding.as_deref();
    match request.protocol {
        Protocol::Loki | Protocol::LokiLegacy => {
            let shape = body::shape(content_type)?;
            let encodings = body::loki_encodings(content_encoding, shape)?;
            let bytes = body::decompress(&request.body, &encodings, limits, buffer)?;
            spent.decompressed = bytes.len() as u64;
            let mut decoded = match shape {
                body::Shape::Json => json::decode(bytes)?,
                body::Shape::Protobuf => protobuf::decode(bytes)?,
            };
            rates::cut_lines(&mut decoded, limits);
            spent.decode = begin.elapsed();
            Ok(then(&decoded, spent))
        }
        Protocol::Grpc => {
            let encodings = body::grpc_encodings(content_encoding)?;
            let bytes = body::decompress(&request.body, &encodings, limits, buffer)?;
            spent.decompressed = bytes.len() as u64;
            let mut decoded = protobuf::decode(bytes)?;
            rates::cut_lines(&mut decoded, limits);
            spent.decode = begin.elapsed();
            Ok(then(&decoded, spent))
        }
        Protocol::Otlp => {
            let encodings = otlp::encodings(content_encoding)?;
            let bytes = body::decompress(&request.body, &encodings, limits, buffer)?;
            spent.decompressed = bytes.len() as u64;
            let logs = otlp::parse(content_type, bytes)?;
            let prepared = otlp::prepare(&logs, &limits.otlp);
            let mut decoded = otlp::decode(&logs, &prepared, limits, now)?;
            rates::cut_lines(&mut decoded, limits);
            spent.decode = begin.elapsed();
            Ok(then(&decoded, spent))
        }
    }
}

/// Decoding and validation without a store, for asking what they cost and what they do with any bytes.
pub struct Decoder {
    profile: Profile,
    buffer: Vec<u8>,
}

impl Decoder {
    /// With limits of its own.
    pub fn new(limits: IngestLimits) -> Decoder {
        Decoder {
            profile: Profile::new(limits),
            buffer: Vec::new(),
        }
    }

    /// Decodes and validates a snappy-compressed protobuf push as one of tenant `fake`; gives the bytes that
    /// would be stored, or the answer the client would get for a body that can't be read.
    pub fn bytes_accepted(&mut self, body: &[u8]) -> Result<usize, PushReply> {
        self.decode(body)
            .map_err(|error| PushReply::error(Protocol::Loki, error.status(), &error.to_string()))
    }

    /// Decodes and validates any push as one of tenant `fake`, as [`Decoder::bytes_accepted`] does.
    pub fn accept(&mut self, request: &PushRequest) -> Result<usize, PushReply> {
        let rules = Rules {
            profile: &self.profile,
            quota: None,
            now: i64::MAX,
        };
        let bytes = decode(
            request,
            &self.profile.limits,
            rules.now,
            &mut self.buffer,
            &mut Spent::default(),
            |decoded, _| validate(&TenantId::fake(), decoded, &rules).batch.bytes(),
        );
        bytes
            .map_err(|error| PushReply::error(request.protocol, error.status(), &error.to_string()))
    }

    fn decode(&mut self, body: &[u8]) -> Result<usize, BodyError> {
        let bytes = body::decompress(
            body,
            &[body::Encoding::SnappyBlock],
            &self.profile.limits,
            &mut self.buffer,
        )?;
        let decoded = protobuf::decode(bytes)?;
        let rules = Rules {
            profile: &self.profile,
            quota: None,
            now: i64::MAX,
        };
        Ok(validate(&TenantId::fake(), &decoded, &rules).batch.bytes())
    }
}
