//! Decoder of `logproto.PushRequest` (proto/push.proto), in place: no line is copied.

use crate::decode::decoded::{Decoded, RawLabels, TIME_MISSING};
use crate::decode::proto_reader::{Reader, Value, WireError};
use crate::limits::LABEL_TEXT_BYTES_MAX;
use crate::rejection::BodyError;
use crate::room::Room;
use std::borrow::Cow;

/// Typical bytes of an encoded entry, for sizing lists before reading.
const ENTRY_BYTES_TYPICAL: usize = 128;

/// Decodes a whole request.
pub(crate) fn decode(body: &[u8], room: Room) -> Result<Decoded<'_>, BodyError> {
    let mut decoded = Decoded::within(room);
    decoded.entries.reserve(body.len() / ENTRY_BYTES_TYPICAL);
    let mut reader = Reader::new(body, "PushRequest");
    while let Some((field, value)) = reader.field()? {
        if field == 1 {
            decode_stream(value.bytes("Streams")?, &mut decoded)?;
        }
    }
    Ok(decoded)
}

fn decode_stream<'a>(bytes: &'a [u8], decoded: &mut Decoded<'a>) -> Result<(), BodyError> {
    let first_row = decoded.entries.len();
    let mut labels: &[u8] = &[];
    let mut reader = Reader::new(bytes, "StreamAdapter");
    while let Some((field, value)) = reader.field()? {
        match field {
            1 => labels = value.bytes("Labels")?,
            2 => decode_entry(value.bytes("Entries")?, decoded)?,
            3 => drop(value.varint("Hash")?),
            _ => {}
        }
    }
    if labels.len() > LABEL_TEXT_BYTES_MAX {
        return Err(BodyError::TooLarge(format!(
            "stream labels size {} B exceeds limit of 17 MB",
            labels.len()
        )));
    }
    decoded.push_stream(RawLabels::Text(Cow::Borrowed(labels)), first_row)
}

fn decode_entry<'a>(bytes: &'a [u8], decoded: &mut Decoded<'a>) -> Result<(), BodyError> {
    let first_pair = decoded.pairs.len();
    let mut time = TIME_MISSING;
    let mut line: &[u8] = &[];
    let mut reader = Reader::new(bytes, "EntryAdapter");
    while let Some((field, value)) = reader.field()? {
        match field {
            1 => time = decode_timestamp(value.bytes("Timestamp")?)?,
            2 => line = value.bytes("Line")?,
            3 => decode_pair(value, decoded)?,
            _ => {}
        }
    }
    decoded.push_entry(time, Cow::Borrowed(line), first_pair)
}

fn decode_pair<'a>(value: Value<'a>, decoded: &mut Decoded<'a>) -> Result<(), BodyError> {
    let (mut name, mut text): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(value.bytes("StructuredMetadata")?, "LabelPairAdapter");
    while let Some((field, value)) = reader.field()? {
        match field {
            1 => name = value.bytes("Name")?,
            2 => text = value.bytes("Value")?,
            _ => {}
        }
    }
    decoded.push_pair(Cow::Borrowed(name), Cow::Borrowed(text))
}

