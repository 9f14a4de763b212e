//! The receivers of OpenTelemetry logs.

use crate::decode::body::{self, Encoding};
use crate::decode::decoded::Decoded;
use crate::decode::proto_types::Status;
use crate::receivers::otlp::logs::OtlpLogs;
use crate::receivers::otlp::streams;
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::PushReply;
use crate::request::PushRequest;
use crate::room::Room;
use prost::Message;

/// `/otlp/v1/logs`, with Loki's answers.
pub(crate) struct LokiOtlp;

impl Receiver for LokiOtlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn encodings(&self, request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        body::otlp_encodings(request.content_encoding.as_deref())
    }

    fn decode<'m>(
        &self,
        reception: &Reception<'m>,
        mut room: Room,
    ) -> Result<Decoded<'m>, BodyError> {
        let content_type = reception.request.content_type.as_deref();
        let rules = &reception.limits.otlp;
        let logs = OtlpLogs::parse(content_type, reception.body, rules, &mut room)?;
        let logs = reception.scratch.keep(logs);
        streams::decode(logs, reception.limits, reception.now, room)?.with_streams()
    }

    fn reply(&self, _content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match taken {
            Taken::Refused { status, text } => failed(*status, text),
            Taken::Read(outcome) => match outcome.rejections.text() {
                None => PushReply::empty(204),
                Some(text) => failed(outcome.rejections.status(), &text),
            },
        }
    }
}

/// A `google.rpc.Status`.
fn failed(status: u16, text: &str) -> PushReply {
    let message = Status {
        code: 0,
        message: text.to_owned(),
    };
    PushReply::new(status, "application/x-protobuf", message.encode_to_vec())
}
