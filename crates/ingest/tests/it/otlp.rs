//! OTLP pushes through the whole of ingest, and what tails get.

use prost::Message;
use skald_ingest::proto_types::{
    Any, AnyValue, ExportLogsServiceRequest, KeyValue, LogRecord, Resource, ResourceLogs,
    ScopeLogs, Status,
};
use skald_ingest::tail_hub::{Dropped, TailEntry, TailSink};
use skald_ingest::{Ingest, IngestLimits, Protocol, PushReply, PushRequest};
use skald_model::{Matcher, TenantId};
use skald_store::{Options, Store};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: i64 = 1_772_323_200_000_000_000;

fn text(value: &str) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Any::StringValue(value.to_owned())),
    })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: text(value),
    }
}

/// One record of a service in a pod.
fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: NOW as u64,
        severity_number: 17,
        body: text("it broke"),
        attributes: vec![attribute("http.route", "/a")],
        ..LogRecord::default()
    };
    let attributes = vec![
        attribute("k8s.pod.name", "pod-1"),
        attribute("container.name", "web"),
        attribute("os", "linux"),
    ];
    let resource = Some(Resource {
        attributes,
        ..Resource::default()
    });
    let scope_logs = vec![ScopeLogs {
        scope: None,
        log_records: vec![record],
    }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource,
            scope_logs,
        }],
    }
}

/// Keeps what it hears, as text.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl TailSink for Heard {
    fn take(&self, _push: u64, entries: &[TailEntry]) -> Duration {
        let entries = entries.iter().map(|e| {
            let line = String::from_utf8_lossy(&e.line);
            format!("{} {line:?} {:?}", e.labels, e.metadata)
        });
        self.0.lock().expect("nobody panicked").extend(entries);
        Duration::ZERO
    }

    fn dropped(&self, _entries: &[Dropped]) {}
}

/// Pushes to an ingest of its own; gives the answer and what a tail of pod-1 heard.
async fn push(
    content_type: &str,
    content_encoding: Option<&str>,
    body: Vec<u8>,
) -> (PushReply, Vec<String>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Arc::new(Store::open(Options::new(folder.path())).expect("store opens"));
    let ingest = Ingest::new(store, IngestLimits::default(), || NOW);
    let heard: Arc<Heard> = Arc::default();
    let sink: Arc<dyn TailSink> = heard.clone();
    let pod = vec![Matcher::equal("k8s_pod_name", "pod-1")];
    let followed = ingest
        .tail_hub()
        .follow(&TenantId::fake(), pod, Arc::downgrade(&sink))
        .expect("a thread starts");
    let request = PushRequest {
        content_type: Some(content_type.to_owned()),
        content_encoding: content_encoding.map(str::to_owned),
        ..PushRequest::new(Protocol::Otlp, body)
    };
    let reply = ingest.push(&TenantId::fake(), request).await;
    // The hub hands on what it holds before it ends.
    drop(ingest);
    drop(followed);
    let heard = std::mem::take(&mut *heard.0.lock().expect("nobody panicked"));
    (reply, heard)
}

#[tokio::test]
async fn records_are_stored_under_labels_of_their_resource() {
    let bytes = logs().encode_to_vec();
    let zstd = zstd::encode_all(bytes.as_slice(), 1).expect("memory is enough");
    for (encoding, body) in [(None, bytes), (Some("zstd"), zstd)] {
        let (reply, heard) = push("application/x-protobuf", encoding, body).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        let labels = r#"{container_name="web", k8s_pod_name="pod-1", service_name="web"}"#;
        let metadata = r#"[("detected_level", "error"), ("http_route", "/a"), ("os", "linux"), ("severity_number", "17")]"#;
        assert_eq!(heard, [format!("{labels} \"it broke\" {metadata}")]);
    }
}

#[tokio::test]
async fn failures_are_reported_as_a_status_message() {
    for (content_type, encoding, body, status, words) in [
        (
            "text/plain",
            None,
            Vec::new(),
            400,
            "content type: text/plain is not supported",
        ),
        (
            "application/x-protobuf",
            Some("br"),
            Vec::new(),
            400,
            "unsupported content encoding br",
        ),
        ("application/x-protobuf", None, vec![0xff], 400, "proto: "),
        (
            "application/json",
            None,
            b"{\"resourceLogs\":[]}".to_vec(),
            422,
            "error at least one valid stream is required",
        ),
    ] {
        let (reply, heard) = push(content_type, encoding, body).await;
        let answer = Status::decode(reply.body.as_slice()).expect("the answer is a status");
        assert_eq!(
            (reply.status, reply.content_type),
            (status, "application/x-protobuf"),
            "{}",
            answer.message
        );
        assert!(answer.message.starts_with(words), "{}", answer.message);
        assert!(heard.is_empty());
    }
}
