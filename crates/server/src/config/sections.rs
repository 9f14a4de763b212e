//! Sections are the configuration's structs, with their defaults.

use super::limits::Limits;
use super::ruler::RulerConfig;
use super::setting::{ByteSize, word_setting};
use super::storage::ObjectStoreConfig;
use super::syslog::SyslogListener;
use skald_ingest::OtlpRules;
use skald_store::{Options, WalSync};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// All settings of a server. [`Config::default`] suits one team on one machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names of the settings that a file, a variable or a flag gave, whatever their values: these are
    /// kept where defaults are fitted to the memory there is.
    pub named: BTreeSet<&'static str>,
    /// The data directory.
    pub data: PathBuf,
    /// Whether requests must name their tenant.
    pub auth_enabled: bool,
    /// The tenant of everybody while `auth_enabled` is false.
    pub no_auth_tenant: String,
    /// Memory for entries that are not flushed, flushes, caches and queries; 0 goes by what there
    /// is.
    pub memory: ByteSize,
    /// Whether the server keeps its own logs in the store.
    pub self_logs: bool,
    /// `query_log`
    pub query_log: QueryLogConfig,
    /// `server`
    pub server: ServerConfig,
    /// `limits_config`
    pub limits: Limits,
    /// `distributor`
    pub distributor: DistributorConfig,
    /// `ingester`
    pub ingester: IngesterConfig,
    /// `storage_config.object_store`
    pub object_store: ObjectStoreConfig,
    /// `querier`
    pub querier: QuerierConfig,
    /// `frontend`
    pub frontend: FrontendConfig,
    /// `query_range`
    pub query_range: QueryRangeConfig,
    /// File with the tokens that requests need; empty needs none.
    pub tokens_file: String,
    /// Whether Splunk's senders may have their token in the URL, as `token=`.
    pub allow_query_string_auth: bool,
    /// `compactor`
    pub compactor: CompactorConfig,
    /// `runtime_config`
    pub runtime: RuntimeConfig,
    /// `syslog`
    pub syslog: SyslogConfig,
    /// `ruler`
    pub ruler: RulerConfig,
}

/// `query_log`: which queries have a line in the server's own log.
#[derive(Clone, Debug)]
pub struct QueryLogConfig {
    /// Faster ones have none, unless they failed.
    pub slower_than: Duration,
    /// Lines a second at most, but for slow queries; 0 is no limit.
    pub lines_per_second: usize,
}

/// `server`: the listener and what it grants a client.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen; empty is every address.
    pub http_listen_address: String,
    /// Port; 0 takes a free one.
    pub http_listen_port: u16,
    /// Connections at once.
    pub http_listen_conn_limit: usize,
    /// A body must have arrived within this.
    pub http_server_read_timeout: Duration,
    /// A connection ends when a client takes nothing of an answer for so long.
    pub http_server_write_timeout: Duration,
    /// Bytes a second that a client must take while its answer waits for it, over each
    /// `http_server_write_timeout` of waiting; 0 is any rate.
    pub http_server_write_min_rate: ByteSize,
    /// A connection without a request ends after this; also the longest time for the head of one.
    pub http_server_idle_timeout: Duration,
    /// Requests get this long to finish at shutdown.
    pub graceful_shutdown_timeout: Duration,
    /// Heads and bodies get this long to arrive at shutdown, and clients to go on reading.
    pub shutdown_drain_timeout: Duration,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: LogLevel,
    /// Shape of log lines.
    pub log_format: LogFormat,
    /// Put before every path.
    pub http_path_prefix: String,
    /// `server.http_tls_config`
    pub tls: TlsConfig,
    /// Requests without an answer at once.
    pub max_concurrent_requests: usize,
    /// Sources remembered.
    pub max_sources: usize,
    /// Whether pushes over gRPC are taken.
    pub grpc_enabled: bool,
    /// Where gRPC listens; empty is as HTTP.
    pub grpc_listen_address: String,
    /// Port of gRPC; 0 takes a free one.
    pub grpc_listen_port: u16,
    /// Whether OpenTelemetry logs over gRPC are taken on a port of their own.
    pub otlp_grpc_enabled: bool,
    /// That port; 0 takes a free one.
    pub otlp_grpc_listen_port: u16,
    /// Bytes of one gRPC message.
    pub grpc_server_max_recv_msg_size: ByteSize,
}

