//! A message is a push after decompression, with its format known; decoded entries borrow from it.

use crate::decode::decoded::Decoded;
use crate::decode::otlp::logs::OtlpLogs;
use crate::decode::{body, json, otlp, protobuf};
use crate::limits::IngestLimits;
use crate::rejection::BodyError;
use crate::request::{Protocol, PushRequest};
use crate::room::Room;

/// A push by its format.
pub(crate) enum Message<'b> {
    /// Loki's JSON, of either shape.
    LokiJson(&'b [u8]),
    /// `logproto.PushRequest`
    LokiProtobuf(&'b [u8]),
    /// OTLP logs, protobuf or JSON, and the bytes they were parsed from.
    Otlp(OtlpLogs, usize),
}

impl<'b> Message<'b> {
    /// Undoes the encodings of a request's body; the result borrows from `buffer`, or from the body
    /// when there was nothing to undo.
    pub(crate) fn read(
        request: &'b PushRequest,
        limits: &IngestLimits,
        buffer: &'b mut Vec<u8>,
        room: &mut Room,
    ) -> Result<Message<'b>, BodyError> {
        body::check_received(request.body.len(), limits)?;
        let content_type = request.content_type.as_deref();
        let content_encoding = request.content_encoding.as_deref();
        match request.protocol {
            Protocol::Loki | Protocol::LokiLegacy => {
                let shape = body::shape(content_type);
                let encodings = body::loki_encodings(content_encoding, shape)?;
                let bytes = body::decompress(&request.body, &encodings, limits, buffer, room)
                    .map_err(|error| body::blame_content_type(error, content_type))?;
                Ok(match shape {
                    body::Shape::Json => Message::LokiJson(bytes),
                    body::Shape::Protobuf => Message::LokiProtobuf(bytes),
                })
            }
            Protocol::Grpc => {
                let encodings = body::grpc_encodings(content_encoding)?;
                let bytes = body::decompress(&request.body, &encodings, limits, buffer, room)?;
                Ok(Message::LokiProtobuf(bytes))
            }
            Protocol::Otlp => {
                let encodings = body::otlp_encodings(content_encoding)?;
                let bytes = body::decompress(&request.body, &encodings, limits, buffer, room)?;
                let logs = OtlpLogs::parse(content_type, bytes, &limits.otlp, room)?;
                Ok(Message::Otlp(logs, bytes.len()))
            }
        }
    }

    /// Bytes of the body without its encodings.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Message::LokiJson(bytes) | Message::LokiProtobuf(bytes) => bytes.len(),
            Message::Otlp(_, bytes) => *bytes,
        }
    }

    /// Streams and entries; entries that may come without a time get `now`.
    pub(crate) fn decode(
        &self,
        limits: &IngestLimits,
        now: i64,
        room: Room,
    ) -> Result<Decoded<'_>, BodyError> {
        match self {
            Message::LokiJson(bytes) => json::decode(bytes, room),
            Message::LokiProtobuf(bytes) => protobuf::decode(bytes, room),
            Message::Otlp(logs, _) => otlp::streams::decode(logs, limits, now, room),
        }
    }
}
