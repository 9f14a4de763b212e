//! A corpus on disk: `bodies.bin` with push bodies (u32 little-endian length, snappy-compressed
//! protobuf) and `meta.json` with totals, the time range in seconds, and a token that occurs once.

use super::Error;
use prost::Message;
use serde::Deserialize;
use skald_ingest::proto_types::PushRequest;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What `meta.json` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Meta {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) bodies: u64,
    /// Seconds since 1970.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) needle: String,
}

impl Meta {
    /// Megabytes of lines.
    pub(super) fn megabytes(&self) -> f64 {
        self.bytes as f64 / f64::from(1 << 20)
    }
}

/// A corpus.
pub(super) struct Corpus {
    directory: PathBuf,
    pub(super) meta: Meta,
}

/// Labels of a stream, by name.
pub(super) type Labels = BTreeMap<String, String>;

impl Corpus {
    pub(super) fn open(directory: &Path) -> Result<Corpus, Error> {
        let meta = std::fs::read(directory.join("meta.json"))
            .map_err(|e| Error(format!("{}: {e}", directory.display())))?;
        Ok(Corpus {
            directory: directory.to_owned(),
            meta: serde_json::from_slice(&meta)?,
        })
    }

    /// The push bodies in order.
    pub(super) fn bodies(&self) -> Result<impl Iterator<Item = Vec<u8>> + Send + use<>, Error> {
        let mut file = BufReader::new(File::open(self.directory.join("bodies.bin"))?);
        Ok(std::iter::from_fn(move || {
            let mut length = [0; 4];
            file.read_exact(&mut length).ok()?;
            let mut body = vec![0; u32::from_le_bytes(length) as usize];
            file.read_exact(&mut body).ok()?;
            Some(body)
        }))
    }

    /// Calls `each` with the labels, time and line of every entry. Decoded with libraries that the
    /// server does not use for it.
    pub(super) fn entries(&self, mut each: impl FnMut(&Labels, i64, &[u8])) -> Result<(), Error> {
        for body in self.bodies()? {
            let plain = snap::raw::Decoder::new().decompress_vec(&body)?;
            for stream in PushRequest::decode(&plain[..])?.streams {
                let labels = parse_labels(&String::from_utf8_lossy(&stream.labels));
                for entry in &stream.entries {
                    let time = entry
                        .timestamp
                        .as_ref()
                        .map_or(0, |t| t.seconds * 1_000_000_000 + i64::from(t.nanos));
                    each(&labels, time, &entry.line);
                }
            }
        }
        Ok(())
    }
}

/// `{a="b", c="d"}` without escapes, which corpora have none of.
fn parse_labels(text: &str) -> Labels {
    let pairs = text
        .trim_matches(['{', '}'])
        .split(", ")
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}
