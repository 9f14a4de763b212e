//! The server answers HTTP: routes, JSON, statuses, tenants, limits, metrics, configuration,
//! shutdown.
//!
//! Does not know how bytes lie on disk. A program starts a [`Server`] with a [`Config`]; a test
//! does the same with port 0. `api` answers requests, `wire` writes what clients read. The layers
//! of the modules are in docs/architecture.md.

mod api;
pub mod app;
pub mod auth;
mod break_off;
pub mod clock;
mod coalesce;
pub mod config;
mod duration;
mod error;
pub mod limits;
mod listeners;
mod net;
mod openapi;
mod query_kind;
mod reload;
pub mod routes;
mod rule_engine;
mod rule_runner;
pub mod rule_sandbox;
pub mod rules;
mod saved;
mod senders;
mod server;
mod shutdown;
mod sources;
pub mod syslog;
pub mod tails;
pub mod telemetry;
mod time_bounds;
mod wire;

pub use config::Config;
pub use server::{Running, Server, StartError};
