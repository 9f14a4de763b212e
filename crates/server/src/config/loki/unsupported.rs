//! Names of Loki's settings that have no counterpart here, so that a Loki file loads and is
//! explained.

use super::ruler::IN_A_BUCKET;
use Fate::{Missing, NotNeeded};

/// What becomes of a setting of Loki that Skald does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It steers a part that does not exist here; the reason.
    NotNeeded(&'static str),
    /// It asks for something Skald does not do yet, which the user would miss.
    Missing(&'static str),
}

const ONE_PROCESS: Fate = NotNeeded("one process");
const DATA_DIRECTORY: Fate = NotNeeded("everything local lies in the data directory");
const NO_CHUNKS: Fate = NotNeeded("parts take the place of chunks, and are cut by size and age");
const NO_CACHES: Fate = NotNeeded("caches share the memory budget");
const NOT_SPLIT: Fate = NotNeeded("queries are not split: each runs on all threads");
const NO_REQUESTS: Fate = NotNeeded("no requests go between parts of the server");
const OTHER_CLOUD: Fate =
    Missing("name a bucket of S3, Google or Azure with storage_config.object_store.url");
const OTHER_DATABASE: Fate =
    Missing("entries are kept on the disk or in a bucket, not in a database");

/// Whole sections. The presence of one of these marks a file as written for Loki.
const SECTIONS: &[(&str, Fate)] = &[
    ("analytics", NotNeeded("no usage statistics are sent")),
    ("block_scheduler", ONE_PROCESS),
    ("block_builder", ONE_PROCESS),
    (
        "bloom_build",
        NotNeeded("the content index is always built"),
    ),
    (
        "bloom_compactor",
        NotNeeded("the content index is always built"),
    ),
    (
        "bloom_gateway",
        NotNeeded("the content index is always used"),
    ),
    ("chunk_store_config", NO_CACHES),
    ("common", ONE_PROCESS),
    (
        "compactor",
        NotNeeded("merging, expiring and deleting need no further settings"),
    ),
    ("compactor_client", ONE_PROCESS),
    ("compactor_grpc_client", ONE_PROCESS),
    ("dataobj", NotNeeded("parts are columnar already")),
    (
        "distributor",
        NotNeeded("pushes go to the one store there is"),
    ),
    ("frontend", NOT_SPLIT),
    ("frontend_worker", ONE_PROCESS),
    ("index_gateway", ONE_PROCESS),
    ("ingest_limits", ONE_PROCESS),
    ("ingest_limits_frontend", ONE_PROCESS),
    ("ingest_limits_frontend_client", ONE_PROCESS),
    ("ingester", NO_CHUNKS),
    ("ingester_client", ONE_PROCESS),
    ("ingester_rf1", ONE_PROCESS),
    ("internal_server", NotNeeded("there is one listener")),
    ("kafka_config", NotNeeded("the WAL is on the local disk")),
    ("limits_frontend", ONE_PROCESS),
    ("memberlist", ONE_PROCESS),
    ("metastore", ONE_PROCESS),
    ("operational_config", NotNeeded("logging has one level")),
    ("pattern_ingester", NotNeeded("patterns need no switch")),
    ("profiling", NotNeeded("there is no Go runtime")),
    ("querier", NOT_SPLIT),
    ("query_engine", NotNeeded("there is one query engine")),
    (
        "query_range",
        NotNeeded("queries are not split, and results are kept in memory"),
    ),
    (
        "query_scheduler",
        NotNeeded("queries wait in one queue a tenant"),
    ),
    ("ruler", NotNeeded("the ruler has no such switch")),
    ("ruler_storage", Missing(IN_A_BUCKET)),
    (
        "schema_config",
        NotNeeded("there is one schema, versioned on disk"),
    ),
    (
        "storage_config",
        NotNeeded("entries are kept in the data directory, or in the bucket that is named"),
    ),
    ("table_manager", NotNeeded("there are no tables")),
    ("tracing", NotNeeded("no traces are sent")),
    ("ui", NotNeeded("there is no cluster page")),
];

/// Names and beginnings of names (those that end in a dot or an underscore), the first one counts.
const NAMES: &[(&str, Fate)] = &[
    ("common.compactor_", ONE_PROCESS),
    ("common.storage.filesystem.", DATA_DIRECTORY),
    (
        "common.storage.hedging.",
        NotNeeded("a late answer of object storage is asked for again"),
    ),
    (
        "common.storage.congestion_control.",
        NotNeeded("requests to object storage are few and large"),
    ),
    ("common.storage.", OTHER_CLOUD),
    ("compactor.working_directory", DATA_DIRECTORY),
    ("compactor.shared_store", DATA_DIRECTORY),
    ("compactor.delete_request_store", DATA_DIRECTORY),
    ("compactor.compactor_ring.", ONE_PROCESS),
    ("distributor.ring.", ONE_PROCESS),
    ("distributor.rate_store.", ONE_PROCESS),
    (
        "distributor.write_failures_logging.",
        NotNeeded("refused entries are counted, and answered with their reason"),
    ),
    (
        "frontend.log_queries_longer_than",
        NotNeeded("every query is logged with its cost"),
    ),
    (
        "frontend.query_stats_enabled",
        NotNeeded("every answer has its statistics"),
    ),
    ("frontend.encoding", NO_REQUESTS),
    ("frontend.", NO_REQUESTS),
    ("ingester.wal.enabled", NotNeeded("the WAL is always on")),
    ("ingester.wal.dir", DATA_DIRECTORY),
    (
        "ingester.wal.replay_memory_ceiling",
        NotNeeded("replay keeps to the memory budget"),
    ),
    (
        "ingester.wal.checkpoint_duration",
        NotNeeded("a flush empties the WAL, and no checkpoints are made"),
    ),
    (
        "ingester.wal.flush_on_shutdown",
        NotNeeded("what is in the WAL is there after the next start"),
    ),
    (
        "ingester.wal.",
        NotNeeded("the WAL needs no further settings"),
    ),
    ("ingester.lifecycler.", ONE_PROCESS),
    ("ingester.autoforget_unhealthy", ONE_PROCESS),
    ("ingester.max_transfer_retries", ONE_PROCESS),
    ("ingester.kafka_ingestion.", ONE_PROCESS),
    (
        "ingester.query_store_max_look_back_period",
        NotNeeded("queries always see all that is stored"),
    ),
    (
        "ingester.index_shards",
        NotNeeded("there is one stream index"),
    ),
    (
        "querier.query_ingesters_within",
        NotNeeded("queries always see the newest entries"),
    ),
    (
        "querier.query_store_only",
        NotNeeded("queries always see the newest entries"),
    ),
    (
        "querier.query_ingester_only",
        NotNeeded("queries always see all that is stored"),
    ),
    (
        "query_range.cache_",
        NotNeeded("what an answer needs again is kept in memory"),
    ),
    ("query_range.results_cache.", NO_CACHES),
    ("query_range.max_retries", NO_REQUESTS),
    ("storage_config.filesystem.", DATA_DIRECTORY),
    ("storage_config.object_store.filesystem.", DATA_DIRECTORY),
    (
        "storage_config.object_store.storage_prefix",
        NotNeeded("parts lie under skald/ in the bucket"),
    ),
    ("storage_config.object_store.", OTHER_CLOUD),
    (
        "storage_config.use_thanos_objstore",
        NotNeeded("a bucket is read in both of Loki's forms"),
    ),
    (
        "storage_config.hedging.",
        NotNeeded("a late answer of object storage is asked for again"),
    ),
    (
        "storage_config.congestion_control.",
        NotNeeded("requests to object storage are few and large"),
    ),
    ("storage_config.alibabacloud.", OTHER_CLOUD),
    ("storage_config.bos.", OTHER_CLOUD),
    ("storage_config.cos.", OTHER_CLOUD),
    ("storage_config.named_stores.", OTHER_CLOUD),
    ("storage_config.oci.", OTHER_CLOUD),
    ("storage_config.swift.", OTHER_CLOUD),
    ("storage_config.aws.dynamodb.", OTHER_DATABASE),
    ("storage_config.bigtable.", OTHER_DATABASE),
    ("storage_config.cassandra.", OTHER_DATABASE),
    ("storage_config.grpc_store.", OTHER_DATABASE),
    ("storage_config.boltdb.", DATA_DIRECTORY),
    ("storage_config.boltdb_shipper.", DATA_DIRECTORY),
    ("storage_config.tsdb_shipper.", DATA_DIRECTORY),
    ("storage_config.index_", NO_CACHES),
    (
        "storage_config.bloom_shipper.",
        NotNeeded("the content index lies with its part"),
    ),
    (
        "server.grpc_",
        NotNeeded("gRPC takes pushes alone, and has no such switch"),
    ),
    ("server.http_", NotNeeded("the listener has no such switch")),
    ("server.log_", NotNeeded("the log has no such switch")),
    (
        "server.register_instrumentation",
        NotNeeded("/metrics is always there"),
    ),
    ("server.", NotNeeded("the listener has no such switch")),
    (
        "ruler.enable_alertmanager_v2",
        NotNeeded("alerts are sent by version 2, the only one there is"),
    ),
    ("ruler.enable_sharding", ONE_PROCESS),
    (
        "ruler.evaluation.max_jitter",
        NotNeeded("groups are spread over their interval"),
    ),
    ("ruler.evaluation.", ONE_PROCESS),
    ("ruler.flush_period", ONE_PROCESS),
    (
        "ruler.for_grace_period",
        NotNeeded("what is pending is kept to the second"),
    ),
    (
        "ruler.query_stats_enabled",
        NotNeeded("every query is logged with its cost"),
    ),
    (
        "ruler.remote_write.config_refresh_period",
        NotNeeded("clients follow the limits of their tenant"),
    ),
    ("ruler.ring.", ONE_PROCESS),
    (
        "ruler.rule_path",
        NotNeeded("rules need no scratch directory"),
    ),
    ("ruler.ruler_client.", ONE_PROCESS),
    ("ruler.search_pending_for", ONE_PROCESS),
    ("ruler.sharding_", ONE_PROCESS),
    ("ruler.storage.", Missing(IN_A_BUCKET)),
    ("ruler.wal.", DATA_DIRECTORY),
    ("ruler.wal_cleaner.", DATA_DIRECTORY),
    ("target", NotNeeded("one process does everything")),
    ("ballast_bytes", NotNeeded("there is no Go runtime")),
    (
        "shutdown_delay",
        NotNeeded("/ready fails as soon as the server stops"),
    ),
    (
        "tenant_limits_allow_publish",
        NotNeeded("/config shows all limits"),
    ),
    ("http_prefix", NotNeeded("give server.http_path_prefix")),
    ("metrics_namespace", NotNeeded("metrics have Loki's names")),
    (
        "use_thanos_objstore",
        NotNeeded("a bucket is read in both of Loki's forms"),
    ),
];

/// Keys of `limits_config`, and beginnings of keys: those that a user would miss first.
const LIMITS: &[(&str, Fate)] = &[
    (
        "block_ingestion_policy_until",
        Missing("this limit is not enforced yet"),
    ),
    (
        "discover_generic_fields",
        Missing("this limit is not enforced yet"),
    ),
    ("policy_", Missing("this limit is not enforced yet")),
    ("ruler_enable_wal_replay", DATA_DIRECTORY),
    (
        "ruler_evaluation_delay",
        Missing("give query_offset in the groups"),
    ),
    ("ruler_remote_evaluation_", ONE_PROCESS),
    (
        "ruler_remote_write_",
        Missing("give limits_config.ruler_remote_write_config"),
    ),
    ("ruler_tenant_shard_size", ONE_PROCESS),
    ("ruler_", NotNeeded("the ruler has no such switch")),
    (
        "enforce_metric_name",
        NotNeeded("streams have no metric names"),
    ),
    (
        "ingestion_rate_strategy",
        NotNeeded("one process: local and global are the same"),
    ),
    ("ingestion_", ONE_PROCESS),
    (
        "cardinality_limit",
        NotNeeded("the stream index has no such bound"),
    ),
    ("allow_", NotNeeded("it is allowed")),
    ("bloom_", NotNeeded("the content index needs no settings")),
    ("tsdb_", NOT_SPLIT),
    ("split_", NOT_SPLIT),
    ("shard_", NotNeeded("streams and queries are not sharded")),
    ("min_sharding", NOT_SPLIT),
    ("query_split", NOT_SPLIT),
    ("max_querier", NOT_SPLIT),
    ("max_query", NOT_SPLIT),
    ("max_queriers", NOT_SPLIT),
    ("max_chunks", NotNeeded("parts take the place of chunks")),
    (
        "max_fetched_chunk",
        NotNeeded("parts take the place of chunks"),
    ),
    ("max_cache", NO_CACHES),
    ("max_metadata_cache", NO_CACHES),
    ("max_stats_cache", NO_CACHES),
    ("max_structured", NotNeeded("metadata has no such bound")),
    (
        "unordered_writes",
        NotNeeded("entries may come in any order"),
    ),
    ("query_ready", NotNeeded("indexes are always at hand")),
    ("recent_metadata", NOT_SPLIT),
    (
        "pattern_",
        NotNeeded("patterns are mined as data is flushed"),
    ),
    (
        "metric_aggregation",
        NotNeeded("counts come from the directories of parts"),
    ),
    ("per_tenant_override_", NotNeeded("give runtime_config")),
    ("per_user_override_", NotNeeded("give runtime_config")),
    ("index_gateway", ONE_PROCESS),
    ("use_owned", ONE_PROCESS),
    (
        "s3_sse_",
        Missing("objects get the bucket's default encryption"),
    ),
    ("max_scan_task", NOT_SPLIT),
    ("simulated_push", NotNeeded("pushes are taken at once")),
    ("debug_engine", NotNeeded("there is one query engine")),
    (
        "enable_multi_variant_queries",
        NotNeeded("there is one query engine"),
    ),
    ("engine_", NotNeeded("there is one query engine")),
    ("dataobj_", NotNeeded("parts are columnar already")),
    ("log_", NotNeeded("every query is logged with its cost")),
    (
        "volume_",
        NotNeeded("volumes come from the directories of parts"),
    ),
    ("otlp_config.", NotNeeded("attributes have no such rule")),
    ("retention_", NotNeeded("retention has no such switch")),
    ("deletion_", NotNeeded("deletes have no such switch")),
    (
        "reject_old_samples_",
        NotNeeded("there is no such rule for old entries"),
    ),
];

/// The fate of a dotted name; `None` when Loki has no such section either.
pub fn fate(name: &str) -> Option<Fate> {
    let begins = |list: &[(&str, Fate)], name: &str| {
        let found = list.iter().find(|(start, _)| name.starts_with(start));
        found.map(|(_, fate)| *fate)
    };
    if let Some(limit) = name.strip_prefix("limits_config.") {
        return begins(LIMITS, limit);
    }
    let exactly = |(known, _): &&(&str, Fate)| match known.strip_suffix(['.', '_']) {
        Some(_) => name.starts_with(known),
        None => {
            name == *known
                || name
                    .strip_prefix(known)
                    .is_some_and(|r| r.starts_with(['.', '_']))
        }
    };
    if let Some((_, fate)) = NAMES.iter().find(exactly) {
        return Some(*fate);
    }
    let section = name.split('.').next().unwrap_or(name);
    let of_section = SECTIONS.iter().find(|(known, _)| *known == section);
    of_section.map(|(_, fate)| *fate)
}

/// Whether a name that is no setting here tells that its file was written for Loki.
pub fn is_only_lokis(name: &str) -> bool {
    fate(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        let why = fate(name).map(|fate| match fate {
            NotNeeded(why) => format!("not needed: {why}"),
            Missing(why) => format!("missing: {why}"),
        });
        match (&why, expected) {
            (Some(why), Some(expected)) => assert!(why.contains(expected), "{name}: {why}"),
            _ => assert_eq!(why.is_some(), expected.is_some(), "{name}: {why:?}"),
        }
    }

    #[test]
    fn a_name_has_the_words_of_its_own_part() {
        check(
            "limits_config.enforce_metric_name",
            Some("not needed: streams have no metric names"),
        );
        check("ingester.wal.dir", Some("not needed: everything local"));
        check(
            "ingester.wal.enabled",
            Some("not needed: the WAL is always on"),
        );
        check(
            "ingester.chunk_idle_period",
            Some("parts take the place of chunks"),
        );
        check(
            "ingester.lifecycler.ring.kvstore.store",
            Some("one process"),
        );
        check(
            "frontend.log_queries_longer_than",
            Some("every query is logged"),
        );
        check(
            "limits_config.split_queries_by_interval",
            Some("queries are not split"),
        );
        check(
            "storage_config.use_thanos_objstore",
            Some("both of Loki's forms"),
        );
        check(
            "storage_config.tsdb_shipper.cache_location",
            Some("the data directory"),
        );
        check("common.ring.kvstore.store", Some("one process"));
    }

    #[test]
    fn other_clouds_and_databases_are_missing_in_every_form() {
        for cloud in ["oci", "cos", "bos", "swift", "alibabacloud"] {
            for section in [
                "common.storage",
                "common.storage.object_store",
                "storage_config",
                "storage_config.object_store",
            ] {
                check(
                    &format!("{section}.{cloud}.bucket"),
                    Some("missing: name a bucket"),
                );
            }
        }
        for database in [
            "cassandra.addresses",
            "bigtable.project",
            "aws.dynamodb.dynamodb_url",
            "grpc_store.server_address",
        ] {
            check(
                &format!("storage_config.{database}"),
                Some("missing: entries are kept"),
            );
        }
    }

    #[test]
    fn nobodys_names_have_no_fate() {
        for name in [
            "foo",
            "foo.bar",
            "limits_config.zzz",
            "limits_config",
            "targets",
            "rulers.x",
        ] {
            check(name, None);
        }
    }
}
