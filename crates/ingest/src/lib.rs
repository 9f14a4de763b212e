//! Every push protocol → validated entries → store; and who is told about new entries.
//!
//! Knows nothing of queries. Main types: [`Ingest`], [`PushRequest`], [`PushReply`], [`tail::Hub`].

pub mod tail;

use bytes::Bytes;
use skald_model::TenantId;
use skald_store::Store;
use std::sync::Arc;

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

/// Limits of Loki's `limits_config` that matter to ingest, by their Loki names.
#[derive(Clone, Debug)]
pub struct IngestLimits {
    /// Bytes of a compressed body.
    pub max_recv_msg_size: usize,
    /// Bytes of a decompressed body.
    pub max_decompressed_size: usize,
    /// Bytes of a line; 0 is no limit.
    pub max_line_size: usize,
    /// Cut longer lines instead of refusing them.
    pub max_line_size_truncate: bool,
    /// Bytes of a label name.
    pub max_label_name_length: usize,
    /// Bytes of a label value.
    pub max_label_value_length: usize,
    /// Labels of a stream, service_name not counted.
    pub max_label_names_per_series: usize,
    /// Bytes of an entry's structured metadata.
    pub max_structured_metadata_size: usize,
    /// Pairs of an entry's structured metadata.
    pub max_structured_metadata_entries_count: usize,
    /// How far in the future an entry may be, nanoseconds.
    pub creation_grace_period: i64,
    /// Refuse entries older than this, nanoseconds; `None` takes any age since 1970.
    pub reject_old_samples_max_age: Option<i64>,
    /// Labels tried for service_name, in order; empty switches discovery off.
    pub discover_service_name: Vec<String>,
    /// Whether detected_level is added.
    pub discover_log_levels: bool,
    /// Names tried for the level, in order.
    pub log_level_fields: Vec<String>,
    /// Depth to which JSON lines are searched for a level.
    pub log_level_from_json_max_depth: usize,
    /// Whether structured metadata is taken at all.
    pub allow_structured_metadata: bool,
    /// Move equal timestamps of a request apart by a nanosecond.
    pub increment_duplicate_timestamp: bool,
}

/// Takes pushes. Cheap to share behind an `Arc`.
pub struct Ingest {}

impl Ingest {
    /// Over a store; `clock` gives now in nanoseconds since 1970.
    pub fn new(_store: Arc<Store>, _limits: IngestLimits, _clock: fn() -> i64) -> Ingest {
        todo!()
    }

    /// Decodes, validates and writes a push; ends when it is durable.
    pub async fn push(&self, _tenant: &TenantId, _request: PushRequest) -> PushReply {
        todo!()
    }

    /// Where tails subscribe.
    pub fn hub(&self) -> &Arc<tail::Hub> {
        todo!()
    }

    /// Counters in Prometheus text form (`loki_distributor_*`, `loki_discarded_*`, our own).
    pub fn write_metrics(&self, _out: &mut String) {
        todo!()
    }
}