/// `server.http_tls_config`; all files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate with what it is signed by.
    pub cert_file: String,
    /// Its private key.
    pub key_file: String,
    /// Who signs the certificates of clients.
    pub client_ca_file: String,
    /// Whether clients need one.
    pub client_auth_type: ClientAuth,
}

impl TlsConfig {
    /// Whether nobody gets in without a certificate.
    pub fn requires_client_certificate(&self) -> bool {
        !self.client_ca_file.is_empty()
            && matches!(
                self.client_auth_type,
                ClientAuth::Default | ClientAuth::Required
            )
    }
}

/// `server.http_tls_config.client_auth_type`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Needed when there is an authority to check it by.
    #[default]
    Default,
    /// Not asked for.
    None,
    /// Checked when there is one.
    IfGiven,
    /// Needed.
    Required,
}

word_setting!(ClientAuth {
    "" => ClientAuth::Default,
    "NoClientCert" => ClientAuth::None,
    "VerifyClientCertIfGiven" => ClientAuth::IfGiven,
    "RequireAndVerifyClientCert" => ClientAuth::Required,
});

/// `server.log_level`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// One line a query and the life of the server.
    Info,
    /// What went wrong but was handled.
    Warn,
    /// Faults.
    Error,
}

/// `server.log_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value`
    Logfmt,
    /// One JSON object a line.
    Json,
}

word_setting!(LogLevel { "debug" => LogLevel::Debug, "info" => LogLevel::Info, "warn" => LogLevel::Warn, "error" => LogLevel::Error });
word_setting!(LogFormat { "logfmt" => LogFormat::Logfmt, "json" => LogFormat::Json });
word_setting!(WalSync { "group" => WalSync::Group, "always" => WalSync::Always, "interval" => WalSync::Interval, "none" => WalSync::None });

/// `distributor`
#[derive(Clone, Debug)]
pub struct DistributorConfig {
    /// Bytes of a compressed push body.
    pub max_recv_msg_size: ByteSize,
    /// Bytes of a decompressed push body.
    pub max_decompressed_size: ByteSize,
    /// Where bodies of the Kubernetes audit webhook are sent besides; empty is nowhere.
    pub k8s_audit_forward_to: String,
    /// Bytes of them that may wait.
    pub k8s_audit_forward_queue_size: ByteSize,
    /// `distributor.otlp_config.default_resource_attributes_as_index_labels`
    pub otlp_index_labels: Vec<String>,
}

/// `ingester`
#[derive(Clone, Debug)]
pub struct IngesterConfig {
    /// When a push is acknowledged.
    pub wal_sync: WalSync,
    /// Bytes of WAL on disk that start a flush.
    pub wal_max_size: ByteSize,
    /// Bytes of lines in the head that start a flush.
    pub flush_size: ByteSize,
    /// Age of the oldest unflushed entry that starts a flush.
    pub flush_age: Duration,
    /// Tenants there may be.
    pub max_tenants: usize,
    /// How long a push waits for room in memory before it is refused.
    pub push_wait: Duration,
}

/// `querier`
#[derive(Clone, Debug)]
pub struct QuerierConfig {
    /// Threads that answer queries; 0 is one a core.
    pub max_concurrent: usize,
    /// A tail ends after this.
    pub tail_max_duration: Duration,
    /// Whether one request may read several tenants.
    pub multi_tenant_queries_enabled: bool,
    /// Whether a request may tighten its limits.
    pub per_request_limits_enabled: bool,
}

/// `frontend`
#[derive(Clone, Debug)]
pub struct FrontendConfig {
    /// Whether answers are compressed for clients that take it.
    pub compress_responses: bool,
    /// Bytes of a query's form body.
    pub max_body_size: ByteSize,
    /// Largest answer that is written whole.
    pub max_answer_size: ByteSize,
    /// Queries of a tenant that may wait for a thread.
    pub max_outstanding_per_tenant: usize,
}

/// `query_range`: what is kept of queries.
#[derive(Clone, Debug)]
pub struct QueryRangeConfig {
    /// Whether results of metric queries are kept.
    pub cache_results: bool,
    /// MB of them at most.
    pub max_size_mb: u32,
}

