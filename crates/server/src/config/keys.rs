//! The list of all settings: name, help, and how each is read into and shown from a [`Config`].

use super::setting::Setting;
use super::{Config, Limits, bounds};
use serde_yaml_ng::{Mapping, Value};

/// One setting.
pub struct Key {
    /// Its name in the file, sections joined by dots.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    set: fn(&mut Config, &Value) -> Result<(), String>,
    show: fn(&Config) -> Value,
}

macro_rules! keys {
    ($($name:literal => $($field:ident).+: $help:literal;)*) => {
        /// All settings, in the order `/config` shows them.
        pub static KEYS: &[Key] = &[$(Key {
            name: $name,
            help: $help,
            set: |config, value| {
                config.$($field).+ = bounds::checked($name, Setting::read(value)?)?;
                Ok(())
            },
            show: |config| config.$($field).+.show(),
        }),*];
    };
}

keys! {
    "data" => data: "data directory";
    "auth_enabled" => auth_enabled: "require the X-Scope-OrgID header";
    "no_auth_tenant" => no_auth_tenant: "tenant of all requests while auth_enabled is false";
    "memory" => memory: "memory for entries not flushed, bodies, pushes, queries, answers, tails, flushes and caches, at least 64MB; 0 is 60 % of the machine's or container's, at most 4GB";
    "self_logs" => self_logs: "keep the server's own logs under {service_name=\"skald\"}, with tenants or tokens in the tenant __skald__";
    "query_log.slower_than" => query_log.slower_than: "log queries that took this long, and those that failed; 0s logs all";
    "query_log.lines_per_second" => query_log.lines_per_second: "lines a second for queries of less than 10s; 0 is no limit";
    "server.http_listen_address" => server.http_listen_address: "IP address to listen on; empty is all";
    "server.http_listen_port" => server.http_listen_port: "port to listen on; 0 takes a free one";
    "server.http_listen_conn_limit" => server.http_listen_conn_limit: "connections at once, fewer when RLIMIT_NOFILE has no room for them";
    "server.http_server_read_timeout" => server.http_server_read_timeout: "longest time for a request's body to arrive";
    "server.http_server_write_timeout" => server.http_server_write_timeout: "longest time a client may leave an answer unread";
    "server.http_server_write_min_rate" => server.http_server_write_min_rate: "bytes a second that a client must take while its answer waits; slower ones are disconnected; 0 is any rate";
    "server.http_server_idle_timeout" => server.http_server_idle_timeout: "longest time without a request on a connection";
    "server.graceful_shutdown_timeout" => server.graceful_shutdown_timeout: "time for requests to finish at shutdown";
    "server.shutdown_drain_timeout" => server.shutdown_drain_timeout: "time for requests that are still arriving at shutdown; then they are refused";
    "server.log_level" => server.log_level: "debug, info, warn or error";
    "server.log_format" => server.log_format: "logfmt or json";
    "server.http_path_prefix" => server.http_path_prefix: "put before every path";
    "server.http_tls_config.cert_file" => server.tls.cert_file: "PEM certificate; with key_file it switches TLS on";
    "server.http_tls_config.key_file" => server.tls.key_file: "PEM private key";
    "server.http_tls_config.client_ca_file" => server.tls.client_ca_file: "PEM authority of client certificates";
    "server.http_tls_config.client_auth_type" => server.tls.client_auth_type: "NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert; empty requires one when there is a client_ca_file";
    "server.max_concurrent_requests" => server.max_concurrent_requests: "requests without an answer at once; more get a 503";
    "server.max_sources" => server.max_sources: "sources that /skald/api/v1/sources remembers, the one silent for the longest makes room; 0 is none";
    "server.grpc_enabled" => server.grpc_enabled: "take pushes over gRPC (logproto.Pusher)";
    "server.grpc_listen_address" => server.grpc_listen_address: "IP address for gRPC; empty is that of HTTP";
    "server.grpc_listen_port" => server.grpc_listen_port: "port for gRPC; 0 takes a free one";
    "server.otlp_grpc_enabled" => server.otlp_grpc_enabled: "take OpenTelemetry logs over gRPC (LogsService) on a port of its own";
    "server.otlp_grpc_listen_port" => server.otlp_grpc_listen_port: "port for OpenTelemetry's gRPC; 0 takes a free one";
    "server.grpc_server_max_recv_msg_size" => server.grpc_server_max_recv_msg_size: "largest gRPC message";
    "auth.tokens_file" => tokens_file: "YAML file with the tokens that requests need; empty needs none";
    "auth.allow_query_string_auth" => allow_query_string_auth: "take Splunk's `?token=` too: URLs end up in logs of proxies";
    "distributor.max_recv_msg_size" => distributor.max_recv_msg_size: "largest push body as sent";
    "distributor.max_decompressed_size" => distributor.max_decompressed_size: "largest push body decompressed";
    "distributor.k8s_audit_forward_to" => distributor.k8s_audit_forward_to: "URL to which bodies of the Kubernetes audit webhook are sent besides";
    "distributor.k8s_audit_forward_queue_size" => distributor.k8s_audit_forward_queue_size: "bytes of them that may wait";
    "distributor.otlp_config.default_resource_attributes_as_index_labels" => distributor.otlp_index_labels: "resource attributes of OTLP that become labels";
    "ingester.wal.sync" => ingester.wal_sync: "group, always, interval or none: when a push is acknowledged";
    "ingester.wal.max_size" => ingester.wal_max_size: "size of the WAL that starts a flush";
    "ingester.flush_size" => ingester.flush_size: "bytes of unflushed lines that start a flush";
    "ingester.flush_age" => ingester.flush_age: "age of the oldest unflushed entry that starts a flush";
    "ingester.max_tenants" => ingester.max_tenants: "tenants there may be; pushes of others get a 429, those that have entries stay; 0 is no limit";
    "ingester.push_wait" => ingester.push_wait: "how long a push waits for memory, while flushing is behind, before it is refused with 429";
    "storage_config.object_store.url" => object_store.url: "bucket for parts: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; empty keeps them in the data directory";
    "storage_config.object_store.endpoint" => object_store.endpoint: "URL of a server that speaks the cloud's protocol; empty is the cloud's own";
    "storage_config.object_store.region" => object_store.region: "region of the bucket";
    "storage_config.object_store.allow_http" => object_store.allow_http: "talk to the endpoint without encryption";
    "storage_config.object_store.access_key_id" => object_store.access_key_id: "access key of S3, account of Azure; empty is that of the environment (AWS_ACCESS_KEY_ID, AZURE_STORAGE_ACCOUNT_NAME)";
    "storage_config.object_store.secret_access_key" => object_store.secret_access_key: "secret key of S3, account key of Azure, service account of Google as JSON; empty is that of the environment";
    "storage_config.object_store.cache_size" => object_store.cache_size: "local disk for uploaded parts and fetched ranges";
    "storage_config.object_store.timeout" => object_store.timeout: "longest time for an answer of object storage";
    "querier.max_concurrent" => querier.max_concurrent: "threads that answer queries; 0 is one a core";
    "querier.tail_max_duration" => querier.tail_max_duration: "a tail ends after this";
    "querier.multi_tenant_queries_enabled" => querier.multi_tenant_queries_enabled: "let a request read several tenants, as in X-Scope-OrgID: a|b";
    "querier.per_request_limits_enabled" => querier.per_request_limits_enabled: "let a request tighten its limits with X-Loki-Query-Limits";
    "frontend.compress_responses" => frontend.compress_responses: "gzip answers for clients that take it";
    "frontend.max_body_size" => frontend.max_body_size: "largest form body of a query";
    "frontend.max_answer_size" => frontend.max_answer_size: "largest answer of those that are written whole: labels, series, volumes, patterns; entries and points are written as they are taken";
    "frontend.max_outstanding_per_tenant" => frontend.max_outstanding_per_tenant: "queries of a tenant that may wait; more get a 429, 0 is no limit";
    "query_range.cache_results" => query_range.cache_results: "cache the results of metric queries by block, for later queries";
    "query_range.results_cache.cache.embedded_cache.max_size_mb" => query_range.max_size_mb: "megabytes of that cache, at most a quarter of memory; 0 caches nothing";
    "compactor.retention_enabled" => compactor.retention_enabled: "whether entries expire, and can be deleted";
    "compactor.delete_request_cancel_period" => compactor.delete_request_cancel_period: "how long a delete request can be taken back; until then nothing is removed for it";
    "runtime_config.file" => runtime.file: "YAML files, separated by commas, with limits of single tenants";
    "runtime_config.period" => runtime.period: "how often they are looked at for changes";
    "syslog.listeners" => syslog.listeners: "where syslog is taken: address, protocol (udp, tcp, tls), tenant, labels, zone, max_message_size, max_connections, idle_timeout, receive_buffer, cert_file, key_file, client_ca_file";
    "ruler.enable_api" => ruler.enable_api: "let rules be read and changed over HTTP";
    "ruler.enabled_tenants" => ruler.enabled_tenants: "tenants whose rules are evaluated; empty is all";
    "ruler.disabled_tenants" => ruler.disabled_tenants: "tenants whose rules are not evaluated";
    "ruler.storage.local.directory" => ruler.storage.directory: "directory with a folder of rule files for each tenant, read only; empty keeps rules in the data directory, where the API changes them";
    "ruler.poll_interval" => ruler.poll_interval: "how often that directory is looked at for changes";
    "ruler.evaluation_interval" => ruler.evaluation_interval: "interval of groups that have none";
    "ruler.max_concurrent" => ruler.max_concurrent: "groups that are evaluated at once, of one tenant half as many";
    "ruler.store_results" => ruler.store_results: "store results of recording rules as streams of the tenant too";
    "ruler.alert_on_failure" => ruler.alert_on_failure: "fire the alert RuleEvaluationFailed for a rule that can't be evaluated";
    "ruler.external_url" => ruler.external_url: "URL of Grafana, for links in alerts";
    "ruler.datasource_uid" => ruler.datasource_uid: "data source of these links";
    "ruler.external_labels" => ruler.external_labels: "labels of every alert that does not have them";
    "ruler.for_outage_tolerance" => ruler.for_outage_tolerance: "a server that was stopped for longer begins the time of pending alerts anew";
    "ruler.resend_delay" => ruler.resend_delay: "least time between two sends of an alert that goes on";
    "ruler.alertmanager_url" => ruler.alertmanager.urls: "URLs of Alertmanagers, comma between; each gets every alert";
    "ruler.enable_alertmanager_discovery" => ruler.alertmanager.discovery: "look hosts of alertmanager_url up as SRV records (_port._tcp.name)";
    "ruler.alertmanager_refresh_interval" => ruler.alertmanager.refresh_interval: "how often they are looked up";
    "ruler.alert_relabel_configs" => ruler.alertmanager.relabel_configs: "relabelling of alerts, as Prometheus has it";
    "ruler.notification_queue_capacity" => ruler.alertmanager.queue_capacity: "alerts that may wait for an Alertmanager; the oldest are dropped";
    "ruler.notification_timeout" => ruler.alertmanager.timeout: "longest time for an answer of an Alertmanager";
    "ruler.alertmanager_client.basic_auth_username" => ruler.alertmanager.client.username: "user at Alertmanagers";
    "ruler.alertmanager_client.basic_auth_password" => ruler.alertmanager.client.password: "password of that user";
    "ruler.alertmanager_client.type" => ruler.alertmanager.client.scheme: "word before the credentials in the header Authorization";
    "ruler.alertmanager_client.credentials" => ruler.alertmanager.client.credentials: "credentials for Alertmanagers";
    "ruler.alertmanager_client.credentials_file" => ruler.alertmanager.client.credentials_file: "file with these credentials";
    "ruler.alertmanager_client.tls_cert_path" => ruler.alertmanager.client.cert_file: "PEM certificate shown to Alertmanagers";
    "ruler.alertmanager_client.tls_key_path" => ruler.alertmanager.client.key_file: "PEM private key of it";
    "ruler.alertmanager_client.tls_ca_path" => ruler.alertmanager.client.ca_file: "PEM authority of the Alertmanagers' certificates; empty is the system's";
    "ruler.alertmanager_client.tls_server_name" => ruler.alertmanager.client.server_name: "name that their certificates must have; empty is that of the URL";
    "ruler.alertmanager_client.tls_insecure_skip_verify" => ruler.alertmanager.client.insecure_skip_verify: "take any certificate of an Alertmanager";
    "ruler.webhooks" => ruler.webhooks: "receivers that are notified without an Alertmanager: name, url, format (alertmanager or slack), group_by, group_wait, group_interval, repeat_interval, send_resolved, max_alerts, timeout, http_config, external_url, queue_capacity";
    "ruler.remote_write.enabled" => ruler.remote_write.enabled: "send samples of recording rules and alerts to receivers of remote write";
    "ruler.remote_write.clients" => ruler.remote_write.clients: "receivers by their id, each as a remote_write block of Prometheus";
    "ruler.remote_write.client" => ruler.remote_write.client: "one receiver more, as older versions of Loki have it";
    "ruler.remote_write.add_org_id_header" => ruler.remote_write.omit_org_id: "name the tenant in X-Scope-OrgID";
    "ruler.remote_write.queue_size" => ruler.remote_write.queue_size: "bytes of samples that may wait on disk for a receiver of a tenant; the oldest are dropped";
    "ruler.disable_rule_group_label" => ruler.disable_rule_group_label: "leave the label rule_group out of metrics";
    "limits_config.ingestion_rate_mb" => limits.ingestion_rate_mb: "megabytes a second a tenant may send; 0 is no limit";
    "limits_config.ingestion_burst_size_mb" => limits.ingestion_burst_size_mb: "megabytes a tenant may send at once when there is a rate";
    "limits_config.per_stream_rate_limit" => limits.per_stream_rate_limit: "bytes a second a stream may get; 0 is no limit";
    "limits_config.per_stream_rate_limit_burst" => limits.per_stream_rate_limit_burst: "bytes a stream may get at once when there is a rate";
    "limits_config.max_streams_per_user" => limits.max_streams_per_user: "streams a tenant may write to within an hour; 0 is no limit";
    "limits_config.max_global_streams_per_user" => limits.max_global_streams_per_user: "as max_streams_per_user; the smaller of the two counts";
    "limits_config.max_line_size" => limits.max_line_size: "longest line; 0 is no limit";
    "limits_config.max_line_size_truncate" => limits.max_line_size_truncate: "truncate longer lines instead of refusing them";
    "limits_config.max_line_size_truncate_identifier" => limits.max_line_size_truncate_identifier: "put at the end of a truncated line";
    "limits_config.max_label_name_length" => limits.max_label_name_length: "bytes of a label name";
    "limits_config.max_label_value_length" => limits.max_label_value_length: "bytes of a label value";
    "limits_config.max_label_names_per_series" => limits.max_label_names_per_series: "labels of a stream";
    "limits_config.allow_structured_metadata" => limits.allow_structured_metadata: "take structured metadata";
    "limits_config.max_structured_metadata_size" => limits.max_structured_metadata_size: "bytes of an entry's metadata";
    "limits_config.max_structured_metadata_entries_count" => limits.max_structured_metadata_entries_count: "pairs of an entry's metadata";
    "limits_config.creation_grace_period" => limits.creation_grace_period: "how far in the future an entry may be";
    "limits_config.reject_old_samples" => limits.reject_old_samples: "refuse entries older than reject_old_samples_max_age";
    "limits_config.reject_old_samples_max_age" => limits.reject_old_samples_max_age: "oldest entry taken when reject_old_samples is on";
    "limits_config.enforced_labels" => limits.enforced_labels: "labels every stream must have";
    "limits_config.block_ingestion_until" => limits.block_ingestion_until: "refuse pushes until this time";
    "limits_config.block_ingestion_status_code" => limits.block_ingestion_status_code: "status of pushes refused by block_ingestion_until; 200 drops them silently";
    "limits_config.discover_service_name" => limits.discover_service_name: "labels tried for service_name; empty switches it off";
    "limits_config.discover_log_levels" => limits.discover_log_levels: "add detected_level to entries";
    "limits_config.log_level_fields" => limits.log_level_fields: "names tried for the level";
    "limits_config.log_level_from_json_max_depth" => limits.log_level_from_json_max_depth: "depth searched for a level in JSON lines";
    "limits_config.increment_duplicate_timestamp" => limits.increment_duplicate_timestamp: "move equal timestamps of a push apart";
    "limits_config.otlp_config.resource_attributes.ignore_defaults" => limits.otlp.ignore_defaults: "leave distributor.otlp_config.default_resource_attributes_as_index_labels out";
    "limits_config.otlp_config.resource_attributes.attributes_config" => limits.otlp.resource_attributes: "what becomes of resource attributes that are no labels by default: action, attributes or regex";
    "limits_config.otlp_config.scope_attributes" => limits.otlp.scope_attributes: "what becomes of scope attributes: action, attributes or regex";
    "limits_config.otlp_config.log_attributes" => limits.otlp.log_attributes: "what becomes of a record's attributes: action, attributes or regex";
    "limits_config.otlp_config.severity_text_as_label" => limits.otlp.severity_text_as_label: "make a record's severity_text a label too";
    "limits_config.discover_log_formats" => limits.discover_log_formats: "add the fields of Envoy's and Istio's access logs and of Hubble's flows to entries";
    "limits_config.k8s_audit_drop" => limits.k8s_audit_drop: "Kubernetes audit events that are not kept: reason, users, verbs, resources, namespaces, stages, levels, user_agents, uris";
    "limits_config.k8s_audit_dedup_window" => limits.k8s_audit_dedup_window: "for how long a Kubernetes audit event that comes again (auditID, stage, its time) is left out, whatever its bytes; 0 keeps all";
    "limits_config.strict" => limits.strict: "refuse a query over a limit, as Loki does, instead of answering in part with a warning";
    "limits_config.max_query_series" => limits.max_query_series: "series in an answer";
    "limits_config.max_entries_limit_per_query" => limits.max_entries_limit_per_query: "entries in an answer; 0 is no limit";
    "limits_config.max_query_length" => limits.max_query_length: "longest time range of a query, its longest [range] included; 0 is no limit";
    "limits_config.max_query_range" => limits.max_query_range: "longest [range] in a query; 0 is no limit";
    "limits_config.max_query_lookback" => limits.max_query_lookback: "oldest time a query sees; 0 is no limit";
    "limits_config.max_query_bytes_read" => limits.max_query_bytes_read: "bytes of log a query may have to look at, by the index; 0 is no limit";
    "limits_config.max_query_parallelism" => limits.max_query_parallelism: "0 refuses all queries; another number is not needed";
    "limits_config.max_streams_matchers_per_query" => limits.max_streams_matchers_per_query: "matchers in a query; 0 is no limit";
    "limits_config.required_labels" => limits.required_labels: "labels that every query must have a matcher for";
    "limits_config.minimum_labels_number" => limits.minimum_labels_number: "matchers that every query must have";
    "limits_config.blocked_queries" => limits.blocked_queries: "queries that are refused: pattern, regex, types, hash";
    "limits_config.query_timeout" => limits.query_timeout: "longest time a query may take, waiting included; 0 is no limit";
    "limits_config.query_memory" => limits.query_memory: "memory one query may hold";
    "limits_config.max_concurrent_tail_requests" => limits.max_concurrent_tail_requests: "tails of a tenant at once";
    "limits_config.volume_enabled" => limits.volume_enabled: "answer index/volume";
    "limits_config.volume_max_series" => limits.volume_max_series: "series in a volume answer";
    "limits_config.retention_period" => limits.retention_period: "how long entries are kept; 0 is for ever";
    "limits_config.retention_stream" => limits.retention_stream: "retention of streams by selector: selector, priority, period";
    "limits_config.retention_size" => limits.retention_size: "bytes of parts a tenant may have, the oldest days go; 0 is any number";
    "limits_config.retention_from_arrival" => limits.retention_from_arrival: "count retention from arrival for entries that come when their day has been over for a day: backfill";
    "limits_config.deletion_mode" => limits.deletion_mode: "disabled, filter-only or filter-and-delete";
    "limits_config.ruler_max_rules_per_rule_group" => limits.ruler_max_rules_per_rule_group: "rules of a group; 0 is no limit";
    "limits_config.ruler_max_rule_groups_per_tenant" => limits.ruler_max_rule_groups_per_tenant: "groups of rules; 0 is no limit";
    "limits_config.ruler_webhooks" => limits.ruler_webhooks: "receivers of the tenant in the place of ruler.webhooks";
    "limits_config.ruler_remote_write_disabled" => limits.ruler_remote_write_disabled: "send no samples to receivers of remote write";
    "limits_config.ruler_remote_write_config" => limits.ruler_remote_write_config: "receivers of the tenant's samples by their id, in the place of those of ruler.remote_write.clients with that id";
    "limits_config.ruler_alertmanager_config" => limits.ruler_alertmanager_config: "Alertmanagers of the tenant in the place of those of ruler: alertmanager_url, alertmanager_client and others by the same names";
}

