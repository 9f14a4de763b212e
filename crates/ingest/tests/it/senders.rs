//! What real senders sent, recorded, and what becomes of it: labels, metadata, line and time, and
//! the answer. The files are described in tests/fixtures/senders/README.md.

use base64::Engine;
use serde_json::Value;
use skald_ingest::tail_hub::{Dropped, TailEntry, TailSink};
use skald_ingest::{DryRun, Ingest, IngestLimits, Parameters, Protocol, PushReply, PushRequest};
use skald_model::TenantId;
use skald_store::{Options, Store};
use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// After all that was recorded.
const NOW: i64 = 1_800_000_000_000_000_000;

/// Longest text shown of a line, a value or an answer, in bytes.
const SHOWN_BYTES_MAX: usize = 300;

/// Most entries shown of one body.
const ENTRIES_SHOWN_MAX: usize = 6;

/// Keeps entries as text.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl TailSink for Heard {
    fn take(&self, _push: u64, entries: &[TailEntry]) -> Duration {
        let shown = entries.iter().map(|e| {
            let mut out = format!("{} {}", e.timestamp, e.labels);
            write!(
                out,
                "\n    | {}",
                shortened(&String::from_utf8_lossy(&e.line))
            )
            .expect("writing to memory does not fail");
            for (name, value) in &e.metadata {
                write!(out, "\n    {name} = {}", shortened(value))
                    .expect("writing to memory does not fail");
            }
            out
        });
        self.0.lock().expect("nobody panicked").extend(shown);
        Duration::ZERO
    }

    fn dropped(&self, entries: &[Dropped]) {
        panic!("{} entries dropped", entries.len());
    }
}

fn shortened(text: &str) -> String {
    let text = text.escape_debug().to_string();
    match text.char_indices().nth(SHOWN_BYTES_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The answer to a push, and the entries it left.
async fn push(request: PushRequest) -> (PushReply, Vec<String>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Arc::new(Store::open(Options::new(folder.path())).expect("store opens"));
    let ingest = Ingest::new(store, IngestLimits::default(), || NOW);
    let heard: Arc<Heard> = Arc::default();
    let sink: Arc<dyn TailSink> = heard.clone();
    let followed = ingest
        .tail_hub()
        .follow(&TenantId::fake(), Vec::new(), Arc::downgrade(&sink))
        .expect("a thread starts");
    let reply = ingest.push(&TenantId::fake(), request).await;
    // The hub hands on what it holds before it ends.
    drop(ingest);
    drop(followed);
    let heard = std::mem::take(&mut *heard.0.lock().expect("nobody panicked"));
    (reply, heard)
}

fn recorded(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("the fixture is JSON"))
        .collect()
}

fn request(case: &Value) -> PushRequest {
    let path = case["path"].as_str().unwrap_or("");
    // What stands before the index is where the client was sent to.
    let bare = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = bare.split('/').collect();
    let (protocol, index) = match segments.as_slice() {
        _ if case["rpc"].is_string() => (Protocol::OtlpGrpc, None),
        [.., "otlp", "v1", "logs"] => (Protocol::Otlp, None),
        [.., "v1", "logs"] => (Protocol::OtlpHttp, None),
        ["", "_bulk"] | ["", "ls", "_bulk"] => (Protocol::Elasticsearch, None),
        ["", index, "_bulk"] => (Protocol::Elasticsearch, Some(*index)),
        [.., index, "_doc"] => (Protocol::ElasticsearchDocument, Some(*index)),
        [.., "services", "collector"]
        | [.., "collector", "event"]
        | [.., "collector", "event", "1.0"] => (Protocol::SplunkEvents, None),
        other => panic!("nobody takes {other:?}"),
    };
    let header = |name: &str| {
        let headers = case["headers"].as_array()?;
        let header = headers.iter().find(|header| {
            header[0]
                .as_str()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        })?;
        header[1].as_str().map(str::to_owned)
    };
    let body = base64::engine::general_purpose::STANDARD
        .decode(case["body_base64"].as_str().expect("a body"))
        .expect("body is base64");
    let index = index.map(|index| ("index".to_owned(), index.to_owned()));
    PushRequest {
        content_type: header("content-type"),
        content_encoding: header("content-encoding"),
        parameters: Parameters(index.into_iter().collect()),
        ..PushRequest::new(protocol, body)
    }
}

/// Asks what becomes of each body of a file; compares with the file of that name and `.golden`,
/// or writes it when `SKALD_GOLDEN` is set.
async fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/senders");
    let read = |ending: &str| std::fs::read_to_string(folder.join(format!("{name}{ending}")));
    let mut found = String::new();
    for case in recorded(&read(".jsonl").expect("the fixture is there")) {
        let (reply, entries) = push(request(&case)).await;
        let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
        let PushReply { status, body, .. } = reply;
        let shown = shortened(&String::from_utf8_lossy(&body));
        let (program, version, path) = (text("program"), text("version"), text("path"));
        writeln!(found, "# {program} {version} {path}{}", text("rpc"))
            .expect("writing to memory does not fail");
        writeln!(found, "-> {status} {shown}").expect("writing to memory does not fail");
        for entry in entries.iter().take(ENTRIES_SHOWN_MAX) {
            writeln!(found, "{entry}").expect("writing to memory does not fail");
        }
        writeln!(found, "{} entries", entries.len()).expect("writing to memory does not fail");
    }
    if std::env::var_os("SKALD_GOLDEN").is_some() {
        std::fs::write(folder.join(format!("{name}.golden")), found).expect("written");
        return;
    }
    let expected = read(".golden").expect("the golden file is there");
    let different = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(different, None);
    assert_eq!(found.len(), expected.len());
}

