//! OTLP logs, protobuf and JSON, as streams and entries in the way Loki maps them.
//!
//! Some attributes become labels, most metadata: [`OtlpRules`] says which. Two steps, so that what a resource's
//! entries share is written once: [`prepare`] flattens resources and scopes, [`decode`] makes entries that borrow
//! from the request and from what was prepared. Records of a resource that bring labels of their own are put
//! together by these, so that a stream comes once and not once a record.

pub(crate) mod json;
pub(crate) mod rules;
pub(crate) mod value;

pub use rules::{AttributeAction, AttributeNames, AttributeRule, OTLP_RULES_MAX, OtlpRules};

use crate::decode::body;
use crate::decode::body::Encoding;
use crate::decode::proto_types::{
    ExportLogsServiceRequest, InstrumentationScope, KeyValue, LogRecord, Resource, ResourceLogs,
};
use crate::decode::push::{Decoded, DecodedStream, RawLabels, Text};
use crate::validate::limits::IngestLimits;
use crate::validate::metadata::{sanitize_name, sort_and_unite};
use crate::validate::rejection::BodyError;
use prost::Message;
use rules::action;
use std::borrow::Cow;
use std::collections::HashMap;
use value::{as_text, flatten};

/// The name of a record's severity text in labels and metadata.
const SEVERITY_TEXT: &str = "severity_text";

/// Names with their values.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The encodings of an OTLP body, in Loki's words when there is another.
pub(crate) fn encodings(header: Option<&str>) -> Result<Vec<Encoding>, BodyError> {
    let name = header.unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Vec::new()),
        "gzip" => Ok(vec![Encoding::Gzip]),
        "zstd" => Ok(vec![Encoding::Zstd]),
        "lz4" => Ok(vec![Encoding::Lz4]),
        _ => Err(BodyError::Malformed(format!(
            "unsupported content encoding {name}: only gzip, lz4 and zstd are supported"
        ))),
    }
}

/// Reads a decompressed body by its content type.
pub(crate) fn parse(
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<ExportLogsServiceRequest, BodyError> {
    match body::media_type(content_type).as_deref() {
        Ok("application/x-protobuf") => ExportLogsServiceRequest::decode(bytes)
            .map_err(|e| BodyError::Malformed(format!("proto: {e}"))),
        Ok("application/json") => json::parse(bytes),
        _ => Err(BodyError::Malformed(format!(
            "content type: {} is not supported",
            content_type.unwrap_or_default()
        ))),
    }
}

/// What the entries of one resource share.
pub(crate) struct Prepared<'r> {
    /// Sorted by name, each name once.
    labels: Pairs<'r>,
    metadata: Pairs<'r>,
    /// Metadata of each scope.
    scopes: Vec<Pairs<'r>>,
}

/// Flattens resources and scopes.
pub(crate) fn prepare<'r>(
    request: &'r ExportLogsServiceRequest,
    rules: &OtlpRules,
) -> Vec<Prepared<'r>> {
    let scope = |scope: &'r InstrumentationScope| scope_metadata(scope, &rules.scope);
    let resources = request.resource_logs.iter();
    resources
        .map(|logs| {
            let scopes = logs
                .scope_logs
                .iter()
                .map(|s| s.scope.as_ref().map_or_else(Vec::new, scope))
                .collect();
            let split = |resource| split_resource(resource, &rules.resource);
            let (labels, metadata) = logs.resource.as_ref().map_or_else(Default::default, split);
            Prepared {
                labels,
                metadata,
                scopes,
            }
        })
        .collect()
}

