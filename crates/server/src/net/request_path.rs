//! Request paths are normalized before routing: prefix, doubled API prefix and trailing slashes go.

use axum::http::Uri;

/// The prefix that paths begin with, as it was meant: `loki/` is `/loki`, and `/` is none.
pub(super) fn prefix(setting: &str) -> String {
    match setting.trim().trim_matches('/') {
        "" => String::new(),
        name => format!("/{name}"),
    }
}

/// The path a request means: without the configured prefix, a doubled API prefix, and trailing
/// slashes.
pub(super) fn normalize(uri: &Uri, prefix: &str) -> Option<Uri> {
    const API: &str = "/loki/api/v1";
    let mut path = uri.path();
    if let Some(rest) = path
        .strip_prefix(prefix)
        .filter(|rest| rest.starts_with('/'))
    {
        path = rest;
    }
    while path
        .strip_prefix(API)
        .is_some_and(|rest| rest.starts_with(API))
    {
        path = &path[API.len()..];
    }
    let trimmed = path.trim_end_matches('/');
    let path = match trimmed {
        "" => "/",
        // The page's own address: what it names lies below it.
        "/ui" if path == "/ui/" => path,
        _ => trimmed,
    };
    if path == uri.path() {
        return None;
    }
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, prefix: &str, expected: &str) {
        let uri: Uri = path.parse().expect("valid path");
        let found = normalize(&uri, prefix).unwrap_or(uri);
        assert_eq!(found.to_string(), expected);
    }

    #[test]
    fn slips_in_paths_are_forgiven() {
        check("/loki/api/v1/labels", "", "/loki/api/v1/labels");
        check(
            "/loki/api/v1/labels/?a=/b/",
            "",
            "/loki/api/v1/labels?a=/b/",
        );
        check("/loki/api/v1/loki/api/v1/query", "", "/loki/api/v1/query");
        check("/logs/loki/api/v1/query", "/logs", "/loki/api/v1/query");
        check("/", "", "/");
        check("/ui/?query=a", "", "/ui/?query=a");
        check("/logs/ui/", "/logs", "/ui/");
        check("/ui//", "", "/ui");
    }

    #[test]
    fn a_prefix_begins_with_one_slash_and_ends_without() {
        for (setting, expected) in [
            ("/logs", "/logs"),
            ("logs", "/logs"),
            ("//logs/", "/logs"),
            ("a/b/", "/a/b"),
            (" /logs ", "/logs"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(prefix(setting), expected, "{setting:?}");
        }
    }
}