#[tokio::test]
async fn elasticsearch() {
    check("elasticsearch").await;
}

#[tokio::test]
async fn splunk() {
    check("splunk").await;
}

#[tokio::test]
async fn opentelemetry() {
    check("opentelemetry").await;
}

/// Bodies that a sender, or something between, got wrong in every way there is.
fn spoiled(body: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let mut all: Vec<Vec<u8>> = (1..10)
        .map(|tenth| body[..body.len() * tenth / 10].to_vec())
        .collect();
    for (from, to) in [
        (":\"", ":1,\"x\":\""),
        (":{", ":[{"),
        ("\":\"", "\":null,\"x\":\""),
        ("{\"", "[\""),
        ("\"", "\u{fffd}"),
        ("\"time", "\"time\":{},\"x"),
        ("\"_index\":\"", "\"_index\":[],\"x\":\""),
        ("\"event\":", "\"event\":null,\"x\":"),
        ("\"message\":", "\"message\":{\"a\":[{}]},\"x\":"),
        ("\n", "\r\n\r\n"),
    ] {
        all.push(text.replace(from, to).into_bytes());
    }
    let latin1 = |byte: &u8| if *byte == b'e' { 0xe9 } else { *byte };
    all.push(body.iter().map(latin1).collect());
    all.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(2000), "]".repeat(2000));
    all.push([deep.as_bytes(), b"\n", body].concat());
    let long = format!(
        "{{\"event\":\"{0}\",\"message\":\"{0}\"}}",
        "x".repeat(1 << 20)
    );
    all.push([long.as_bytes(), b"\n", body].concat());
    all.push(Vec::new());
    all.push(b"null".to_vec());
    all
}

#[test]
fn spoiled_bodies_are_never_the_servers_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/senders");
    let mut dry_run = DryRun::new(IngestLimits::default());
    for name in ["elasticsearch", "splunk", "opentelemetry"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl")));
        for case in recorded(&text.expect("the fixture is there")) {
            let good = request(&case);
            for body in spoiled(&good.body) {
                let reply = dry_run.answer(&PushRequest {
                    body: body.clone().into(),
                    ..good.clone()
                });
                let shown = String::from_utf8_lossy(&body);
                assert!(reply.status < 500, "{}: {shown:.200}", reply.status);
                if reply.content_type == "application/json" {
                    let read = serde_json::from_slice::<Value>(&reply.body);
                    assert!(read.is_ok(), "{shown:.200}");
                }
            }
        }
    }
}

/// The JSON of an answer, its status, and the lines that were stored.
async fn answered(request: PushRequest) -> (u16, Value, Vec<String>) {
    let (reply, entries) = push(request).await;
    let lines = entries.iter().map(|entry| {
        let line = entry.split("\n    ").nth(1).unwrap_or_default();
        line.trim_start_matches("| ").to_owned()
    });
    let body = serde_json::from_slice(&reply.body).expect("the answer is JSON");
    (reply.status, body, lines.collect())
}

