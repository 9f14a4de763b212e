//! `limits_config`, by Loki's names: what one tenant may send and ask.
//!
//! Defaults are Loki's unless one team on one machine is better off. A tenant's own values come
//! from the runtime file ([`crate::limits::overrides`]); the engine and the ingest side get the
//! part that is theirs.

pub use super::blocked_query::BlockedQuery;
pub use super::instant::Instant;
pub use super::retention::{DeletionMode, RetentionStream};

use super::otlp::OtlpConfig;
use super::ruler::AlertmanagerConfig;
use super::ruler::block::{Block, Blocks};
use super::ruler::texts::{Named, Single};
use super::sanity::NEVER;
use super::setting::ByteSize;
use super::{DistributorConfig, QuerierConfig};
use skald_ingest::{IngestLimits, NoiseRule};
use skald_model::MemoryUser;
use skald_outbound::{RemoteWriteBlock, WebhookConfig};
use skald_query::QueryLimits;
use std::time::Duration;

/// Bytes a megabyte of `ingestion_rate_mb`, Loki's.
const MEGABYTE: f64 = 1_048_576.0;

/// `limits_config`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The names are Loki's keys; `keys` says what each means.
pub struct Limits {
    pub ingestion_rate_mb: f64,
    pub ingestion_burst_size_mb: f64,
    pub per_stream_rate_limit: ByteSize,
    pub per_stream_rate_limit_burst: ByteSize,
    pub max_streams_per_user: usize,
    pub max_global_streams_per_user: usize,
    pub max_line_size: ByteSize,
    pub max_line_size_truncate: bool,
    pub max_line_size_truncate_identifier: String,
    pub max_label_name_length: usize,
    pub max_label_value_length: usize,
    pub max_label_names_per_series: usize,
    pub allow_structured_metadata: bool,
    pub max_structured_metadata_size: ByteSize,
    pub max_structured_metadata_entries_count: usize,
    pub creation_grace_period: Duration,
    pub reject_old_samples: bool,
    pub reject_old_samples_max_age: Duration,
    pub enforced_labels: Vec<String>,
    pub block_ingestion_until: Instant,
    pub block_ingestion_status_code: u16,
    pub discover_service_name: Vec<String>,
    pub discover_log_levels: bool,
    pub log_level_fields: Vec<String>,
    pub log_level_from_json_max_depth: usize,
    pub increment_duplicate_timestamp: bool,
    pub otlp: OtlpConfig,
    pub discover_log_formats: bool,
    pub k8s_audit_drop: Vec<NoiseRule>,
    pub k8s_audit_dedup_window: Duration,
    pub strict: bool,
    pub max_query_series: usize,
    pub max_entries_limit_per_query: usize,
    pub max_query_length: Duration,
    pub max_query_range: Duration,
    pub max_query_lookback: Duration,
    pub max_query_bytes_read: ByteSize,
    pub max_query_parallelism: usize,
    pub max_streams_matchers_per_query: usize,
    pub required_labels: Vec<String>,
    pub minimum_labels_number: usize,
    pub blocked_queries: Vec<BlockedQuery>,
    pub query_timeout: Duration,
    pub query_memory: ByteSize,
    pub max_concurrent_tail_requests: usize,
    pub volume_enabled: bool,
    pub volume_max_series: usize,
    pub retention_period: Duration,
    pub retention_stream: Vec<RetentionStream>,
    pub retention_size: ByteSize,
    pub retention_from_arrival: bool,
    pub deletion_mode: DeletionMode,
    pub ruler_max_rules_per_rule_group: usize,
    pub ruler_max_rule_groups_per_tenant: usize,
    pub ruler_alertmanager_config: Single<AlertmanagerConfig>,
    pub ruler_webhooks: Blocks<WebhookConfig>,
    pub ruler_remote_write_disabled: bool,
    pub ruler_remote_write_config: Named<Block<RemoteWriteBlock>>,
}

