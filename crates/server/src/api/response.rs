//! Response helpers build JSON and text answers and run blocking jobs off the async threads.

use crate::error::ApiError;
use crate::net::outgoing::{Charged, IsCharged, Outgoing};
use crate::wire::json::Json;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What a page has beside its texts, and small pages as a whole, in bytes.
const PAGE_BYTES: usize = 1 << 10;

/// A page made of what takes `bytes`: written once there is room for as much, and charged until it is
/// sent.
pub(crate) async fn page(
    outgoing: &Outgoing,
    bytes: usize,
    write: impl FnOnce(&mut Json),
) -> Result<Response, ApiError> {
    let mut held = outgoing.room(bytes + PAGE_BYTES).await?;
    let mut out = Json::with_capacity(bytes + PAGE_BYTES);
    write(&mut out);
    let body = out.finish();
    // Escapes make it longer.
    held.fit(body.capacity());
    let mut response = json(Charged::bytes(body, held));
    response.extensions_mut().insert(IsCharged);
    Ok(response)
}

/// A successful JSON answer.
pub(crate) fn json(body: impl Into<Body>) -> Response {
    (
        [(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=UTF-8"),
        )],
        body.into(),
    )
        .into_response()
}

/// A plain page.
pub(crate) fn text(body: impl Into<Body>) -> Response {
    (
        [(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        )],
        body.into(),
    )
        .into_response()
}

/// Runs a job that waits for the disk on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
