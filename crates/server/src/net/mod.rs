//! Sockets, TLS, bodies and time limits of connections.

pub mod body;
pub(crate) mod drain_body;
pub(crate) mod grpc;
pub(crate) mod tls;
pub(crate) mod write_timeout;
