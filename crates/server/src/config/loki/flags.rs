//! Loki's flags are listed here: which setting each stands for, and which Skald only knows by name.
//!
//! Some flags are a setting of Skald under another name. Some have a meaning only as the key of a
//! Loki file that they stand for (a bucket, a directory). The rest is known by name (`flags.txt`),
//! which tells a flag of Loki's from a mistake.

use super::ruler;
use crate::config::keys;
use crate::config::setting::Setting;
use serde_yaml_ng::Value;

/// What a flag stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// A setting of Skald.
    Setting(&'static str),
    /// A key of a Loki file, to be read as if it stood there.
    Key(Key),
    /// Loki has it, and nothing here needs it.
    NotNeeded,
}

/// A key of a Loki file: what is before the last part, and the last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    section: &'static str,
    field: KeyField,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyField {
    Named(&'static str),
    /// The flag's own words from this byte on, with `_` for `-`.
    OfFlag(usize),
}

impl Key {
    /// The dotted name in a file, for the flag it was found by.
    pub fn name(&self, flag: &str) -> String {
        match self.field {
            KeyField::Named(field) => format!("{}{field}", self.section),
            KeyField::OfFlag(at) => format!("{}{}", self.section, flag[at..].replace('-', "_")),
        }
    }
}

/// Flags that are settings here.
const SETTINGS: &[(&str, &str)] = &[
    ("auth.enabled", "auth_enabled"),
    (
        "boltdb.shipper.compactor.delete-request-cancel-period",
        "compactor.delete_request_cancel_period",
    ),
    (
        "boltdb.shipper.compactor.retention-enabled",
        "compactor.retention_enabled",
    ),
    (
        "compactor.delete-request-cancel-period",
        "compactor.delete_request_cancel_period",
    ),
    ("compactor.deletion-mode", "limits_config.deletion_mode"),
    ("compactor.retention-enabled", "compactor.retention_enabled"),
    (
        "distributor.ingestion-burst-size-mb",
        "limits_config.ingestion_burst_size_mb",
    ),
    (
        "distributor.ingestion-rate-limit-mb",
        "limits_config.ingestion_rate_mb",
    ),
    (
        "distributor.max-decompressed-size",
        "distributor.max_decompressed_size",
    ),
    ("distributor.max-line-size", "limits_config.max_line_size"),
    (
        "distributor.max-line-size-truncate",
        "limits_config.max_line_size_truncate",
    ),
    (
        "distributor.max-line-size-truncate-identifier",
        "limits_config.max_line_size_truncate_identifier",
    ),
    (
        "distributor.max-recv-msg-size",
        "distributor.max_recv_msg_size",
    ),
    (
        "distributor.otlp.default_resource_attributes_as_index_labels",
        "distributor.otlp_config.default_resource_attributes_as_index_labels",
    ),
    (
        "frontend.embedded-cache.max-size-mb",
        "query_range.results_cache.cache.embedded_cache.max_size_mb",
    ),
    ("frontend.max-body-size", "frontend.max_body_size"),
    (
        "frontend.max-query-bytes-read",
        "limits_config.max_query_bytes_read",
    ),
    (
        "ingester.max-global-streams-per-user",
        "limits_config.max_global_streams_per_user",
    ),
    (
        "ingester.max-streams-per-user",
        "limits_config.max_streams_per_user",
    ),
    (
        "ingester.per-stream-rate-limit",
        "limits_config.per_stream_rate_limit",
    ),
    (
        "ingester.per-stream-rate-limit-burst",
        "limits_config.per_stream_rate_limit_burst",
    ),
    (
        "limits.block-ingestion-status-code",
        "limits_config.block_ingestion_status_code",
    ),
    (
        "limits.block-ingestion-until",
        "limits_config.block_ingestion_until",
    ),
    (
        "limits.max-structured-metadata-entries-count",
        "limits_config.max_structured_metadata_entries_count",
    ),
    (
        "limits.max-structured-metadata-size",
        "limits_config.max_structured_metadata_size",
    ),
    ("limits.volume-enabled", "limits_config.volume_enabled"),
    (
        "limits.volume-max-series",
        "limits_config.volume_max_series",
    ),
    ("log.format", "server.log_format"),
    ("log.level", "server.log_level"),
    ("querier.cache-results", "query_range.cache_results"),
    (
        "querier.compress-http-responses",
        "frontend.compress_responses",
    ),
    ("querier.max-concurrent", "querier.max_concurrent"),
    (
        "querier.max-concurrent-tail-requests",
        "limits_config.max_concurrent_tail_requests",
    ),
    (
        "querier.max-outstanding-requests-per-tenant",
        "frontend.max_outstanding_per_tenant",
    ),
    (
        "querier.max-query-lookback",
        "limits_config.max_query_lookback",
    ),
    (
        "querier.max-query-parallelism",
        "limits_config.max_query_parallelism",
    ),
    ("querier.max-query-range", "limits_config.max_query_range"),
    ("querier.max-query-series", "limits_config.max_query_series"),
    (
        "querier.max-streams-matcher-per-query",
        "limits_config.max_streams_matchers_per_query",
    ),
    (
        "querier.multi-tenant-queries-enabled",
        "querier.multi_tenant_queries_enabled",
    ),
    (
        "querier.per-request-limits-enabled",
        "querier.per_request_limits_enabled",
    ),
    ("querier.query-timeout", "limits_config.query_timeout"),
    ("querier.tail-max-duration", "querier.tail_max_duration"),
    ("runtime-config.file", "runtime_config.file"),
    ("runtime-config.reload-period", "runtime_config.period"),
    ("limits.per-user-override-config", "runtime_config.file"),
    ("limits.per-user-override-period", "runtime_config.period"),
    (
        "server.graceful-shutdown-timeout",
        "server.graceful_shutdown_timeout",
    ),
    ("server.grpc-listen-address", "server.grpc_listen_address"),
    ("server.grpc-listen-port", "server.grpc_listen_port"),
    (
        "server.grpc-max-recv-msg-size-bytes",
        "server.grpc_server_max_recv_msg_size",
    ),
    ("server.http-conn-limit", "server.http_listen_conn_limit"),
    (
        "server.http-idle-timeout",
        "server.http_server_idle_timeout",
    ),
    ("server.http-listen-address", "server.http_listen_address"),
    ("server.http-listen-port", "server.http_listen_port"),
    (
        "server.http-read-timeout",
        "server.http_server_read_timeout",
    ),
    (
        "server.http-tls-ca-path",
        "server.http_tls_config.client_ca_file",
    ),
    (
        "server.http-tls-cert-path",
        "server.http_tls_config.cert_file",
    ),
    (
        "server.http-tls-client-auth",
        "server.http_tls_config.client_auth_type",
    ),
    (
        "server.http-tls-key-path",
        "server.http_tls_config.key_file",
    ),
    (
        "server.http-write-timeout",
        "server.http_server_write_timeout",
    ),
    ("server.path-prefix", "server.http_path_prefix"),
    ("store.max-query-length", "limits_config.max_query_length"),
    ("store.retention", "limits_config.retention_period"),
    (
        "validation.allow-structured-metadata",
        "limits_config.allow_structured_metadata",
    ),
    (
        "validation.create-grace-period",
        "limits_config.creation_grace_period",
    ),
    (
        "validation.discover-log-levels",
        "limits_config.discover_log_levels",
    ),
    (
        "validation.discover-service-name",
        "limits_config.discover_service_name",
    ),
    (
        "validation.enforced-labels",
        "limits_config.enforced_labels",
    ),
    (
        "validation.increment-duplicate-timestamps",
        "limits_config.increment_duplicate_timestamp",
    ),
    (
        "validation.log-level-fields",
        "limits_config.log_level_fields",
    ),
    (
        "validation.log-level-from-json-max-depth",
        "limits_config.log_level_from_json_max_depth",
    ),
    (
        "validation.max-entries-limit",
        "limits_config.max_entries_limit_per_query",
    ),
    (
        "validation.max-label-names-per-series",
        "limits_config.max_label_names_per_series",
    ),
    (
        "validation.max-length-label-name",
        "limits_config.max_label_name_length",
    ),
    (
        "validation.max-length-label-value",
        "limits_config.max_label_value_length",
    ),
    (
        "validation.reject-old-samples",
        "limits_config.reject_old_samples",
    ),
    (
        "validation.reject-old-samples.max-age",
        "limits_config.reject_old_samples_max_age",
    ),
];

/// Flags that are keys of a Loki file: their section and name.
const KEYS: &[(&str, &str, &str)] = &[
    ("boltdb.dir", "storage_config.boltdb.", "directory"),
    ("common.path-prefix", "common.", "path_prefix"),
    (
        "common.storage.filesystem.chunk-directory",
        "common.storage.filesystem.",
        "chunks_directory",
    ),
    ("ingester.wal-dir", "ingester.wal.", "dir"),
    ("ingester.wal-enabled", "ingester.wal.", "enabled"),
    (
        "local.chunk-directory",
        "storage_config.filesystem.",
        "directory",
    ),
    (
        "object-store.filesystem.dir",
        "storage_config.object_store.filesystem.",
        "dir",
    ),
    (
        "store.max-look-back-period",
        "chunk_store_config.",
        "max_look_back_period",
    ),
    (
        "table-manager.retention-deletes-enabled",
        "table_manager.",
        "retention_deletes_enabled",
    ),
    (
        "table-manager.retention-period",
        "table_manager.",
        "retention_period",
    ),
    ("target", "", "target"),
    (
        "tsdb.shipper.active-index-directory",
        "storage_config.tsdb_shipper.",
        "active_index_directory",
    ),
];

/// Beginnings of flags that describe a bucket, and the sections of a file that do.
const BUCKETS: &[(&str, &str)] = &[
    ("common.storage.s3.", "common.storage.s3."),
    ("common.storage.gcs.", "common.storage.gcs."),
    ("common.storage.azure.", "common.storage.azure."),
    ("object-store.s3.", "storage_config.object_store.s3."),
    ("object-store.gcs.", "storage_config.object_store.gcs."),
    ("object-store.azure.", "storage_config.object_store.azure."),
    ("s3.", "storage_config.aws."),
    ("gcs.", "storage_config.gcs."),
    ("azure.", "storage_config.azure."),
];

/// Names of all flags: a line has what they share, a colon, and the rest of each; `?` marks a
/// boolean.
const NAMES: &str = include_str!("flags.txt");

/// A flag of Loki's by its name without dashes.
pub fn find(name: &str) -> Option<Flag> {
    if let Some((_, setting)) = SETTINGS.iter().find(|(flag, _)| *flag == name) {
        return Some(Flag::Setting(setting));
    }
    if let Some((_, section, field)) = KEYS.iter().find(|(flag, _, _)| *flag == name) {
        let field = KeyField::Named(field);
        return Some(Flag::Key(Key { section, field }));
    }
    is_boolean(name)?;
    if let Some(setting) = ruler::setting_of_flag(name) {
        return Some(Flag::Setting(setting));
    }
    let described = BUCKETS.iter().find(|(prefix, _)| name.starts_with(prefix));
    Some(described.map_or(Flag::NotNeeded, |(prefix, section)| {
        let field = match &name[prefix.len()..] {
            "buckets" => KeyField::Named("bucketnames"),
            "bucketname" => KeyField::Named("bucket_name"),
            "url" => KeyField::Named("s3"),
            "force-path-style" => KeyField::Named("s3forcepathstyle"),
            _ => KeyField::OfFlag(prefix.len()),
        };
        Flag::Key(Key { section, field })
    }))
}

/// The value of a boolean flag.
pub fn switch(text: &str) -> Result<bool, String> {
    bool::read(&Value::from(text))
}

/// Whether a flag of Loki's needs no value; `None` when Loki has no such flag.
pub fn is_boolean(name: &str) -> Option<bool> {
    names()
        .find(|(prefix, rest, _)| is_named(name, prefix, rest))
        .map(|(_, _, boolean)| boolean)
}

fn is_named(name: &str, prefix: &str, rest: &str) -> bool {
    match name.strip_prefix(prefix) {
        Some(tail) if prefix.is_empty() => tail == rest,
        Some(tail) => tail.strip_prefix('.') == Some(rest),
        None => false,
    }
}

/// What each flag shares with others, the rest of its name, and whether it is a boolean.
fn names() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(prefix, rests)| {
            rests.split_whitespace().map(move |rest| {
                let name = rest.trim_end_matches('?');
                (prefix, name, name.len() < rest.len())
            })
        })
}