impl Default for Limits {
    fn default() -> Limits {
        let (query, ingest) = (QueryLimits::default(), IngestLimits::default());
        Limits {
            ingestion_rate_mb: 0.0,
            ingestion_burst_size_mb: 6.0,
            per_stream_rate_limit: ByteSize(0),
            per_stream_rate_limit_burst: ByteSize(15 << 20),
            max_streams_per_user: 0,
            max_global_streams_per_user: 0,
            max_line_size: ByteSize(256 << 10),
            max_line_size_truncate: false,
            max_line_size_truncate_identifier: String::new(),
            max_label_name_length: 1024,
            max_label_value_length: 2048,
            max_label_names_per_series: 15,
            allow_structured_metadata: true,
            max_structured_metadata_size: ByteSize(64 << 10),
            max_structured_metadata_entries_count: 128,
            creation_grace_period: Duration::from_secs(600),
            reject_old_samples: false,
            reject_old_samples_max_age: Duration::from_secs(7 * 86_400),
            enforced_labels: Vec::new(),
            block_ingestion_until: Instant(0),
            block_ingestion_status_code: 260,
            discover_service_name: ingest.discover_service_name,
            discover_log_levels: true,
            log_level_fields: ingest.log_level_fields,
            log_level_from_json_max_depth: 2,
            increment_duplicate_timestamp: false,
            otlp: OtlpConfig::default(),
            discover_log_formats: true,
            k8s_audit_drop: Vec::new(),
            k8s_audit_dedup_window: Duration::from_secs(600),
            strict: false,
            max_query_series: query.max_query_series,
            max_entries_limit_per_query: 5_000,
            max_query_length: Duration::ZERO,
            max_query_range: Duration::ZERO,
            max_query_lookback: Duration::ZERO,
            max_query_bytes_read: ByteSize(0),
            max_query_parallelism: 32,
            max_streams_matchers_per_query: 1000,
            required_labels: Vec::new(),
            minimum_labels_number: 0,
            blocked_queries: Vec::new(),
            query_timeout: query.query_timeout,
            query_memory: ByteSize(query.query_memory as u64),
            max_concurrent_tail_requests: 10,
            volume_enabled: true,
            volume_max_series: 1000,
            retention_period: Duration::ZERO,
            retention_stream: Vec::new(),
            retention_size: ByteSize(0),
            retention_from_arrival: false,
            deletion_mode: DeletionMode::FilterAndDelete,
            ruler_max_rules_per_rule_group: 0,
            ruler_max_rule_groups_per_tenant: 0,
            ruler_alertmanager_config: Single::default(),
            ruler_webhooks: Blocks::default(),
            ruler_remote_write_disabled: false,
            ruler_remote_write_config: Named::default(),
        }
    }
}

impl Limits {
    /// The wanted number of entries, but no more than a query may have.
    pub fn entries(&self, wanted: usize) -> usize {
        if self.max_entries_limit_per_query == 0 {
            wanted
        } else {
            wanted.min(self.max_entries_limit_per_query)
        }
    }

    /// What a query may cost.
    pub fn query(&self, querier: &QuerierConfig) -> QueryLimits {
        QueryLimits {
            max_query_series: self.max_query_series,
            query_timeout: match self.query_timeout {
                Duration::ZERO => NEVER,
                timeout => timeout.min(NEVER),
            },
            query_memory: match self.query_memory {
                ByteSize(0) => usize::MAX,
                size => to_usize(size),
            },
            memory_user: MemoryUser::Queries,
            volume_max_series: self.volume_max_series,
            partial: false,
            threads: querier.threads(),
        }
    }

