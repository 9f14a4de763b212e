//! Every push protocol → validated entries → store; and who is told about new entries.
//!
//! Knows nothing of queries. Main types: [`Ingest`], [`PushRequest`], [`PushReply`], [`IngestLimits`],
//! [`tail::Hub`]. The way of a body: `body` (encodings, caps) → `protobuf`, `json_push` or `otlp` → `decoded`
//! → `validate` → the store. Lines are borrowed from the decompressed body all along.

mod decode;
mod level;
mod metrics;
mod pipeline;
mod push_counters;
pub mod tail_hub;
mod validate;

pub use decode::otlp::{AttributeAction, AttributeNames, AttributeRule, OTLP_RULES_MAX, OtlpRules};
pub use validate::limits::{ENTRIES_MAX, IngestLimits, LABEL_TEXT_BYTES_MAX, PAIRS_MAX};
pub use validate::tenant_policy::{Profile, Profiles};

pub use decode::proto_types;
pub use pipeline::Decoder;

use bytes::Bytes;
use pipeline::{Outcome, Taker};
use prost::Message;
use skald_model::TenantId;
use skald_store::{Store, WriteError};
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use validate::tenant_policy::Same;

/// Seconds after which a client tries again when the store took nothing: the disk may be free, or the heads
/// flushed by then.
const RETRY_AFTER_SECONDS: u32 = 5;

/// A push as the transport saw it.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Which wire format the path stands for.
    pub protocol: Protocol,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Content-Encoding`, as sent.
    pub content_encoding: Option<String>,
    /// Body, as sent.
    pub body: Bytes,
}

/// Push protocols by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `/loki/api/v1/push`
    Loki,
    /// `/api/prom/push`
    LokiLegacy,
    /// `/otlp/v1/logs`
    Otlp,
    /// `logproto.Pusher/Push`: the message as it is, or wrapped in the encoding the call names.
    Grpc,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReply {
    /// HTTP status.
    pub status: u16,
    /// Body: plain text, for OTLP a protobuf `google.rpc.Status`.
    pub body: Vec<u8>,
    /// Content type of the body.
    pub content_type: &'static str,
    /// Seconds after which to retry (429 and 503).
    pub retry_after: Option<u32>,
}

impl PushReply {
    fn done() -> PushReply {
        PushReply {
            status: 204,
            body: Vec::new(),
            content_type: "text/plain; charset=utf-8",
            retry_after: None,
        }
    }

    /// An error in the form the protocol has for it.
    fn error(protocol: Protocol, status: u16, text: &str) -> PushReply {
        let retry_after = matches!(status, 429 | 503).then_some(RETRY_AFTER_SECONDS);
        match protocol {
            Protocol::Loki | Protocol::LokiLegacy | Protocol::Grpc => {
                let body = format!("{text}\n").into_bytes();
                PushReply {
                    status,
                    body,
                    content_type: "text/plain; charset=utf-8",
                    retry_after,
                }
            }
            Protocol::Otlp => {
                let body = crate::decode::proto_types::Status {
                    code: 0,
                    message: text.to_owned(),
                }
                .encode_to_vec();
                PushReply {
                    status,
                    body,
                    content_type: "application/x-protobuf",
                    retry_after,
                }
            }
        }
    }
}

/// Takes pushes. Cheap to share behind an `Arc`.
pub struct Ingest {
    taker: Arc<Taker>,
    /// Bounds the pushes that are decoded at once, and so their buffers.
    permits: Arc<Semaphore>,
}

impl Ingest {
    /// Over a store, with the same limits for all; `clock` gives now in nanoseconds since 1970.
    pub fn new(store: Arc<Store>, limits: IngestLimits, clock: fn() -> i64) -> Ingest {
        Ingest::with_profiles(store, Same(Arc::new(Profile::new(limits))), clock)
    }

    /// As [`Ingest::new`], with limits by tenant.
    pub fn with_profiles(store: Arc<Store>, profiles: impl Profiles, clock: fn() -> i64) -> Ingest {
        let workers = skald_model::cores().max(2);
        Ingest {
            taker: Arc::new(Taker::new(store, Box::new(profiles), clock, workers)),
            permits: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Decodes, validates and writes a push; ends when it is durable.
    pub async fn push(&self, tenant: &TenantId, request: PushRequest) -> PushReply {
        let protocol = request.protocol;
        let reply = self
            .push_and_wait(tenant, request)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(%tenant, %error, "push was not stored");
                let status = if matches!(error, WriteError::Busy) {
                    429
                } else {
                    503
                };
                PushReply::error(protocol, status, &error.to_string())
            });
        self.taker.metrics().reply(reply.status);
        reply
    }

    /// The answer, or why the store took nothing.
    async fn push_and_wait(
        &self,
        tenant: &TenantId,
        request: PushRequest,
    ) -> Result<PushReply, WriteError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (taker, tenant) = (Arc::clone(&self.taker), tenant.clone());
        let (done, durable) = oneshot::channel();
        let taken = tokio::task::spawn_blocking(move || {
            let outcome = taker.take(&tenant, &request, done);
            drop(permit);
            outcome
        });
        match taken.await.unwrap_or_else(|error| {
            Err(WriteError::Stopped(format!(
                "a push could not be handled: {error}"
            )))
        })? {
            Outcome::Answered(reply) => Ok(reply),
            Outcome::Writing(reply) => {
                let gone = || {
                    WriteError::Stopped(
                        "the store closed while a push was being written".to_owned(),
                    )
                };
                durable.await.unwrap_or_else(|_| Err(gone()))?;
                Ok(reply)
            }
        }
    }

    /// Where tails subscribe.
    pub fn hub(&self) -> &Arc<crate::tail_hub::Hub> {
        self.taker.hub()
    }

    /// Counters in Prometheus text form (`loki_distributor_*`, `loki_discarded_*`, our own).
    pub fn write_metrics(&self, out: &mut String) {
        self.taker.metrics().write(out);
    }
}
