//! One file for each group of endpoints.

pub(crate) mod coalesce;
pub mod delete;
pub mod detected;
pub mod drilldown;
pub mod export;
pub mod format_query;
pub mod index;
pub mod labels;
pub mod legacy;
pub mod params;
pub mod patterns;
pub mod push;
pub mod query;
pub mod rules;
pub mod status;
pub mod tail;
pub mod tail_session;

use crate::api::params::{Bounds, Params};
use crate::auth::read_scope::Reader;
use crate::clock;
use crate::error::ApiError;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use skald_query::Caching;

/// A successful JSON answer.
pub(crate) fn json(body: impl Into<axum::body::Body>) -> Response {
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
pub(crate) fn text(body: impl Into<axum::body::Body>) -> Response {
    (
        [(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        )],
        body.into(),
    )
        .into_response()
}

/// The range a request for metadata may see: as it asks, but not before `max_query_lookback`.
pub(crate) fn visible_bounds(reader: &Reader, params: &Params) -> Result<Bounds, ApiError> {
    let now = clock::now();
    Ok(query::look_back(
        params.ordered_bounds(now)?,
        now,
        reader.limits(),
    ))
}

/// A header's text; empty when it is missing.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
}

/// How the client wants labels.
pub(crate) fn labelling(headers: &HeaderMap) -> crate::wire::answer::Labelling {
    use crate::wire::answer::Labelling;
    let flags = header(headers, "x-loki-response-encoding-flags");
    if flags
        .split(',')
        .any(|flag| flag.trim() == "categorize-labels")
    {
        Labelling::Categorized
    } else {
        Labelling::Merged
    }
}

/// Whether the client takes an answer from earlier results.
pub(crate) fn caching(headers: &HeaderMap) -> Caching {
    let lines = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let refuses = |word: &str| {
        ["no-cache", "no-store"]
            .iter()
            .any(|refusal| word.trim().eq_ignore_ascii_case(refusal))
    };
    if lines.flat_map(|line| line.split(',')).any(refuses) {
        Caching::Bypassed
    } else {
        Caching::Allowed
    }
}

/// Runs what waits for the disk away from the sockets.
pub(crate) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&'static str], expected: Caching) {
        let headers: HeaderMap = lines
            .iter()
            .map(|line| (CACHE_CONTROL, HeaderValue::from_static(line)))
            .collect();
        assert_eq!(caching(&headers), expected, "{lines:?}");
    }

    #[test]
    fn a_client_can_refuse_earlier_results() {
        check(&[], Caching::Allowed);
        check(&["max-age=60"], Caching::Allowed);
        check(&["no-cache"], Caching::Bypassed);
        check(&["max-age=0, No-Cache"], Caching::Bypassed);
        check(&["max-age=0", "no-store"], Caching::Bypassed);
    }
}
