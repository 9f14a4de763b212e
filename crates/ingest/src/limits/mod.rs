//! `IngestLimits` holds the limits of a push, by their names in Loki's `limits_config`.
//!
//! Four differences from Loki. There is no limit on rates and streams unless one is set. Entries of
//! any age since 1970 are taken (`reject_old_samples_max_age` is off), because the store orders
//! late data itself. The cap on decompressed bodies is 256 MiB instead of 5,000, because memory is
//! bounded here. And a push holds a bounded number of entries, for the same reason.

pub(crate) mod noise;
pub(crate) mod otlp_rules;

use noise::NoiseRule;
use otlp_rules::OtlpRules;

/// Most entries in one push. Each costs about a hundred bytes of memory on its way, so this bounds
/// a body of millions of empty entries to a few hundred megabytes.
pub const ENTRIES_MAX: usize = 1 << 22;

/// Most metadata pairs in one push, all entries together; bounds memory like [`ENTRIES_MAX`].
pub const PAIRS_MAX: usize = 1 << 22;

/// Longest label text of one stream, in bytes: Loki's limit.
pub const LABEL_TEXT_BYTES_MAX: usize = 16 << 20;

/// Names tried for `service_name`, in Loki's order.
const SERVICE_NAMES: [&str; 13] = [
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// Names tried for the level, in Loki's order.
const LEVEL_FIELDS: [&str; 14] = [
    "level",
    "LEVEL",
    "Level",
    "log.level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "Severity_Text",
    "SEVERITY_TEXT",
];

/// Limits of Loki's `limits_config` that matter to ingest, by their Loki names.
#[derive(Clone, Debug)]
pub struct IngestLimits {
    /// Bytes of a compressed body.
    pub max_recv_msg_size: usize,
    /// Bytes of a decompressed body.
    pub max_decompressed_size: usize,
    /// Bytes of a line; 0 is no limit.
    pub max_line_size: usize,
    /// Truncate longer lines instead of refusing them.
    pub max_line_size_truncate: bool,
    /// What a truncated line ends in.
    pub max_line_size_truncate_identifier: String,
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
    /// Depth to which JSON lines are searched for a level; 0 is no limit.
    pub log_level_from_json_max_depth: usize,
    /// Whether structured metadata is taken at all.
    pub allow_structured_metadata: bool,
    /// Move equal timestamps of a request apart by a nanosecond.
    pub increment_duplicate_timestamp: bool,
    /// Labels every stream must have.
    pub enforced_labels: Vec<String>,
    /// Refuse everything until this time, nanoseconds since 1970; 0 refuses nothing.
    pub block_ingestion_until: i64,
    /// The status of that refusal; 200 drops what is sent and says nothing.
    pub block_ingestion_status_code: u16,
    /// Bytes a second a tenant may send; 0 is no limit.
    pub ingestion_rate: f64,
    /// Bytes a tenant may send at once.
    pub ingestion_burst: f64,
    /// Bytes a second a stream may get; 0 is no limit.
    pub per_stream_rate_limit: u64,
    /// Bytes a stream may get at once.
    pub per_stream_rate_limit_burst: u64,
    /// Streams a tenant may write to within about an hour; 0 is no limit.
    pub max_streams: usize,
    /// What becomes of the attributes of OTLP.
    pub otlp: OtlpRules,
    /// Whether lines known by their form get their fields as structured metadata.
    pub discover_log_formats: bool,
    /// Kubernetes audit events that are not kept.
    pub k8s_audit_drop: Vec<NoiseRule>,
    /// For how long a Kubernetes audit event that comes again is left out, nanoseconds; 0 keeps all.
    pub k8s_audit_dedup_window: i64,
}

impl Default for IngestLimits {
    fn default() -> IngestLimits {
        IngestLimits {
            max_recv_msg_size: 100 << 20,
            max_decompressed_size: 256 << 20,
            max_line_size: 256 << 10,
            max_line_size_truncate: false,
            max_line_size_truncate_identifier: String::new(),
            max_label_name_length: 1024,
            max_label_value_length: 2048,
            max_label_names_per_series: 15,
            max_structured_metadata_size: 64 << 10,
            max_structured_metadata_entries_count: 128,
            creation_grace_period: 600 * 1_000_000_000,
            reject_old_samples_max_age: None,
            discover_service_name: SERVICE_NAMES.map(str::to_owned).to_vec(),
            discover_log_levels: true,
            log_level_fields: LEVEL_FIELDS.map(str::to_owned).to_vec(),
            log_level_from_json_max_depth: 2,
            allow_structured_metadata: true,
            increment_duplicate_timestamp: false,
            enforced_labels: Vec::new(),
            block_ingestion_until: 0,
            block_ingestion_status_code: 260,
            ingestion_rate: 0.0,
            ingestion_burst: 0.0,
            per_stream_rate_limit: 0,
            per_stream_rate_limit_burst: 0,
            max_streams: 0,
            otlp: OtlpRules::default(),
            discover_log_formats: true,
            k8s_audit_drop: Vec::new(),
            k8s_audit_dedup_window: 600 * 1_000_000_000,
        }
    }
}