impl Key {
    /// Sets it; the error names the setting.
    pub fn set(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        (self.set)(config, value).map_err(|error| format!("{}: {error}", self.name))?;
        config.named.insert(self.name);
        Ok(())
    }

    /// Its value as it stands in a file.
    pub fn show(&self, config: &Config) -> Value {
        (self.show)(config)
    }

    /// Whether it is on or off.
    pub fn is_boolean(&self) -> bool {
        matches!(self.show(&Config::default()), Value::Bool(_))
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("SKALD_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// The setting of a name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The text of a mapping's key, which YAML may take for a number.
pub fn text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => serde_yaml_ng::to_string(other)
            .unwrap_or_default()
            .trim()
            .to_owned(),
    }
}

/// Refuses a single value in the place of a section.
pub fn check_no_section(name: &str) -> Result<(), String> {
    let is_section = |key: &Key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    if KEYS.iter().any(is_section) {
        Err(format!("{name}: expected settings by name"))
    } else {
        Ok(())
    }
}

/// Sets one of `limits_config` by its whole name; `None` when there is no such setting.
pub fn set_limit(limits: &mut Limits, name: &str, value: &Value) -> Option<Result<(), String>> {
    let key = find(name)?;
    let mut config = Config {
        limits: std::mem::take(limits),
        ..Config::default()
    };
    let result = key.set(&mut config, value);
    *limits = config.limits;
    Some(result)
}

/// `limits_config` as YAML, without the section's name.
pub fn limits_yaml(limits: &Limits) -> String {
    let config = Config {
        limits: limits.clone(),
        ..Config::default()
    };
    let mut fields = Mapping::new();
    for key in KEYS {
        if let Some(name) = key.name.strip_prefix("limits_config.") {
            insert(&mut fields, name, key.show(&config));
        }
    }
    serde_yaml_ng::to_string(&fields).unwrap_or_default()
}

/// The settings as YAML; with `base`, only those that differ from it.
pub fn to_yaml(config: &Config, base: Option<&Config>) -> String {
    let mut root = Mapping::new();
    for key in KEYS {
        let value = key.show(config);
        if base.is_none_or(|base| key.show(base) != value) {
            insert(&mut root, key.name, value);
        }
    }
    serde_yaml_ng::to_string(&root).unwrap_or_default()
}

fn insert(mapping: &mut Mapping, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            mapping.insert(Value::from(name), value);
        }
        Some((section, rest)) => {
            let entry = mapping
                .entry(Value::from(section))
                .or_insert_with(|| Value::Mapping(Mapping::new()));
            if let Value::Mapping(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_back_what_it_shows() {
        let config = Config::default();
        for key in KEYS {
            let mut copy = Config::default();
            assert_eq!(
                key.set(&mut copy, &key.show(&config)),
                Ok(()),
                "{}",
                key.name
            );
            assert_eq!(key.show(&copy), key.show(&config), "{}", key.name);
        }
    }

    /// A setting's row in docs/configuration.md.
    fn row(key: &Key) -> String {
        let default = match key.show(&Config::default()) {
            Value::Sequence(items) => items
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            other => serde_yaml_ng::to_string(&other)
                .unwrap_or_default()
                .trim()
                .to_owned(),
        };
        format!("| `{}` | `{default}` | {} |", key.name, key.help)
    }

    #[test]
    fn every_setting_is_in_the_documentation_with_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let text = std::fs::read_to_string(path).expect("docs/configuration.md is there");
        let missing: Vec<String> = KEYS
            .iter()
            .map(row)
            .filter(|row| !text.lines().any(|line| line == row))
            .collect();
        assert!(
            missing.is_empty(),
            "missing in docs/configuration.md:\n{}",
            missing.join("\n")
        );
    }
}
