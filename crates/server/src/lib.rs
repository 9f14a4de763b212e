//! HTTP: axum routes, tower layers, wire JSON, errors → status, tenants, metrics, config, shutdown.
//!
//! Does not know how bytes lie on disk.
