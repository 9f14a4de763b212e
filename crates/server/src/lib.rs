//! HTTP: axum routes, tower layers, wire JSON, errors → status, tenants, metrics, config, shutdown.
//!
//! Does not know how bytes lie on disk. The way in for a program is [`Server::start`] with a
//! [`Config`]; a test does the same with port 0. [`params`] reads requests, [`api`] answers them,
//! [`wire`] writes what clients read.

pub mod access;
pub mod admission;
pub mod api;
pub mod body;
pub mod clock;
pub mod config;
pub mod duration;
pub mod error;
mod flights;
mod grpc;
mod leftover;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod overrides;
pub mod params;
mod patient;
mod process;
pub mod query_log;
pub mod reader;
mod reload;
pub mod routes;
mod self_logs;
pub mod server;
pub mod state;
pub mod tenant;
mod tls;
pub mod wire;

pub use config::Config;
pub use server::{Running, Server, StartError};
