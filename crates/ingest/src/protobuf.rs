//! `logproto.PushRequest` (proto/push.proto) read in place, without a copy of any line.

use crate::decoded::{Decoded, DecodedStream, RawLabels, TIME_MISSING};
use crate::limits::LABEL_TEXT_BYTES_MAX;
use crate::refusal::BodyError;
use crate::wire::{Reader, Value, WireError};
use std::borrow::Cow;

impl From<WireError> for BodyError {
    fn from(error: WireError) -> BodyError {
        BodyError::Malformed(error.to_string())
    }
}

/// Typical bytes of an encoded entry, for sizing lists before reading.
const ENTRY_BYTES_TYPICAL: usize = 128;

/// Decodes a whole request.
pub(crate) fn decode(body: &[u8]) -> Result<Decoded<'_>, BodyError> {
    let mut decoded = Decoded::default();
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
        return Err(BodyError::TooLarge(format!("stream labels size {} B exceeds limit of 17 MB", labels.len())));
    }
    let rows = first_row..decoded.entries.len();
    decoded.streams.push(DecodedStream { labels: RawLabels::Text(Cow::Borrowed(labels)), rows });
    Ok(())
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

/// A `google.protobuf.Timestamp` as nanoseconds, at the nearest end of the range when it does not fit.
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
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos)))
}
