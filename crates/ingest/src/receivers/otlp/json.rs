//! The OTLP/JSON decoder checks the type of every field; a wrong one refuses the request.
//!
//! Every field is read by its JSON name (`timeUnixNano`) and by its proto name (`time_unix_nano`).
//! 64-bit numbers are numbers or text, enums their number or name; null is a field that is not set,
//! and fields nobody knows are passed over. What has another type, or is given twice, refuses the
//! whole request by the path of the field: a 204 means that nothing was lost.

use crate::decode::json_tree;
use crate::decode::json_tree::Node;
use crate::decode::proto_types::{
    Any, AnyValue, ArrayValue, ExportLogsServiceRequest, InstrumentationScope, KeyValue,
    KeyValueList, LogRecord, Resource, ResourceLogs, ScopeLogs,
};
use crate::receivers::otlp::weight;
use crate::rejection::BodyError;
use crate::room::Room;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use std::borrow::Cow;
use std::str::FromStr;

/// Names of severities by number, four of each; the first has no digit after it.
const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// Base64 as proto JSON writes it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The kinds of a value by their JSON names.
const VALUE_KINDS: [&str; 7] = [
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
];

/// Reads a whole request.
pub(crate) fn parse(body: &[u8], room: &mut Room) -> Result<ExportLogsServiceRequest, BodyError> {
    let document = json_tree::parse(body, room)?;
    if !matches!(document, Node::Object(_)) {
        return Err(BodyError::Malformed(format!(
            "json: the request has to be an object and is {}",
            document.kind()
        )));
    }
    room.take(weight::of_document(&document))?;
    request(&document).map_err(|error| BodyError::Malformed(format!("json: {error}")))
}

/// What is wrong with a field.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
struct FieldError {
    /// From the request down: `resourceLogs[0].scopeLogs[1].scope`.
    path: String,
    problem: String,
}

impl FieldError {
    fn expected(what: &str, found: &Node<'_>) -> FieldError {
        let found = match found {
            Node::Text(text) if text.len() <= 40 => format!("the string {text:?}"),
            Node::Number(number) => format!("the number {number}"),
            other => other.kind().to_owned(),
        };
        FieldError {
            path: String::new(),
            problem: format!("expected {what}, found {found}"),
        }
    }

    /// The same error seen from the message around it.
    fn within(mut self, outer: &str) -> FieldError {
        let dot = match self.path.as_bytes().first() {
            None | Some(b'[') => "",
            Some(_) => ".",
        };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }
}

/// A message of the request: its members, found by JSON or proto name.
struct Fields<'n, 't>(&'n [(Cow<'t, str>, Node<'t>)]);

impl<'n, 't> Fields<'n, 't> {
    /// Null is a message without any field.
    fn of(node: &'n Node<'t>) -> Result<Fields<'n, 't>, FieldError> {
        match node {
            Node::Object(members) => Ok(Fields(members)),
            Node::Null => Ok(Fields(&[])),
            other => Err(FieldError::expected("an object", other)),
        }
    }

    /// The field with this JSON name, by the name it was sent under; null counts as not set.
    fn find(&self, name: &str) -> Result<Option<(&'n str, &'n Node<'t>)>, FieldError> {
        let mut found = None;
        for (key, node) in self.0 {
            if *node == Node::Null || !is_name_of(key, name) {
                continue;
            }
            if found.is_some() {
                return Err(FieldError {
                    path: key.to_string(),
                    problem: "given twice".to_owned(),
                });
            }
            found = Some((&**key, node));
        }
        Ok(found)
    }

    /// The field read by `read`; its default when it is not set.
    fn get<T: Default>(
        &self,
        name: &str,
        read: impl Fn(&Node<'t>) -> Result<T, FieldError>,
    ) -> Result<T, FieldError> {
        match self.find(name)? {
            None => Ok(T::default()),
            Some((key, node)) => read(node).map_err(|error| error.within(key)),
        }
    }

    /// The field read by `read`, if it is set.
    fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&Node<'t>) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        self.get(name, |node| read(node).map(Some))
    }

    /// The items of the field, each read by `read`.
    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Node<'t>) -> Result<T, FieldError>,
    ) -> Result<Vec<T>, FieldError> {
        self.get(name, |node| match node {
            Node::List(items) => {
                let item = |(i, item)| {
                    read(item).map_err(|error: FieldError| error.within(&format!("[{i}]")))
                };
                items.iter().enumerate().map(item).collect()
            }
            other => Err(FieldError::expected("an array", other)),
        })
    }
}

