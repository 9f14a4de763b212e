//! OTLP in JSON through the whole of ingest: what is acknowledged is stored, what is refused stores
//! nothing.

use crate::support::Bed;
use prost::Message;
use skald_ingest::Protocol;
use skald_ingest::proto_types::{ExportLogsServiceRequest, ResourceLogs, ScopeLogs};

/// A request of a service `otc` with these records.
fn request(records: &str) -> String {
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"otc"}}}}]}},
        "scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#
    )
}

async fn push(bed: &Bed, body: &str) -> (u16, String) {
    bed.push(Protocol::Otlp, "application/json", None, body)
        .await
}

#[tokio::test]
async fn records_in_proto_names_are_stored_whole() {
    let bed = Bed::new();
    let body = r#"{"resource_logs":[{"resource":{"attributes":[{"key":"service.name","value":{"string_value":"otc"}}],
        "dropped_attributes_count":1},"scope_logs":[{"scope":{"name":"lib","version":"2"},"log_records":[
        {"time_unix_nano":"5","observed_time_unix_nano":"6","severity_number":"SEVERITY_NUMBER_WARN","severity_text":"W",
         "trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"0102030405060708","flags":1,
         "dropped_attributes_count":2,"body":{"string_value":"snake"},
         "attributes":[{"key":"m","value":{"kvlist_value":{"values":[{"key":"k","value":{"int_value":"3"}}]}}}]}]}]}]}"#;
    assert_eq!(push(&bed, body).await, (204, String::new()));
    let entries = bed.stored("service_name", "otc");
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].0, &*entries[0].1), (5, &b"snake"[..]));
    assert_eq!(
        entries[0].2,
        "detected_level=W dropped_attributes_count=2 flags=1 m_k=3 observed_timestamp=6 \
         resource_dropped_attributes_count=1 scope_name=lib scope_version=2 severity_number=13 severity_text=W \
         span_id=0102030405060708 trace_id=0102030405060708090a0b0c0d0e0f10"
    );
}

#[tokio::test]
async fn a_wrong_type_refuses_the_request_and_stores_nothing_of_it() {
    let good = r#"{"timeUnixNano":"5","body":{"stringValue":"good"}}"#;
    for (bad, words) in [
        (
            r#"{"body":"plain"}"#,
            "logRecords[1].body: expected an object",
        ),
        (
            r#"{"body":{"arrayValue":["a"]}}"#,
            "logRecords[1].body.arrayValue: expected an object",
        ),
        (
            r#"{"attributes":[{"key":"a","value":"x"}]}"#,
            "logRecords[1].attributes[0].value: expected an object",
        ),
        (r#""text""#, "logRecords[1]: expected an object"),
    ] {
        let bed = Bed::new();
        let (status, text) = push(&bed, &request(&format!("{good},{bad}"))).await;
        assert!(status == 400 && text.contains(words), "{status} {text}");
        assert!(bed.stored("service_name", "otc").is_empty());
    }
}

#[tokio::test]
async fn a_request_without_a_record_is_422_in_json_and_protobuf() {
    let bed = Bed::new();
    for body in [
        "{}",
        r#"{"resourceLogs":[]}"#,
        r#"{"resourceLogs":[{}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"scope":{"name":"a"}}]}]}"#,
        r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"logRecords":[{"body":{"stringValue":"old"}}]}]}]}"#,
        &request(""),
    ] {
        let (status, text) = push(&bed, body).await;
        assert_eq!(
            (status, &*text),
            (
                422,
                "error at least one valid stream is required for ingestion"
            ),
            "{body}"
        );
    }
    let empty = ResourceLogs {
        resource: None,
        scope_logs: vec![ScopeLogs::default()],
    };
    for resource_logs in [vec![], vec![empty]] {
        let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
        let (status, _) = bed
            .push(Protocol::Otlp, "application/x-protobuf", None, body)
            .await;
        assert_eq!(status, 422);
    }
}

#[tokio::test]
async fn records_beside_an_empty_resource_are_stored() {
    let bed = Bed::new();
    let record = request(r#"{"timeUnixNano":"5","body":{"stringValue":"x"}},null"#);
    let with_empty = record.replacen('[', "[{},", 1);
    assert_eq!(push(&bed, &with_empty).await, (204, String::new()));
    assert_eq!(bed.stored("service_name", "otc").len(), 2);
}
