//! Pushes with the headers, bodies and names that real clients send.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::json;
use skald_tests::BASE_S;
use skald_tests::http::{Answer, Client};
use skald_tests::local::Local;
use skald_tests::push::Push;
use skald_tests::query::Query;
use std::io::Write;

fn post(client: &Client, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .send("POST", "/loki/api/v1/push", &headers, body)
        .expect("the server answers")
}

fn lines(client: &Client, query: &str) -> Vec<String> {
    let (start, end) = (BASE_S * 1_000_000_000, (BASE_S + 60) * 1_000_000_000);
    let query = Query::range(query, start, end).with("direction", "forward");
    query.lines(client)
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn deflate_is_taken_with_its_frame_and_without() {
    let local = Local::start();
    let client = local.client();
    let body = |line: &str| Push::stream(json!({"c": "deflate"})).entry(1, line).body();
    let zlib = |text: &str| {
        let mut to = ZlibEncoder::new(Vec::new(), Compression::best());
        to.write_all(text.as_bytes()).expect("compressed");
        to.finish().expect("compressed")
    };
    let raw = |text: &str| {
        let mut to = DeflateEncoder::new(Vec::new(), Compression::best());
        to.write_all(text.as_bytes()).expect("compressed");
        to.finish().expect("compressed")
    };
    let deflate = ("Content-Encoding", "deflate");
    for body in [zlib(&body("in a frame")), raw(&body("bare"))] {
        let answer = post(&client, &[JSON, deflate], &body);
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
    // Damage is refused, and nothing of it is stored.
    let whole = zlib(&body("cut"));
    let mut wrong_sum = zlib(&body("wrong checksum"));
    *wrong_sum.last_mut().expect("not empty") ^= 1;
    for damaged in [&whole[..whole.len() - 7], &wrong_sum] {
        assert_eq!(post(&client, &[JSON, deflate], damaged).status, 400);
    }
    for _ in 0..2 {
        let mut found = lines(&client, "{c=\"deflate\"}");
        found.sort();
        assert_eq!(found, ["bare", "in a frame"]);
        local.flush();
    }
}

#[test]
fn codings_are_named_in_any_case_and_damage_is_refused_whole() {
    let local = Local::start();
    let client = local.client();
    let body = |line: &str| Push::stream(json!({"c": "gzip"})).entry(1, line).body();
    let gzip = |bytes: &[u8]| {
        let mut to = GzEncoder::new(Vec::new(), Compression::best());
        to.write_all(bytes).expect("compressed");
        to.finish().expect("compressed")
    };
    let members = |text: &str| {
        let (first, second) = text.as_bytes().split_at(20);
        [gzip(first), gzip(second)].concat()
    };
    let taken = [
        ("gzip", gzip(body("gzip").as_bytes())),
        ("GZIP", gzip(body("upper case").as_bytes())),
        ("gzip", members(&body("two members"))),
        ("identity", body("identity").into_bytes()),
        ("", body("empty").into_bytes()),
    ];
    for (coding, bytes) in &taken {
        let answer = post(&client, &[JSON, ("Content-Encoding", coding)], bytes);
        assert_eq!(answer.status, 204, "{coding:?}: {}", answer.text);
    }
    let whole = gzip(body("damaged").as_bytes());
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    for (coding, bytes) in [
        ("gzip", &whole[..whole.len() - 9]),
        ("gzip", &wrong_sum),
        ("br", &whole),
    ] {
        let answer = post(&client, &[JSON, ("Content-Encoding", coding)], bytes);
        assert!(
            (400..500).contains(&answer.status),
            "{coding} {}",
            answer.status
        );
    }
    assert_eq!(post(&client, &[JSON], &whole).status, 400, "no header");
    assert_eq!(lines(&client, "{c=\"gzip\"}").len(), taken.len());
}

#[test]
fn a_content_type_that_is_not_known_is_named() {
    let local = Local::start();
    let client = local.client();
    let body = Push::stream(json!({"c": "type"})).entry(1, "x").body();
    for known in [
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON",
        "application/json ; charset=utf-8",
    ] {
        let answer = post(&client, &[("Content-Type", known)], body.as_bytes());
        assert_eq!(answer.status, 204, "{known}: {}", answer.text);
    }
    for unknown in [
        "text/json",
        "text/plain",
        "text/plain; charset=utf-8",
        "application/xml",
    ] {
        let answer = post(&client, &[("Content-Type", unknown)], body.as_bytes());
        let name = unknown.split(';').next().unwrap_or_default();
        assert!(
            matches!(answer.status, 400 | 415) && answer.text.contains(name),
            "{unknown}: {} {}",
            answer.status,
            answer.text
        );
    }
}

#[test]
fn a_label_name_that_is_refused_is_named_and_good_streams_stay() {
    let local = Local::start();
    let client = local.client();
    for (at, name) in ["sub-app", "a.b", "a:b", "a b", "0", "\u{e9}"]
        .iter()
        .enumerate()
    {
        let answer = Push::stream(json!({"c": "names"}))
            .entry(at as i64, "good")
            .and_stream(json!({"c": "names", *name: "v"}))
            .entry(at as i64, "bad")
            .send(&client, "");
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        assert!(answer.text.contains(name), "{name}: {}", answer.text);
    }
    assert_eq!(lines(&client, "{c=\"names\"}"), ["good"; 6]);
}
