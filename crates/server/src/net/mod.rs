//! Networking serves connections: sockets, TLS, request bodies and their time limits.
//!
//! [`listener`] accepts connections and serves HTTP on them over [`tls`] and [`write_timeout`];
//! [`outgoing`] knows the answers that are being sent, [`encoded`] writes those of queries;
//! [`connection_memory`] charges what connections hold; [`body`] reads request bodies, [`drain_body`] what is left of them, [`request_path`] their
//! paths, [`request_line`] the URLs that people type. [`progress`] knows which of a connection's
//! requests a stop waits for.

pub(crate) mod body;
pub(crate) mod connection_memory;
mod drain_body;
pub(crate) mod encoded;
pub(crate) mod forward;
pub(crate) mod listener;
pub(crate) mod outgoing;
mod progress;
mod request_line;
mod request_path;
pub(crate) mod tls;
mod write_timeout;
