//! What a client is told when something is wrong: status, words and form.

use serde_json::Value;
use skald_tests::API;
use skald_tests::http::{Client, Reply};
use skald_tests::local::Local;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn get(client: &Client, target: &str, headers: &[(&str, &str)]) -> Reply {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .get(target, &[], &headers)
        .expect("the server answers")
}

const END: &str = "parse error : syntax error: unexpected $end";

/// Targets under the API, with the status and the first line of the answer.
const MISTAKES: &[(&str, u16, &str)] = &[
    ("/query", 400, END),
    ("/query_range", 400, END),
    (
        "/query_range?query=%7Bapp%3D",
        400,
        "parse error at line 1, col 6: syntax error: unexpected $end, expecting STRING",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&start=x",
        400,
        "could not parse 'start' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&limit=0",
        400,
        "limit must be a positive value",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&limit=5001",
        400,
        "max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&direction=up",
        400,
        "invalid direction 'up'",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&step=0",
        400,
        "zero or negative query resolution step widths are not accepted. Try a positive integer",
    ),
    (
        "/query_range?query=%7Ba%3D%22b%22%7D&start=2&end=1",
        400,
        "end timestamp must not be before or equal to start time",
    ),
    (
        "/query?query=1&time=x",
        400,
        "strconv.ParseInt: parsing \"x\": invalid syntax",
    ),
    (
        "/series?match[]=%7B%7D&match[]=%7Ba%3D%22b%22%7D",
        400,
        "0 matchers in group: {}",
    ),
    (
        "/labels?query=%7Ba%3D%22b%22%7D%7Cjson",
        400,
        "only label matchers are supported",
    ),
    ("/index/stats", 400, END),
    (
        "/index/stats?query=%7Ba%3D%22b%22%7D%7C%3D%22x%22",
        400,
        "only label matchers are supported",
    ),
    (
        "/index/shards?query=%7Ba%3D%22b%22%7D",
        400,
        "targetBytesPerShard must be a positive value",
    ),
    (
        "/index/volume?query=%7Ba%3D%22b%22%7D&aggregateBy=x",
        400,
        "invalid aggregation option",
    ),
    (
        "/patterns?query=%7Ba%3D%22b%22%7D%7Cjson",
        400,
        "only label matchers are supported",
    ),
    (
        "/detected_fields?query=%7Ba%3D%22b%22%7D&line_limit=x",
        400,
        "strconv.Atoi: parsing \"x\": invalid syntax",
    ),
    (
        "/tail?query=rate(%7Ba%3D%22b%22%7D%5B1m%5D)",
        400,
        "the tail needs a WebSocket, or Accept: text/event-stream or application/x-ndjson",
    ),
    ("/nothing", 404, "404 page not found"),
    ("/push", 405, ""),
];

#[test]
fn mistakes_are_answered_in_lokis_words() {
    let local = Local::start();
    let client = local.client();
    let check = |target: &str, status: u16, text: &str| {
        let reply = get(&client, target, &[]);
        assert_eq!(
            (reply.status, reply.text.lines().next().unwrap_or("")),
            (status, text),
            "{target}"
        );
    };
    for (target, status, text) in MISTAKES {
        check(&format!("{API}{target}"), *status, text);
    }
    check("/nowhere", 404, "404 page not found");
    check(
        "/api/prom/query?query=rate(%7Ba%3D%22b%22%7D%5B1m%5D)",
        400,
        "rpc error: code = Code(400) desc = legacy endpoints only support streams result type",
    );
}

/// Sends one request as it stands; gives head and body.
fn raw(local: &Local, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(local.address()).expect("the server accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout can be set");
    stream
        .write_all(request.as_bytes())
        .expect("the request is sent");
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .expect("the answer is text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn errors_of_reads_end_without_a_newline_and_those_of_pushes_with_one() {
    let local = Local::start();
    let (head, body) = raw(
        &local,
        "GET /loki/api/v1/labels?start=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(head.starts_with("http/1.1 400"), "{head}");
    assert!(
        head.contains("content-type: text/plain; charset=utf-8")
            && head.contains("x-content-type-options: nosniff"),
        "{head}"
    );
    assert!(!body.ends_with('\n'), "{body:?}");
    let push = "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\nx";
    let (head, body) = raw(&local, push);
    assert!(
        head.starts_with("http/1.1 400") && head.contains("x-content-type-options: nosniff"),
        "{head}"
    );
    assert!(body.ends_with('\n') && !body.ends_with("\n\n"), "{body:?}");
}

#[test]
fn a_wrong_method_is_told_which_are_right() {
    let local = Local::start();
    let (head, body) = raw(
        &local,
        "DELETE /loki/api/v1/labels HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(
        head.starts_with("http/1.1 405") && head.contains("allow: get,head,post"),
        "{head}"
    );
    assert_eq!(body, "");
}

#[test]
fn json_is_for_those_who_ask_for_it_alone() {
    let local = Local::start();
    let client = local.client();
    let reply = get(
        &client,
        "/loki/api/v1/query?query=%7B",
        &[("accept", "application/json")],
    );
    let body: Value = serde_json::from_str(&reply.text).expect("the error is JSON");
    assert_eq!(
        (reply.status, &body["status"], &body["errorType"]),
        (400, &"error".into(), &"bad_data".into())
    );
    assert_eq!(body["error"], body["message"]);
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|m| m.starts_with("parse error at line 1, col 2: syntax error")),
        "{body}"
    );
    let reply = get(
        &client,
        "/loki/api/v1/query?query=%7B",
        &[("accept", "application/json, */*")],
    );
    assert!(
        reply.text.starts_with("parse error at line 1"),
        "{}",
        reply.text
    );
}

#[test]
fn with_authentication_a_tenant_must_be_named_and_sees_its_own_data_only() {
    let local = Local::start_with(|config| config.auth_enabled = true);
    let client = local.client();
    let check = |tenant: Option<&str>, status: u16, text: &str| {
        let headers: Vec<(&str, &str)> = tenant.map(|t| ("X-Scope-OrgID", t)).into_iter().collect();
        let reply = get(&client, "/loki/api/v1/labels", &headers);
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (status, text),
            "{tenant:?}"
        );
    };
    check(None, 401, "no org id\n");
    check(Some("a|b"), 400, "multiple org IDs present");
    check(
        Some("a b"),
        400,
        "tenant ID 'a b' contains unsupported character ' '",
    );
    check(Some(".."), 400, "tenant ID is '.' or '..'");
    check(Some("team"), 200, "{\"status\":\"success\"}\n");
    assert_eq!(get(&client, "/ready", &[]).text, "ready\n");
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let local = Local::start_with(|config| config.distributor.max_recv_msg_size.0 = 1000);
    let push = "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n";
    let (head, body) = raw(&local, push);
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert_eq!(
        body,
        "request body too large: message size too large than max (5000 vs 1000)\n"
    );
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let local = Local::start_with(|config| {
        config.server.http_server_read_timeout = Duration::from_millis(50)
    });
    let push = "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    let (head, body) = raw(&local, push);
    assert!(head.starts_with("http/1.1 408"), "{head}");
    assert_eq!(body, "the request body did not arrive in time\n");
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let local = Local::start_with(|config| {
        config.server.http_server_idle_timeout = Duration::from_millis(50)
    });
    let (head, _) = raw(&local, "GET /ready HTTP/1.1\r\nHo");
    assert_eq!(head, "");
}
