//! The gRPC endpoint takes pushes: `logproto.Pusher/Push`, the one call that clients outside Loki
//! make, and `LogsService/Export` of OpenTelemetry.
//!
//! A call is one HTTP/2 request: a frame of five bytes and the message. It takes the way of every
//! other push, so that checks, limits and metrics are the same. Statuses are gRPC's own for what
//! HTTP would have said: clients know from them what to send again.

use crate::api::inflight::Inflight;
use crate::api::sources::Sender;
use crate::app::App;
use crate::auth::rights::{Access, Right};
use crate::auth::tenant::Tenant;
use crate::auth::{origin, tokens};
use crate::error::{self, ApiError};
use crate::telemetry::metrics::Upgrade;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use skald_ingest::{Protocol, PushReply, PushRequest};
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// Loki's call, as its path.
const PUSH: &str = "/logproto.Pusher/Push";

/// OpenTelemetry's.
const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Before each message: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;

/// Longest message of a failed call, in bytes: it travels in a header.
const MESSAGE_BYTES_MAX: usize = 1024;

const STATUS_HEADER: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE_HEADER: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS_HEADER: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ACCEPT_HEADER: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd,snappy,deflate");

/// How a call ended, gRPC's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl Code {
    fn of(status: StatusCode) -> Code {
        match status.as_u16() {
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            408 => Code::DeadlineExceeded,
            413 | 429 => Code::ResourceExhausted,
            503 => Code::Unavailable,
            200..=499 => Code::InvalidArgument,
            _ => Code::Internal,
        }
    }

    /// Exporters drop what ends in `Internal`.
    fn of_export(status: StatusCode) -> Code {
        match Code::of(status) {
            Code::Internal => Code::Unavailable,
            code => code,
        }
    }
}

/// The routes of the gRPC listener.
pub(crate) fn router(app: Arc<App>) -> Router {
    let unknown = async || {
        let text = format!("the only methods are {PUSH} and {EXPORT}");
        failed(Code::Unimplemented, &text)
    };
    let origins = origin::Guard::new(&app.config, app.metrics.clone());
    Router::new()
        .route(PUSH, post(push))
        .route(EXPORT, post(export))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(origins, origin::guard))
        .with_state(app)
}

async fn push(State(app): State<Arc<App>>, request: Request) -> Response {
    let taken = call(app, request, PUSH, Protocol::Grpc).await;
    taken.map_or_else(
        |error| failed(Code::of(error.status), &error.message),
        |reply| done(&reply.body),
    )
}

async fn export(State(app): State<Arc<App>>, request: Request) -> Response {
    match call(app, request, EXPORT, Protocol::OtlpGrpc).await {
        Ok(reply) => done(&reply.body),
        Err(error) => {
            let code = Code::of_export(error.status);
            let again = [
                Code::ResourceExhausted,
                Code::Unavailable,
                Code::DeadlineExceeded,
            ];
            // Too large stays too large.
            let helps = again.contains(&code) && error.status != StatusCode::PAYLOAD_TOO_LARGE;
            let seconds = helps.then_some(error::RETRY_AFTER_SECONDS.into());
            let details = skald_ingest::otlp_details(code as i32, &error.message, seconds);
            let mut response = failed(code, &error.message);
            if let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details)) {
                response.headers_mut().insert(DETAILS_HEADER, details);
            }
            response
        }
    }
}

/// One call, counted.
async fn call(
    app: Arc<App>,
    request: Request,
    path: &str,
    protocol: Protocol,
) -> Result<PushReply, ApiError> {
    let started = Instant::now();
    let inflight = Inflight::new(app.clone(), "gRPC".to_owned(), path.to_owned());
    let taken = match inflight.admitted {
        true => take(&app, request, protocol).await,
        false => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot accept more requests at this time.",
        )),
    };
    drop(inflight);
    let status = taken
        .as_ref()
        .map_or_else(|error| error.status.as_u16(), |_| 200);
    app.metrics
        .observe("gRPC", path, status, Upgrade::No, started.elapsed());
    taken
}

