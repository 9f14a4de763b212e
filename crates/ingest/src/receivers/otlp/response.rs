//! The answers of OTLP: partial success, and statuses that say whether sending again helps.
//!
//! Exporters drop what gets a 500, so failures of the server are 503. What a limit refuses for now
//! is refused whole: what was stored of it is stored once, however often it comes.

use crate::decode::body;
use crate::receivers::otlp::messages::{
    Delay, Detail, DetailedStatus, ExportResponse, PartialSuccess, RetryInfo,
};
use crate::receivers::{Outcome, Taken};
use crate::reply::{JSON, PROTOBUF, PushReply};
use prost::Message;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Protobuf,
}

impl Form {
    /// That of the request.
    pub(crate) fn of(content_type: Option<&str>) -> Form {
        match body::media_type(content_type).as_deref() {
            Ok("application/json") => Form::Json,
            _ => Form::Protobuf,
        }
    }
}

/// What became of a request, and why, if it has to be sent again or not at all.
pub(crate) fn verdict(taken: &Taken<'_>) -> Result<ExportResponse, (u16, String)> {
    match taken {
        Taken::Refused { status, text } => Err((retried(*status), (*text).to_owned())),
        Taken::Read(outcome) => match outcome.rejections.text() {
            None => Ok(ExportResponse::default()),
            Some(text) if outcome.rejections.status() >= 429 => {
                Err((retried(outcome.rejections.status()), text))
            }
            Some(text) => Ok(partial_success(outcome, text)),
        },
    }
}

fn partial_success(outcome: &Outcome<'_>, error_message: String) -> ExportResponse {
    ExportResponse {
        partial_success: Some(PartialSuccess {
            rejected_log_records: (outcome.came - outcome.stored) as i64,
            error_message,
        }),
    }
}

/// A status after which exporters send again where that helps.
fn retried(status: u16) -> u16 {
    match status {
        408 | 500 => 503,
        status => status,
    }
}

/// The answer over HTTP.
pub(crate) fn over_http(form: Form, taken: &Taken<'_>) -> PushReply {
    match (form, verdict(taken)) {
        (Form::Protobuf, Ok(response)) => PushReply::new(200, PROTOBUF, response.encode_to_vec()),
        (Form::Json, Ok(response)) => {
            let partial = response.partial_success.map(|partial| {
                // 64-bit numbers are texts in proto JSON.
                serde_json::json!({
                    "rejectedLogRecords": partial.rejected_log_records.to_string(),
                    "errorMessage": partial.error_message,
                })
            });
            let partial = partial.unwrap_or_else(|| serde_json::json!({}));
            PushReply::json(200, &serde_json::json!({"partialSuccess": partial}))
        }
        (form, Err((status, text))) => failed(form, status, &text),
    }
}

fn failed(form: Form, status: u16, text: &str) -> PushReply {
    let mut reply = PushReply::new(status, PROTOBUF, Vec::new());
    let code = code(status);
    reply.body = match form {
        Form::Protobuf => details(code, text, reply.retry_after),
        Form::Json => {
            reply.content_type = JSON;
            let mut body = serde_json::json!({"code": code, "message": text});
            if let Some(seconds) = reply.retry_after {
                body["details"] = serde_json::json!([
                    {"@type": RETRY_INFO, "retryDelay": format!("{seconds}s")}
                ]);
            }
            body.to_string().into_bytes()
        }
    };
    reply
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A `google.rpc.Status`, with a `RetryInfo` when sending again helps.
pub(crate) fn details(code: i32, text: &str, retry_after: Option<u32>) -> Vec<u8> {
    let retry = retry_after.map(|seconds| {
        let delay = Delay {
            seconds: seconds.into(),
            nanos: 0,
        };
        Detail {
            type_url: RETRY_INFO.to_owned(),
            value: RetryInfo {
                retry_delay: Some(delay),
            }
            .encode_to_vec(),
        }
    });
    let status = DetailedStatus {
        code,
        message: text.to_owned(),
        details: retry.into_iter().collect(),
    };
    status.encode_to_vec()
}

/// gRPC's code for a status.
fn code(status: u16) -> i32 {
    match status {
        401 => 16,
        403 => 7,
        404 => 5,
        413 | 429 => 8,
        502..=504 => 14,
        _ => 3,
    }
}

/// The answer to a call: the response, or a text for the status.
pub(crate) fn over_grpc(taken: &Taken<'_>) -> PushReply {
    match verdict(taken) {
        Ok(response) => PushReply::new(200, PROTOBUF, response.encode_to_vec()),
        Err((status, text)) => PushReply::text(status, &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Rejections;

    fn partly(status: Option<u16>) -> Rejections {
        let mut rejections = Rejections::default();
        match status {
            Some(status) => rejections.add_with(status, || "slow down".to_owned()),
            None => rejections.add(|| "too long".to_owned()),
        };
        rejections
    }

    fn outcome(rejections: &Rejections) -> Taken<'_> {
        Taken::Read(Outcome {
            rejections,
            refused: &[],
            came: 3,
            stored: 1,
            note: None,
        })
    }

    #[test]
    fn what_is_refused_for_good_is_a_partial_success() {
        let rejections = partly(None);
        let json = over_http(Form::Json, &outcome(&rejections));
        let text = r#"{"partialSuccess":{"errorMessage":"too long","rejectedLogRecords":"2"}}"#;
        assert_eq!((json.status, &*json.body), (200, text.as_bytes()));
        let protobuf = over_http(Form::Protobuf, &outcome(&rejections));
        let read = ExportResponse::decode(&*protobuf.body).expect("a response");
        let partial = read.partial_success.expect("some are refused");
        assert_eq!(partial.rejected_log_records, 2);
        assert_eq!(over_grpc(&outcome(&rejections)), protobuf);
    }

    #[test]
    fn what_helps_to_send_again_says_when() {
        let rejections = partly(Some(429));
        let reply = over_http(Form::Protobuf, &outcome(&rejections));
        assert_eq!((reply.status, reply.retry_after), (429, Some(5)));
        let status = DetailedStatus::decode(&*reply.body).expect("a status");
        assert_eq!((status.code, &*status.message), (8, "slow down"));
        let retry = RetryInfo::decode(&*status.details[0].value).expect("a retry info");
        assert_eq!(retry.retry_delay.map(|d| d.seconds), Some(5));
        for status in [408, 500, 503] {
            let text = "later";
            let reply = over_http(Form::Json, &Taken::Refused { status, text });
            assert_eq!((reply.status, reply.content_type), (503, JSON));
        }
        let refused = Taken::Refused {
            status: 400,
            text: "bad",
        };
        let reply = over_http(Form::Json, &refused);
        assert_eq!(&*reply.body, br#"{"code":3,"message":"bad"}"#);
    }
}
