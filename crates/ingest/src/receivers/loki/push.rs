//! The receivers of Loki's pushes. Answers are texts in Loki's words, because people and alerts
//! match on them.

use crate::decode::body::{self, Encoding, Shape};
use crate::decode::decoded::Decoded;
use crate::receivers::loki::{json, protobuf};
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::room::Room;

/// `/loki/api/v1/push` and `/api/prom/push`: JSON by its content type, else protobuf.
pub(crate) struct HttpPush;

/// `logproto.Pusher/Push`
pub(crate) struct GrpcPush;

/// Both count as one in metrics.
const NAME: &str = "loki";

impl Receiver for HttpPush {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encodings(&self, request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        let shape = body::shape(request.content_type.as_deref());
        body::loki_encodings(request.content_encoding.as_deref(), shape)
    }

    fn undecodable(&self, error: BodyError, request: &PushRequest) -> BodyError {
        body::blame_content_type(error, request.content_type.as_deref())
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let decoded = match body::shape(reception.request.content_type.as_deref()) {
            Shape::Json => json::decode(reception.body, room),
            Shape::Protobuf => protobuf::decode(reception.body, room),
        };
        decoded?.with_streams()
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        reply(taken)
    }
}

impl Receiver for GrpcPush {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encodings(&self, request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        body::grpc_encodings(request.content_encoding.as_deref())
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        protobuf::decode(reception.body, room)?.with_streams()
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        reply(taken)
    }
}

fn reply(taken: &Taken<'_>) -> PushReply {
    match taken {
        Taken::Refused { status, text } => PushReply::text(*status, text),
        Taken::Read(outcome) => match outcome.rejections.text() {
            None => PushReply::empty(204),
            Some(text) => PushReply::text(outcome.rejections.status(), &text),
        },
    }
}