/// Whether a member's name is this JSON name or the proto name it was made of: `timeUnixNano`,
/// `time_unix_nano`.
fn is_name_of(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    let mut rest = key.bytes();
    let fits = name.bytes().all(|byte| {
        let underscore = !byte.is_ascii_uppercase() || rest.next() == Some(b'_');
        underscore && rest.next() == Some(byte.to_ascii_lowercase())
    });
    fits && rest.next().is_none()
}

fn request(node: &Node<'_>) -> Result<ExportLogsServiceRequest, FieldError> {
    let fields = Fields::of(node)?;
    Ok(ExportLogsServiceRequest {
        resource_logs: fields.list("resourceLogs", resource_logs)?,
    })
}

fn resource_logs(node: &Node<'_>) -> Result<ResourceLogs, FieldError> {
    let fields = Fields::of(node)?;
    fields.get("schemaUrl", text)?;
    Ok(ResourceLogs {
        resource: fields.optional("resource", resource)?,
        scope_logs: fields.list("scopeLogs", scope_logs)?,
    })
}

fn resource(node: &Node<'_>) -> Result<Resource, FieldError> {
    let fields = Fields::of(node)?;
    Ok(Resource {
        attributes: fields.list("attributes", key_value)?,
        dropped_attributes_count: fields.get("droppedAttributesCount", whole_number)?,
    })
}

fn scope_logs(node: &Node<'_>) -> Result<ScopeLogs, FieldError> {
    let fields = Fields::of(node)?;
    fields.get("schemaUrl", text)?;
    Ok(ScopeLogs {
        scope: fields.optional("scope", scope)?,
        log_records: fields.list("logRecords", log_record)?,
    })
}

fn scope(node: &Node<'_>) -> Result<InstrumentationScope, FieldError> {
    let fields = Fields::of(node)?;
    Ok(InstrumentationScope {
        name: fields.get("name", text)?,
        version: fields.get("version", text)?,
        attributes: fields.list("attributes", key_value)?,
        dropped_attributes_count: fields.get("droppedAttributesCount", whole_number)?,
    })
}

fn log_record(node: &Node<'_>) -> Result<LogRecord, FieldError> {
    let fields = Fields::of(node)?;
    Ok(LogRecord {
        time_unix_nano: fields.get("timeUnixNano", whole_number)?,
        severity_number: fields.get("severityNumber", severity_number)?,
        severity_text: fields.get("severityText", text)?,
        body: fields.optional("body", any_value)?,
        attributes: fields.list("attributes", key_value)?,
        dropped_attributes_count: fields.get("droppedAttributesCount", whole_number)?,
        flags: fields.get("flags", whole_number)?,
        trace_id: fields.get("traceId", id::<16>)?,
        span_id: fields.get("spanId", id::<8>)?,
        observed_time_unix_nano: fields.get("observedTimeUnixNano", whole_number)?,
        event_name: fields.get("eventName", text)?,
    })
}

fn key_value(node: &Node<'_>) -> Result<KeyValue, FieldError> {
    let fields = Fields::of(node)?;
    Ok(KeyValue {
        key: fields.get("key", text)?,
        value: fields.optional("value", any_value)?,
    })
}

fn any_value(node: &Node<'_>) -> Result<AnyValue, FieldError> {
    let fields = Fields::of(node)?;
    let mut value = None;
    for name in VALUE_KINDS {
        let read = |node: &Node<'_>| any(name, node);
        if let Some(any) = fields.optional(name, read)?
            && value.replace(any).is_some()
        {
            return Err(FieldError {
                path: name.to_owned(),
                problem: "a value has one kind, and another is given too".to_owned(),
            });
        }
    }
    Ok(AnyValue { value })
}

/// A value of the kind that `name` of [`VALUE_KINDS`] stands for.
fn any(name: &str, node: &Node<'_>) -> Result<Any, FieldError> {
    Ok(match name {
        "stringValue" => Any::StringValue(text(node)?),
        "boolValue" => match node {
            Node::Bool(flag) => Any::BoolValue(*flag),
            other => return Err(FieldError::expected("a boolean", other)),
        },
        "intValue" => Any::IntValue(whole_number(node)?),
        "doubleValue" => Any::DoubleValue(number(node)?),
        "arrayValue" => Any::ArrayValue(ArrayValue {
            values: Fields::of(node)?.list("values", any_value)?,
        }),
        "kvlistValue" => Any::KvlistValue(KeyValueList {
            values: Fields::of(node)?.list("values", key_value)?,
        }),
        _ => Any::BytesValue(bytes(node)?),
    })
}

