//! Networking serves connections: sockets, TLS, request bodies and their time limits.
//!
//! [`listener`] accepts connections and serves HTTP on them over [`tls`] and [`write_timeout`];
//! [`body`] reads request bodies, [`drain_body`] what is left of them, [`request_path`] their
//! paths.

pub(crate) mod body;
mod drain_body;
pub(crate) mod listener;
mod request_path;
pub(crate) mod tls;
mod write_timeout;
