//! What a listener is to do.

use crate::batch::Context;
use std::net::SocketAddr;
use std::time::Duration;

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A datagram each.
    Udp,
    /// A stream of frames.
    Tcp,
    /// A stream of frames, encrypted.
    Tls,
}

impl Transport {
    /// Its name in settings and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }
}

/// Settings of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// How messages come.
    pub transport: Transport,
    /// Zone and labels of all its messages.
    pub context: Context,
    /// Longest message, in bytes; longer ones are truncated.
    pub message_bytes_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// A connection that sends nothing for so long is closed; zero is never.
    pub idle_timeout: Duration,
    /// What the system may hold for a UDP socket, in bytes, as far as it allows (`rmem_max`).
    pub receive_buffer_bytes: usize,
}
