//! The same entry through every door: JSON, legacy JSON, protobuf, gRPC and OTLP store the same and
//! refuse the same.

use crate::support::Bed;
use prost::Message;
use skald_ingest::proto_types::{
    Any, AnyValue, Entry, ExportLogsServiceRequest, KeyValue, LabelPair, LogRecord, PushRequest,
    Resource, ResourceLogs, ScopeLogs, Stream, Timestamp,
};
use skald_ingest::{IngestLimits, Protocol};
use std::io::Write;

const DOORS: [Door; 6] = [
    Door::Json,
    Door::Legacy,
    Door::Protobuf,
    Door::Grpc,
    Door::Otlp,
    Door::OtlpJson,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Json,
    Legacy,
    Protobuf,
    Grpc,
    Otlp,
    OtlpJson,
}

/// An entry of second 1 with its stream's labels and its metadata.
struct Push<'a> {
    labels: &'a [(&'a str, &'a str)],
    line: &'a str,
    metadata: &'a [(&'a str, &'a str)],
}

impl Push<'_> {
    fn label_text(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        format!("{{{}}}", labels.join(", "))
    }

    fn json_object(pairs: &[(&str, &str)]) -> String {
        let members: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name:?}:{value:?}"))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    /// Protocol, content type and body, without any encoding but snappy where the door has it.
    fn request(&self, door: Door) -> (Protocol, &'static str, Vec<u8>) {
        let metadata = Push::json_object(self.metadata);
        match door {
            Door::Json => (
                Protocol::Loki,
                "application/json",
                format!(
                    r#"{{"streams":[{{"stream":{},"values":[["1000000000",{:?},{metadata}]]}}]}}"#,
                    Push::json_object(self.labels),
                    self.line
                )
                .into_bytes(),
            ),
            Door::Legacy => (
                Protocol::LokiLegacy,
                "application/json",
                format!(
                    r#"{{"streams":[{{"labels":{:?},"entries":[{{"ts":"1970-01-01T00:00:01Z","line":{:?},"structuredMetadata":{metadata}}}]}}]}}"#,
                    self.label_text(),
                    self.line
                )
                .into_bytes(),
            ),
            Door::Protobuf => {
                let body = snap::raw::Encoder::new()
                    .compress_vec(&self.protobuf().encode_to_vec())
                    .expect("memory is enough");
                (Protocol::Loki, "application/x-protobuf", body)
            }
            Door::Grpc => (Protocol::Grpc, "", self.protobuf().encode_to_vec()),
            Door::Otlp => (
                Protocol::Otlp,
                "application/x-protobuf",
                self.otlp().encode_to_vec(),
            ),
            Door::OtlpJson => (Protocol::Otlp, "application/json", self.otlp_json()),
        }
    }

    fn protobuf(&self) -> PushRequest {
        let pair = |(name, value): &(&str, &str)| LabelPair {
            name: name.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
        };
        let entry = Entry {
            timestamp: Some(Timestamp {
                seconds: 1,
                nanos: 0,
            }),
            line: self.line.as_bytes().to_vec(),
            structured_metadata: self.metadata.iter().map(pair).collect(),
            parsed: Vec::new(),
        };
        PushRequest {
            streams: vec![Stream {
                labels: self.label_text().into_bytes(),
                entries: vec![entry],
                hash: 0,
            }],
            format: String::new(),
        }
    }

    fn otlp(&self) -> ExportLogsServiceRequest {
        let attribute = |(key, value): &(&str, &str)| KeyValue {
            key: (*key).to_owned(),
            value: Some(AnyValue {
                value: Some(Any::StringValue((*value).to_owned())),
            }),
        };
        let record = LogRecord {
            time_unix_nano: 1_000_000_000,
            body: Some(AnyValue {
                value: Some(Any::StringValue(self.line.to_owned())),
            }),
            attributes: self.metadata.iter().map(attribute).collect(),
            ..LogRecord::default()
        };
        let resource = Resource {
            attributes: self.labels.iter().map(attribute).collect(),
            dropped_attributes_count: 0,
        };
        let scope_logs = vec![ScopeLogs {
            scope: None,
            log_records: vec![record],
        }];
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource),
                scope_logs,
            }],
        }
    }

    fn otlp_json(&self) -> Vec<u8> {
        let attributes = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let members: Vec<String> = pairs
                .map(|(name, value)| {
                    format!(r#"{{"key":{name:?},"value":{{"stringValue":{value:?}}}}}"#)
                })
                .collect();
            members.join(",")
        };
        format!(
            r#"{{"resourceLogs":[{{"resource":{{"attributes":[{}]}},"scopeLogs":[{{"logRecords":[
            {{"timeUnixNano":"1000000000","body":{{"stringValue":{:?}}},"attributes":[{}]}}]}}]}}]}}"#,
            attributes(self.labels),
            self.line,
            attributes(self.metadata)
        )
        .into_bytes()
    }
}

