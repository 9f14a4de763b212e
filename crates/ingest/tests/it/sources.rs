//! Bodies that programs of a cluster were recorded to send: what is stored of them, word by word,
//! and that broken ones never end in an error of the server.
//!
//! What is expected lies in `tests/fixtures/NAME.golden`: `SKALD_GOLDEN=write` writes it anew.

use crate::support::{Bed, NOW};
use base64::Engine;
use serde_json::Value;
use skald_ingest::{IngestLimits, NoiseRule, Parameters, Protocol, PushReply, PushRequest};
use skald_model::TenantId;
use std::fmt::Write;
use std::path::PathBuf;

/// One request a body.
type Bodies = Vec<Vec<u8>>;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures")).join(name)
}

/// Recorded bodies; each line of a recorded file is one.
fn recorded(name: &str) -> Bodies {
    let text = std::fs::read_to_string(fixture(&format!("{name}.jsonl"))).expect("a fixture");
    let mut bodies = Bodies::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("fixtures are JSON");
        if let Some(body) = record["body_base64"].as_str() {
            let body = base64::engine::general_purpose::STANDARD.decode(body);
            bodies.push(body.expect("bodies are base64"));
        }
        let lines = record["lines"].as_array().into_iter().flatten();
        bodies.extend(lines.map(|line| line.as_str().expect("lines are texts").into()));
    }
    bodies
}

