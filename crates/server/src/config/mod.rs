//! Every setting: defaults, then one YAML file, then environment variables, then flags.
//!
//! A setting has one name in all places: `limits_config.max_line_size` in the file is
//! `SKALD_LIMITS_CONFIG_MAX_LINE_SIZE` in the environment and `--limits_config.max_line_size` as a flag.
//! Loki's names are used where Loki has the setting. [`keys`] lists them all; [`mod@file`] reads a file;
//! [`check`] says how a file of Loki fares here.

pub mod check;
pub mod file;
pub mod keys;
pub mod loki;
pub mod setting;

use setting::{ByteSize, word_setting};
use skald_ingest::IngestLimits;
use skald_query::QueryLimits;
use skald_store::{Options, WalSync};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// All settings of a server. [`Config::default`] suits one team on one machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// Whether requests must name their tenant.
    pub auth_enabled: bool,
    /// The tenant of everybody while `auth_enabled` is false.
    pub no_auth_tenant: String,
    /// Whether the server keeps its own logs in the store.
    pub self_logs: bool,
    /// `server`
    pub server: ServerConfig,
    /// `limits_config`
    pub limits: Limits,
    /// `distributor`
    pub distributor: DistributorConfig,
    /// `ingester`
    pub ingester: IngesterConfig,
    /// `querier`
    pub querier: QuerierConfig,
    /// `frontend`
    pub frontend: FrontendConfig,
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
    /// A connection without a request ends after this; also the longest time for the head of one.
    pub http_server_idle_timeout: Duration,
    /// Requests get this long to finish at shutdown.
    pub graceful_shutdown_timeout: Duration,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: LogLevel,
    /// Shape of log lines.
    pub log_format: LogFormat,
    /// Put before every path.
    pub http_path_prefix: String,
}

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

/// `limits_config`, by Loki's names; defaults are Loki's unless one team on one machine is better off.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The names are Loki's keys; `keys` says what each means.
pub struct Limits {
    pub max_line_size: ByteSize,
    pub max_line_size_truncate: bool,
    pub max_label_name_length: usize,
    pub max_label_value_length: usize,
    pub max_label_names_per_series: usize,
    pub allow_structured_metadata: bool,
    pub max_structured_metadata_size: ByteSize,
    pub max_structured_metadata_entries_count: usize,
    pub creation_grace_period: Duration,
    pub reject_old_samples: bool,
    pub reject_old_samples_max_age: Duration,
    pub discover_service_name: Vec<String>,
    pub discover_log_levels: bool,
    pub log_level_fields: Vec<String>,
    pub log_level_from_json_max_depth: usize,
    pub increment_duplicate_timestamp: bool,
    pub max_query_series: usize,
    pub max_entries_limit_per_query: usize,
    pub max_query_length: Duration,
    pub max_query_lookback: Duration,
    pub query_timeout: Duration,
    pub query_memory: ByteSize,
    pub max_concurrent_tail_requests: usize,
    pub volume_enabled: bool,
    pub volume_max_series: usize,
}

/// `distributor`
#[derive(Clone, Debug)]
pub struct DistributorConfig {
    /// Bytes of a compressed push body.
    pub max_recv_msg_size: ByteSize,
    /// Bytes of a decompressed push body.
    pub max_decompressed_size: ByteSize,
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
}

/// `querier`
#[derive(Clone, Debug)]
pub struct QuerierConfig {
    /// Threads that answer queries; 0 is one a core.
    pub max_concurrent: usize,
    /// A tail ends after this.
    pub tail_max_duration: Duration,
}

/// `frontend`
#[derive(Clone, Debug)]
pub struct FrontendConfig {
    /// Whether answers are compressed for clients that take it.
    pub compress_responses: bool,
    /// Bytes of a query's form body.
    pub max_body_size: ByteSize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data: PathBuf::from("./skald-data"),
            auth_enabled: false,
            no_auth_tenant: "fake".to_owned(),
            self_logs: true,
            server: ServerConfig::default(),
            limits: Limits::default(),
            distributor: DistributorConfig {
                max_recv_msg_size: ByteSize(100 << 20),
                max_decompressed_size: ByteSize(5000 << 20),
            },
            ingester: IngesterConfig::default(),
            querier: QuerierConfig { max_concurrent: 0, tail_max_duration: Duration::from_secs(3600) },
            frontend: FrontendConfig { compress_responses: true, max_body_size: ByteSize(10 << 20) },
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
            http_server_idle_timeout: Duration::from_secs(120),
            graceful_shutdown_timeout: Duration::from_secs(30),
            log_level: LogLevel::Info,
            log_format: LogFormat::Logfmt,
            http_path_prefix: String::new(),
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
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        let query = QueryLimits::default();
        Limits {
            max_line_size: ByteSize(256 << 10),
            max_line_size_truncate: false,
            max_label_name_length: 1024,
            max_label_value_length: 2048,
            max_label_names_per_series: 15,
            allow_structured_metadata: true,
            max_structured_metadata_size: ByteSize(64 << 10),
            max_structured_metadata_entries_count: 128,
            creation_grace_period: Duration::from_secs(600),
            reject_old_samples: false,
            reject_old_samples_max_age: Duration::from_secs(7 * 86_400),
            discover_service_name: skald_ingest::IngestLimits::default().discover_service_name,
            discover_log_levels: true,
            log_level_fields: skald_ingest::IngestLimits::default().log_level_fields,
            log_level_from_json_max_depth: 2,
            increment_duplicate_timestamp: false,
            max_query_series: query.max_query_series,
            max_entries_limit_per_query: query.max_entries_limit_per_query,
            max_query_length: Duration::ZERO,
            max_query_lookback: Duration::ZERO,
            query_timeout: query.query_timeout,
            query_memory: ByteSize(query.query_memory as u64),
            max_concurrent_tail_requests: 10,
            volume_enabled: true,
            volume_max_series: 1000,
        }
    }
}