/// The label every push has, which OTLP makes a label too.
const LABEL: (&str, &str) = ("service_name", "doors");

/// Limits with which OTLP makes `service_name` a label under this very name.
fn limits() -> IngestLimits {
    let mut limits = IngestLimits::default();
    let names = vec!["service_name".to_owned(), "host".to_owned()];
    limits.otlp.resource = vec![skald_ingest::AttributeRule::index_labels(names)];
    limits
}

/// Pushes a line with metadata through every door; all of them store `want`.
async fn check_stored(line: &str, metadata: &[(&str, &str)], want: &str, limits: &IngestLimits) {
    for door in DOORS {
        let bed = Bed::with(limits.clone());
        let push = Push {
            labels: &[LABEL],
            line,
            metadata,
        };
        let (protocol, content_type, body) = push.request(door);
        let reply = bed.push(protocol, content_type, None, body).await;
        assert_eq!(reply, (204, String::new()), "{door:?}");
        let stored = (1_000_000_000, line.as_bytes().to_vec(), want.to_owned());
        assert_eq!(bed.stored(LABEL.0, LABEL.1), [stored], "{door:?}");
    }
}

#[tokio::test]
async fn metadata_with_an_empty_value_is_absent() {
    check_stored(
        "a",
        &[("e", ""), ("f", "1")],
        "detected_level=unknown f=1",
        &limits(),
    )
    .await;
    check_stored("a", &[("e", "")], "detected_level=unknown", &limits()).await;
    check_stored(
        "an error",
        &[("detected_level", "")],
        "detected_level=error",
        &limits(),
    )
    .await;
    check_stored(
        "a",
        &[("level", ""), ("severity_text", "warn")],
        "detected_level=warn severity_text=warn",
        &limits(),
    )
    .await;
}

#[tokio::test]
async fn empty_metadata_counts_against_no_limit() {
    let few = IngestLimits {
        max_structured_metadata_entries_count: 1,
        max_structured_metadata_size: 2,
        discover_log_levels: false,
        ..limits()
    };
    let metadata = [("a", "1"), ("a_long_name", ""), ("another", "")];
    check_stored("x", &metadata, "a=1", &few).await;
    let none = IngestLimits {
        allow_structured_metadata: false,
        ..limits()
    };
    check_stored("x", &[("a", "")], "", &none).await;
}

#[tokio::test]
async fn of_metadata_names_that_become_one_the_first_stays() {
    let metadata = [("a.b", "y"), ("a_b", "z"), ("c", "1")];
    let want = "a_b=y c=1 detected_level=unknown";
    check_stored("x", &metadata, want, &limits()).await;
}

#[tokio::test]
async fn a_label_value_with_the_replacement_character_is_refused() {
    for door in DOORS {
        let bed = Bed::with(limits());
        let push = Push {
            labels: &[LABEL, ("host", "a\u{fffd}")],
            line: "x",
            metadata: &[("m", "v")],
        };
        let (protocol, content_type, body) = push.request(door);
        let (status, text) = bed.push(protocol, content_type, None, body).await;
        assert_eq!(status, 400, "{door:?}");
        assert!(text.starts_with("couldn't parse labels: "), "{text}");
        assert!(text.ends_with("invalid UTF-8 rune"), "{text}");
        assert!(bed.stored(LABEL.0, LABEL.1).is_empty());
    }
}