    /// What a push may hold.
    pub fn ingest(&self, distributor: &DistributorConfig) -> IngestLimits {
        IngestLimits {
            max_recv_msg_size: to_usize(distributor.max_recv_msg_size),
            max_decompressed_size: to_usize(distributor.max_decompressed_size),
            max_line_size: to_usize(self.max_line_size),
            max_line_size_truncate: self.max_line_size_truncate,
            max_label_name_length: self.max_label_name_length,
            max_label_value_length: self.max_label_value_length,
            max_label_names_per_series: self.max_label_names_per_series,
            max_structured_metadata_size: to_usize(self.max_structured_metadata_size),
            max_structured_metadata_entries_count: self.max_structured_metadata_entries_count,
            creation_grace_period: nanoseconds(self.creation_grace_period),
            reject_old_samples_max_age: self
                .reject_old_samples
                .then(|| nanoseconds(self.reject_old_samples_max_age)),
            discover_service_name: self.discover_service_name.clone(),
            discover_log_levels: self.discover_log_levels,
            log_level_fields: self.log_level_fields.clone(),
            log_level_from_json_max_depth: self.log_level_from_json_max_depth,
            allow_structured_metadata: self.allow_structured_metadata,
            increment_duplicate_timestamp: self.increment_duplicate_timestamp,
            max_line_size_truncate_identifier: self.max_line_size_truncate_identifier.clone(),
            enforced_labels: self.enforced_labels.clone(),
            block_ingestion_until: self.block_ingestion_until.0,
            block_ingestion_status_code: self.block_ingestion_status_code,
            ingestion_rate: self.ingestion_rate_mb * MEGABYTE,
            ingestion_burst: self.ingestion_burst_size_mb * MEGABYTE,
            per_stream_rate_limit: self.per_stream_rate_limit.0,
            per_stream_rate_limit_burst: self.per_stream_rate_limit_burst.0,
            max_streams: self.max_streams(),
            otlp: self.otlp.rules(&distributor.otlp_index_labels),
            discover_log_formats: self.discover_log_formats,
            k8s_audit_drop: self.k8s_audit_drop.clone(),
            k8s_audit_dedup_window: nanoseconds(self.k8s_audit_dedup_window),
        }
    }

    /// One process holds all streams, so that Loki's two limits mean the same.
    fn max_streams(&self) -> usize {
        match (self.max_streams_per_user, self.max_global_streams_per_user) {
            (0, other) | (other, 0) => other,
            (local, global) => local.min(global),
        }
    }

    /// What holds when both must: of each limit on queries the tighter one.
    pub fn strictest(&self, other: &Limits) -> Limits {
        let span = |a: Duration, b: Duration| {
            if a.is_zero() || b.is_zero() {
                a.max(b)
            } else {
                a.min(b)
            }
        };
        let count = |a: usize, b: usize| if a == 0 || b == 0 { a.max(b) } else { a.min(b) };
        let bytes = |a: ByteSize, b: ByteSize| {
            ByteSize(if a.0 == 0 || b.0 == 0 {
                a.0.max(b.0)
            } else {
                a.0.min(b.0)
            })
        };
        let mut required_labels =
            [self.required_labels.as_slice(), &other.required_labels].concat();
        required_labels.sort();
        required_labels.dedup();
        Limits {
            strict: self.strict || other.strict,
            max_query_series: self.max_query_series.min(other.max_query_series),
            max_entries_limit_per_query: count(
                self.max_entries_limit_per_query,
                other.max_entries_limit_per_query,
            ),
            max_query_length: span(self.max_query_length, other.max_query_length),
            max_query_range: span(self.max_query_range, other.max_query_range),
            max_query_lookback: span(self.max_query_lookback, other.max_query_lookback),
            max_query_bytes_read: bytes(self.max_query_bytes_read, other.max_query_bytes_read),
            max_query_parallelism: self.max_query_parallelism.min(other.max_query_parallelism),
            max_streams_matchers_per_query: count(
                self.max_streams_matchers_per_query,
                other.max_streams_matchers_per_query,
            ),
            required_labels,
            minimum_labels_number: self.minimum_labels_number.max(other.minimum_labels_number),
            blocked_queries: [self.blocked_queries.as_slice(), &other.blocked_queries].concat(),
            query_timeout: span(self.query_timeout, other.query_timeout),
            query_memory: bytes(self.query_memory, other.query_memory),
            volume_enabled: self.volume_enabled && other.volume_enabled,
            volume_max_series: self.volume_max_series.min(other.volume_max_series),
            ..self.clone()
        }
    }
}

/// As a number of the machine's width.
pub fn to_usize(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

/// As nanoseconds, the longest there are when it does not fit.
pub fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