async fn take(app: &Arc<App>, request: Request, protocol: Protocol) -> Result<PushReply, ApiError> {
    let (mut parts, body) = request.into_parts();
    let mut sender = Sender::of(&parts);
    if app.tokens.is_on() {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let grant = tokens::allowed(&app.tokens, header, Access::Tenant(Right::Write))?;
        parts.extensions.insert((*grant).clone());
    }
    let tenant = Tenant::from_request_parts(&mut parts, app).await?;
    let tenant = tenant.for_push()?;
    sender.of_tenant(&tenant);
    let max = app.config.server.grpc_server_max_recv_msg_size.0;
    let frame = app
        .arrivals
        .read(body, &app.config, max.saturating_add(FRAME_BYTES as u64))
        .await?;
    let (compressed, message) = message(&frame)?;
    let encoding = match compressed {
        true => parts
            .headers
            .get("grpc-encoding")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned(),
        false => String::new(),
    };
    let push = PushRequest {
        content_encoding: Some(encoding),
        ..PushRequest::new(protocol, message)
    };
    let reply = app.ingest.push(&tenant, push).await;
    sender.record(app, protocol, &reply);
    app.coalescer.written(&tenant);
    match reply.status {
        200 | 204 => Ok(reply),
        status => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Err(ApiError::new(
                status,
                String::from_utf8_lossy(&reply.body).trim_end(),
            ))
        }
    }
}

/// The one message of a call.
fn message(frame: &Bytes) -> Result<(bool, Bytes), ApiError> {
    let Some((head, rest)) = frame.split_at_checked(FRAME_BYTES) else {
        return Err(ApiError::bad("the call holds no message"));
    };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if rest.len() != length {
        return Err(ApiError::bad(format!(
            "the message should be of {length} bytes and is of {}",
            rest.len()
        )));
    }
    match head[0] {
        0 | 1 => Ok((head[0] == 1, frame.slice(FRAME_BYTES..))),
        flag => Err(ApiError::bad(format!(
            "unknown flag {flag} before the message"
        ))),
    }
}

fn respond(body: Body) -> Response {
    let content_type = HeaderValue::from_static("application/grpc");
    (
        [(CONTENT_TYPE, content_type), (ACCEPT_HEADER, ACCEPTED)],
        body,
    )
        .into_response()
}

/// The response (an empty one for a push), then the status as a trailer.
fn done(message: &[u8]) -> Response {
    let trailers = HeaderMap::from_iter([(STATUS_HEADER, HeaderValue::from_static("0"))]);
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let body = Full::new(Bytes::from(frame));
    respond(Body::new(body.with_trailers(async move {
        Some(Ok::<_, Infallible>(trailers))
    })))
}

/// A failed call has no message: its status is in the headers.
fn failed(code: Code, message: &str) -> Response {
    let mut response = respond(Body::empty());
    let headers = response.headers_mut();
    headers.insert(STATUS_HEADER, HeaderValue::from(code as u16));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
        headers.insert(MESSAGE_HEADER, message);
    }
    response
}

/// As gRPC wants messages in headers.
fn percent_encoded(text: &str) -> String {
    let end = (0..=MESSAGE_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    let mut out = String::new();
    for byte in text[..end].bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("writing to memory does not fail"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_holds_one_whole_message() {
        let check = |frame: &'static [u8], expected: Result<(bool, &'static [u8]), &str>| {
            let found = message(&Bytes::from_static(frame)).map_err(|error| error.message);
            assert_eq!(
                found,
                expected
                    .map(|(c, m)| (c, Bytes::from_static(m)))
                    .map_err(str::to_owned)
            );
        };
        check(b"\0\0\0\0\x02ab", Ok((false, b"ab")));
        check(b"\x01\0\0\0\0", Ok((true, b"")));
        check(b"\0\0\0\0", Err("the call holds no message"));
        check(
            b"\0\xff\xff\xff\xffab",
            Err("the message should be of 4294967295 bytes and is of 2"),
        );
        check(b"\x02\0\0\0\0", Err("unknown flag 2 before the message"));
    }

    #[test]
    fn messages_fit_into_headers() {
        assert_eq!(percent_encoded("100% ä\n"), "100%25 %C3%A4%0A");
        assert_eq!(
            percent_encoded(&"ä".repeat(2000)).len(),
            MESSAGE_BYTES_MAX * 3
        );
    }

    #[test]
    fn statuses_tell_what_to_send_again() {
        let code = |status: u16| Code::of(StatusCode::from_u16(status).expect("a status"));
        assert_eq!(
            [400, 401, 413, 429, 500, 503].map(code),
            [
                Code::InvalidArgument,
                Code::Unauthenticated,
                Code::ResourceExhausted,
                Code::ResourceExhausted,
                Code::Internal,
                Code::Unavailable
            ]
        );
    }
}
