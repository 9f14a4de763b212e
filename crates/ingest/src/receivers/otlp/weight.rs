//! The weight of an OTLP request: bytes it takes once it is decoded, told before it is.
//!
//! A record is a few hundred bytes of memory and may be two on the wire, so that a small body can
//! become a large request.

use crate::decode::json_tree::Node;
use crate::decode::proto_reader::{Reader, Value, WireError};
use crate::decode::proto_types::{AnyValue, KeyValue, LogRecord, ResourceLogs, ScopeLogs};
use crate::receivers::otlp::logs::{ResourceRecords, ScopeRecords};

/// Lists are up to twice as long as what they hold.
const LIST_SLACK: usize = 2;

/// What the allocator needs beside a text.
const TEXT_BYTES: usize = 16;

const RESOURCE_BYTES: usize = LIST_SLACK * size_of::<ResourceLogs>() + size_of::<ResourceRecords>();
const SCOPE_BYTES: usize = LIST_SLACK * size_of::<ScopeLogs>() + size_of::<ScopeRecords>();
const RECORD_BYTES: usize = LIST_SLACK * size_of::<LogRecord>();
const PAIR_BYTES: usize = LIST_SLACK * size_of::<KeyValue>();
const VALUE_BYTES: usize = LIST_SLACK * size_of::<AnyValue>();

/// Deepest nesting that is weighed: prost's own bound, beyond which it refuses the request.
const DEPTH_MAX: usize = 100;

/// The weight of a protobuf request; of one that is cut short or broken, up to there.
pub(crate) fn of_protobuf(body: &[u8]) -> usize {
    let mut weight = 0;
    // What is broken here is refused by the decoder, which gets no further than this.
    let _ = request(body, &mut weight);
    weight
}

/// Calls `each` with the fields that hold bytes.
fn fields<'b>(
    body: &'b [u8],
    mut each: impl FnMut(i32, &'b [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(body, "");
    while let Some((field, value)) = reader.field()? {
        if let Value::Bytes(bytes) = value {
            each(field, bytes)?;
        }
    }
    Ok(())
}

fn request(body: &[u8], weight: &mut usize) -> Result<(), WireError> {
    fields(body, |field, logs| match field {
        1 => {
            *weight += RESOURCE_BYTES;
            fields(logs, |field, bytes| match field {
                1 => fields(bytes, |_, pair| key_value(pair, weight, 0)),
                2 => scope(bytes, weight),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    })
}

fn scope(logs: &[u8], weight: &mut usize) -> Result<(), WireError> {
    *weight += SCOPE_BYTES;
    fields(logs, |field, bytes| match field {
        1 => fields(bytes, |field, bytes| match field {
            3 => key_value(bytes, weight, 0),
            _ => text(bytes, weight),
        }),
        2 => {
            *weight += RECORD_BYTES;
            fields(bytes, |field, bytes| match field {
                5 => any_value(bytes, weight, 0),
                6 => key_value(bytes, weight, 0),
                _ => text(bytes, weight),
            })
        }
        _ => Ok(()),
    })
}

fn text(bytes: &[u8], weight: &mut usize) -> Result<(), WireError> {
    *weight += bytes.len() + TEXT_BYTES;
    Ok(())
}

fn key_value(pair: &[u8], weight: &mut usize, depth: usize) -> Result<(), WireError> {
    *weight += PAIR_BYTES;
    fields(pair, |field, bytes| match field {
        2 if depth < DEPTH_MAX => any_value(bytes, weight, depth + 1),
        _ => text(bytes, weight),
    })
}

fn any_value(value: &[u8], weight: &mut usize, depth: usize) -> Result<(), WireError> {
    fields(value, |field, bytes| match field {
        5 if depth < DEPTH_MAX => fields(bytes, |_, bytes| {
            *weight += VALUE_BYTES;
            any_value(bytes, weight, depth + 1)
        }),
        6 if depth < DEPTH_MAX => fields(bytes, |_, bytes| key_value(bytes, weight, depth + 1)),
        _ => text(bytes, weight),
    })
}

/// The weight of the request that a JSON document becomes, beside the document.
pub(crate) fn of_document(node: &Node<'_>) -> usize {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => 0,
        Node::Text(text) => text.len() + TEXT_BYTES,
        Node::List(items) => items
            .iter()
            .map(|item| VALUE_BYTES + of_document(item))
            .sum(),
        Node::Object(members) => members
            .iter()
            .map(|(name, node)| of_member(name, node))
            .sum(),
    }
}

fn of_member(name: &str, node: &Node<'_>) -> usize {
    let each = match name {
        "logRecords" | "log_records" => RECORD_BYTES,
        "scopeLogs" | "scope_logs" => SCOPE_BYTES,
        "resourceLogs" | "resource_logs" => RESOURCE_BYTES,
        _ => PAIR_BYTES,
    };
    match node {
        Node::List(items) => items.iter().map(|item| each + of_document(item)).sum(),
        other => of_document(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::json_tree;
    use crate::room::Room;

    /// Records without a byte in them.
    const RECORDS: usize = 1000;

    #[test]
    fn empty_records_weigh_what_they_become() {
        let records: Vec<u8> = [0x12, 0].repeat(RECORDS);
        let message = |field: u8, bytes: &[u8]| {
            let length = [(bytes.len() & 0x7f | 0x80) as u8, (bytes.len() >> 7) as u8];
            [&[field << 3 | 2][..], &length, bytes].concat()
        };
        let body = message(1, &message(2, &records));
        let weight = of_protobuf(&body);
        assert!(weight >= RECORDS * size_of::<LogRecord>(), "{weight}");
        assert!(of_protobuf(&body[..body.len() - 1]) < weight);

        let records = ["{}"; RECORDS].join(",");
        let text =
            format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
        let tree = json_tree::parse(text.as_bytes(), &mut Room::default()).expect("JSON");
        let weight = of_document(&tree);
        assert!(weight >= RECORDS * size_of::<LogRecord>(), "{weight}");
    }
}
