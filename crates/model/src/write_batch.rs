//! A write batch carries a validated push into the store; it borrows from the request's buffer.

use crate::labels::Labels;
use crate::stream::StreamId;
use std::borrow::Cow;
use std::ops::Range;

/// Entries of some streams of one tenant, as flat lists. Everything in it was validated: the store
/// accepts all of it or, when the disk refuses, none.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch<'a> {
    /// The streams; their row ranges follow one another and cover `entries`.
    pub streams: Vec<WriteStream>,
    /// All entries, those of one stream together, in the order they came.
    pub entries: Vec<WriteEntry<'a>>,
    /// All metadata pairs; an entry names its range. Within an entry sorted by name, names unique.
    pub metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// One stream of a [`WriteBatch`]. A stream may occur more than once.
#[derive(Clone, Debug)]
pub struct WriteStream {
    /// Identity of `labels`.
    pub id: StreamId,
    /// The stream's labels.
    pub labels: Labels,
    /// Its rows in [`WriteBatch::entries`].
    pub rows: Range<u32>,
}

/// One entry of a [`WriteBatch`].
#[derive(Clone, Debug)]
pub struct WriteEntry<'a> {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line as it came; need not be UTF-8.
    pub line: &'a [u8],
    /// Its pairs in [`WriteBatch::metadata`].
    pub metadata: Range<u32>,
}

impl<'a> WriteBatch<'a> {
    /// Appends entries of one stream, as times in nanoseconds since 1970 and lines, without
    /// metadata.
    pub fn push(&mut self, labels: Labels, entries: impl IntoIterator<Item = (i64, &'a [u8])>) {
        let first = self.entries.len() as u32;
        let pair = self.metadata.len() as u32;
        self.entries
            .extend(entries.into_iter().map(|(timestamp, line)| WriteEntry {
                timestamp,
                line,
                metadata: pair..pair,
            }));
        self.streams.push(WriteStream {
            id: StreamId::of(&labels),
            labels,
            rows: first..self.entries.len() as u32,
        });
    }

    /// The metadata pairs of an entry.
    pub fn metadata_of(&self, entry: &WriteEntry<'a>) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        &self.metadata[entry.metadata.start as usize..entry.metadata.end as usize]
    }

    /// Bytes of all lines and metadata: what limits and metrics count.
    pub fn bytes(&self) -> usize {
        let lines: usize = self.entries.iter().map(|e| e.line.len()).sum();
        let metadata: usize = self.metadata.iter().map(|(n, v)| n.len() + v.len()).sum();
        lines + metadata
    }

    /// Bytes of the labels of all streams: what they take in the log beside [`WriteBatch::bytes`].
    pub fn label_bytes(&self) -> usize {
        let bytes = self.streams.iter().map(|s| s.labels.as_bytes().len());
        bytes.sum()
    }
}
