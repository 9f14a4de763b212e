//! Telemetry reports what the server does: metrics, the query log and its own log.
//!
//! [`metrics`] counts requests; `store_metrics`, `process` and `exposition` write `/metrics`.
//! [`logging`] writes stderr, `query_log` one line a query, `self_logs` stores the server's own
//! lines.

pub(crate) mod exposition;
pub mod logging;
pub mod metrics;
mod process;
pub mod query_log;
pub(crate) mod self_logs;
mod store_metrics;
