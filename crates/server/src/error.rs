//! Request errors are answered as Loki's plain text, or as JSON to clients that ask for it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use skald_query::QueryError;

/// Loki's 499: the client went away.
const CLIENT_CLOSED: u16 = 499;

/// Sent with errors so that clients do not guess the type of an error text.
const NO_SNIFF: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-content-type-options"),
    HeaderValue::from_static("nosniff"),
);

/// A failed request: status and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// The text, as Loki words it.
    pub message: String,
}

impl ApiError {
    /// The user's mistake: 400.
    pub fn bad(message: impl Into<String>) -> ApiError {
        ApiError {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Some other status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            message: message.into(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        let status = match error {
            QueryError::Bad(_) | QueryError::Series(_) | QueryError::Memory(_) => {
                StatusCode::BAD_REQUEST
            }
            QueryError::BytesRead { .. } | QueryError::VolumeSeries(_) => StatusCode::BAD_REQUEST,
            QueryError::Queue => StatusCode::TOO_MANY_REQUESTS,
            QueryError::Stopping | QueryError::Unreadable(_) => StatusCode::SERVICE_UNAVAILABLE,
            QueryError::Busy => StatusCode::TOO_MANY_REQUESTS,
            QueryError::Timeout => StatusCode::GATEWAY_TIMEOUT,
            QueryError::Cancelled => {
                StatusCode::from_u16(CLIENT_CLOSED).expect("499 is a valid status")
            }
            QueryError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = plain(self.status, self.message.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Seconds after which a client should come again.
pub(crate) const RETRY_AFTER_SECONDS: u16 = 5;

/// Tells clients when to come again, with the statuses that ask them to.
fn with_retry(mut response: Response) -> Response {
    let again = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if again.contains(&response.status()) {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    response
}

/// An error body as Go's `http.Error` sends it.
pub(crate) fn plain(status: StatusCode, text: String) -> Response {
    let content_type = (
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    with_retry((status, [content_type, NO_SNIFF], text).into_response())
}

/// Gives errors as JSON to clients whose `Accept` names JSON and not everything.
pub(crate) async fn as_accepted(request: Request, next: Next) -> Response {
    let json = wants_json(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<ApiError>() {
        Some(error) if json => json_body(error),
        _ => response,
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let kinds = || {
        accept
            .split(',')
            .map(|kind| kind.split(';').next().unwrap_or("").trim())
    };
    kinds().any(|kind| kind == "application/json") && !kinds().any(|kind| kind == "*/*")
}

fn json_body(error: &ApiError) -> Response {
    let kind = match error.status.as_u16() {
        400 | 422 => "bad_data",
        401 | 403 => "unauthorized",
        404 => "not_found",
        429 => "too_many_requests",
        CLIENT_CLOSED => "canceled",
        503 => "unavailable",
        504 => "timeout",
        _ => "internal",
    };
    let text = error.message.trim_end();
    let body =
        serde_json::json!({"status": "error", "errorType": kind, "error": text, "message": text});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = error.status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    response.headers_mut().insert(NO_SNIFF.0, NO_SNIFF.1);
    with_retry(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: bool) {
        let headers =
            HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).expect("valid header"))]);
        assert_eq!(wants_json(&headers), expected, "{accept}");
    }

    #[test]
    fn json_errors_are_for_those_who_name_json_alone() {
        check("application/json", true);
        check("application/json; charset=utf-8, text/plain;q=0.5", true);
        check("application/json, text/plain, */*", false);
        check("*/*", false);
        check("", false);
    }
}
