//! The answer to a push, in the form its protocol has for it.

use crate::decode::proto_types::Status;
use crate::rejection::BodyError;
use crate::request::Protocol;
use prost::Message;
use skald_store::WriteError;

/// Seconds after which a client tries again when the store took nothing: the disk may be free, or
/// the heads flushed by then.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The content type of texts.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// The answer to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReply {
    /// HTTP status.
    pub status: u16,
    /// Body: plain text, for OTLP a protobuf `google.rpc.Status`.
    pub body: Vec<u8>,
    /// Content type of the body.
    pub content_type: &'static str,
    /// Seconds after which to retry (429 and 503).
    pub retry_after: Option<u32>,
}

impl PushReply {
    /// Everything was taken.
    pub(crate) fn done() -> PushReply {
        PushReply {
            status: 204,
            body: Vec::new(),
            content_type: PLAIN_TEXT,
            retry_after: None,
        }
    }

    /// Something was refused, with this text.
    pub fn error(protocol: Protocol, status: u16, text: &str) -> PushReply {
        let (body, content_type) = match protocol {
            Protocol::Loki | Protocol::LokiLegacy | Protocol::Grpc => {
                (format!("{text}\n").into_bytes(), PLAIN_TEXT)
            }
            Protocol::Otlp => {
                let status = Status {
                    code: 0,
                    message: text.to_owned(),
                };
                (status.encode_to_vec(), "application/x-protobuf")
            }
        };
        PushReply {
            status,
            body,
            content_type,
            retry_after: matches!(status, 429 | 503).then_some(RETRY_AFTER_SECONDS),
        }
    }

    /// The body could not be read.
    pub(crate) fn unreadable(protocol: Protocol, error: &BodyError) -> PushReply {
        PushReply::error(protocol, error.status(), &error.to_string())
    }

    /// The store took nothing.
    pub(crate) fn not_written(protocol: Protocol, error: &WriteError) -> PushReply {
        let status = match error {
            WriteError::Busy | WriteError::OutOfMemory | WriteError::TooManyTenants { .. } => 429,
            _ => 503,
        };
        PushReply::error(protocol, status, &error.to_string())
    }
}