/// A slip of the pen gets one in this many letters wrong at most.
const SLIP_SHARE: usize = 5;

/// The flag that an unknown name was probably meant to be, of Loki's and our own.
pub fn nearest(name: &str) -> Option<String> {
    let lokis = names().map(|(prefix, rest, _)| match prefix {
        "" => rest.to_owned(),
        prefix => format!("{prefix}.{rest}"),
    });
    let own = keys::KEYS.iter().map(|key| key.name.to_owned());
    own.chain(lokis)
        .map(|known| (strsim::damerau_levenshtein(&known, name), known))
        .min()
        .filter(|(edits, known)| *edits <= (known.len() / SLIP_SHARE).max(2))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_and_key_of_a_flag_is_one() {
        for (flag, setting) in SETTINGS {
            assert!(keys::find(setting).is_some(), "{flag}: {setting}");
            assert!(is_boolean(flag).is_some(), "{flag} is no flag of Loki's");
            assert_eq!(find(flag), Some(Flag::Setting(setting)));
        }
        for (flag, section, field) in KEYS {
            assert!(is_boolean(flag).is_some(), "{flag} is no flag of Loki's");
            let Some(Flag::Key(key)) = find(flag) else {
                panic!("{flag} is a key");
            };
            assert_eq!(key.name(flag), format!("{section}{field}"));
        }
    }

    #[test]
    fn flags_of_buckets_are_the_keys_of_their_sections() {
        for (flag, key) in [
            ("s3.url", "storage_config.aws.s3"),
            ("s3.buckets", "storage_config.aws.bucketnames"),
            ("s3.access-key-id", "storage_config.aws.access_key_id"),
            ("common.storage.s3.endpoint", "common.storage.s3.endpoint"),
            (
                "common.storage.gcs.bucketname",
                "common.storage.gcs.bucket_name",
            ),
            (
                "object-store.azure.container-name",
                "storage_config.object_store.azure.container_name",
            ),
        ] {
            match find(flag) {
                Some(Flag::Key(found)) => assert_eq!(found.name(flag), key),
                other => panic!("{flag}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_flags_of_loki_are_told_from_mistakes() {
        for flag in [
            "ingester.chunks-idle-period",
            "memberlist.join",
            "boltdb.shipper.shared-store",
            "h",
            "x",
        ] {
            let expected = flag.len() > 1;
            assert_eq!(find(flag) == Some(Flag::NotNeeded), expected, "{flag}");
        }
        assert_eq!(is_boolean("verify-config"), Some(true));
        assert_eq!(is_boolean("config.file"), Some(false));
        assert_eq!(is_boolean("ingester.nothing"), None);
        assert_eq!(is_boolean(""), None);
        for (slip, meant) in [
            ("server.http-listen-prot", Some("server.http-listen-port")),
            (
                "ingester.chunks-idle-peroid",
                Some("ingester.chunks-idle-period"),
            ),
            ("config.fiel", Some("config.file")),
            ("verify-conf", Some("verify-config")),
            (
                "limits_config.max_line_sise",
                Some("limits_config.max_line_size"),
            ),
            ("entirely.different.words-here", None),
        ] {
            assert_eq!(nearest(slip).as_deref(), meant, "{slip}");
        }
    }
}
