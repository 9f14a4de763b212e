//! Every right against every path of the API document: what a token may not do is refused before
//! anything is done, and what it may is not.

use super::asking::{get, result, send};
use serde_json::Value;
use skald_server::auth::tokens::new_token;
use skald_tests::http::Client;
use skald_tests::local::Local;
use std::collections::BTreeSet;

/// A token's tenants and rights.
type Grant = (&'static str, &'static str);

const OPERATOR: Grant = ("*", "admin");

const GRANTS: &[Grant] = &[
    ("a", "read"),
    ("a", "write"),
    ("a", "delete"),
    ("a", "rules"),
    ("a", "admin"),
    ("a", "read,write,delete,rules,metrics,admin"),
    ("*", "read"),
    ("*", "write"),
    ("*", "delete"),
    ("*", "metrics"),
    ("*", "read,write,delete"),
    OPERATOR,
    ("a,__skald__", "read"),
];

/// What paths of senders begin with, but those that are Loki's.
const SENDERS: [&str; 7] = [
    "/_",
    "/{index}/",
    "/v1/",
    "/api/v",
    "/ingest/",
    "/services/",
    "/upload",
];

/// Paths that need a right over a tenant, and which; all others are pages for operators.
fn right(method: &str, path: &str) -> &'static str {
    let of_tenant = ["/loki/", "/api/prom/", "/prometheus/", "/skald/"];
    match path {
        "/ready" | "/" | "/ui" => "",
        _ if path.starts_with("/ui/") => "",
        "/loki/api/v1/push" | "/api/prom/push" | "/otlp/v1/logs" => "write",
        "/skald/api/v1/rules/test" => "read",
        _ if method != "GET" && path.contains("/rules") => "rules",
        _ if path.contains("/rules") => "read",
        _ if SENDERS.iter().any(|begin| path.starts_with(begin)) => "write",
        "/loki/api/v1/delete" => "delete",
        "/config/tenant/v1/limits" => "read",
        "/metrics" => "metrics",
        _ if of_tenant.iter().any(|begin| path.starts_with(begin)) => "read",
        _ => "admin",
    }
}

/// Whether a token of these tenants and rights gets past the door as tenant `a`.
fn passes((tenants, rights): Grant, right: &str) -> bool {
    let has = |right| rights.split(',').any(|held| held == right);
    match right {
        "" => true,
        "metrics" => tenants == "*" && (has("metrics") || has("admin")),
        "admin" => tenants == "*" && has("admin"),
        "delete" | "rules" => has(right) || has("admin"),
        right => has(right),
    }
}

fn start(grants: &[Grant], auth_enabled: bool) -> (Local, Vec<String>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.yaml");
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let made = grants
        .iter()
        .map(|(tenants, rights)| new_token("t", &list(tenants), &list(rights)).expect("a token"));
    let (tokens, entries): (Vec<String>, Vec<String>) = made.unzip();
    std::fs::write(&file, format!("tokens:\n{}", entries.concat())).expect("written");
    let local = Local::start_with(|config| {
        config.auth_enabled = auth_enabled;
        config.tokens_file = file.display().to_string();
    });
    (local, tokens, folder)
}

/// Method and path of every operation, but tails, which do not end.
fn operations(client: &Client, token: &str) -> BTreeSet<(String, String)> {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("X-Scope-OrgID", "a")];
    let document = result(&get(client, "/skald/api/v1/openapi.json", &headers));
    let paths = document["paths"].as_object().expect("an object");
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an object").keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let all: BTreeSet<_> = all.filter(|(_, path)| !path.ends_with("/tail")).collect();
    assert!(all.len() > 50, "{}", all.len());
    all
}

#[test]
fn each_right_opens_its_paths_and_no_others() {
    let grants = [&[("a", "read")], GRANTS].concat();
    for auth_enabled in [true, false] {
        let (local, tokens, _folder) = start(&grants, auth_enabled);
        let client = local.client();
        let operations = operations(&client, &tokens[0]);
        for (grant, token) in grants.iter().zip(&tokens) {
            let bearer = format!("Bearer {token}");
            for (method, path) in &operations {
                let headers = [("Authorization", bearer.as_str()), ("X-Scope-OrgID", "a")];
                let target = path.replace("{tenant}", "a").replace(['{', '}'], "");
                let answer = send(&client, method, &target, &headers, "");
                let expected = passes(*grant, right(method, path));
                let context = format!("{grant:?} {method} {path}: {}", answer.text);
                assert_eq!(answer.status != 403, expected, "{context}");
                assert_ne!(answer.status, 401, "{context}");
            }
        }
    }
}

#[test]
fn pages_nobody_knows_and_other_methods_are_behind_the_door_too() {
    let (local, tokens, _folder) = start(&[("a", "read,write,delete,admin"), OPERATOR], true);
    let client = local.client();
    let ask = |token: &str, method: &str, target: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("X-Scope-OrgID", "a")];
        send(&client, method, target, &headers, "").status
    };
    for target in [
        "/debug/pprof/heap",
        "/skald",
        "/metrics/",
        "/config?mode=diff",
        "/flush/",
        "/uix",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            let refused = ask(&tokens[0], method, target);
            assert_eq!(refused, 403, "{method} {target}");
            let taken = ask(&tokens[1], method, target);
            assert_ne!(taken, 403, "{method} {target}");
        }
    }
}