impl Limits {
    /// So many entries, but no more than a query may have.
    pub fn entries(&self, wanted: usize) -> usize {
        if self.max_entries_limit_per_query == 0 { wanted } else { wanted.min(self.max_entries_limit_per_query) }
    }
}

impl Config {
    /// `server.http_listen_address` and port as one address.
    pub fn listen(&self) -> Result<SocketAddr, String> {
        let host = match self.server.http_listen_address.as_str() {
            "" => "0.0.0.0",
            "localhost" => "127.0.0.1",
            host => host.trim_start_matches('[').trim_end_matches(']'),
        };
        let ip = host.parse().map_err(|_| format!("server.http_listen_address {host:?} is no IP address"))?;
        Ok(SocketAddr::new(ip, self.server.http_listen_port))
    }

    /// Sets both parts of the address from `ADDR:PORT`; `:3100` and `localhost:3100` work too.
    pub fn set_listen(&mut self, text: &str) -> Result<(), String> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("expected ADDR:PORT to listen on, found {text:?}"))?;
        self.server.http_listen_port = port.parse().map_err(|_| format!("expected a port from 0 to 65535, found {port:?}"))?;
        self.server.http_listen_address = host.to_owned();
        self.listen().map(|_| ())
    }

    /// How to open the store.
    pub fn store_options(&self) -> Options {
        let mut options = Options::new(&self.data);
        options.wal_sync = self.ingester.wal_sync;
        options.wal_bytes = self.ingester.wal_max_size.0;
        options.flush_bytes = to_usize(self.ingester.flush_size);
        options.flush_age = self.ingester.flush_age;
        options
    }

    /// What queries may cost.
    pub fn query_limits(&self) -> QueryLimits {
        let defaults = QueryLimits::default();
        QueryLimits {
            max_query_series: self.limits.max_query_series,
            max_entries_limit_per_query: self.limits.max_entries_limit_per_query,
            query_timeout: self.limits.query_timeout,
            max_query_length: nanoseconds(self.limits.max_query_length),
            query_memory: to_usize(self.limits.query_memory),
            threads: if self.querier.max_concurrent == 0 { defaults.threads } else { self.querier.max_concurrent },
        }
    }

    /// What pushes may hold.
    pub fn ingest_limits(&self) -> IngestLimits {
        let limits = &self.limits;
        IngestLimits {
            max_recv_msg_size: to_usize(self.distributor.max_recv_msg_size),
            max_decompressed_size: to_usize(self.distributor.max_decompressed_size),
            max_line_size: to_usize(limits.max_line_size),
            max_line_size_truncate: limits.max_line_size_truncate,
            max_label_name_length: limits.max_label_name_length,
            max_label_value_length: limits.max_label_value_length,
            max_label_names_per_series: limits.max_label_names_per_series,
            max_structured_metadata_size: to_usize(limits.max_structured_metadata_size),
            max_structured_metadata_entries_count: limits.max_structured_metadata_entries_count,
            creation_grace_period: nanoseconds(limits.creation_grace_period),
            reject_old_samples_max_age: limits.reject_old_samples.then(|| nanoseconds(limits.reject_old_samples_max_age)),
            discover_service_name: limits.discover_service_name.clone(),
            discover_log_levels: limits.discover_log_levels,
            log_level_fields: limits.log_level_fields.clone(),
            log_level_from_json_max_depth: limits.log_level_from_json_max_depth,
            allow_structured_metadata: limits.allow_structured_metadata,
            increment_duplicate_timestamp: limits.increment_duplicate_timestamp,
        }
    }
}

fn to_usize(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, ()>) {
        let mut config = Config::default();
        let listen = config.set_listen(text).and_then(|()| config.listen()).map(|a| a.to_string()).map_err(|_| ());
        assert_eq!(listen, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn addresses_are_read_with_their_usual_shorthands() {
        check("127.0.0.1:3100", Ok("127.0.0.1:3100"));
        check(":3100", Ok("0.0.0.0:3100"));
        check("localhost:0", Ok("127.0.0.1:0"));
        check("[::1]:80", Ok("[::1]:80"));
        check("3100", Err(()));
        check("1.2.3:1", Err(()));
        check("127.0.0.1:99999", Err(()));
    }
}
