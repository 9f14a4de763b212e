//! HTTP: axum routes, tower layers, wire JSON, errors → status, tenants, metrics, config, shutdown.
//!
//! Does not know how bytes lie on disk. The way in for a program is [`Server::start`] with a
//! [`Config`]; a test does the same with port 0. [`params`] reads requests, [`api`] answers them,
//! [`wire`] writes what clients read.

pub mod api;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod duration;
pub mod error;
pub mod limits;
pub mod net;
pub mod openapi;
mod reload;
pub mod routes;
pub mod server;
pub mod telemetry;
pub mod wire;

pub use config::Config;
pub use server::{Running, Server, StartError};
