//! Push endpoints pass bodies to ingest and answer as it says.

use crate::app::App;
use crate::auth::tenant::Tenant;
use crate::error;
use crate::error::ApiError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use skald_ingest::{Protocol, PushReply, PushRequest};
use std::sync::Arc;

/// `/loki/api/v1/push`
pub(crate) async fn loki(
    state: State<Arc<App>>,
    tenant: Result<Tenant, ApiError>,
    request: Request,
) -> Response {
    push(state, tenant, request, Protocol::Loki).await
}

/// `/api/prom/push`
pub(crate) async fn legacy(
    state: State<Arc<App>>,
    tenant: Result<Tenant, ApiError>,
    request: Request,
) -> Response {
    push(state, tenant, request, Protocol::LokiLegacy).await
}

/// `/otlp/v1/logs`
pub(crate) async fn otlp(
    state: State<Arc<App>>,
    tenant: Result<Tenant, ApiError>,
    request: Request,
) -> Response {
    push(state, tenant, request, Protocol::Otlp).await
}

async fn push(
    State(app): State<Arc<App>>,
    tenant: Result<Tenant, ApiError>,
    request: Request,
    protocol: Protocol,
) -> Response {
    match accept(&app, tenant, request, protocol).await {
        Ok(response) => response,
        Err(error) if protocol == Protocol::Otlp => {
            let reply = PushReply::error(protocol, error.status.as_u16(), &error.message);
            let mut response = answer(reply);
            response.extensions_mut().insert(error);
            response
        }
        Err(error) => {
            let mut text = error.message.clone();
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let mut response = error::plain(error.status, text);
            response.extensions_mut().insert(error);
            response
        }
    }
}

async fn accept(
    app: &App,
    tenant: Result<Tenant, ApiError>,
    request: Request,
    protocol: Protocol,
) -> Result<Response, ApiError> {
    let tenant = tenant?.for_push()?;
    let (parts, body) = request.into_parts();
    let max = app.config.distributor.max_recv_msg_size.0;
    let body = app.arrivals.read(body, &app.config, max).await?;
    let push = PushRequest {
        protocol,
        content_type: text(&parts.headers, CONTENT_TYPE),
        content_encoding: text(&parts.headers, CONTENT_ENCODING),
        body,
    };
    let reply = app.ingest.push(&tenant, push).await;
    app.coalescer.written(&tenant);
    Ok(answer(reply))
}

/// A reply as a response.
fn answer(reply: PushReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.body.is_empty() {
        return with_retry(status.into_response(), reply.retry_after);
    }
    let response = if reply.content_type.starts_with("text/plain") {
        let message = String::from_utf8_lossy(&reply.body)
            .trim_end_matches('\n')
            .to_owned();
        let mut response = error::plain(status, format!("{message}\n"));
        response
            .extensions_mut()
            .insert(ApiError { status, message });
        response
    } else {
        (
            status,
            [(CONTENT_TYPE, HeaderValue::from_static(reply.content_type))],
            Body::from(reply.body),
        )
            .into_response()
    };
    with_retry(response, reply.retry_after)
}

fn with_retry(mut response: Response, seconds: Option<u32>) -> Response {
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
}