#[test]
fn the_tenant_of_the_servers_logs_is_for_tokens_that_name_it() {
    let grants = [
        ("a,b", "read,write"),
        ("a,__skald__", "read,write"),
        ("*", "read,write"),
    ];
    let (local, tokens, _folder) = start(&grants, false);
    let client = local.client();
    let body = r#"{"streams":[{"stream":{"a":"b"},"values":[["1772323200000000000","x"]]}]}"#;
    for (token, reads) in tokens.iter().zip([403, 200, 200]) {
        let bearer = format!("Bearer {token}");
        for tenant in ["__skald__", "__skald__:a=b"] {
            let headers = [
                ("Authorization", bearer.as_str()),
                ("X-Scope-OrgID", tenant),
                ("Content-Type", "application/json"),
            ];
            let labels = get(&client, "/loki/api/v1/labels", &headers);
            assert_eq!(labels.status, reads, "{}", labels.text);
            for path in [
                "/loki/api/v1/push",
                "/api/prom/push",
                "/otlp/v1/logs",
                "/v1/logs",
                "/_bulk",
                "/services/collector",
                "/api/v2/logs",
            ] {
                let refused = send(&client, "POST", path, &headers, body);
                let (own, expected) = ("'__skald__'", 403);
                assert_eq!(refused.status, expected, "{path}: {}", refused.text);
                // Splunk has its own words for it.
                let said = path.starts_with("/services") || refused.text.contains(own);
                assert!(said, "{path}: {}", refused.text);
            }
        }
    }
    let refused = Local::refuse_start(|config| config.no_auth_tenant = "__skald__".to_owned());
    let words = "no_auth_tenant: '__skald__' is reserved for the server's own logs";
    assert_eq!(refused, words);
}

#[test]
fn without_tokens_the_reserved_tenant_takes_no_pushes_either() {
    let local = Local::start_with(|config| config.auth_enabled = true);
    let refused = super::asking::push(&local.client(), "__skald__", "web", &["x"]);
    let words = "tenant '__skald__' is reserved for the server's own logs\n";
    assert_eq!((refused.status, refused.text.as_str()), (403, words));
    let answer: Value = result(&get(
        &local.client(),
        "/loki/api/v1/labels",
        &[("X-Scope-OrgID", "__skald__")],
    ));
    assert_eq!(answer["status"], "success");
}

#[test]
fn a_token_in_a_url_opens_what_its_sender_may_and_is_told_to_nobody() {
    let (local, tokens, _folder) = start(&[("a", "write"), ("*", "read,admin")], true);
    let client = local.client();
    let json = [("Content-Type", "application/json")];
    let post = |target: &str, body: &str| send(&client, "POST", target, &json, body).status;
    let (token, log) = (&tokens[0], r#"[{"message":"m","ddsource":"url"}]"#);
    for (target, status) in [
        (format!("/v1/input/{token}"), 202),
        (format!("/api/v2/logs?ddsource=url&dd-api-key={token}"), 202),
        ("/v1/input/skald_wrong".to_owned(), 401),
        ("/api/v2/logs?dd-api-key=skald_wrong".to_owned(), 401),
        ("/v1/input".to_owned(), 401),
        // Splunk's are an option, which is off.
        (format!("/services/collector/event?token={token}"), 401),
        (format!("/loki/api/v1/push?token={token}"), 401),
    ] {
        assert_eq!(post(&target, log), status, "{target}");
    }
    let bearer = format!("Bearer {}", tokens[1]);
    let headers = [("Authorization", bearer.as_str()), ("X-Scope-OrgID", "a")];
    let entries = "/loki/api/v1/query_range?query=%7Bsource%3D%22url%22%7D";
    for target in ["/metrics", "/skald/api/v1/sources", entries] {
        let told = get(&client, target, &headers).text;
        assert!(!told.contains("skald_wrong"), "{target}: {told}");
        assert!(!told.contains(token.as_str()), "{target}: {told}");
    }
    assert!(get(&client, entries, &headers).text.contains("\"m\""));
}

#[test]
fn splunks_token_in_a_url_is_an_option() {
    let (token, entry) = new_token("t", &["a".to_owned()], &["write".to_owned()]).expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.yaml");
    std::fs::write(&file, format!("tokens:\n{entry}")).expect("written");
    let local = Local::start_with(|config| {
        config.tokens_file = file.display().to_string();
        config.allow_query_string_auth = true;
    });
    let client = local.client();
    let post = |target: &str| send(&client, "POST", target, &[], r#"{"event":"e"}"#);
    let taken = post(&format!("/services/collector/event?token={token}"));
    assert_eq!(taken.status, 200, "{}", taken.text);
    let taken = post(&format!("/services/collector/raw?host=h&token={token}"));
    assert_eq!(taken.status, 200, "{}", taken.text);
    let refused = post("/services/collector/event?token=skald_wrong");
    assert_eq!(
        (refused.status, refused.text.contains("\"code\":3")),
        (401, true),
        "{}",
        refused.text
    );
}
