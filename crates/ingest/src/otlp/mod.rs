//! OTLP logs, protobuf and JSON, as streams and entries in the way Loki maps them.
//!
//! Some resource attributes become labels, everything else metadata. Two steps, so that what a resource's entries
//! share is written once: [`prepare`] flattens resources and scopes, [`decode`] makes entries that borrow from
//! the request and from what was prepared.

mod json;
mod value;

use crate::body::{self, Encoding};
use crate::decoded::{Decoded, DecodedStream, RawLabels, Text};
use crate::limits::IngestLimits;
use crate::metadata::sanitize_name;
use crate::proto::{ExportLogsServiceRequest, InstrumentationScope, KeyValue, LogRecord, Resource};
use crate::refusal::BodyError;
use prost::Message;
use std::borrow::Cow;
use value::{as_text, flatten};

/// Resource attributes that become labels: Loki's defaults.
const INDEX_ATTRIBUTES: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

/// The encodings of an OTLP body, in Loki's words when there is another.
pub(crate) fn encodings(header: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    let name = header.unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Vec::new()),
        "gzip" => Ok(vec![Encoding::Gzip]),
        "zstd" => Ok(vec![Encoding::Zstd]),
        "lz4" => Ok(vec![Encoding::Lz4]),
        _ => Err(BodyError::Malformed(format!("unsupported content encoding {name}: only gzip, lz4 and zstd are supported"))),
    }
}

/// Reads a decompressed body by its content type.
pub(crate) fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<ExportLogsServiceRequest, BodyError> {
    match body::media_type(content_type).as_deref() {
        Ok("application/x-protobuf") => {
            ExportLogsServiceRequest::decode(bytes).map_err(|e| BodyError::Malformed(format!("proto: {e}")))
        }
        Ok("application/json") => json::parse(bytes),
        _ => Err(BodyError::Malformed(format!("content type: {} is not supported", content_type.unwrap_or_default()))),
    }
}

/// What the entries of one resource share.
pub(crate) struct Prepared {
    labels: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
    /// Metadata of each scope.
    scopes: Vec<Vec<(String, String)>>,
}

/// Flattens resources and scopes.
pub(crate) fn prepare(request: &ExportLogsServiceRequest) -> Vec<Prepared> {
    let resources = request.resource_logs.iter();
    resources
        .map(|logs| {
            let scopes = logs.scope_logs.iter().map(|s| s.scope.as_ref().map_or_else(Vec::new, scope_metadata)).collect();
            let (labels, metadata) = logs.resource.as_ref().map_or_else(Default::default, split_resource);
            Prepared { labels, metadata, scopes }
        })
        .collect()
}

type Pairs = Vec<(String, String)>;

/// Labels and metadata of a resource.
fn split_resource(resource: &Resource) -> (Pairs, Pairs) {
    let (mut labels, mut metadata): (Pairs, Pairs) = (Vec::new(), Vec::new());
    for KeyValue { key, value } in &resource.attributes {
        let Some(value) = value else { continue };
        match sanitize_name(key.as_bytes()).filter(|_| INDEX_ATTRIBUTES.contains(&key.as_str())) {
            Some(name) => {
                labels.retain(|(n, _)| *n != name);
                labels.push((name.into_owned(), as_text(value).into_owned()));
            }
            None => flatten(key, value, &mut |name, text| metadata.push((name.into_owned(), text.into_owned()))),
        }
    }
    if resource.dropped_attributes_count != 0 {
        metadata.push(("resource_dropped_attributes_count".to_owned(), resource.dropped_attributes_count.to_string()));
    }
    (labels, metadata)
}

fn scope_metadata(scope: &InstrumentationScope) -> Pairs {
    let mut metadata = Pairs::new();
    for KeyValue { key, value } in &scope.attributes {
        let Some(value) = value else { continue };
        flatten(key, value, &mut |name, text| metadata.push((name.into_owned(), text.into_owned())));
    }
    if !scope.name.is_empty() {
        metadata.push(("scope_name".to_owned(), scope.name.clone()));
    }
    if !scope.version.is_empty() {
        metadata.push(("scope_version".to_owned(), scope.version.clone()));
    }
    if scope.dropped_attributes_count != 0 {
        metadata.push(("scope_dropped_attributes_count".to_owned(), scope.dropped_attributes_count.to_string()));
    }
    metadata
}

/// Makes streams and entries; records without a time get `now`.
pub(crate) fn decode<'a>(
    request: &'a ExportLogsServiceRequest,
    prepared: &'a [Prepared],
    limits: &IngestLimits,
    now: i64,
) -> Result<Decoded<'a>, BodyError> {
    let mut decoded = Decoded::default();
    for (logs, shared) in request.resource_logs.iter().zip(prepared) {
        let first_row = decoded.entries.len();
        for (scope, scope_metadata) in logs.scope_logs.iter().zip(&shared.scopes) {
            for record in &scope.log_records {
                let first_pair = decoded.pairs.len();
                if limits.allow_structured_metadata {
                    push_record_metadata(record, &mut decoded)?;
                    for (name, value) in shared.metadata.iter().chain(scope_metadata) {
                        decoded.push_pair(borrowed(name), borrowed(value))?;
                    }
                }
                let line = record.body.as_ref().map_or(Cow::Borrowed(""), as_text);
                decoded.push_entry(record_time(record, now), into_bytes(line), first_pair)?;
            }
        }
        let labels = shared.labels.iter().map(|(n, v)| (Cow::Borrowed(&**n), Cow::Borrowed(&**v))).collect();
        decoded.streams.push(DecodedStream { labels: RawLabels::Pairs(labels), rows: first_row..decoded.entries.len() });
    }
    Ok(decoded)
}

