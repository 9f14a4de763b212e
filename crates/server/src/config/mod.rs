//! Every setting: defaults, then one YAML file, then environment variables, then flags.
//!
//! A setting has one name in all places: `limits_config.max_line_size` in the file is
//! `SKALD_LIMITS_CONFIG_MAX_LINE_SIZE` in the environment and `--limits_config.max_line_size` as a
//! flag. Loki's names are used where Loki has the setting. [`keys`] lists them all; [`mod@file`]
//! reads a file; [`check`] says how a file of Loki fares here; [`loki`] knows Loki's other names
//! and its command line.

mod audit_noise;
mod blocked_query;
mod bounds;
pub mod check;
mod descriptors;
pub mod environment;
pub mod expand;
pub mod file;
mod fit;
mod instant;
pub mod keys;
pub mod limits;
pub(crate) mod listen;
pub mod loki;
mod memory;
mod number;
pub mod otlp;
mod record;
mod retention;
pub mod ruler;
pub(crate) mod sanity;
mod sections;
pub mod setting;
mod size;
pub mod storage;
pub mod syslog;
pub mod yaml;

pub use descriptors::Descriptors;
pub use limits::Limits;
pub use ruler::RulerConfig;
pub use sections::{
    ClientAuth, CompactorConfig, Config, DistributorConfig, FrontendConfig, IngesterConfig,
    LogFormat, LogLevel, QuerierConfig, QueryLogConfig, QueryRangeConfig, RuntimeConfig,
    ServerConfig, SyslogConfig, TlsConfig,
};
