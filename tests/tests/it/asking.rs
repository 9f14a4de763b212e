//! Short forms of requests as one of several tenants.

use serde_json::{Value, json};
use skald_tests::BASE_S;
use skald_tests::http::{Answer, Client};
use skald_tests::push::Push;
use skald_tests::query::Query;

/// Any request with a text as its body.
pub(super) fn send(
    client: &Client,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .send(method, target, &headers, body.as_bytes())
        .expect("the server answers")
}

/// `GET` of an encoded target.
pub(super) fn get(client: &Client, target: &str, headers: &[(&str, &str)]) -> Answer {
    send(client, "GET", target, headers, "")
}

/// Pushes lines a second apart as a tenant.
pub(super) fn push(client: &Client, tenant: &str, app: &str, lines: &[&str]) -> Answer {
    let mut push = Push::stream(json!({"app": app}));
    for (i, line) in lines.iter().enumerate() {
        push = push.entry(i as i64, line);
    }
    push.send(client, tenant)
}

/// The target of a range query over the first minute.
pub(super) fn target(query: &str, more: &str) -> String {
    let (start, end) = (BASE_S * 1_000_000_000, (BASE_S + 60) * 1_000_000_000);
    Query::range(query, start, end).target() + more
}

/// The JSON of a good answer.
pub(super) fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str(&answer.text).expect("the answer is JSON")
}

/// Whether the metrics have a line.
pub(super) fn metric(client: &Client, line: &str) -> bool {
    get(client, "/metrics", &[]).text.lines().any(|l| l == line)
}
