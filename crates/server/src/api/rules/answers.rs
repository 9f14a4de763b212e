//! Answers of the rules API: YAML of groups, Loki's JSON of changes and of errors.

use crate::api::response::json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What a change is answered with.
const CHANGED: &str = "{\"status\":\"success\",\"data\":null,\"errorType\":\"\",\"error\":\"\"}";

/// A change that was made. Loki's clients expect 202, though it holds at once.
pub(super) fn changed() -> Response {
    let mut response = json(CHANGED);
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Groups, as YAML.
pub(super) fn yaml(text: String) -> Response {
    let kind = HeaderValue::from_static("application/yaml");
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// One group, with its version.
pub(super) fn yaml_of_group(text: String, revision: u64) -> Response {
    let mut response = yaml(text);
    if let Ok(version) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(ETAG, version);
    }
    response
}

/// The version that an `ETag` names.
pub(super) fn version_of(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// What went wrong, and whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// The request's.
    BadData,
    /// The server's.
    ServerError,
}

/// An error as JSON, as Prometheus' API has it.
pub(super) fn error(kind: ErrorKind, text: &str) -> Response {
    let (status, word) = match kind {
        ErrorKind::BadData => (StatusCode::BAD_REQUEST, "bad_data"),
        ErrorKind::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    };
    let body =
        serde_json::json!({"status": "error", "data": null, "errorType": word, "error": text});
    let mut response = json(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
}