/// Labels and metadata of a resource.
fn split_resource<'r>(resource: &'r Resource, rules: &[AttributeRule]) -> (Pairs<'r>, Pairs<'r>) {
    let (mut labels, mut metadata): (Pairs<'r>, Pairs<'r>) = (Vec::new(), Vec::new());
    for KeyValue { key, value } in &resource.attributes {
        let Some(value) = value else { continue };
        match action(rules, key) {
            AttributeAction::IndexLabel => flatten(key, value, &mut |name, text| {
                push_label(&mut labels, name, text)
            }),
            AttributeAction::StructuredMetadata => {
                flatten(key, value, &mut |name, text| metadata.push((name, text)))
            }
            AttributeAction::Drop => {}
        }
    }
    sort_and_unite(&mut labels, 0);
    push_dropped(
        &mut metadata,
        "resource_dropped_attributes_count",
        resource.dropped_attributes_count,
    );
    (labels, metadata)
}

/// Adds a label by the name it has in a selector; nothing when no name is left.
fn push_label<'r>(labels: &mut Pairs<'r>, name: Cow<'r, str>, text: Cow<'r, str>) {
    let name = match name {
        Cow::Borrowed(name) => sanitize_name(name.as_bytes()),
        Cow::Owned(name) => {
            sanitize_name(name.as_bytes()).map(|name| Cow::Owned(name.into_owned()))
        }
    };
    labels.extend(name.map(|name| (name, text)));
}

/// How many attributes the client left out, when it did.
fn push_dropped(metadata: &mut Pairs<'_>, name: &'static str, count: u32) {
    if count != 0 {
        metadata.push((Cow::Borrowed(name), Cow::Owned(count.to_string())));
    }
}

fn scope_metadata<'r>(scope: &'r InstrumentationScope, rules: &[AttributeRule]) -> Pairs<'r> {
    let mut metadata = Pairs::new();
    for KeyValue { key, value } in &scope.attributes {
        let Some(value) = value else { continue };
        if action(rules, key) == AttributeAction::StructuredMetadata {
            flatten(key, value, &mut |name, text| metadata.push((name, text)));
        }
    }
    for (name, text) in [
        ("scope_name", &scope.name),
        ("scope_version", &scope.version),
    ] {
        if !text.is_empty() {
            metadata.push((Cow::Borrowed(name), Cow::Borrowed(text)));
        }
    }
    push_dropped(
        &mut metadata,
        "scope_dropped_attributes_count",
        scope.dropped_attributes_count,
    );
    metadata
}

/// Makes streams and entries; records without a time get `now`.
pub(crate) fn decode<'a>(
    request: &'a ExportLogsServiceRequest,
    prepared: &'a [Prepared<'a>],
    limits: &IngestLimits,
    now: i64,
) -> Result<Decoded<'a>, BodyError> {
    let mut decoded = Decoded::default();
    for (logs, shared) in request.resource_logs.iter().zip(prepared) {
        for (record_labels, rows) in streams_of(logs, shared, &limits.otlp) {
            let first_row = decoded.entries.len();
            for (record, scope_metadata) in rows {
                let first_pair = decoded.pairs.len();
                if limits.allow_structured_metadata {
                    push_record_metadata(record, &limits.otlp.log, &mut decoded)?;
                    for (name, value) in shared.metadata.iter().chain(scope_metadata) {
                        decoded.push_pair(borrowed(name), borrowed(value))?;
                    }
                }
                let line = record.body.as_ref().map_or(Cow::Borrowed(""), as_text);
                decoded.push_entry(record_time(record, now), into_bytes(line), first_pair)?;
            }
            let labels = RawLabels::Pairs {
                resource: &shared.labels,
                record: record_labels,
            };
            decoded.streams.push(DecodedStream {
                labels,
                rows: first_row..decoded.entries.len(),
            });
        }
    }
    Ok(decoded)
}

/// A record with the metadata of its scope.
type Row<'a> = (&'a LogRecord, &'a Pairs<'a>);

