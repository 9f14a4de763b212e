//! The page: every file it names is served with its headers, below any prefix, without a token.

use skald_tests::http::{Answer, Client};
use skald_tests::local::Local;

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    client
        .send("GET", path, &headers, b"")
        .expect("the server answers")
}

/// Names in `src="…"` and `href="…"` of a page.
fn named_files(html: &str) -> Vec<String> {
    let values = [" src=\"", " href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1));
    values
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !name.starts_with("data:"))
        .map(|name| name.trim_start_matches("./").to_owned())
        .collect()
}

#[test]
fn every_file_that_the_page_names_is_served() {
    for prefix in ["", "/logs"] {
        let local = Local::start_with(|config| config.server.http_path_prefix = prefix.to_owned());
        let client = local.client();
        let index = get(&client, &format!("{prefix}/ui/"), &[]);
        assert_eq!(
            (index.status, index.header("content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
        assert_eq!(index.header("cache-control"), Some("no-cache"));
        let names = named_files(&index.text);
        assert!(names.iter().any(|name| name.ends_with(".js")), "{names:?}");
        assert!(names.iter().any(|name| name.ends_with(".css")), "{names:?}");
        for name in names {
            assert!(
                !name.contains('/'),
                "{name} would not be found behind a proxy"
            );
            let file = get(&client, &format!("{prefix}/ui/{name}"), &[]);
            assert_eq!(file.status, 200, "{name}");
            assert!(
                file.header("cache-control")
                    .is_some_and(|value| value.ends_with("immutable")),
                "{name}"
            );
            for (header, part) in [
                ("content-security-policy", "default-src 'none'"),
                (
                    "content-security-policy",
                    "require-trusted-types-for 'script'",
                ),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
            ] {
                let value = file.header(header).unwrap_or_default();
                assert!(value.contains(part), "{name} {header}: {value}");
                let value = index.header(header).unwrap_or_default();
                assert!(value.contains(part), "index.html {header}: {value}");
            }
        }
        let missing = get(&client, &format!("{prefix}/ui/nothing.js"), &[]);
        assert_eq!(missing.status, 404);
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let local = Local::start();
    let index = get(&local.client(), "/ui/", &[]).text;
    assert!(
        !index.contains("<style") && !index.contains(" style="),
        "{index}"
    );
    for script in index.split("<script").skip(1) {
        let tag = script.split('>').next().expect("a tag ends");
        assert!(
            tag.contains(" src=\"./"),
            "inline code is not allowed: {tag}"
        );
    }
    assert!(!index.contains("//"), "another site is named: {index}");
}

#[test]
fn a_file_that_the_client_has_is_not_sent_again() {
    let local = Local::start();
    let client = local.client();
    let first = get(&client, "/ui/", &[]);
    let etag = first.header("etag").expect("an ETag").to_owned();
    let again = get(&client, "/ui/", &[("if-none-match", &etag)]);
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(etag.as_str()));
    let zipped = get(&client, "/ui/", &[("accept-encoding", "gzip")]);
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
}

#[test]
fn browsers_are_led_to_the_page_and_others_get_json() {
    for prefix in ["", "/logs"] {
        let local = Local::start_with(|config| config.server.http_path_prefix = prefix.to_owned());
        let client = local.client();
        let root = format!("{prefix}/");
        let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        let answer = get(&client, &root, &browser);
        // The client follows the redirect as a browser does, relative to where it is.
        assert!(answer.text.contains("<!doctype html>"), "{}", answer.text);
        let without_slash = get(&client, &format!("{prefix}/ui?query=a"), &browser);
        assert_eq!(without_slash.text, answer.text);
        for headers in [&[][..], &[("accept", "application/json")]] {
            let answer = get(&client, &root, headers);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("x-elastic-product"), Some("Elasticsearch"));
            let body: serde_json::Value = serde_json::from_str(&answer.text).expect("it is JSON");
            assert_eq!(body["tagline"], "You Know, for Search");
            assert_eq!(body["version"]["build_flavor"], "default");
        }
        let head = client.send("HEAD", &root, &[], b"").expect("an answer");
        assert_eq!(head.status, 200);
        assert_eq!(head.header("x-elastic-product"), Some("Elasticsearch"));
    }
}