#[tokio::test]
async fn a_bulk_request_is_answered_item_by_item() {
    let too_long = "x".repeat(300 << 10);
    let body = format!(
        r#"{{"create":{{"_index":"a","_id":"1"}}}}
{{"message":"good 1","@timestamp":"2026-11-30T12:00:00Z"}}

{{"delete":{{"_index":"a","_id":"2"}}}}
{{"update":{{"_index":"a","_id":"3"}}}}
{{"doc":{{"message":"no"}}}}
{{"index":{{"_index":"b"}}}}
{{"message":
{{"oops":{{}}}}
{{"message":"of no action"}}
{{"index":{{"_index":"b"}}}}
{{"message":"good 2","@timestamp":1796040000000}}
{{"index":{{"_index":"a"}}}}
{{"message":"{too_long}"}}
{{"index":{{}}}}"#
    );
    let (status, body, lines) = answered(PushRequest::new(Protocol::Elasticsearch, body)).await;
    assert_eq!((status, &body["errors"]), (200, &Value::Bool(true)));
    let items: Vec<String> = body["items"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|item| item.as_object().expect("an object"))
        .map(|(action, of)| format!("{action} {} {}", of["status"], of["error"]["type"]))
        .collect();
    let refused = r#"400 "illegal_argument_exception""#;
    assert_eq!(
        items,
        [
            "create 201 null".to_owned(),
            format!("delete {refused}"),
            format!("update {refused}"),
            r#"index 400 "document_parsing_exception""#.to_owned(),
            format!("index {refused}"),
            "index 201 null".to_owned(),
            format!("index {refused}"),
            format!("index {refused}"),
        ]
    );
    assert_eq!(lines, ["good 1", "good 2"]);
    let (status, body, _) = answered(PushRequest::new(Protocol::Elasticsearch, " \n")).await;
    assert_eq!((status, &body["status"]), (400, &Value::from(400)));
}

#[tokio::test]
async fn splunk_names_the_first_event_it_refuses() {
    let check = async |body: &str, expected: (u16, u64, Value), lines: &[&str]| {
        let request = PushRequest::new(Protocol::SplunkEvents, body.to_owned());
        let (status, answer, found) = answered(request).await;
        let code = answer["code"].as_u64().expect("a code");
        let number = answer["invalid-event-number"].clone();
        assert_eq!((status, code, number), expected, "{body}");
        assert_eq!(found, lines, "{body}");
    };
    let none = Value::Null;
    let good = r#"{"event":"a","time":"1796040000.5"}{"event":{"b":1}}"#;
    check(good, (200, 0, none.clone()), &["a", r#"{\"b\":1}"#]).await;
    check("", (400, 5, none), &[]).await;
    let missing = r#"{"event":"a"} {"fields":{"x":1}}{"event":"c"}"#;
    check(missing, (400, 12, 1.into()), &["a", "c"]).await;
    check(r#"{"event":" "}{"event":"c"}"#, (400, 13, 0.into()), &["c"]).await;
    check(r#"{"event":"a"}{"event":"b""#, (400, 6, 1.into()), &["a"]).await;
    check(r#"{"event":"a"}nonsense"#, (400, 6, 1.into()), &["a"]).await;
}

#[tokio::test]
async fn splunk_takes_raw_lines() {
    let parameters = Parameters(vec![("sourcetype".to_owned(), "linux".to_owned())]);
    let request = PushRequest {
        parameters,
        ..PushRequest::new(Protocol::SplunkRaw, &b"one\r\n\ntwo \xff\n"[..])
    };
    let (reply, entries) = push(request).await;
    assert_eq!(reply.status, 200);
    let first = format!(
        "{NOW} {{service_name=\"linux\", sourcetype=\"linux\"}}\n    | one\n    detected_level = unknown"
    );
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0], first);
}

#[tokio::test]
async fn datadog_takes_lists_objects_and_lines() {
    let check = async |content_type: &str, body: &'static [u8], status: u16, lines: &[&str]| {
        let request = PushRequest {
            content_type: Some(content_type.to_owned()),
            ..PushRequest::new(Protocol::Datadog, body)
        };
        let (found, _, stored) = answered(request).await;
        assert_eq!(stored, lines, "{body:?}");
        assert_eq!(found, status, "{body:?}");
    };
    let json = "application/json";
    check(
        json,
        br#"[{"message":"a"},{"message":"b"}]"#,
        202,
        &["a", "b"],
    )
    .await;
    check(json, br#"{"message":"a"}"#, 202, &["a"]).await;
    check(
        json,
        b"{\"message\":\"a\"}\n{\"message\":\"b\"}",
        202,
        &["a", "b"],
    )
    .await;
    check(json, br#"{"level":"x"}"#, 202, &[r#"{\"level\":\"x\"}"#]).await;
    check(json, br#"["a",1,{"message":"b"},"#, 202, &["a", "1", "b"]).await;
    check(json, br#"[{"message":"a"},{"mess"#, 400, &["a"]).await;
    check(json, b"[]", 202, &[]).await;
    check("text/plain", b"a\nb\n", 202, &["a", "b"]).await;
    let body = br#"{"message":"m","ddsource":"nginx","ddtags":"env:prod,team:a","hostname":"h",
        "service":"web","status":"error","timestamp":1796040000123,"http":{"code":500}}"#;
    let (_, entries) = push(PushRequest::new(Protocol::Datadog, &body[..])).await;
    let expected = "1796040000123000000 {env=\"prod\", host=\"h\", service_name=\"web\", source=\"nginx\"}\n    \
        | m\n    detected_level = error\n    http_code = 500\n    level = error\n    status = error\n    team = a";
    assert_eq!(entries, [expected]);
}
