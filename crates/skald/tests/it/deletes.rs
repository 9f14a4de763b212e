//! Delete requests and retention over HTTP, with a process that is killed in between.

use crate::BINARY;
use serde_json::{Value, json};
use skald_tests::http::Client;
use skald_tests::process::Skald;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64
}

/// Pushes lines of a stream that are `days` old.
fn push(client: &Client, app: &str, days: i64, lines: &[&str]) {
    let time = ((now() - days * DAY - 60) * 1_000_000_000).to_string();
    let values: Vec<Value> = lines.iter().map(|line| json!([time, line])).collect();
    let body = json!({"streams": [{"stream": {"app": app}, "values": values}]}).to_string();
    assert_eq!(client.push(&body).map(|r| r.status).ok(), Some(204));
}

fn flush(client: &Client) {
    assert_eq!(
        client
            .post("/flush", "text/plain", b"")
            .map(|r| r.status)
            .ok(),
        Some(204)
    );
}

/// The lines that are seen of all apps, sorted.
fn lines(client: &Client) -> Vec<String> {
    let start = ((now() - 20 * DAY) * 1_000_000_000).to_string();
    let params = [
        ("query".to_owned(), r#"{app=~".+"}"#.to_owned()),
        ("start".to_owned(), start),
    ];
    let reply = client
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer: Value = serde_json::from_str(&reply.text).expect("an answer is JSON");
    let streams = answer["data"]["result"].as_array().into_iter().flatten();
    let values = streams.flat_map(|stream| stream["values"].as_array().into_iter().flatten());
    let mut lines: Vec<String> = values
        .map(|value| value[1].as_str().unwrap_or_default().to_owned())
        .collect();
    lines.sort();
    lines
}

/// Makes a request for the last ten days; gives its id.
fn delete(client: &Client, query: &str) -> String {
    let encoded: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
    let path = format!(
        "/loki/api/v1/delete?query={encoded}&start={}",
        now() - 10 * DAY
    );
    let answer = client
        .send("POST", &path, &[], b"")
        .expect("the server answers");
    assert_eq!(answer.status, 204, "{}", answer.text);
    answer
        .header("x-delete-request-id")
        .expect("the answer names the request")
        .to_owned()
}

/// Id and status of each request.
fn requests(client: &Client) -> Vec<(String, String)> {
    let answer = client
        .send("GET", "/loki/api/v1/delete", &[], b"")
        .expect("the server answers");
    let list: Value = serde_json::from_str(&answer.text).expect("the list is JSON");
    let text = |request: &Value, name: &str| request[name].as_str().unwrap_or_default().to_owned();
    list.as_array()
        .into_iter()
        .flatten()
        .map(|r| (text(r, "request_id"), text(r, "status")))
        .collect()
}

fn metric(client: &Client, name: &str) -> f64 {
    let answer = client
        .send("GET", "/metrics", &[], b"")
        .expect("the server answers");
    let line = answer
        .text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

#[test]
fn what_is_deleted_stays_hidden_through_a_kill_and_comes_back_when_the_request_is_taken_back() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    let client = server.client();
    push(&client, "a", 1, &["1 secret", "2 plain"]);
    flush(&client);
    push(&client, "a", 0, &["3 secret", "4 plain"]);
    let id = delete(&client, r#"{app="a"} |= "secret""#);
    assert_eq!(lines(&client), ["2 plain", "4 plain"]);
    push(&client, "a", 0, &["5 secret"]);
    assert_eq!(lines(&client), ["2 plain", "4 plain", "5 secret"]);
    server.kill();
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    let client = server.client();
    assert_eq!(lines(&client), ["2 plain", "4 plain", "5 secret"]);
    assert_eq!(requests(&client), [(id.clone(), "received".to_owned())]);
    let cancel = |id: &str| {
        let path = format!("/loki/api/v1/delete?request_id={id}");
        client
            .send("DELETE", &path, &[], b"")
            .map(|a| (a.status, a.text))
            .expect("the server answers")
    };
    assert_eq!(
        cancel("ffffffff"),
        (
            404,
            "could not find delete request with given id".to_owned()
        )
    );
    assert_eq!(cancel(&id).0, 204);
    assert_eq!(
        lines(&client),
        ["1 secret", "2 plain", "3 secret", "4 plain", "5 secret"]
    );
    assert_eq!(requests(&client), []);
}

#[test]
fn after_the_cancel_period_what_is_deleted_is_gone() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Skald::start(
        Path::new(BINARY),
        data.path(),
        &["--compactor.delete_request_cancel_period", "0s"],
    );
    let client = server.client();
    push(&client, "a", 0, &["1 secret", "2 plain"]);
    push(&client, "b", 0, &["3 secret"]);
    flush(&client);
    let id = delete(&client, r#"{app="a"} |= "secret""#);
    while requests(&client) != [(id.clone(), "processed".to_owned())] {
        std::thread::yield_now();
    }
    assert_eq!(metric(&client, "skald_deleted_entries_total"), 1.0);
    assert_eq!(lines(&client), ["2 plain", "3 secret"]);
    server.kill();
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    assert_eq!(lines(&server.client()), ["2 plain", "3 secret"]);
    assert_eq!(requests(&server.client()), [(id, "processed".to_owned())]);
}

#[test]
fn streams_expire_by_their_own_periods() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let rule = r#"[{selector: '{app="short"}', priority: 1, period: 24h}]"#;
    let flags = [
        "--limits_config.retention_period",
        "240h",
        "--limits_config.retention_stream",
        rule,
    ];
    let server = Skald::start(Path::new(BINARY), data.path(), &flags);
    let client = server.client();
    push(&client, "short", 3, &["1 short"]);
    push(&client, "long", 3, &["2 long"]);
    push(&client, "long", 12, &["3 too old"]);
    push(&client, "short", 0, &["4 new"]);
    assert_eq!(lines(&client), ["2 long", "4 new"]);
    flush(&client);
    assert_eq!(lines(&client), ["2 long", "4 new"]);
    // Making a request wakes the thread that sweeps.
    delete(&client, r#"{app="nobody"}"#);
    while metric(&client, "skald_expired_entries_total") < 2.0 {
        std::thread::yield_now();
    }
    assert_eq!(lines(&client), ["2 long", "4 new"]);
    assert_eq!(metric(&client, "skald_expired_parts_total"), 1.0);
}
