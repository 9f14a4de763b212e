//! The tail endpoint sends new entries over WebSocket, server-sent events or NDJSON.
//!
//! The three carry the same frames. Errors of a request are answered before the upgrade with 400,
//! later in the close frame.

use crate::api::headers::{header, labelling};
use crate::api::params::Params;
use crate::api::query::parse;
use crate::api::tail_session::{Event, TailRequest, TailSession};
use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::clock;
use crate::error::ApiError;
use crate::limits::open_tails::TailPermit;
use crate::telemetry::metrics::RefusalReason;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, Stream, StreamExt};
use skald_logql::ast::Expr;
use skald_query::TailPipeline;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;

/// Longest `delay_for`, in seconds; Loki's.
const DELAY_SECONDS_MAX: i64 = 5;

/// A WebSocket is pinged this often, as Loki does, so that proxies keep it open.
const PING_EVERY: Duration = Duration::from_secs(1);

/// An event stream gets a comment this often, for the same reason.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// A client that takes no frame for this long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// A client has nothing to say in a tail; what it says anyway may be this long.
const CLIENT_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What a WebSocket reads or gathers before it is written, in bytes; a thousand are no burden.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024;

/// Loki's close code for all failures.
const CLOSE_INTERNAL: u16 = 1011;

/// A control frame holds 125 bytes, two of which are the code.
const CLOSE_REASON_BYTES_MAX: usize = 123;

/// What is wrong although the request is well formed: said after the upgrade.
enum Start {
    Ready(Box<TailPipeline>, TailPermit),
    Refused(String),
}

/// `tail`
pub(crate) async fn tail(
    State(app): State<Arc<App>>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
    params: Params,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let delay = params.integer("delay_for", 0)?;
    if delay > DELAY_SECONDS_MAX {
        return Err(ApiError::bad(format!(
            "delay_for can't be greater than {DELAY_SECONDS_MAX}"
        )));
    }
    let limit = app
        .limits_of(&tenant)
        .limits
        .entries(params.limit("limit", 100)?);
    let request = TailRequest {
        tenant,
        query: parse(params.query())?,
        start: params.time("start", now - 3600 * SECOND)?,
        limit,
        delay: delay.max(0) * SECOND,
        labelling: labelling(&headers),
    };
    let start = prepare(&app, &request)?;
    let accept = header(&headers, "accept");
    let format = [Format::Events, Format::Lines]
        .into_iter()
        .find(|format| accept.contains(format.content_type()));
    match (upgrade, format) {
        (Ok(upgrade), _) => Ok(upgrade
            .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
            .read_buffer_size(SOCKET_BUFFER_BYTES)
            .write_buffer_size(SOCKET_BUFFER_BYTES)
            .on_upgrade(move |socket| serve_socket(app, request, start, socket))),
        (Err(_), Some(format)) => serve_stream(app, request, start, format).await,
        (Err(_), None) => {
            let text =
                "the tail needs a WebSocket, or Accept: text/event-stream or application/x-ndjson";
            Err(ApiError::new(StatusCode::BAD_REQUEST, text))
        }
    }
}

fn prepare(app: &App, request: &TailRequest) -> Result<Start, ApiError> {
    match request.query.expr() {
        Expr::Log(_) => {}
        Expr::Metric(_) => return Ok(Start::Refused("only log selector is supported".to_owned())),
    }
    let max = app
        .limits_of(&request.tenant)
        .limits
        .max_concurrent_tail_requests;
    let entered = app.tails.enter(&request.tenant, max);
    if entered.is_err() {
        app.metrics
            .refuse(request.tenant.as_str(), RefusalReason::Tails);
    }
    Ok(match entered {
        Ok(place) => {
            let query = &request.query;
            let pipeline = app.engine.tail_pipeline(query, request.labelling)?;
            Start::Ready(Box::new(pipeline), place)
        }
        Err(count) => Start::Refused(format!(
            "max concurrent tail requests limit exceeded, count > limit ({count} > {max})"
        )),
    })
}

async fn serve_socket(app: Arc<App>, request: TailRequest, start: Start, socket: WebSocket) {
    let (mut sink, mut incoming) = socket.split();
    let mut session = match start {
        Start::Refused(reason) => return close(&mut sink, &reason).await,
        Start::Ready(pipeline, place) => {
            match TailSession::open(&app, request, *pipeline, place).await {
                Ok(session) => session,
                Err(error) => return close(&mut sink, &error.message).await,
            }
        }
    };
    let mut pings = tokio::time::interval(PING_EVERY);
    loop {
        let message = tokio::select! {
            event = session.next() => match event {
                Event::Frame(frame) => Message::text(frame),
                Event::End(reason) => return close(&mut sink, reason).await,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
            received = incoming.next() => match received {
                // Frames of the client are ignored but for its close.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if !matches!(
            tokio::time::timeout(SEND_TIMEOUT, sink.send(message)).await,
            Ok(Ok(()))
        ) {
            return;
        }
    }
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, reason: &str) {
    let end = (0..=CLOSE_REASON_BYTES_MAX.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end))
        .unwrap_or(0);
    let frame = CloseFrame {
        code: CLOSE_INTERNAL,
        reason: reason[..end].into(),
    };
    // The client may be gone already, which is what a close is for.
    let _ = tokio::time::timeout(SEND_TIMEOUT, sink.send(Message::Close(Some(frame)))).await;
}

/// How plain HTTP clients get frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Events,
    Lines,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Format::Events => "text/event-stream",
            Format::Lines => "application/x-ndjson",
        }
    }

    fn frame(self, frame: &str) -> String {
        match self {
            Format::Events => format!("data: {frame}\n\n"),
            Format::Lines => format!("{frame}\n"),
        }
    }

    fn end(self, reason: &str) -> String {
        let error = serde_json::json!({"error": reason});
        match self {
            Format::Events => format!("event: error\ndata: {error}\n\n"),
            Format::Lines => format!("{error}\n"),
        }
    }

    fn idle(self) -> &'static str {
        match self {
            Format::Events => ":\n\n",
            Format::Lines => "\n",
        }
    }
}

async fn serve_stream(
    app: Arc<App>,
    request: TailRequest,
    start: Start,
    format: Format,
) -> Result<Response, ApiError> {
    let session = match start {
        Start::Refused(reason) if reason.starts_with("max concurrent") => {
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, reason));
        }
        Start::Refused(reason) => return Err(ApiError::bad(reason)),
        Start::Ready(pipeline, place) => TailSession::open(&app, request, *pipeline, place).await?,
    };
    let body = Body::from_stream(chunks(session, format));
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static(format.content_type()),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, body).into_response())
}

fn chunks(session: TailSession, format: Format) -> impl Stream<Item = Result<String, Infallible>> {
    futures_util::stream::unfold(Some(session), move |session| async move {
        let mut session = session?;
        match tokio::time::timeout(COMMENT_EVERY, session.next()).await {
            Ok(Event::Frame(frame)) => Some((Ok(format.frame(&frame)), Some(session))),
            Ok(Event::End(reason)) => Some((Ok(format.end(reason)), None)),
            Err(_) => Some((Ok(format.idle().to_owned()), Some(session))),
        }
    })
}