/// The records of a resource by the labels they bring, those without any first.
fn streams_of<'a>(
    logs: &'a ResourceLogs,
    shared: &'a Prepared<'a>,
    rules: &OtlpRules,
) -> Vec<(Pairs<'a>, Vec<Row<'a>>)> {
    let scopes = logs.scope_logs.iter().zip(&shared.scopes);
    let rows = scopes.flat_map(|(scope, metadata)| {
        scope
            .log_records
            .iter()
            .map(move |record| (record, metadata))
    });
    if !rules.tell_records_apart() {
        return vec![(Pairs::new(), rows.collect())];
    }
    let mut streams = vec![(Pairs::new(), Vec::new())];
    let mut places = HashMap::from([(Pairs::new(), 0)]);
    for row in rows {
        let labels = record_labels(row.0, rules);
        match places.get(&labels) {
            Some(&place) => {
                let (_, stream): &mut (_, Vec<Row<'a>>) = &mut streams[place];
                stream.push(row);
            }
            None => {
                places.insert(labels.clone(), streams.len());
                streams.push((labels, vec![row]));
            }
        }
    }
    streams
}

/// The labels a record brings itself, sorted by name, each name once.
fn record_labels<'a>(record: &'a LogRecord, rules: &OtlpRules) -> Pairs<'a> {
    let mut labels = Pairs::new();
    for KeyValue { key, value } in &record.attributes {
        let Some(value) = value else { continue };
        if action(&rules.log, key) == AttributeAction::IndexLabel {
            flatten(key, value, &mut |name, text| {
                push_label(&mut labels, name, text)
            });
        }
    }
    if rules.severity_text_as_label && !record.severity_text.is_empty() {
        labels.push((
            Cow::Borrowed(SEVERITY_TEXT),
            Cow::Borrowed(&record.severity_text),
        ));
    }
    sort_and_unite(&mut labels, 0);
    labels
}