/// `runtime_config`: what may change without a restart.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Files with the limits of single tenants.
    pub file: Vec<String>,
    /// How often they are looked at.
    pub period: Duration,
}

/// `syslog`: listeners for syslog, none unless asked for.
#[derive(Clone, Debug, Default)]
pub struct SyslogConfig {
    /// Where messages are taken.
    pub listeners: Vec<SyslogListener>,
}

/// `compactor`: what goes, and when.
#[derive(Clone, Debug)]
pub struct CompactorConfig {
    /// Whether entries expire and can be deleted.
    pub retention_enabled: bool,
    /// How long a delete request can be taken back.
    pub delete_request_cancel_period: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            named: BTreeSet::new(),
            data: PathBuf::from("./skald-data"),
            auth_enabled: false,
            no_auth_tenant: "fake".to_owned(),
            memory: ByteSize(0),
            self_logs: true,
            query_log: QueryLogConfig {
                slower_than: Duration::ZERO,
                lines_per_second: 100,
            },
            server: ServerConfig::default(),
            limits: Limits::default(),
            distributor: DistributorConfig {
                max_recv_msg_size: ByteSize(100 << 20),
                max_decompressed_size: ByteSize(256 << 20),
                k8s_audit_forward_to: String::new(),
                k8s_audit_forward_queue_size: ByteSize(32 << 20),
                otlp_index_labels: OtlpRules::default_index_labels(),
            },
            ingester: IngesterConfig::default(),
            object_store: ObjectStoreConfig::default(),
            querier: QuerierConfig {
                max_concurrent: 0,
                tail_max_duration: Duration::from_secs(3600),
                multi_tenant_queries_enabled: false,
                per_request_limits_enabled: false,
            },
            frontend: FrontendConfig {
                compress_responses: true,
                max_body_size: ByteSize(10 << 20),
                max_answer_size: ByteSize(256 << 20),
                max_outstanding_per_tenant: 2048,
            },
            query_range: QueryRangeConfig::default(),
            tokens_file: String::new(),
            allow_query_string_auth: false,
            compactor: CompactorConfig {
                retention_enabled: true,
                delete_request_cancel_period: Options::new("").delete_cancel_period,
            },
            runtime: RuntimeConfig {
                file: Vec::new(),
                period: Duration::from_secs(10),
            },
            syslog: SyslogConfig::default(),
            ruler: RulerConfig::default(),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            http_listen_address: "127.0.0.1".to_owned(),
            http_listen_port: 3100,
            http_listen_conn_limit: 8192,
            http_server_read_timeout: Duration::from_secs(30),
            http_server_write_timeout: Duration::from_secs(30),
            http_server_write_min_rate: ByteSize(1 << 10),
            http_server_idle_timeout: Duration::from_secs(120),
            graceful_shutdown_timeout: Duration::from_secs(30),
            shutdown_drain_timeout: Duration::from_secs(3),
            log_level: LogLevel::Info,
            log_format: LogFormat::Logfmt,
            http_path_prefix: String::new(),
            tls: TlsConfig::default(),
            max_concurrent_requests: 4096,
            max_sources: 5000,
            grpc_enabled: false,
            grpc_listen_address: String::new(),
            grpc_listen_port: 9095,
            otlp_grpc_enabled: false,
            otlp_grpc_listen_port: 4317,
            grpc_server_max_recv_msg_size: ByteSize(4 << 20),
        }
    }
}

impl Default for QueryRangeConfig {
    fn default() -> QueryRangeConfig {
        QueryRangeConfig {
            cache_results: true,
            max_size_mb: (Options::new("").result_cache_bytes >> 20) as u32,
        }
    }
}

impl Default for IngesterConfig {
    fn default() -> IngesterConfig {
        let store = Options::new("");
        IngesterConfig {
            wal_sync: store.wal_sync,
            wal_max_size: ByteSize(store.wal_bytes),
            flush_size: ByteSize(store.flush_bytes as u64),
            flush_age: store.flush_age,
            max_tenants: store.tenants,
            push_wait: store.push_wait,
        }
    }
}
