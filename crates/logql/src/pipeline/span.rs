//! Spans point into the buffers that labels and parsed texts lie in, so that no string is owned.

use skald_model::{Batch, Labels, MetadataColumn};

/// Which buffer a [`Span`] points into; numbers above are metadata columns.
pub(super) const LINES: u32 = 0;
pub(super) const ARENA: u32 = 1;
pub(super) const STREAM: u32 = 2;
pub(super) const FIRST_COLUMN: u32 = 3;

/// Bytes in one of the buffers a line's labels live in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    /// The buffer.
    pub(super) source: u32,
    /// First byte.
    pub(super) start: u32,
    /// How many bytes.
    pub(super) len: u32,
}

impl Span {
    /// Whether it is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The buffers that don't change while a line is worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    /// Lines of the batch.
    pub(super) lines: &'a [u8],
    /// Canonical label bytes of the stream.
    pub(super) stream: &'a [u8],
    /// Metadata of the batch.
    pub(super) metadata: &'a [MetadataColumn],
}

impl<'a> Input<'a> {
    /// The buffers of a run of `stream` in `batch`.
    pub(super) fn new(batch: &'a Batch, stream: &'a Labels) -> Input<'a> {
        Input {
            lines: &batch.lines,
            stream: stream.as_bytes(),
            metadata: &batch.metadata,
        }
    }
}

/// The text a parser reads, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    /// The bytes.
    pub(super) bytes: &'t [u8],
    /// Their place in the batch's lines, when they are there, UTF-8 and free of U+FFFD: values then
    /// need no copy.
    pub(super) base: Option<u32>,
}

/// The bytes of a metadata column's value in a row; `None` when the entry lacks the key.
pub(super) fn column_span(metadata: &[MetadataColumn], column: u32, row: u32) -> Option<Span> {
    let values = &metadata[column as usize];
    let index = values.codes[row as usize].checked_sub(1)? as usize;
    let start = if index == 0 {
        0
    } else {
        values.value_ends[index - 1]
    };
    Some(Span {
        source: FIRST_COLUMN + column,
        start,
        len: values.value_ends[index] - start,
    })
}
