//! The server's own logs: whose they are, and that queries in them stay with those who may see
//! all.

use crate::BINARY;
use serde_json::Value;
use skald_tests::http::{Client, encode};
use skald_tests::process::Skald;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server with a token for each of these, as `(tenants, rights)`.
fn start(data: &TempDir, grants: &[(&str, &str)], more: &[&str]) -> (Skald, Vec<String>) {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let made = grants.iter().map(|(tenants, rights)| {
        skald_server::auth::tokens::new_token("t", &list(tenants), &list(rights)).expect("a token")
    });
    let (tokens, entries): (Vec<String>, Vec<String>) = made.unzip();
    let file = data.path().join("tokens.yaml");
    std::fs::write(&file, format!("tokens:\n{}", entries.concat())).expect("written");
    let file = file.display().to_string();
    let arguments = [&["--auth.tokens_file", file.as_str()], more].concat();
    let skald = Skald::start(Path::new(BINARY), &data.path().join("data"), &arguments);
    (skald, tokens)
}

/// The streams a query of the last hour finds.
fn ask(client: &Client, token: &str, tenant: &str, query: &str) -> Vec<Value> {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {token}")),
        ("X-Scope-OrgID".to_owned(), tenant.to_owned()),
    ];
    let target = format!("/loki/api/v1/query_range?query={}", encode(query));
    let answer = client.send("GET", &target, &headers, b"");
    let answer = answer.expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer: Value = serde_json::from_str(&answer.text).expect("the answer is JSON");
    answer["data"]["result"].as_array().expect("a list").clone()
}

#[test]
fn queries_of_one_tenant_are_not_in_the_logs_another_reads() {
    let grants = [("a", "read"), ("fake,skald", "read"), ("*", "read")];
    for more in [&[][..], &["--auth_enabled=true"]] {
        let data = TempDir::new().expect("a temporary directory can be made");
        let (skald, tokens) = start(&data, &grants, more);
        let client = skald.client();
        let secret = "{app=\"a\"} |= `the secret of a`";
        let own = "{service_name=\"skald\"} |= `the secret of a`";
        ask(&client, &tokens[0], "a", secret);
        let deadline = Instant::now() + Duration::from_secs(30);
        while ask(&client, &tokens[2], "__skald__", own).is_empty() {
            assert!(Instant::now() < deadline, "the query is logged");
        }
        for (token, tenant) in [(1, "fake"), (1, "skald"), (0, "a")] {
            let found = ask(&client, &tokens[token], tenant, "{service_name=~\".+\"}");
            assert!(found.is_empty(), "{tenant}: {found:?}");
        }
    }
}

#[test]
fn a_flood_of_fast_queries_leaves_few_lines() {
    let data = TempDir::new().expect("a temporary directory can be made");
    let more = ["--query_log.lines_per_second", "2"];
    let (skald, tokens) = start(&data, &[("*", "read,admin")], &more);
    let client = skald.client();
    for _ in 0..200 {
        ask(&client, &tokens[0], "a", "{app=\"a\"}");
    }
    let headers = [("Authorization".to_owned(), format!("Bearer {}", tokens[0]))];
    let metrics = client.get("/metrics", &[], &headers).expect("answered");
    let name = "skald_query_log_left_out_total{reason=\"lines_per_second\"} ";
    let count = metrics
        .text
        .lines()
        .find_map(|line| line.strip_prefix(name));
    let count: usize = count
        .expect("the metric is there")
        .parse()
        .expect("a count");
    assert!(count > 0, "{count}");
}
