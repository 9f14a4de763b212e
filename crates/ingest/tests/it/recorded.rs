//! What a real Loki answered to good and bad pushes, asked of an ingest over a store in a temporary
//! folder.
//!
//! Status equal, text beginning with the same words. Where we differ on purpose, [`EXCEPTIONS`]
//! says why.

use crate::support::{Bed, NOW};
use base64::Engine;
use serde_json::Value;
use skald_ingest::{Ingest, IngestLimits, Protocol, PushReply, PushRequest};
use skald_model::TenantId;
use skald_store::{Options, Store};
use std::sync::Arc;
use std::time::Duration;

/// Cases with another status than Loki's, and why.
const EXCEPTIONS: [(&str, u16, &str); 3] = [
    (
        "json seconds timestamp",
        204,
        "1970 is outside of Loki's out-of-order window only, and we take any order",
    ),
    (
        "json metadata not a string",
        204,
        "numbers, booleans, lists and objects are taken as written: one number must not stop all logging of an app",
    ),
    (
        "GET push",
        400,
        "the method is the router's business; here the body is empty JSON",
    ),
];

/// Cases with Loki's status and other words after the first ones, and why.
const OTHER_WORDS: [(&str, &str, &str); 4] = [
    (
        "json bad label name",
        "couldn't parse labels: parse error: name of label 'a-b' in stream '{a-b=",
        "Loki names a column of a text that a client of JSON never sent",
    ),
    (
        "json empty label name",
        "couldn't parse labels: parse error: name of label '' in stream '{=",
        "as above",
    ),
    (
        "json mixed good and bad",
        "couldn't parse labels: parse error: name of label 'b-d' in stream '{b-d=",
        "as above",
    ),
    (
        "text/plain",
        "content type \"text/plain\" is not application/json, ",
        "a client that forgot the type of its JSON never heard of snappy",
    ),
];

/// Bytes of the text that have to be the same, up to the first thing that depends on the time or
/// the decoder.
fn first_words(text: &str) -> &str {
    let end = ["oldest acceptable", ", error found", "...|"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    text[..end.unwrap_or(text.len())].trim_end()
}

fn request(case: &Value) -> PushRequest {
    let header = |name: &str| case["headers"][name].as_str().map(str::to_owned);
    let body = base64::engine::general_purpose::STANDARD
        .decode(case["body_base64"].as_str().expect("a body"));
    let protocol = match case["path"] == "/api/prom/push" {
        true => Protocol::LokiLegacy,
        false => Protocol::Loki,
    };
    PushRequest {
        content_type: header("Content-Type"),
        content_encoding: header("Content-Encoding"),
        ..PushRequest::new(protocol, body.expect("body is base64"))
    }
}

fn cases(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("fixture is JSON"))
        .collect()
}

#[tokio::test]
async fn recorded_pushes_are_answered_as_loki_answers_them() {
    let bed = Bed::new();
    let cases = cases(include_str!("../../../../tests/fixtures/push.jsonl"));
    assert_eq!(cases.len(), 55);
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let PushReply { status, body, .. } =
            bed.ingest.push(&TenantId::fake(), request(case)).await;
        let text = String::from_utf8(body).expect("answers are text");
        if let Some((_, expected, _)) = EXCEPTIONS.iter().find(|(exception, ..)| *exception == name)
        {
            assert_eq!(status, *expected, "{name}");
            continue;
        }
        if let Some((_, expected, _)) = OTHER_WORDS.iter().find(|(other, ..)| *other == name) {
            assert_eq!(u64::from(status), case["status"], "{name}");
            assert!(text.starts_with(expected), "{name}: {text}");
            continue;
        }
        let wanted = case["text"].as_str().expect("a text");
        if u64::from(status) != case["status"] || first_words(&text) != first_words(wanted) {
            wrong.push(format!(
                "{name}: {status} {text:.300} instead of {} {wanted:.300}",
                case["status"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_bad_stream_does_not_lose_its_neighbour() {
    let bed = Bed::new();
    let cases = cases(include_str!("../../../../tests/fixtures/push.jsonl"));
    let mixed = cases
        .iter()
        .find(|c| c["name"] == "json mixed good and bad")
        .expect("the case is there");
    assert_eq!(
        bed.ingest
            .push(&TenantId::fake(), request(mixed))
            .await
            .status,
        400
    );
    let rows = bed.stored("app", "mixed");
    assert_eq!(
        rows,
        [(
            1_772_323_200_000_000_000,
            b"good".to_vec(),
            "detected_level=unknown".to_owned()
        )]
    );
}

#[tokio::test]
async fn promtails_bytes_come_back_line_by_line() {
    let bed = Bed::new();
    let mut pushed = 0;
    for case in cases(include_str!(
        "../../../../tests/fixtures/promtail-3.6.jsonl"
    )) {
        let request = request(&case);
        pushed += lines_of(&request.body);
        let reply = bed.ingest.push(&TenantId::fake(), request).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0));
    }
    let rows = bed.stored("cluster", "minikube");
    assert!(pushed > 100, "{pushed}");
    assert_eq!(rows.len(), pushed);
    assert!(
        rows.iter()
            .all(|(_, _, metadata)| metadata.contains("detected_level="))
    );
    assert!(
        rows.iter()
            .any(|(_, _, metadata)| metadata.contains("trace_id="))
    );
}

fn lines_of(body: &[u8]) -> usize {
    use prost::Message;
    let bytes = snap::raw::Decoder::new()
        .decompress_vec(body)
        .expect("body is snappy");
    let request = skald_ingest::proto_types::PushRequest::decode(&*bytes).expect("body is a push");
    let entries = request.streams.iter().flat_map(|s| {
        s.entries
            .iter()
            .map(move |e| (&s.labels, e.timestamp, &e.line))
    });
    // Equal entries of a stream collapse.
    entries
        .map(|e| format!("{e:?}"))
        .collect::<std::collections::HashSet<_>>()
        .len()
}

#[tokio::test]
async fn a_push_that_finds_no_memory_gets_a_time_to_retry() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let options = Options {
        memory: 1 << 20,
        background: false,
        push_wait: Duration::from_millis(50),
        ..Options::new(folder.path())
    };
    let store = Arc::new(Store::open(options).expect("store opens"));
    let ingest = Ingest::new(Arc::clone(&store), IngestLimits::default(), || NOW);
    let push = async || {
        let body = format!(
            r#"{{"streams":[{{"stream":{{"app":"a"}},"values":[["{NOW}","{}"]]}}]}}"#,
            "x".repeat(200_000)
        );
        let request = PushRequest {
            content_type: Some("application/json".to_owned()),
            ..PushRequest::new(Protocol::Loki, body)
        };
        ingest.push(&TenantId::fake(), request).await
    };
    let mut replies = Vec::new();
    for _ in 0..10 {
        replies.push(push().await);
    }
    let refused = replies
        .iter()
        .find(|reply| reply.status != 204)
        .expect("ten such pushes are too much");
    assert_eq!((refused.status, refused.retry_after), (429, Some(5)));
    assert_eq!(
        refused.body,
        b"unflushed entries wait to be written, flushing is behind: try again later\n"
    );
    store.flush().expect("flushing works");
    assert_eq!(push().await.status, 204);
}
