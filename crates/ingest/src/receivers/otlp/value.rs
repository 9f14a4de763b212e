//! Texts of OTLP attribute values, for lines, labels and metadata.

use crate::decode::proto_types::{Any, AnyValue, KeyValue};
use base64::Engine;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// A value as one text: strings as they are, lists and maps as JSON, bytes as base64.
pub(crate) fn as_text(value: &AnyValue) -> Cow<'_, str> {
    match &value.value {
        None => Cow::Borrowed(""),
        Some(Any::StringValue(text)) => Cow::Borrowed(text),
        Some(Any::BoolValue(flag)) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Some(Any::IntValue(number)) => Cow::Owned(number.to_string()),
        Some(Any::DoubleValue(number)) => Cow::Owned(number_text(*number)),
        Some(Any::BytesValue(bytes)) => Cow::Owned(base64_text(bytes)),
        Some(Any::ArrayValue(_) | Any::KvlistValue(_)) => Cow::Owned(as_json(value).to_string()),
    }
}

/// An attribute as metadata: maps give one pair a member, names joined with `_`.
pub(crate) fn flatten<'v>(
    key: &'v str,
    value: &'v AnyValue,
    push: &mut dyn FnMut(Cow<'v, str>, Cow<'v, str>),
) {
    match &value.value {
        Some(Any::KvlistValue(list)) => flatten_members(key, &list.values, push),
        _ => push(Cow::Borrowed(key), as_text(value)),
    }
}

fn flatten_members<'v>(
    prefix: &str,
    members: &'v [KeyValue],
    push: &mut dyn FnMut(Cow<'v, str>, Cow<'v, str>),
) {
    for KeyValue { key, value } in members {
        let Some(value) = value else { continue };
        let name = format!("{prefix}_{key}");
        match &value.value {
            Some(Any::KvlistValue(list)) => flatten_members(&name, &list.values, push),
            _ => push(Cow::Owned(name), as_text(value)),
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn base64_text(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The shortest text that reads back as the number.
fn number_text(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) && size.is_finite() {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

fn as_json(value: &AnyValue) -> Value {
    match &value.value {
        None => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text.clone()),
        Some(Any::BoolValue(flag)) => Value::Bool(*flag),
        Some(Any::IntValue(number)) => Value::Number((*number).into()),
        Some(Any::DoubleValue(number)) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Value::Number((*number as i64).into())
        }
        Some(Any::DoubleValue(number)) => {
            Number::from_f64(*number).map_or(Value::Null, Value::Number)
        }
        Some(Any::BytesValue(bytes)) => Value::String(base64_text(bytes)),
        Some(Any::ArrayValue(list)) => Value::Array(list.values.iter().map(as_json).collect()),
        Some(Any::KvlistValue(list)) => {
            let members = list
                .values
                .iter()
                .map(|m| (m.key.clone(), m.value.as_ref().map_or(Value::Null, as_json)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (number, want) in [
            (1.5, "1.5"),
            (2.0, "2"),
            (1e21, "1e21"),
            (0.0, "0"),
            (1.5e-7, "1.5e-7"),
        ] {
            assert_eq!(number_text(number), want);
        }
    }

    #[test]
    fn bytes_are_base64_and_ids_hex() {
        assert_eq!(
            as_text(&AnyValue {
                value: Some(Any::BytesValue(b"hi".to_vec()))
            }),
            "aGk="
        );
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