/// A `google.protobuf.Timestamp` as nanoseconds, at the nearest end of the range when it does not
/// fit.
fn decode_timestamp(bytes: &[u8]) -> Result<i64, WireError> {
    let (mut seconds, mut nanos) = (0i64, 0i32);
    let mut reader = Reader::new(bytes, "Timestamp");
    while let Some((field, value)) = reader.field()? {
        match field {
            1 => seconds = value.varint("Seconds")? as i64,
            2 => nanos = value.varint("Nanos")? as i32,
            _ => {}
        }
    }
    let nearest_end = if seconds < 0 { i64::MIN } else { i64::MAX };
    Ok(seconds
        .checked_mul(1_000_000_000)
        .and_then(|ns| ns.checked_add(i64::from(nanos)))
        .unwrap_or(nearest_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decoded::DecodedStream;
    use crate::decode::proto_types;
    use proptest::prelude::*;
    use prost::Message;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..40)
    }

    fn pair() -> impl Strategy<Value = proto_types::LabelPair> {
        (bytes(), bytes()).prop_map(|(name, value)| proto_types::LabelPair { name, value })
    }

    fn entry() -> impl Strategy<Value = proto_types::Entry> {
        let timestamp = (-10_000_000_000i64..10_000_000_000, 0..1_000_000_000i32);
        let timestamp =
            timestamp.prop_map(|(seconds, nanos)| proto_types::Timestamp { seconds, nanos });
        let pairs = || proptest::collection::vec(pair(), 0..4);
        (proptest::option::of(timestamp), bytes(), pairs(), pairs()).prop_map(
            |(timestamp, line, structured_metadata, parsed)| proto_types::Entry {
                timestamp,
                line,
                structured_metadata,
                parsed,
            },
        )
    }

    fn stream() -> impl Strategy<Value = proto_types::Stream> {
        (
            bytes(),
            proptest::collection::vec(entry(), 0..6),
            any::<u64>(),
        )
            .prop_map(|(labels, entries, hash)| proto_types::Stream {
                labels,
                entries,
                hash,
            })
    }

    fn request() -> impl Strategy<Value = proto_types::PushRequest> {
        (proptest::collection::vec(stream(), 0..5), "[a-z]{0,5}")
            .prop_map(|(streams, format)| proto_types::PushRequest { streams, format })
    }

    /// What was decoded, as the message it came from, without what is passed over.
    fn as_message(decoded: &Decoded<'_>) -> proto_types::PushRequest {
        let entry_of = |entry: &crate::decode::decoded::DecodedEntry<'_>| proto_types::Entry {
            timestamp: (entry.time != TIME_MISSING).then(|| proto_types::Timestamp {
                seconds: entry.time.div_euclid(1_000_000_000),
                nanos: entry.time.rem_euclid(1_000_000_000) as i32,
            }),
            line: entry.line.to_vec(),
            structured_metadata: decoded
                .pairs_of(entry)
                .iter()
                .map(|(name, value)| proto_types::LabelPair {
                    name: name.to_vec(),
                    value: value.to_vec(),
                })
                .collect(),
            parsed: Vec::new(),
        };
        let stream_of = |stream: &DecodedStream<'_>| {
            let RawLabels::Text(labels) = &stream.labels else {
                unreachable!("protobuf gives label texts")
            };
            let entries = decoded.entries[stream.rows.clone()]
                .iter()
                .map(entry_of)
                .collect();
            proto_types::Stream {
                labels: labels.to_vec(),
                entries,
                hash: 0,
            }
        };
        proto_types::PushRequest {
            streams: decoded.streams.iter().map(stream_of).collect(),
            format: String::new(),
        }
    }

    /// The message without what is passed over or empty, times at the ends of the range where they
    /// lie outside.
    fn expected(mut request: proto_types::PushRequest) -> proto_types::PushRequest {
        request.format.clear();
        for stream in &mut request.streams {
            stream.hash = 0;
            for entry in &mut stream.entries {
                entry.parsed.clear();
                entry
                    .structured_metadata
                    .retain(|pair| !pair.value.is_empty());
                let time = entry
                    .timestamp
                    .map(|t| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos));
                entry.timestamp = time
                    .map(|t| t.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
                    .filter(|t| *t != TIME_MISSING)
                    .map(|t| proto_types::Timestamp {
                        seconds: t.div_euclid(1_000_000_000),
                        nanos: t.rem_euclid(1_000_000_000) as i32,
                    });
            }
        }
        request
    }

    proptest! {
        #[test]
        fn reading_in_place_gives_what_prost_gives(request in request()) {
            let encoded = request.encode_to_vec();
            let decoded = decode(&encoded, Room::default()).expect("an encoded message can be read");
            prop_assert_eq!(as_message(&decoded), expected(request));
        }

        #[test]
        fn cut_messages_are_refused_as_prost_refuses_them(request in request(), at in any::<proptest::sample::Index>()) {
            let mut encoded = request.encode_to_vec();
            encoded.truncate(at.index(encoded.len() + 1));
            let prost = proto_types::PushRequest::decode(encoded.as_slice()).is_ok();
            prop_assert_eq!(decode(&encoded, Room::default()).is_ok(), prost);
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let (Ok(decoded), Ok(oracle)) = (decode(&bytes, Room::default()), proto_types::PushRequest::decode(bytes.as_slice())) {
                prop_assert_eq!(decoded.streams.len(), oracle.streams.len());
            }
        }
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let mut encoded = vec![0x7a, 2, b'?', b'!', 0xd0, 1, 5];
        encoded.extend_from_slice(&[10, 6, 0x7d, 0, 0, 0, 0, 0x12]);
        assert!(decode(&encoded, Room::default()).is_err());
        let whole = [10, 9, 0x7d, 0, 0, 0, 0, 0x12, 2, 0x60, 7];
        let decoded = decode(&whole, Room::default()).expect("fields are whole");
        assert_eq!(
            (
                decoded.streams.len(),
                decoded.entries.len(),
                decoded.entries[0].time
            ),
            (1, 1, TIME_MISSING)
        );
    }

    #[test]
    fn a_body_of_countless_entries_is_refused() {
        let entries = [0x12, 0].repeat(crate::limits::ENTRIES_MAX + 1);
        let mut body = vec![10];
        prost::encoding::encode_varint(entries.len() as u64, &mut body);
        body.extend_from_slice(&entries);
        assert!(matches!(
            decode(&body, Room::default()),
            Err(BodyError::TooLarge(_))
        ));
    }
}
