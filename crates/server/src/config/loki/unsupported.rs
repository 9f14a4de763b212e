//! Names of Loki's settings that have no counterpart here, so that a Loki file loads and is explained.

/// What becomes of a setting of Loki that Skald does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It steers a part that does not exist here; the reason.
    NotNeeded(&'static str),
    /// It asks for something Skald does not do yet, which the user would miss.
    Missing(&'static str),
}

/// Whole sections. The presence of one of these marks a file as written for Loki.
pub const SECTIONS: &[(&str, Fate)] = &[
    ("analytics", Fate::NotNeeded("no usage statistics are sent")),
    (
        "bloom_build",
        Fate::NotNeeded("the content index is always built"),
    ),
    (
        "bloom_gateway",
        Fate::NotNeeded("the content index is always used"),
    ),
    (
        "bloom_compactor",
        Fate::NotNeeded("the content index is always built"),
    ),
    (
        "chunk_store_config",
        Fate::NotNeeded("there are no chunk caches"),
    ),
    (
        "common",
        Fate::NotNeeded("one process: give the directory with --data"),
    ),
    (
        "compactor",
        Fate::NotNeeded("merging, expiring and deleting need no further settings"),
    ),
    ("compactor_grpc_client", Fate::NotNeeded("one process")),
    ("dataobj", Fate::NotNeeded("parts are columnar already")),
    ("frontend_worker", Fate::NotNeeded("one process")),
    ("index_gateway", Fate::NotNeeded("one process")),
    ("ingest_limits", Fate::NotNeeded("one process")),
    ("ingest_limits_frontend", Fate::NotNeeded("one process")),
    ("ingester_client", Fate::NotNeeded("one process")),
    ("ingester_rf1", Fate::NotNeeded("one process")),
    (
        "kafka_config",
        Fate::NotNeeded("the WAL is on the local disk"),
    ),
    ("limits_frontend", Fate::NotNeeded("one process")),
    ("memberlist", Fate::NotNeeded("one process")),
    ("metastore", Fate::NotNeeded("one process")),
    (
        "operational_config",
        Fate::NotNeeded("logging has one level"),
    ),
    (
        "pattern_ingester",
        Fate::NotNeeded("patterns need no switch"),
    ),
    ("profiling", Fate::NotNeeded("there is no Go runtime")),
    (
        "query_range",
        Fate::NotNeeded("queries are not split, and results are kept in memory"),
    ),
    ("query_scheduler", Fate::NotNeeded("one process")),
    ("ruler", Fate::Missing("rules are not evaluated yet")),
    (
        "schema_config",
        Fate::NotNeeded("there is one schema, versioned on disk"),
    ),
    ("storage_config", Fate::NotNeeded("data lies under --data")),
    ("table_manager", Fate::NotNeeded("there are no tables")),
    ("tracing", Fate::NotNeeded("no traces are sent")),
    ("ui", Fate::NotNeeded("there is no cluster page")),
];

/// Single top-level keys.
pub const KEYS: &[&str] = &[
    "target",
    "ballast_bytes",
    "shutdown_delay",
    "http_prefix",
    "metrics_namespace",
];

/// Keys of `limits_config` that a user would miss.
pub const LIMITS_MISSING: &[&str] = &[
    "block_ingestion_policy_until",
    "discover_generic_fields",
    "policy_enforced_labels",
    "policy_stream_mapping",
];

/// Sections of Loki's that describe a bucket of a cloud that Skald does not know. Others are read by `buckets`.
const CLOUDS: &[&str] = &["alibabacloud", "bos", "cos", "named_stores", "swift"];

/// The fate of a dotted name; `None` when Loki has no such section either.
pub fn fate(name: &str) -> Option<Fate> {
    let is_cloud = |rest: &str| {
        CLOUDS
            .iter()
            .any(|cloud| rest.strip_prefix(cloud).is_some_and(|r| r.starts_with('.')))
    };
    for section in ["common.storage.", "storage_config."] {
        let within = name.strip_prefix(section);
        if within.is_some_and(|rest| is_cloud(rest.strip_prefix("object_store.").unwrap_or(rest))) {
            return Some(Fate::Missing(
                "name a bucket of S3, Google or Azure with storage_config.object_store.url",
            ));
        }
        if within.is_some_and(|rest| rest.starts_with("filesystem.")) {
            return Some(Fate::NotNeeded(
                "entries lie in the data directory: give it with --data",
            ));
        }
    }
    let section = name.split('.').next().unwrap_or(name);
    if let Some((_, fate)) = SECTIONS.iter().find(|(s, _)| *s == section) {
        return Some(*fate);
    }
    if KEYS.contains(&name) {
        return Some(Fate::NotNeeded("one process without Go's runtime"));
    }
    match name.split_once('.') {
        Some(("limits_config", rest))
            if LIMITS_MISSING
                .iter()
                .any(|k| rest == *k || rest.starts_with(&format!("{k}."))) =>
        {
            Some(Fate::Missing("this limit is not enforced yet"))
        }
        Some(("limits_config", rest)) if LIMITS_IGNORED.iter().any(|k| rest.starts_with(k)) => {
            Some(Fate::NotNeeded("it steers a part that does not exist here"))
        }
        Some(("server", rest))
            if rest.starts_with("grpc_")
                || rest.starts_with("http_")
                || rest.starts_with("log_") =>
        {
            Some(Fate::NotNeeded("the listener has no such switch"))
        }
        Some(("ingester" | "distributor" | "querier" | "frontend", _)) => {
            Some(Fate::NotNeeded("it steers a part that does not exist here"))
        }
        _ => None,
    }
}

/// Beginnings of `limits_config` keys that steer Loki's inner parts.
const LIMITS_IGNORED: &[&str] = &[
    "allow_",
    "bloom_",
    "cardinality_limit",
    "dataobj_",
    "debug_engine",
    "index_gateway",
    "ingestion_",
    "log_",
    "max_cache",
    "max_chunks",
    "max_metadata_cache",
    "max_quer",
    "max_stats_cache",
    "max_structured",
    "metric_aggregation",
    "min_sharding",
    "pattern_",
    "query_ready",
    "recent_metadata",
    "ruler_",
    "shard_",
    "simulated_push",
    "split_",
    "tsdb_",
    "unordered_writes",
    "use_owned",
];
