//! A push as the transport hands it over: protocol, headers that matter, body.

use bytes::Bytes;

/// A push as the transport saw it.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Which wire format the path stands for.
    pub protocol: Protocol,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Content-Encoding`, as sent; for gRPC the encoding the call names.
    pub content_encoding: Option<String>,
    /// Body, as sent.
    pub body: Bytes,
}

/// Push protocols by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `/loki/api/v1/push`
    Loki,
    /// `/api/prom/push`
    LokiLegacy,
    /// `/otlp/v1/logs`
    Otlp,
    /// `logproto.Pusher/Push`: the message as it is, or wrapped in the encoding the call names.
    Grpc,
}
