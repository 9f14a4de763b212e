//! `/skald/api/v1/sources`: who sent what, what was refused and why, over a restart.

use serde_json::Value;
use skald_tests::local::Local;
use skald_tests::query::Query;
use std::io::Write;
use std::net::TcpStream;
use std::thread::yield_now;
use std::time::{Duration, Instant};

fn sources(local: &Local) -> Vec<Value> {
    let answer = Query::path("/skald/api/v1/sources").json(&local.client());
    answer["data"]["sources"]
        .as_array()
        .expect("a list")
        .clone()
}

fn post(local: &Local, agent: &str, body: &str) -> u16 {
    let headers = [("Content-Type", "application/json"), ("User-Agent", agent)];
    let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
    let answer = local
        .client()
        .send("POST", "/loki/api/v1/push", &headers, body.as_bytes());
    answer.expect("answers").status
}

fn body(line: &str) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    format!(
        "{{\"streams\":[{{\"stream\":{{\"app\":\"a\"}},\"values\":[[\"{}\",\"{line}\"]]}}]}}",
        now.as_nanos()
    )
}

#[test]
fn each_sender_is_a_source_and_stays_one_over_a_restart() {
    let mut local = Local::start_with(|config| {
        config.limits.max_line_size = skald_server::config::setting::ByteSize(10);
    });
    assert!(sources(&local).is_empty());
    assert_eq!(post(&local, "one", &body("short")), 204);
    assert_eq!(post(&local, "one", &body("longer than ten")), 400);
    assert_eq!(post(&local, "two", "{"), 400);
    let found = sources(&local);
    assert_eq!(found.len(), 2, "{found:?}");
    let one = &found[0];
    assert_eq!(one["user_agent"], "one");
    assert_eq!(
        (one["receiver"].as_str(), one["client"].as_str()),
        (Some("loki"), Some("127.0.0.1"))
    );
    assert_eq!(
        (
            one["pushes"].as_u64(),
            one["entries"].as_u64(),
            one["bytes"].as_u64()
        ),
        (Some(2), Some(1), Some(5))
    );
    assert!(
        one["lag_seconds"].as_f64().is_some_and(|lag| lag >= 0.0),
        "{one}"
    );
    let refused = &one["refused"][0];
    assert_eq!(refused["reason"], "line_too_long");
    assert_eq!(
        (refused["count"].as_u64(), refused["sample"].as_str()),
        (Some(1), Some("longer than ten"))
    );
    assert_eq!(refused["setting"], "limits_config.max_line_size");
    assert_eq!(found[1]["refused"][0]["reason"], "malformed");
    local.restart();
    let names = |found: &[Value]| {
        found
            .iter()
            .map(|source| source["first_seen"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&sources(&local)), names(&found));
}

#[test]
fn a_push_to_a_path_that_is_none_is_noted() {
    let local = Local::start();
    let agent = [("User-Agent".to_owned(), "lost".to_owned())];
    for (method, path) in [("POST", "/loki/api/v1/pushes?a=b"), ("GET", "/favicon.ico")] {
        let answer = local.client().send(method, path, &agent, b"{}");
        assert_eq!(answer.expect("answers").status, 404);
    }
    let found = sources(&local);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["user_agent"], "lost");
    let refused = &found[0]["refused"][0];
    assert_eq!(refused["reason"], "unknown_path");
    assert_eq!(refused["sample"], "POST /loki/api/v1/pushes");
    let advice = refused["advice"].as_str();
    assert!(advice.is_some_and(|text| text.contains("/loki/api/v1/push,")));
}

#[test]
fn a_tenant_sees_its_own_sources_alone() {
    let local = Local::start_with(|config| config.auth_enabled = true);
    for tenant in ["a", "b"] {
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Scope-OrgID", tenant),
        ];
        let headers = headers.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let answer =
            local
                .client()
                .send("POST", "/loki/api/v1/push", &headers, body("x").as_bytes());
        assert_eq!(answer.expect("answers").status, 204);
    }
    let answer = Query::path("/skald/api/v1/sources")
        .tenant("a")
        .json(&local.client());
    let found = answer["data"]["sources"].as_array().expect("a list");
    assert_eq!((found.len(), found[0]["tenant"].as_str()), (1, Some("a")));
    assert!(answer["data"]["listeners"].is_null());
    assert_eq!(
        Query::path("/skald/api/v1/sources")
            .ask(&local.client())
            .status,
        401
    );
}

#[test]
fn a_push_that_finds_no_place_is_a_refusal_of_its_source() {
    const PLACES: usize = 16;
    let local = Local::start_with(|config| config.server.max_concurrent_requests = PLACES);
    let hold = || {
        let mut stream = TcpStream::connect(local.address()).expect("connects");
        let head = format!(
            "POST /loki/api/v1/push HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\n",
            local.address()
        );
        stream.write_all(head.as_bytes()).expect("written");
        stream
    };
    let held: Vec<TcpStream> = (0..PLACES).map(|_| hold()).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while post(&local, "full", &body("x")) != 503 {
        assert!(Instant::now() < deadline, "the places are taken");
        yield_now();
    }
    drop(held);
    while Query::path("/ready").ask(&local.client()).status != 200
        || Query::path("/skald/api/v1/sources")
            .ask(&local.client())
            .status
            != 200
    {
        assert!(Instant::now() < deadline, "the places are free again");
        yield_now();
    }
    let found = sources(&local);
    let full = found.iter().find(|source| source["user_agent"] == "full");
    let refused = &full.expect("it is a source")["refused"][0];
    assert_eq!(refused["reason"], "too_many_requests");
    assert_eq!(refused["setting"], "server.max_concurrent_requests");
    assert_eq!(refused["over"], false, "what was refused once may be again");
}
