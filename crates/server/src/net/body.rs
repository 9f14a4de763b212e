//! Request bodies are read whole, within a size and a time.

use crate::config::Config;
use crate::error::ApiError;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// Reads a body of at most `max` bytes. One that is too large or too slow is given up early.
pub(crate) async fn read(body: Body, config: &Config, max: u64) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(config.server.http_server_read_timeout, collect(body, max)).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request body did not arrive in time",
        )),
    }
}

async fn collect(mut body: Body, max: u64) -> Result<Bytes, ApiError> {
    let too_large = |size: u64| {
        let text =
            format!("request body too large: message size too large than max ({size} vs {max})");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if announced > max {
        return Err(too_large(announced));
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| ApiError::bad(format!("reading the request body: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let size = (first.len() + rest.len() + data.len()) as u64;
        if size > max {
            return Err(too_large(size));
        }
        // Most bodies come in one frame, which then needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced as usize);
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
