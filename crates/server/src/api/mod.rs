//! API handlers answer requests, one file for each group of endpoints.
//!
//! `extract` reads what handlers take, `params` the parameters; `tail_session` is a tail without its
//! transport, `recent_entries` what it sent last.

pub(crate) mod delete;
pub(crate) mod detected;
pub(crate) mod drilldown;
pub(crate) mod export;
pub(crate) mod extract;
pub(crate) mod format_query;
pub(crate) mod grpc;
pub(crate) mod index;
pub(crate) mod inflight;
pub(crate) mod labels;
pub(crate) mod legacy;
pub(crate) mod params;
pub(crate) mod patterns;
pub(crate) mod push;
pub(crate) mod query;
pub(crate) mod recent_entries;
pub(crate) mod rules;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod tail_session;

use crate::api::params::Params;
use crate::app::App;
use crate::auth::read_scope::ReadScope;
use crate::bounds::Bounds;
use crate::clock;
use crate::error::ApiError;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use skald_query::{Caching, Labelling};

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

/// The range of a request for metadata: not before `max_query_lookback`, and no longer than
/// `max_query_length`.
pub(crate) fn metadata_bounds(
    app: &App,
    scope: &ReadScope,
    params: &Params,
) -> Result<Bounds, ApiError> {
    let now = clock::now();
    let bounds = query::look_back(params.ordered_bounds(now)?, now, scope.limits());
    scope.admit_length(&app.metrics, bounds)?;
    Ok(bounds)
}

/// A header's text; empty when it is missing.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
}

/// How the client wants labels.
pub(crate) fn labelling(headers: &HeaderMap) -> Labelling {
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

/// Runs a job that waits for the disk on a thread of its own.
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
