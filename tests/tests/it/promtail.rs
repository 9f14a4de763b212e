//! What a real Promtail sent, pushed byte for byte: each entry comes back with its time, line,
//! labels and structured metadata, from the head and from parts.

use base64::Engine;
use prost::Message;
use serde_json::Value;
use skald_ingest::proto_types::PushRequest;
use skald_tests::http::Client;
use skald_tests::local::Local;
use std::collections::{BTreeMap, BTreeSet};

type Pairs = BTreeMap<String, String>;
/// Time, line, stream labels, structured metadata.
type Entry = (i64, String, Pairs, Pairs);

/// The bodies as they went over the wire.
fn bodies() -> Vec<Vec<u8>> {
    let recorded = include_str!("../../fixtures/promtail-3.6.jsonl").lines();
    let body = |line: &str| {
        let exchange: Value = serde_json::from_str(line).expect("an exchange is JSON");
        let text = exchange["body_base64"].as_str().expect("it has a body");
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("the body is base64")
    };
    recorded.map(body).collect()
}

/// The entries of a body, read by an independent decoder.
fn entries(body: &[u8]) -> Vec<Entry> {
    let bytes = snap::raw::Decoder::new()
        .decompress_vec(body)
        .expect("the body is snappy");
    let request = PushRequest::decode(&*bytes).expect("the body is a push");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("Promtail sends UTF-8");
    let mut found = Vec::new();
    for stream in request.streams {
        let selector =
            skald_logql::parse_selector(&text(stream.labels)).expect("labels read like a selector");
        let labels: Pairs = selector
            .matchers
            .into_iter()
            .map(|m| (m.name, m.value))
            .collect();
        for entry in stream.entries {
            let time = entry
                .timestamp
                .map_or(0, |t| t.seconds * 1_000_000_000 + i64::from(t.nanos));
            let metadata = entry
                .structured_metadata
                .into_iter()
                .map(|p| (text(p.name), text(p.value)))
                .collect();
            found.push((time, text(entry.line), labels.clone(), metadata));
        }
    }
    found
}

/// All entries of the cluster, without what a server adds (`service_name`, `detected_level`).
fn read_back(client: &Client) -> BTreeSet<Entry> {
    let text = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>()
    };
    let params = text(&[
        ("query", r#"{cluster="minikube"}"#),
        ("start", "1"),
        ("end", "4000000000"),
        ("limit", "5000"),
    ]);
    let headers = text(&[("X-Loki-Response-Encoding-Flags", "categorize-labels")]);
    let reply = client
        .get("/loki/api/v1/query_range", &params, &headers)
        .expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer: Value = serde_json::from_str(&reply.text).expect("an answer is JSON");
    let pairs = |value: &Value, added: &str| -> Pairs {
        let all = value.as_object().into_iter().flatten();
        all.filter(|(n, _)| *n != added)
            .map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect()
    };
    let mut found = BTreeSet::new();
    for stream in answer["data"]["result"].as_array().expect("streams") {
        let labels = pairs(&stream["stream"], "service_name");
        for value in stream["values"].as_array().expect("values") {
            let time = value[0]
                .as_str()
                .and_then(|t| t.parse().ok())
                .expect("a time in nanoseconds");
            let line = value[1].as_str().expect("a line").to_owned();
            let fresh = found.insert((
                time,
                line,
                labels.clone(),
                pairs(&value[2]["structuredMetadata"], "detected_level"),
            ));
            assert!(fresh, "an entry came back twice");
        }
    }
    found
}

#[test]
fn every_entry_of_promtail_comes_back_as_it_was_sent() {
    let server = Local::start();
    let client = server.client();
    let mut sent = BTreeSet::new();
    for body in bodies() {
        sent.extend(entries(&body));
        let reply = client
            .post("/loki/api/v1/push", "application/x-protobuf", &body)
            .expect("the server answers");
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    }
    assert!(
        sent.len() > 100
            && sent
                .iter()
                .any(|(_, _, _, metadata)| metadata.contains_key("trace_id"))
    );
    assert_eq!(read_back(&client), sent);
    server.flush();
    assert_eq!(read_back(&client), sent);
}