async fn push(
    bed: &Bed,
    protocol: Protocol,
    parameters: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> PushReply {
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let request = PushRequest {
        parameters: Parameters(pairs.collect()),
        ..PushRequest::new(protocol, body.into())
    };
    bed.ingest.push(&TenantId::fake(), request).await
}

/// Everything that is stored of a service, as text.
fn shown(bed: &Bed, service: &str) -> String {
    let mut out = String::new();
    for (time, line, metadata) in bed.stored("service_name", service) {
        let line = String::from_utf8_lossy(&line).replace('\n', "\\n");
        writeln!(out, "{time} {line}\n    {metadata}").expect("writing to a string succeeds");
    }
    out
}

fn check_golden(name: &str, got: &str) {
    let path = fixture(&format!("{name}.golden"));
    if std::env::var("SKALD_GOLDEN").is_ok_and(|how| how == "write") {
        std::fs::write(&path, got).expect("the file is written");
    }
    let want = std::fs::read_to_string(&path).expect("a golden file");
    let different = got
        .lines()
        .zip(want.lines())
        .find(|(got, want)| got != want);
    assert_eq!(different, None, "{name}");
    assert_eq!(got.lines().count(), want.lines().count(), "{name}");
}

#[tokio::test]
async fn audit_events_of_an_api_server() {
    let bed = Bed::new();
    let bodies = recorded("k8s-audit");
    for round in 0..2 {
        for body in &bodies {
            let cluster = [("cluster", "east")];
            let reply = push(&bed, Protocol::K8sAudit, &cluster, body.clone()).await;
            assert_eq!((reply.status, &*reply.body), (200, &b"{}"[..]), "{round}");
        }
    }
    let mut rows: Vec<_> = bed.stored("service_name", "kube-apiserver-audit");
    rows.dedup();
    let mut got = String::new();
    for (time, line, metadata) in rows {
        let event: Value = serde_json::from_slice(&line).expect("lines are events");
        let id = event["auditID"].as_str().expect("an event has an id");
        assert!(metadata.contains(id), "{metadata}");
        writeln!(got, "{time} {metadata}").expect("writing to a string succeeds");
    }
    check_golden("k8s-audit", &got);
}

#[tokio::test]
async fn events_of_falco_and_of_falcosidekick() {
    let bed = Bed::new();
    for body in recorded("falco") {
        let reply = push(&bed, Protocol::Falco, &[], body).await;
        assert_eq!(reply.status, 200);
    }
    check_golden("falco", &shown(&bed, "falco"));
}

#[tokio::test]
async fn access_logs_of_envoy_have_columns_whatever_way_they_come() {
    let bed = Bed::new();
    let mut values = Vec::new();
    for (at, line) in recorded("envoy-access-logs").into_iter().enumerate() {
        let line = String::from_utf8(line).expect("lines are texts");
        values.push(serde_json::json!([(at + 1).to_string(), line]));
    }
    let body = serde_json::json!({"streams": [{"stream": {"app": "envoy"}, "values": values}]});
    let reply = bed.push(Protocol::Loki, "application/json", None, body.to_string());
    assert_eq!(reply.await.0, 204);
    let got = shown(&bed, "envoy");
    assert_eq!(got.matches("response_code=").count(), values.len());
    check_golden("envoy-access-logs", &got);
}

#[tokio::test]
async fn access_logs_are_left_alone_when_the_setting_says_so() {
    let bed = Bed::with(IngestLimits {
        discover_log_formats: false,
        ..IngestLimits::default()
    });
    let line = String::from_utf8(recorded("envoy-access-logs").remove(0)).expect("a text");
    let body =
        serde_json::json!({"streams": [{"stream": {"app": "envoy"}, "values": [["1", line]]}]});
    let reply = bed.push(Protocol::Loki, "application/json", None, body.to_string());
    assert_eq!(reply.await.0, 204);
    let rows = bed.stored("app", "envoy");
    assert_eq!(rows[0].2, "detected_level=unknown");
}

#[tokio::test]
async fn noise_is_counted_by_its_reason() {
    let bed = Bed::with(IngestLimits {
        k8s_audit_drop: vec![NoiseRule {
            reason: "reads".to_owned(),
            verbs: vec!["get".to_owned(), "list".to_owned(), "watch".to_owned()],
            ..NoiseRule::default()
        }],
        ..IngestLimits::default()
    });
    for body in recorded("k8s-audit") {
        assert_eq!(push(&bed, Protocol::K8sAudit, &[], body).await.status, 200);
    }
    let kept = bed.stored("service_name", "kube-apiserver-audit");
    assert!(!kept.is_empty());
    let mut metrics = String::new();
    bed.ingest.write_metrics(&mut metrics);
    let counted =
        "skald_ingest_dropped_lines_total{reason=\"reads\",tenant=\"fake\",format=\"k8s-audit\"} ";
    assert!(metrics.contains(counted), "{metrics}");
}

/// Variants of a body that no program sends.
fn broken(body: &[u8]) -> Bodies {
    let text = String::from_utf8_lossy(body);
    let mut bodies: Bodies = (0..20)
        .map(|n| body[..body.len() * n / 20].to_vec())
        .collect();
    for (from, to) in [
        ("\"", "'"),
        (":\"", ":null,\""),
        (":{", ":[{"),
        ("[", "{"),
        ("\":\"", "\":5,\"x\":\""),
        ("\\", "\\x"),
        ("2026", "99999999999999999999"),
        (",", "\u{fffd},"),
        ("\n", ""),
    ] {
        bodies.push(text.replace(from, to).into_bytes());
    }
    bodies.push([body, b"\xff\xfe\x00", body].concat());
    bodies.push([&b"[".repeat(100_000), body].concat());
    bodies.push([&b"{\"a\":".repeat(100_000), body].concat());
    bodies.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    bodies
}

#[tokio::test]
async fn broken_bodies_never_end_in_an_error_of_the_server() {
    let bed = Bed::new();
    let flows = [
        r#"{"Key":{"source_name":"web-*","dest_name":"db-*","proto":"tcp","reporter":1,"action":1},"start_time":1796040000,"bytes_in":1}"#,
        r#"{"flow":{"time":"2026-11-30T12:00:00Z","verdict":"DROPPED","l4":{"TCP":{"destination_port":80}},"source":{"pod_name":"x-0"}}}"#,
        "ts,msg,app\n1796040000,\"a \"\"b\"\"\",shop\n",
    ];
    let mut bodies: Bodies = flows.map(|flow| flow.as_bytes().to_vec()).to_vec();
    bodies.extend(recorded("k8s-audit").into_iter().take(2));
    bodies.extend(recorded("falco").into_iter().take(2));
    bodies.extend(recorded("envoy-access-logs").into_iter().take(1));
    let parameters = [("time", "ts"), ("message", "msg"), ("labels", "app")];
    for protocol in [
        Protocol::K8sAudit,
        Protocol::Falco,
        Protocol::CalicoFlows,
        Protocol::Hubble,
        Protocol::Ndjson,
        Protocol::Csv,
    ] {
        for body in bodies.iter().flat_map(|body| broken(body)) {
            let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let status = push(&bed, protocol, &parameters, body).await.status;
            assert!(matches!(status, 200 | 400), "{protocol:?} {status} {shown}");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_in_the_senders_words() {
    let bed = Bed::new();
    for (protocol, body, want) in [
        (Protocol::K8sAudit, "{", "\"kind\":\"Status\""),
        (Protocol::Falco, "", "{\"error\":"),
        (Protocol::Ndjson, "hello", "{\"error\":"),
        (Protocol::Csv, "a,b\n1,2", "{\"error\":"),
    ] {
        let reply = push(&bed, protocol, &[("labels", "c")], body).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(
            (reply.status, reply.content_type),
            (400, "application/json"),
            "{text}"
        );
        assert!(text.contains(want), "{text}");
    }
    let late = format!(r#"{{"rule":"r","time":"{}"}}"#, NOW / 1_000_000_000 + 3600);
    let reply = push(&bed, Protocol::Falco, &[], late.clone()).await;
    assert_eq!(reply.status, 400, "an event alone is refused");
    let flow = r#"{"source_name":"a","dest_name":"b","start_time":1}"#;
    let late = flow.replace("1}", "4100000000}");
    let reply = push(&bed, Protocol::CalicoFlows, &[], format!("{flow}\n{late}")).await;
    assert_eq!(reply.status, 200, "its neighbour is stored");
}
