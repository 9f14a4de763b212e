//! Telemetry reports what the server does: metrics, logs, its own log stream.

pub mod logging;
pub mod metrics;
pub(crate) mod process;
pub mod query_log;
pub(crate) mod self_logs;
