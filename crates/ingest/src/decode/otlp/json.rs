//! Decoder of OTLP's JSON form: camel case, hex ids, 64-bit numbers as strings or numbers.

use crate::decode::proto_types::{
    Any, AnyValue, ArrayValue, ExportLogsServiceRequest, InstrumentationScope, KeyValue,
    KeyValueList, LogRecord, Resource, ResourceLogs, ScopeLogs,
};
use crate::rejection::BodyError;
use base64::Engine;
use serde_json::Value;

/// Reads a whole request.
pub(crate) fn parse(body: &[u8]) -> Result<ExportLogsServiceRequest, BodyError> {
    let document: Value =
        serde_json::from_slice(body).map_err(|e| BodyError::Malformed(format!("json: {e}")))?;
    if !document.is_object() {
        return Err(BodyError::malformed("json: the request is no object"));
    }
    let resource_logs = list(&document, "resourceLogs", resource_logs)?;
    Ok(ExportLogsServiceRequest { resource_logs })
}

fn wrong(key: &str) -> BodyError {
    BodyError::Malformed(format!("json: unexpected value of {key}"))
}

/// A member that is there and not null.
fn member<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|v| !v.is_null())
}

fn list<T>(
    value: &Value,
    key: &str,
    item: impl Fn(&Value) -> Result<T, BodyError>,
) -> Result<Vec<T>, BodyError> {
    match member(value, key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(item).collect(),
        Some(_) => Err(wrong(key)),
    }
}

fn text(value: &Value, key: &str) -> Result<String, BodyError> {
    match member(value, key) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(wrong(key)),
    }
}

/// A whole number, written as a number or as text.
fn number<T: std::str::FromStr + Default>(value: &Value, key: &str) -> Result<T, BodyError> {
    match member(value, key) {
        None => Ok(T::default()),
        Some(Value::String(text)) => text.parse().map_err(|_| wrong(key)),
        Some(Value::Number(number)) => number.to_string().parse().map_err(|_| wrong(key)),
        Some(_) => Err(wrong(key)),
    }
}

fn hex(value: &Value, key: &str) -> Result<Vec<u8>, BodyError> {
    let digits = text(value, key)?;
    let nibble = |b: u8| {
        char::from(b)
            .to_digit(16)
            .map(|d| d as u8)
            .ok_or_else(|| wrong(key))
    };
    if digits.len() % 2 != 0 {
        return Err(wrong(key));
    }
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| Ok(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect()
}

fn resource_logs(value: &Value) -> Result<ResourceLogs, BodyError> {
    let resource = member(value, "resource").map(resource).transpose()?;
    Ok(ResourceLogs {
        resource,
        scope_logs: list(value, "scopeLogs", scope_logs)?,
    })
}

fn resource(value: &Value) -> Result<Resource, BodyError> {
    let dropped_attributes_count = number(value, "droppedAttributesCount")?;
    Ok(Resource {
        attributes: list(value, "attributes", key_value)?,
        dropped_attributes_count,
    })
}

fn scope_logs(value: &Value) -> Result<ScopeLogs, BodyError> {
    let scope = member(value, "scope").map(scope).transpose()?;
    Ok(ScopeLogs {
        scope,
        log_records: list(value, "logRecords", log_record)?,
    })
}

fn scope(value: &Value) -> Result<InstrumentationScope, BodyError> {
    Ok(InstrumentationScope {
        name: text(value, "name")?,
        version: text(value, "version")?,
        attributes: list(value, "attributes", key_value)?,
        dropped_attributes_count: number(value, "droppedAttributesCount")?,
    })
}

fn log_record(value: &Value) -> Result<LogRecord, BodyError> {
    Ok(LogRecord {
        time_unix_nano: number(value, "timeUnixNano")?,
        severity_number: number(value, "severityNumber")?,
        severity_text: text(value, "severityText")?,
        body: member(value, "body").map(any_value).transpose()?,
        attributes: list(value, "attributes", key_value)?,
        dropped_attributes_count: number(value, "droppedAttributesCount")?,
        flags: number(value, "flags")?,
        trace_id: hex(value, "traceId")?,
        span_id: hex(value, "spanId")?,
        observed_time_unix_nano: number(value, "observedTimeUnixNano")?,
        event_name: text(value, "eventName")?,
    })
}

fn key_value(value: &Value) -> Result<KeyValue, BodyError> {
    Ok(KeyValue {
        key: text(value, "key")?,
        value: member(value, "value").map(any_value).transpose()?,
    })
}

fn any_value(value: &Value) -> Result<AnyValue, BodyError> {
    let Some((kind, held)) = value
        .as_object()
        .and_then(|o| o.iter().find(|(_, v)| !v.is_null()))
    else {
        return Ok(AnyValue { value: None });
    };
    let any = match kind.as_str() {
        "stringValue" => Any::StringValue(text(value, kind)?),
        "boolValue" => Any::BoolValue(held.as_bool().ok_or_else(|| wrong(kind))?),
        "intValue" => Any::IntValue(number(value, kind)?),
        "doubleValue" => Any::DoubleValue(number(value, kind)?),
        "arrayValue" => Any::ArrayValue(ArrayValue {
            values: list(held, "values", any_value)?,
        }),
        "kvlistValue" => Any::KvlistValue(KeyValueList {
            values: list(held, "values", key_value)?,
        }),
        "bytesValue" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text(value, kind)?);
            Any::BytesValue(bytes.map_err(|_| wrong(kind))?)
        }
        _ => return Ok(AnyValue { value: None }),
    };
    Ok(AnyValue { value: Some(any) })
}