fn text(node: &Node<'_>) -> Result<String, FieldError> {
    match node {
        Node::Text(text) => Ok(text.clone().into_owned()),
        other => Err(FieldError::expected("a string", other)),
    }
}

/// A number without a fraction, as a number or as text.
fn whole_number<T: FromStr>(node: &Node<'_>) -> Result<T, FieldError> {
    parse_number(node, "a whole number that fits")
}

fn number(node: &Node<'_>) -> Result<f64, FieldError> {
    parse_number(node, "a number")
}

fn parse_number<T: FromStr>(node: &Node<'_>, what: &str) -> Result<T, FieldError> {
    let parsed = match node {
        Node::Number(number) => number.to_string().parse().ok(),
        Node::Text(text) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| FieldError::expected(what, node))
}

/// A severity by its number or by its name in the proto: `SEVERITY_NUMBER_WARN2`.
fn severity_number(node: &Node<'_>) -> Result<i32, FieldError> {
    let name = match node {
        Node::Text(text) => text.strip_prefix("SEVERITY_NUMBER_"),
        _ => None,
    };
    let Some(name) = name else {
        return whole_number(node);
    };
    if name == "UNSPECIFIED" {
        return Ok(0);
    }
    let mut numbered = SEVERITIES.iter().zip((1..).step_by(4));
    let of_name = numbered.find_map(|(word, first)| {
        let step = match name.strip_prefix(word)? {
            "" => 0,
            "2" => 1,
            "3" => 2,
            "4" => 3,
            _ => return None,
        };
        Some(first + step)
    });
    of_name.ok_or_else(|| FieldError::expected("a severity", node))
}

/// An id of this many bytes, in hex; the empty text is none.
fn id<const BYTES: usize>(node: &Node<'_>) -> Result<Vec<u8>, FieldError> {
    let digits = text(node)?;
    let nibble = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    });
    pairs
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| bytes.is_empty() || bytes.len() == BYTES)
        .ok_or_else(|| FieldError::expected(&format!("{} hex digits", 2 * BYTES), node))
}