fn record_time(record: &LogRecord, now: i64) -> i64 {
    let times = [record.time_unix_nano, record.observed_time_unix_nano];
    times.into_iter().find(|t| *t != 0).map_or(now, |t| i64::try_from(t).unwrap_or(i64::MAX))
}

fn borrowed(text: &str) -> Text<'_> {
    Cow::Borrowed(text.as_bytes())
}

fn into_bytes(text: Cow<'_, str>) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The metadata a record brings itself, in Loki's order.
fn push_record_metadata<'a>(record: &'a LogRecord, decoded: &mut Decoded<'a>) -> Result<(), BodyError> {
    for KeyValue { key, value } in &record.attributes {
        let Some(value) = value else { continue };
        let mut outcome = Ok(());
        flatten(key, value, &mut |name, text| {
            if outcome.is_ok() {
                outcome = decoded.push_pair(into_bytes(name), into_bytes(text));
            }
        });
        outcome?;
    }
    let mut push = |name: &'static str, value: Cow<'a, str>| match value.is_empty() {
        true => Ok(()),
        false => decoded.push_pair(borrowed(name), into_bytes(value)),
    };
    let number = |n: u64| if n == 0 { Cow::Borrowed("") } else { Cow::Owned(n.to_string()) };
    if record.time_unix_nano != 0 {
        push("observed_timestamp", number(record.observed_time_unix_nano))?;
    }
    push("severity_number", number(u64::try_from(record.severity_number).unwrap_or(0)))?;
    push("severity_text", Cow::Borrowed(&record.severity_text))?;
    push("dropped_attributes_count", number(record.dropped_attributes_count.into()))?;
    push("flags", number(record.flags.into()))?;
    push("trace_id", Cow::Owned(value::hex(&record.trace_id)))?;
    push("span_id", Cow::Owned(value::hex(&record.span_id)))?;
    push("event_name", Cow::Borrowed(&record.event_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn show(body: &str) -> String {
        let request = match parse(Some("application/json"), body.as_bytes()) {
            Ok(request) => request,
            Err(error) => return format!("error: {error}"),
        };
        let again = ExportLogsServiceRequest::decode(request.encode_to_vec().as_slice()).expect("encoded a moment ago");
        assert_eq!(again, request);
        let prepared = prepare(&request);
        let decoded = decode(&request, &prepared, &IngestLimits::default(), 99).expect("request is small");
        let mut out = String::new();
        for stream in &decoded.streams {
            let RawLabels::Pairs(labels) = &stream.labels else { unreachable!("otlp gives pairs") };
            write!(out, "{labels:?}").expect("writing to a string succeeds");
            for entry in &decoded.entries[stream.rows.clone()] {
                write!(out, " {} {}", entry.time, String::from_utf8_lossy(&entry.line)).expect("writing to a string succeeds");
                for (name, value) in decoded.pairs_of(entry) {
                    let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                    write!(out, " {name}={value}").expect("writing to a string succeeds");
                }
            }
        }
        out
    }

    #[test]
    fn records_become_entries_as_in_loki() {
        let body = r#"{"resourceLogs":[{
            "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}},{"key":"host.name","value":{"stringValue":"h"}}]},
            "scopeLogs":[{"scope":{"name":"lib","version":"1"},"logRecords":[
              {"timeUnixNano":"5","observedTimeUnixNano":"6","severityNumber":9,"severityText":"Info","body":{"stringValue":"hi"},
               "attributes":[{"key":"m","value":{"kvlistValue":{"values":[{"key":"a.b","value":{"boolValue":true}}]}}},
                             {"key":"l","value":{"arrayValue":{"values":[{"intValue":"1"}]}}},{"key":"d","value":{"doubleValue":1.5}}],
               "traceId":"0102","spanId":"ff","flags":1,"eventName":"e"},
              {"body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]}]}]}"#;
        assert_eq!(
            show(body),
            r#"[("service_name", "svc")] 5 hi m_a.b=true l=[1] d=1.5 observed_timestamp=6 severity_number=9 severity_text=Info flags=1 trace_id=0102 span_id=ff event_name=e host.name=h scope_name=lib scope_version=1 99 {"k":"v"} host.name=h scope_name=lib scope_version=1"#
        );
    }

    #[test]
    fn other_bodies_are_refused() {
        assert_eq!(show("{}"), "");
        assert!(show("[").starts_with("error: "));
        assert!(show(r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}"#).starts_with("error: "));
        let refused = parse(Some("text/plain"), b"").expect_err("not a type of OTLP");
        assert_eq!(refused.to_string(), "content type: text/plain is not supported");
        let refused = encodings(Some("br")).expect_err("not an encoding of OTLP");
        assert_eq!(refused.to_string(), "unsupported content encoding br: only gzip, lz4 and zstd are supported");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            if let Ok(request) = parse(Some("application/x-protobuf"), &bytes) {
                decode(&request, &prepare(&request), &IngestLimits::default(), 0).expect("request is small");
            }
        }
    }
}
