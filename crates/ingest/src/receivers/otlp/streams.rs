//! Streams and entries of an OTLP request, which borrow from it.
//!
//! Records of a resource that bring labels of their own are grouped by these, so that a stream
//! comes once and not once a record.

use crate::decode::decoded::{Decoded, RawLabels, Text};
use crate::decode::proto_types::{Any, KeyValue, LogRecord};
use crate::label_name::sort_and_unite;
use crate::limits::IngestLimits;
use crate::limits::otlp_rules::{AttributeAction, AttributeRule, OtlpRules, action};
use crate::receivers::otlp::logs::{OtlpLogs, Pairs, ResourceRecords, label};
use crate::receivers::otlp::value;
use crate::receivers::otlp::value::{as_text, flatten};
use crate::rejection::BodyError;
use crate::room::Room;
use std::borrow::Cow;
use std::collections::HashMap;

/// The name of a record's severity text in labels and metadata.
const SEVERITY_TEXT: &str = "severity_text";

/// A record with the metadata of its scope.
type Row<'a> = (&'a LogRecord, &'a Pairs);

/// Makes streams and entries; records without a time get `now`. A resource without records gives no
/// stream.
pub(crate) fn decode<'a>(
    logs: &'a OtlpLogs,
    limits: &IngestLimits,
    now: i64,
    room: Room,
) -> Result<Decoded<'a>, BodyError> {
    let mut decoded = Decoded::within(room);
    for resource in &logs.resources {
        let streams = streams_of(resource, &limits.otlp).into_iter();
        for (record_labels, rows) in streams.filter(|(_, rows)| !rows.is_empty()) {
            let first_row = decoded.entries.len();
            for (record, scope_metadata) in rows {
                let first_pair = decoded.pairs.len();
                if limits.allow_structured_metadata {
                    push_record_metadata(record, &limits.otlp.log, &mut decoded)?;
                    for (name, value) in resource.metadata.iter().chain(scope_metadata) {
                        decoded.push_pair(borrowed(name), borrowed(value))?;
                    }
                }
                let line = record.body.as_ref().map_or(Cow::Borrowed(""), as_text);
                decoded.push_entry(record_time(record, now), into_bytes(line), first_pair)?;
            }
            let labels = RawLabels::Pairs {
                resource: &resource.labels,
                record: record_labels,
            };
            decoded.push_stream(labels, first_row)?;
        }
    }
    Ok(decoded)
}

