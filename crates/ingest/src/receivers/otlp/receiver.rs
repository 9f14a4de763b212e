//! The receivers of OpenTelemetry logs: the same records, with answers that depend on the door.

use crate::decode::body::{self, Encoding};
use crate::decode::decoded::Decoded;
use crate::decode::proto_types::Status;
use crate::receivers::otlp::logs::OtlpLogs;
use crate::receivers::otlp::response::{self, Form};
use crate::receivers::otlp::streams;
use crate::receivers::{Receiver, Reception, Taken};
use crate::rejection::BodyError;
use crate::reply::{PROTOBUF, PushReply};
use crate::request::PushRequest;
use crate::room::Room;
use prost::Message;

/// The door that OTLP comes in by, which says how it is answered. All count as one in metrics.
pub(crate) enum Otlp {
    /// `/otlp/v1/logs`, with Loki's answers.
    AsLoki,
    /// `/v1/logs`, with the answers of OTLP.
    Http,
    /// `LogsService/Export`
    Grpc,
}

impl Receiver for Otlp {
    fn name(&self) -> &'static str {
        "otlp"
    }

    fn encodings(&self, request: &PushRequest) -> Result<Vec<Encoding>, BodyError> {
        let named = request.content_encoding.as_deref();
        match self {
            Otlp::AsLoki | Otlp::Http => body::otlp_encodings(named),
            Otlp::Grpc => body::grpc_encodings(named),
        }
    }

    fn decode<'m>(&self, reception: &Reception<'m>, room: Room) -> Result<Decoded<'m>, BodyError> {
        let content_type = reception.request.content_type.as_deref();
        match self {
            Otlp::AsLoki => decode(reception, content_type, room)?.with_streams(),
            Otlp::Http => decode(reception, content_type, room),
            Otlp::Grpc => decode(reception, Some(PROTOBUF), room),
        }
    }

    fn reply(&self, content_type: Option<&str>, taken: &Taken<'_>) -> PushReply {
        match self {
            Otlp::AsLoki => as_loki(taken),
            Otlp::Http => response::over_http(Form::of(content_type), taken),
            Otlp::Grpc => response::over_grpc(taken),
        }
    }
}

fn as_loki(taken: &Taken<'_>) -> PushReply {
    let failed = |status, text: &str| {
        let message = Status {
            message: text.to_owned(),
            ..Status::default()
        };
        PushReply::new(status, PROTOBUF, message.encode_to_vec())
    };
    match taken {
        // Exporters drop what gets a 500.
        Taken::Refused { status: 500, text } => failed(503, text),
        Taken::Refused { status, text } => failed(*status, text),
        Taken::Read(outcome) => match outcome.rejections.text() {
            None => PushReply::empty(204),
            Some(text) => failed(outcome.rejections.status(), &text),
        },
    }
}

fn decode<'m>(
    reception: &Reception<'m>,
    content_type: Option<&str>,
    mut room: Room,
) -> Result<Decoded<'m>, BodyError> {
    let rules = &reception.limits.otlp;
    let logs = OtlpLogs::parse(content_type, reception.body, rules, &mut room)?;
    let logs = reception.scratch.keep(logs);
    streams::decode(logs, reception.limits, reception.now, room)
}
