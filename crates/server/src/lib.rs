//! HTTP: axum routes, tower layers, wire JSON, errors → status, tenants, metrics, config, shutdown.
//!
//! Does not know how bytes lie on disk. A program starts a [`Server`] with a [`Config`]; a test does
//! the same with port 0. [`api`] answers requests, [`wire`] writes what clients read.
//!
//! Layers, from the bottom: words (`clock`, `duration`, `bounds`, `query_kind`, `shutdown`, `error`),
//! [`config`], `telemetry` and `wire` and `openapi`, `limits`, `net` and `auth`, `coalesce`, `app`,
//! `api`, `routes`, `server`. No module imports one above it.

mod api;
pub mod app;
pub mod auth;
mod bounds;
pub mod clock;
mod coalesce;
pub mod config;
mod duration;
mod error;
pub mod limits;
mod net;
mod openapi;
mod query_kind;
mod reload;
pub mod routes;
mod server;
mod shutdown;
pub mod telemetry;
mod wire;

pub use config::Config;
pub use server::{Running, Server, StartError};