/// The records of a resource by the labels they bring, those without any first.
fn streams_of<'a>(resource: &'a ResourceRecords, rules: &OtlpRules) -> Vec<(Pairs, Vec<Row<'a>>)> {
    let rows = resource.scopes.iter().flat_map(|scope| {
        let records = scope.records.iter();
        records.map(move |record| (record, &scope.metadata))
    });
    if !rules.split_records() {
        return vec![(Pairs::new(), rows.collect())];
    }
    let mut streams = vec![(Pairs::new(), Vec::new())];
    let mut index = HashMap::from([(Pairs::new(), 0)]);
    for row in rows {
        let labels = record_labels(row.0, rules);
        match index.get(&labels) {
            Some(&at) => {
                let (_, stream): &mut (_, Vec<Row<'a>>) = &mut streams[at];
                stream.push(row);
            }
            None => {
                index.insert(labels.clone(), streams.len());
                streams.push((labels, vec![row]));
            }
        }
    }
    streams
}

/// The labels a record brings itself, sorted by name, each name once.
fn record_labels(record: &LogRecord, rules: &OtlpRules) -> Pairs {
    let mut labels = Pairs::new();
    for KeyValue { key, value } in &record.attributes {
        let Some(value) = value else { continue };
        if action(&rules.log, key) == AttributeAction::IndexLabel {
            flatten(key, value, &mut |name, text| {
                labels.extend(label(name, text));
            });
        }
    }
    if rules.severity_text_as_label && !record.severity_text.is_empty() {
        labels.push((SEVERITY_TEXT.to_owned(), record.severity_text.clone()));
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
    push_access_log(record, decoded)?;
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
    let severity = match record.severity_number {
        0 => Cow::Borrowed(""),
        number => Cow::Owned(number.to_string()),
    };
    push("severity_number", severity)?;
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

/// The field that says that a map is a line of Envoy's access log, or Istio's.
const ACCESS_LOG_FIELD: &str = "response_code";

/// The fields of an access log that comes as a map: `-` stands for one that has no value.
fn push_access_log<'a>(record: &'a LogRecord, decoded: &mut Decoded<'a>) -> Result<(), BodyError> {
    let body = record.body.as_ref().and_then(|body| body.value.as_ref());
    let Some(Any::KvlistValue(fields)) = body else {
        return Ok(());
    };
    let fields = &fields.values;
    if !fields.iter().any(|field| field.key == ACCESS_LOG_FIELD) {
        return Ok(());
    }
    for KeyValue { key, value } in fields {
        let text = value.as_ref().map_or(Cow::Borrowed(""), as_text);
        if text != "-" {
            decoded.push_pair(borrowed(key), into_bytes(text))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::otlp_rules::AttributeNames;
    use std::fmt::Write;

    fn show(body: &str) -> String {
        show_by(body, OtlpRules::default())
    }

    fn show_by(body: &str, rules: OtlpRules) -> String {
        let limits = IngestLimits {
            otlp: rules,
            ..IngestLimits::default()
        };
        let json = Some("application/json");
        let logs = match OtlpLogs::parse(json, body.as_bytes(), &limits.otlp, &mut Room::default())
        {
            Ok(logs) => logs,
            Err(error) => return format!("error: {error}"),
        };
        let decoded = decode(&logs, &limits, 99, Room::default()).expect("request is small");
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
               "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"01020304050607ff","flags":1,"eventName":"e"},
              {"body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]}]}]}"#;
        assert_eq!(
            show(body),
            r#"[("service_name", "svc")] 5 hi m_a.b=true l=[1] d=1.5 observed_timestamp=6 severity_number=9 severity_text=Info flags=1 trace_id=0102030405060708090a0b0c0d0e0f10 span_id=01020304050607ff event_name=e host.name=h scope_name=lib scope_version=1 99 {"k":"v"} host.name=h scope_name=lib scope_version=1"#
        );
    }

    #[test]
    fn a_severity_that_no_name_stands_for_is_kept() {
        for (number, kept) in [("-1", true), ("99", true), ("0", false)] {
            let body = format!(
                r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":5,"severityNumber":{number}}}]}}]}}]}}"#
            );
            let shown = show(&body);
            let pair = format!(" severity_number={number}");
            assert_eq!(shown.contains(&pair), kept, "{shown}");
        }
    }

    #[test]
    fn fields_of_an_access_log_are_metadata_too() {
        let field = |key: &str, value: &str| {
            format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
        };
        let show = |fields: [String; 2]| {
            show(&format!(
                r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":5,"body":{{"kvlistValue":{{"values":[{}]}}}}}}]}}]}}]}}"#,
                fields.join(",")
            ))
        };
        assert_eq!(
            show([field("response_code", "503"), field("upstream_host", "-")]),
            r#"[] 5 {"response_code":"503","upstream_host":"-"} response_code=503"#
        );
        assert_eq!(
            show([field("code", "503"), field("host", "a")]),
            r#"[] 5 {"code":"503","host":"a"}"#
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
        assert_eq!(show_by(r#"{"resourceLogs":[{}]}"#, rules()), "");
    }

    #[test]
    fn other_bodies_are_refused() {
        assert_eq!(show("{}"), "");
        assert!(show("[").starts_with("error: "));
        assert!(
            show(r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}"#)
                .starts_with("error: ")
        );
        let refused = OtlpLogs::parse(
            Some("text/plain"),
            b"",
            &OtlpRules::default(),
            &mut Room::default(),
        )
        .expect_err("not a type of OTLP");
        assert_eq!(
            refused.to_string(),
            "content type: text/plain is not supported"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let limits = IngestLimits::default();
            if let Ok(logs) = OtlpLogs::parse(Some("application/x-protobuf"), &bytes, &limits.otlp, &mut Room::default()) {
                decode(&logs, &limits, 0, Room::default()).expect("request is small");
            }
        }
    }
}
