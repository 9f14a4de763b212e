//! Request headers say how a client wants its answer.

use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use skald_query::Caching;
use skald_query::Labelling;

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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

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