fn record_time(record: &LogRecord, now: i64) -> i64 {
    let times = [record.time_unix_nano, record.observed_time_unix_nano];
    times
        .into_iter()
        .find(|t| *t != 0)
        .map_or(now, |t| i64::try_from(t).unwrap_or(i64::MAX))
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
fn push_record_metadata<'a>(
    record: &'a LogRecord,
    rules: &[AttributeRule],
    decoded: &mut Decoded<'a>,
) -> Result<(), BodyError> {
    for KeyValue { key, value } in &record.attributes {
        let Some(value) = value else { continue };
        if action(rules, key) != AttributeAction::StructuredMetadata {
            continue;
        }
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
    let number = |n: u64| {
        if n == 0 {
            Cow::Borrowed("")
        } else {
            Cow::Owned(n.to_string())
        }
    };
    if record.time_unix_nano != 0 {
        push("observed_timestamp", number(record.observed_time_unix_nano))?;
    }
    push(
        "severity_number",
        number(u64::try_from(record.severity_number).unwrap_or(0)),
    )?;
    push(SEVERITY_TEXT, Cow::Borrowed(&record.severity_text))?;
    push(
        "dropped_attributes_count",
        number(record.dropped_attributes_count.into()),
    )?;
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
        show_by(body, OtlpRules::default())
    }

    fn show_by(body: &str, rules: OtlpRules) -> String {
        let request = match parse(Some("application/json"), body.as_bytes()) {
            Ok(request) => request,
            Err(error) => return format!("error: {error}"),
        };
        let again = ExportLogsServiceRequest::decode(request.encode_to_vec().as_slice())
            .expect("encoded a moment ago");
        assert_eq!(again, request);
        let limits = IngestLimits {
            otlp: rules,
            ..IngestLimits::default()
        };
        let prepared = prepare(&request, &limits.otlp);
        let decoded = decode(&request, &prepared, &limits, 99).expect("request is small");
        let mut out = String::new();
        for stream in &decoded.streams {
            let RawLabels::Pairs { resource, record } = &stream.labels else {
                unreachable!("otlp gives pairs")
            };
            let labels: Vec<_> = resource.iter().chain(record).collect();
            write!(out, "{labels:?}").expect("writing to a string succeeds");
            for entry in &decoded.entries[stream.rows.clone()] {
                write!(
                    out,
                    " {} {}",
                    entry.time,
                    String::from_utf8_lossy(&entry.line)
                )
                .expect("writing to a string succeeds");
                for (name, value) in decoded.pairs_of(entry) {
                    let (name, value) = (
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(value),
                    );
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

    fn rule(action: AttributeAction, pattern: &str) -> AttributeRule {
        AttributeRule {
            action,
            names: AttributeNames::matching(pattern).expect("regex is valid"),
        }
    }

    #[test]
    fn attributes_go_where_rules_send_them() {
        let rules = OtlpRules {
            resource: vec![
                rule(AttributeAction::Drop, "secret.*"),
                rule(AttributeAction::IndexLabel, "host.*|team"),
            ],
            scope: vec![rule(AttributeAction::Drop, "lib.*")],
            log: vec![
                rule(AttributeAction::IndexLabel, "job"),
                rule(AttributeAction::Drop, "pass.*"),
            ],
            severity_text_as_label: false,
        };
        let body = r#"{"resourceLogs":[{
            "resource":{"attributes":[{"key":"team","value":{"stringValue":"a"}},{"key":"secret.key","value":{"stringValue":"k"}},
              {"key":"host","value":{"kvlistValue":{"values":[{"key":"na.me","value":{"stringValue":"h"}}]}}},
              {"key":"team","value":{"stringValue":"b"}},{"key":"service.name","value":{"stringValue":"svc"}}]},
            "scopeLogs":[{"scope":{"attributes":[{"key":"lib.x","value":{"stringValue":"1"}},{"key":"y","value":{"stringValue":"2"}}]},
              "logRecords":[{"attributes":[{"key":"job","value":{"stringValue":"j1"}},{"key":"password","value":{"stringValue":"p"}}]},
                {"attributes":[{"key":"n","value":{"intValue":"1"}}]},
                {"attributes":[{"key":"job","value":{"stringValue":"j1"}},{"key":"n","value":{"intValue":"2"}}]}]}]}]}"#;
        assert_eq!(
            show_by(body, rules),
            concat!(
                r#"[("host_na_me", "h"), ("team", "b")] 99  n=1 service.name=svc y=2"#,
                r#"[("host_na_me", "h"), ("team", "b"), ("job", "j1")] 99  service.name=svc y=2 99  n=2 service.name=svc y=2"#
            )
        );
    }

    #[test]
    fn severity_texts_are_labels_on_demand() {
        let rules = || OtlpRules {
            severity_text_as_label: true,
            ..OtlpRules::default()
        };
        let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"WARN"},{"severityText":"INFO"},{}]}]}]}"#;
        assert_eq!(
            show_by(body, rules()),
            r#"[] 99 [("severity_text", "WARN")] 99  severity_text=WARN[("severity_text", "INFO")] 99  severity_text=INFO"#
        );
        assert_eq!(show_by(r#"{"resourceLogs":[{}]}"#, rules()), "[]");
    }

    #[test]
    fn other_bodies_are_refused() {
        assert_eq!(show("{}"), "");
        assert!(show("[").starts_with("error: "));
        assert!(
            show(r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}"#)
                .starts_with("error: ")
        );
        let refused = parse(Some("text/plain"), b"").expect_err("not a type of OTLP");
        assert_eq!(
            refused.to_string(),
            "content type: text/plain is not supported"
        );
        let refused = encodings(Some("br")).expect_err("not an encoding of OTLP");
        assert_eq!(
            refused.to_string(),
            "unsupported content encoding br: only gzip, lz4 and zstd are supported"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            if let Ok(request) = parse(Some("application/x-protobuf"), &bytes) {
                let limits = IngestLimits::default();
                decode(&request, &prepare(&request, &limits.otlp), &limits, 0).expect("request is small");
            }
        }
    }
}