#[tokio::test]
async fn deflate_is_taken_bare_and_in_zlib_framing_over_http() {
    let push = Push {
        labels: &[LABEL],
        line: "x",
        metadata: &[],
    };
    for door in DOORS.into_iter().filter(|door| *door != Door::Grpc) {
        let (protocol, content_type, body) = push.request(door);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
        zlib.write_all(&body).expect("writing to memory succeeds");
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        bare.write_all(&body).expect("writing to memory succeeds");
        for encoded in [zlib.finish(), bare.finish()] {
            let bed = Bed::with(limits());
            let encoded = encoded.expect("writing to memory succeeds");
            let reply = bed
                .push(protocol, content_type, Some("deflate"), encoded)
                .await;
            assert_eq!(reply, (204, String::new()), "{door:?}");
            assert_eq!(bed.stored(LABEL.0, LABEL.1).len(), 1);
        }
    }
}

#[tokio::test]
async fn protobuf_is_taken_under_any_content_type_and_json_names_the_type() {
    let push = Push {
        labels: &[LABEL],
        line: "x",
        metadata: &[],
    };
    for content_type in [
        "",
        "text/plain",
        "application/octet-stream",
        "application/x-protobuf; proto=logproto.PushRequest",
        "application/vnd.google.protobuf",
        "/",
    ] {
        let bed = Bed::with(limits());
        let (protocol, _, body) = push.request(Door::Protobuf);
        let reply = bed.push(protocol, content_type, None, body).await;
        assert_eq!(reply, (204, String::new()), "{content_type}");
        for door in [Door::Json, Door::Legacy] {
            let (protocol, _, body) = push.request(door);
            let (status, text) = bed.push(protocol, content_type, None, body).await;
            let media = content_type.split(';').next().unwrap_or_default();
            let named = match media {
                "" | "/" => text.starts_with("mime: "),
                "application/x-protobuf" => text == "snappy: corrupt input",
                _ => text.starts_with(&format!("content type {media:?} is not application/json")),
            };
            assert!(status == 400 && named, "{content_type}: {status} {text}");
        }
        assert_eq!(bed.stored(LABEL.0, LABEL.1).len(), 1);
    }
}

#[tokio::test]
async fn a_bad_label_name_is_named_and_its_neighbours_are_kept() {
    for name in ["a.b", "sub-app", "0", "a:b", "", "\u{e9}", "a b"] {
        let bed = Bed::new();
        let body = format!(
            r#"{{"streams":[{{"stream":{{"c":"13"}},"values":[["1","good"]]}},{{"stream":{{"c":"13","{name}":"v"}},"values":[["2","bad"]]}}]}}"#
        );
        let (status, text) = bed
            .push(Protocol::Loki, "application/json", None, body)
            .await;
        let words = format!("couldn't parse labels: parse error: name of label '{name}' in stream");
        assert!(status == 400 && text.starts_with(&words), "{status} {text}");
        assert!(text.contains("c=\"13\""), "{text}");
        assert_eq!(bed.stored("c", "13").len(), 1, "{name}");
    }
}

#[tokio::test]
async fn json_metadata_of_any_type_is_stored_as_text() {
    let bed = Bed::new();
    let body = r#"{"streams":[{"stream":{"c":"2"},"values":[["1","before"],
        ["2","odd",{"count":5,"ok":true,"ctx":{"a":1},"none":null}],["3","after",{}],["4","nil",null]]}]}"#;
    let reply = bed.push(Protocol::Loki, "application/json", None, body);
    assert_eq!(reply.await, (204, String::new()));
    let entries = bed.stored("c", "2");
    let metadata: Vec<_> = entries.iter().map(|(_, _, m)| &**m).collect();
    let plain = "detected_level=unknown";
    let odd = r#"count=5 ctx={"a":1} detected_level=unknown ok=true"#;
    assert_eq!(metadata, [plain, odd, plain, plain]);
}