/// Base64 in either alphabet.
fn bytes(node: &Node<'_>) -> Result<Vec<u8>, FieldError> {
    let standard = text(node)?.replace('-', "+").replace('_', "/");
    BASE64
        .decode(standard)
        .map_err(|_| FieldError::expected("base64", node))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field of every message, by JSON names.
    const WHOLE: &str = r#"{"resourceLogs":[{"schemaUrl":"u",
        "resource":{"droppedAttributesCount":1,"attributes":[{"key":"a","value":{"stringValue":"s"}}]},
        "scopeLogs":[{"schemaUrl":"u",
          "scope":{"name":"lib","version":"1","droppedAttributesCount":2,
            "attributes":[{"key":"b","value":{"boolValue":true}}]},
          "logRecords":[{"timeUnixNano":"18446744073709551615","observedTimeUnixNano":7,"severityNumber":13,
            "severityText":"W","droppedAttributesCount":3,"flags":1,"eventName":"e",
            "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"01020304050607FF",
            "body":{"kvlistValue":{"values":[
              {"key":"i","value":{"intValue":"-5"}},{"key":"d","value":{"doubleValue":1.5}},
              {"key":"l","value":{"arrayValue":{"values":[{"bytesValue":"aaaa"},{}]}}}]}},
            "attributes":[]}]}]}]}"#;

    fn snake_case(text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            if c.is_ascii_uppercase() && out.ends_with(|before: char| before.is_ascii_lowercase()) {
                out.push('_');
                out.push(c.to_ascii_lowercase());
            } else {
                out.push(c);
            }
        }
        out
    }

    #[test]
    fn json_names_and_proto_names_are_read_alike() {
        let request = parse(WHOLE.as_bytes(), &mut Room::default()).expect("request is right");
        let snake = snake_case(WHOLE);
        for name in [
            "resource_logs",
            "scope_logs",
            "log_records",
            "kvlist_value",
            "bytes_value",
            "time_unix_nano",
            "dropped_attributes_count",
            "trace_id",
            "schema_url",
        ] {
            assert!(snake.contains(name), "{name}");
        }
        assert_eq!(
            parse(snake.as_bytes(), &mut Room::default()),
            Ok(request.clone())
        );
        let record = &request.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!(record.time_unix_nano, u64::MAX);
        assert_eq!((record.observed_time_unix_nano, record.flags), (7, 1));
        assert_eq!((record.trace_id.len(), record.span_id[7]), (16, 0xff));
        assert_eq!((record.severity_number, &*record.event_name), (13, "e"));
        assert_eq!(record.dropped_attributes_count, 3);
        let Some(Any::KvlistValue(list)) = record.body.as_ref().and_then(|b| b.value.as_ref())
        else {
            panic!("the body is a map")
        };
        let values: Vec<_> = list.values.iter().map(|v| v.value.clone()).collect();
        let value = |any| Some(AnyValue { value: Some(any) });
        let bytes = AnyValue {
            value: Some(Any::BytesValue(vec![0x69, 0xa6, 0x9a])),
        };
        let items = vec![bytes, AnyValue { value: None }];
        assert_eq!(
            values,
            [
                value(Any::IntValue(-5)),
                value(Any::DoubleValue(1.5)),
                value(Any::ArrayValue(ArrayValue { values: items }))
            ]
        );
    }

    /// A request of one record, by its members.
    fn record(members: &str) -> String {
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{members}}}]}}]}}]}}"#)
    }

    fn check_refused(request: &str, want: &str) {
        let refused = parse(request.as_bytes(), &mut Room::default()).expect_err(request);
        assert_eq!(
            (refused.status(), refused.to_string()),
            (400, want.to_owned())
        );
    }

    #[test]
    fn a_field_of_another_type_refuses_the_request_by_its_path() {
        const RECORD: &str = "json: resourceLogs[0].scopeLogs[0].logRecords[0]";
        for (members, want) in [
            (
                r#""body":"plain""#,
                r#".body: expected an object, found the string "plain""#,
            ),
            (
                r#""body":["a"]"#,
                ".body: expected an object, found an array",
            ),
            (
                r#""body":7"#,
                ".body: expected an object, found the number 7",
            ),
            (
                r#""body":{"string_value":{"a":1}}"#,
                ".body.string_value: expected a string, found an object",
            ),
            (
                r#""body":{"arrayValue":["a","b"]}"#,
                ".body.arrayValue: expected an object, found an array",
            ),
            (
                r#""body":{"arrayValue":{"values":[{"stringValue":"a"},"b"]}}"#,
                r#".body.arrayValue.values[1]: expected an object, found the string "b""#,
            ),
            (
                r#""body":{"kvlistValue":{"values":{"k":"v"}}}"#,
                ".body.kvlistValue.values: expected an array, found an object",
            ),
            (
                r#""body":{"boolValue":"true"}"#,
                r#".body.boolValue: expected a boolean, found the string "true""#,
            ),
            (
                r#""body":{"intValue":1.5}"#,
                ".body.intValue: expected a whole number that fits, found the number 1.5",
            ),
            (
                r#""body":{"bytesValue":"?"}"#,
                r#".body.bytesValue: expected base64, found the string "?""#,
            ),
            (
                r#""attributes":[{"key":"a","value":"x"}]"#,
                r#".attributes[0].value: expected an object, found the string "x""#,
            ),
            (
                r#""attributes":{"a":"x"}"#,
                ".attributes: expected an array, found an object",
            ),
            (
                r#""attributes":[{"key":5}]"#,
                ".attributes[0].key: expected a string, found the number 5",
            ),
            (
                r#""time_unix_nano":"2026-03-01T00:00:00Z""#,
                r#".time_unix_nano: expected a whole number that fits, found the string "2026-03-01T00:00:00Z""#,
            ),
            (
                r#""timeUnixNano":1e18"#,
                ".timeUnixNano: expected a whole number that fits, found the number 1e+18",
            ),
            (
                r#""droppedAttributesCount":-1"#,
                ".droppedAttributesCount: expected a whole number that fits, found the number -1",
            ),
            (
                r#""flags":true"#,
                ".flags: expected a whole number that fits, found a boolean",
            ),
            (
                r#""severityNumber":"SEVERITY_NUMBER_LOUD""#,
                r#".severityNumber: expected a severity, found the string "SEVERITY_NUMBER_LOUD""#,
            ),
            (
                r#""severityText":5"#,
                ".severityText: expected a string, found the number 5",
            ),
            (
                r#""traceId":"xyz0""#,
                r#".traceId: expected 32 hex digits, found the string "xyz0""#,
            ),
            (
                r#""traceId":"0102""#,
                r#".traceId: expected 32 hex digits, found the string "0102""#,
            ),
            (
                r#""spanId":"0102030405060708090a0b0c0d0e0f10""#,
                r#".spanId: expected 16 hex digits, found the string "0102030405060708090a0b0c0d0e0f10""#,
            ),
            (
                r#""span_id":"abc""#,
                r#".span_id: expected 16 hex digits, found the string "abc""#,
            ),
        ] {
            check_refused(&record(members), &format!("{RECORD}{want}"));
        }
        for (request, want) in [
            ("[]", "the request has to be an object and is an array"),
            ("5", "the request has to be an object and is a number"),
            (
                r#"{"resourceLogs":{}}"#,
                "resourceLogs: expected an array, found an object",
            ),
            (
                r#"{"resource_logs":["x"]}"#,
                r#"resource_logs[0]: expected an object, found the string "x""#,
            ),
            (
                r#"{"resourceLogs":[{"resource":"x"}]}"#,
                r#"resourceLogs[0].resource: expected an object, found the string "x""#,
            ),
            (
                r#"{"resourceLogs":[{"schemaUrl":1}]}"#,
                "resourceLogs[0].schemaUrl: expected a string, found the number 1",
            ),
            (
                r#"{"resourceLogs":[{"scopeLogs":[{"scope":{"version":2}}]}]}"#,
                "resourceLogs[0].scopeLogs[0].scope.version: expected a string, found the number 2",
            ),
        ] {
            check_refused(request, &format!("json: {want}"));
        }
    }

    #[test]
    fn a_field_given_twice_refuses_the_request() {
        check_refused(
            r#"{"resourceLogs":[],"resource_logs":[]}"#,
            "json: resource_logs: given twice",
        );
        check_refused(
            &record(r#""timeUnixNano":"1","timeUnixNano":"2""#),
            "json: resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano: given twice",
        );
        check_refused(
            &record(r#""body":{"stringValue":"a","intValue":"1"}"#),
            "json: resourceLogs[0].scopeLogs[0].logRecords[0].body.intValue: a value has one kind, and another is given too",
        );
        let null_first = r#"{"resourceLogs":null,"resource_logs":[{}]}"#;
        let request = parse(null_first.as_bytes(), &mut Room::default()).expect("null is not set");
        assert_eq!(request.resource_logs.len(), 1);
    }

    #[test]
    fn what_proto_json_allows_is_read() {
        let read = |members: &str| {
            let request = parse(record(members).as_bytes(), &mut Room::default()).expect(members);
            request.resource_logs[0].scope_logs[0].log_records[0].clone()
        };
        for (severity, number) in [
            (r#""SEVERITY_NUMBER_UNSPECIFIED""#, 0),
            (r#""SEVERITY_NUMBER_TRACE""#, 1),
            (r#""SEVERITY_NUMBER_WARN""#, 13),
            (r#""SEVERITY_NUMBER_ERROR3""#, 19),
            (r#""SEVERITY_NUMBER_FATAL4""#, 24),
            (r#""17""#, 17),
            ("-1", -1),
        ] {
            let members = format!(r#""severityNumber":{severity}"#);
            assert_eq!(read(&members).severity_number, number);
        }
        for (value, any) in [
            (r#"{"doubleValue":"1.5"}"#, Any::DoubleValue(1.5)),
            (
                r#"{"doubleValue":"Infinity"}"#,
                Any::DoubleValue(f64::INFINITY),
            ),
            (r#"{"bytesValue":"-_8"}"#, Any::BytesValue(vec![0xfb, 0xff])),
            (r#"{"stringValue":""}"#, Any::StringValue(String::new())),
            (
                r#"{"stringValue":null,"intValue":3,"other":{}}"#,
                Any::IntValue(3),
            ),
        ] {
            let body = read(&format!(r#""body":{value}"#)).body.expect("a body");
            assert_eq!(body.value, Some(any), "{value}");
        }
        let unknown = read(r#""unknown":{"a":[1]},"attributes":null,"body":{"newValue":1}"#);
        assert_eq!(unknown.body, Some(AnyValue { value: None }));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let body = r#"{"arrayValue":{"values":["#.repeat(1 << 16);
        assert!(
            parse(
                record(&format!(r#""body":{body}"#)).as_bytes(),
                &mut Room::default()
            )
            .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            pieces in proptest::collection::vec(
                "\\{|\\}|\\[|\\]|,|\"resourceLogs\":|\"scope_logs\":|\"logRecords\":|\"body\":|\"stringValue\":|\"[ -~]{0,3}\"|[0-9]{1,3}|null",
                0..30,
            ),
        ) {
            drop(parse(pieces.concat().as_bytes(), &mut Room::default()));
        }
    }
}
