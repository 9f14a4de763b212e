//! Bulk requests of Elasticsearch that are taken in part, and what their writers hear.

use crate::support::Bed;
use serde_json::Value;
use skald_ingest::{IngestLimits, Protocol};

/// A document that is taken, and one of a stream with more bytes than it may have now.
fn body() -> String {
    let long = "x".repeat(2000);
    format!(
        r#"{{"index":{{"_index":"small"}}}}
{{"message":"hello","@timestamp":"2026-11-30T12:00:00Z"}}
{{"index":{{"_index":"large"}}}}
{{"message":"{long}","@timestamp":"2026-11-30T12:00:00Z"}}
"#
    )
}

fn bed() -> Bed {
    Bed::with(IngestLimits {
        per_stream_rate_limit: 1000,
        per_stream_rate_limit_burst: 1000,
        ..IngestLimits::default()
    })
}

async fn push(bed: &Bed, content_type: &str, body: &str) -> (u16, String) {
    bed.push(Protocol::Elasticsearch, content_type, None, body)
        .await
}

#[tokio::test]
async fn who_looks_at_the_status_alone_hears_of_it_what_a_limit_refused_for_now() {
    for content_type in ["application/x-ndjson", "application/json", ""] {
        let bed = bed();
        for _ in 0..2 {
            let (status, answer) = push(&bed, content_type, &body()).await;
            let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
            assert_eq!((status, &answer["status"]), (503, &Value::from(503)));
            let reason = answer["error"]["reason"].as_str().unwrap_or_default();
            assert!(reason.starts_with("Per stream rate limit"), "{reason}");
        }
        bed.store.flush().expect("flushing works");
        let small = bed.stored("index", "small");
        assert_eq!(small.len(), 1, "sent again, it is one");
        assert_eq!(bed.stored("index", "large"), []);
    }
    let rsyslog = "application/json; charset=utf-8";
    let (status, answer) = push(&bed(), rsyslog, &body()).await;
    assert_eq!(status, 503);
    assert!(
        answer.starts_with("Per stream rate limit"),
        "no JSON: {answer}"
    );
}

#[tokio::test]
async fn who_looks_into_the_items_finds_there_what_a_limit_refused_for_now() {
    let content_type = "application/vnd.elasticsearch+x-ndjson; compatible-with=8";
    let (status, answer) = push(&bed(), content_type, &body()).await;
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    assert_eq!((status, &answer["errors"]), (200, &Value::from(true)));
    let statuses: Vec<&Value> = answer["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| &item["index"]["status"])
        .collect();
    assert_eq!(statuses, [201, 429]);
}

#[tokio::test]
async fn what_stands_beside_an_action_is_passed_over() {
    let bed = Bed::new();
    // So does winston-elasticsearch.
    let body = r#"{"index":{"_index":"a"},"attempts":0}
{"message":"hello","@timestamp":"2026-11-30T12:00:00Z"}
{}
"#;
    let (status, answer) = push(&bed, "application/x-ndjson", body).await;
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    assert_eq!(
        (status, &answer["items"][0]["index"]["status"]),
        (200, &Value::from(201))
    );
    let reason = answer["items"][1]["index"]["error"]["reason"].as_str();
    assert_eq!(
        reason,
        Some("malformed action/metadata line: an action has a name")
    );
    assert_eq!(bed.stored("index", "a").len(), 1);
}

#[tokio::test]
async fn each_item_says_its_own_action_index_and_id_however_alike_the_action_lines_are() {
    let bed = Bed::new();
    let (a, b) = (
        r#"{"create":{"_index":"a"}}"#,
        r#"{"index":{"_index":"b"}}"#,
    );
    let with_id = r#"{"create":{"_index":"a","_id":"7\n"}}"#;
    let document = r#"{"message":"hello","@timestamp":"2026-11-30T12:00:00Z"}"#;
    let actions = [a, a, b, with_id, a, with_id, r#"{"create":{}}"#, b];
    let lines = actions.map(|action| format!("{action}\n{document}\n"));
    let body = format!("{}{a}\n[]\n{a}\n{document}", lines.concat());
    let (status, answer) = push(&bed, "application/x-ndjson", &body).await;
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    assert_eq!((status, &answer["errors"]), (200, &Value::from(true)));
    let mut ids = Vec::new();
    let mut shown = Vec::new();
    for item in answer["items"].as_array().expect("a list") {
        let (action, of) = item
            .as_object()
            .and_then(|item| item.iter().next())
            .expect("an action");
        ids.push(of["_id"].as_str().expect("an id"));
        shown.push(format!("{action} {} {}", of["_index"], of["status"]));
    }
    let (a, b) = ("create \"a\" 201", "index \"b\" 201");
    let unnamed = "create \"_unnamed\" 201";
    assert_eq!(shown, [a, a, b, a, a, a, unnamed, b, "create \"a\" 400", a]);
    assert_eq!((ids[3], ids[5]), ("7\n", "7\n"));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "ids that no client gave are distinct");
}
