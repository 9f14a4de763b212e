//! Push record: a push as the payload of a WAL record; README.md has the layout.
//!
//! Written straight from borrowed bytes and read back borrowing, so neither way copies a line
//! twice. Stream identities are not stored: they follow from the labels.

use crate::codec::{get_bytes, get_varint, put_bytes, put_varint};
use skald_model::{Labels, StreamId, WriteBatch, WriteEntry, WriteStream};
use std::borrow::Cow;

/// First byte of every payload: the version of the layout.
const VERSION: u8 = 1;

/// Bytes an entry takes beside its line and metadata, for sizing buffers.
const ENTRY_OVERHEAD_BYTES: usize = 16;

/// Appends the batch.
pub(crate) fn encode(batch: &WriteBatch<'_>, out: &mut Vec<u8>) {
    let labels: usize = batch
        .streams
        .iter()
        .map(|s| s.labels.as_bytes().len() + 8)
        .sum();
    out.reserve(
        batch.bytes()
            + labels
            + batch.entries.len() * ENTRY_OVERHEAD_BYTES
            + batch.metadata.len() * 4,
    );
    out.push(VERSION);
    put_varint(out, batch.streams.len() as u64);
    for stream in &batch.streams {
        put_bytes(out, stream.labels.as_bytes());
        put_varint(out, u64::from(stream.rows.end - stream.rows.start));
        let mut previous = 0i64;
        for entry in &batch.entries[stream.rows.start as usize..stream.rows.end as usize] {
            put_varint(out, zigzag(entry.timestamp.wrapping_sub(previous)));
            previous = entry.timestamp;
            put_bytes(out, entry.line);
            put_varint(out, u64::from(entry.metadata.end - entry.metadata.start));
            for (name, value) in batch.metadata_of(entry) {
                put_bytes(out, name.as_bytes());
                put_bytes(out, value.as_bytes());
            }
        }
    }
}

/// Reads a payload; `None` when it is not in the layout this program knows.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<WriteBatch<'_>> {
    let (&version, rest) = bytes.split_first()?;
    if version != VERSION {
        return None;
    }
    bytes = rest;
    let mut batch = WriteBatch::default();
    for _ in 0..get_varint(&mut bytes)? {
        let labels = Labels::from_bytes(get_bytes(&mut bytes)?)?;
        let first = batch.entries.len() as u32;
        let mut previous = 0i64;
        for _ in 0..get_varint(&mut bytes)? {
            let timestamp = previous.wrapping_add(unzigzag(get_varint(&mut bytes)?));
            previous = timestamp;
            let line = get_bytes(&mut bytes)?;
            let first_pair = batch.metadata.len() as u32;
            for _ in 0..get_varint(&mut bytes)? {
                let name = std::str::from_utf8(get_bytes(&mut bytes)?).ok()?;
                let value = std::str::from_utf8(get_bytes(&mut bytes)?).ok()?;
                batch
                    .metadata
                    .push((Cow::Borrowed(name), Cow::Borrowed(value)));
            }
            batch.entries.push(WriteEntry {
                timestamp,
                line,
                metadata: first_pair..batch.metadata.len() as u32,
            });
        }
        let rows = first..batch.entries.len() as u32;
        batch.streams.push(WriteStream {
            id: StreamId::of(&labels),
            labels,
            rows,
        });
    }
    bytes.is_empty().then_some(batch)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> WriteBatch<'static> {
        let labels = Labels::from_pairs([("app", "api"), ("env", "prod")]);
        let other = Labels::empty();
        WriteBatch {
            streams: vec![
                WriteStream {
                    id: StreamId::of(&labels),
                    labels,
                    rows: 0..2,
                },
                WriteStream {
                    id: StreamId::of(&other),
                    labels: other,
                    rows: 2..3,
                },
            ],
            entries: vec![
                WriteEntry {
                    timestamp: i64::MAX,
                    line: b"one",
                    metadata: 0..2,
                },
                WriteEntry {
                    timestamp: i64::MIN,
                    line: b"\xff\0",
                    metadata: 2..2,
                },
                WriteEntry {
                    timestamp: -5,
                    line: b"",
                    metadata: 2..3,
                },
            ],
            metadata: vec![
                ("a".into(), "x".into()),
                ("b".into(), "".into()),
                ("trace".into(), "ü".into()),
            ],
        }
    }

    #[test]
    fn a_push_comes_back_as_it_was() {
        let batch = sample();
        let mut bytes = Vec::new();
        encode(&batch, &mut bytes);
        let back = decode(&bytes).expect("what was encoded decodes");
        assert_eq!(format!("{batch:?}"), format!("{back:?}"));
    }

    #[test]
    fn truncated_payloads_are_refused() {
        let mut bytes = Vec::new();
        encode(&sample(), &mut bytes);
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_none(), "truncated to {len}");
        }
        bytes[0] = VERSION + 1;
        assert!(decode(&bytes).is_none());
    }
}
