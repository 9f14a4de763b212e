//! The page in a browser: its files with the headers that keep them harmless and cached.
//!
//! The headers allow scripts and styles of the page's own files alone, no inline code, and no text
//! that becomes HTML (Trusted Types): a log line can do nothing, even by a mistake of the page.

use crate::api::headers::header;
use crate::error::ApiError;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use skald_page::{Freshness, PageFile};

const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// Where the page is, seen from `/`: relative, so that it holds behind any prefix of a proxy.
const PAGE: HeaderValue = HeaderValue::from_static("ui/");

/// `/ui/`
pub(crate) async fn index(headers: HeaderMap) -> Response {
    named("index.html", &headers)
}

/// `/ui/{file}`
pub(crate) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    named(&name, &headers)
}

/// `/ui`, from where the page's own names would lead elsewhere.
pub(crate) async fn without_slash(uri: Uri) -> Response {
    let asked = uri.query().map(|query| format!("ui/?{query}"));
    let location = asked.and_then(|text| HeaderValue::try_from(text).ok());
    (
        StatusCode::TEMPORARY_REDIRECT,
        [(LOCATION, location.unwrap_or(PAGE))],
    )
        .into_response()
}

/// The page, for a browser that asks for `/`.
pub(crate) fn redirect(headers: &HeaderMap) -> Option<Response> {
    let wants_page = header(headers, "accept").contains("text/html");
    let answer = || {
        let vary = (VARY, HeaderValue::from(ACCEPT));
        (StatusCode::FOUND, [(LOCATION, PAGE), vary]).into_response()
    };
    wants_page.then(answer)
}

fn named(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = skald_page::file(name) else {
        return ApiError::new(StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let mut response = content(file, headers);
    let cache = match file.freshness {
        Freshness::Immutable => "public, max-age=31536000, immutable",
        Freshness::Revalidated => "no-cache",
    };
    let etag = HeaderValue::from_str(&file.etag).expect("hex digits and quotes");
    for (name, value) in [
        (CONTENT_TYPE, HeaderValue::from_static(file.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
        (ETAG, etag),
        (VARY, HeaderValue::from_static("accept-encoding")),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            CROSS_ORIGIN_OPENER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Nothing where the client has it already, gzip where it takes that.
fn content(file: &PageFile, headers: &HeaderMap) -> Response {
    if is_known(header(headers, "if-none-match"), &file.etag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    if takes_gzip(header(headers, "accept-encoding")) {
        let gzip = (CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return ([gzip], file.gzip()).into_response();
    }
    file.bytes.clone().into_response()
}

/// Whether a list of ETags names this one; a proxy that compressed it may have made it weak.
fn is_known(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == etag || one == "*")
}

fn takes_gzip(encodings: &str) -> bool {
    encodings.split(',').any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, ""));
        let is_refused = quality
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (encodings, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(encodings), expected, "{encodings}");
        }
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent() {
        assert!(is_known("\"a\", W/\"b\"", "\"b\"") && is_known("*", "\"b\""));
        assert!(!is_known("", "\"b\"") && !is_known("\"bb\"", "\"b\""));
    }
}
