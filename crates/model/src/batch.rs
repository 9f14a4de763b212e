//! A batch holds entries as columns: what the head shows to queries and what a block decodes to.
//!
//! Rows of one stream lie together in runs. In a decoded block each run is sorted by (time,
//! arrival); in the head runs are in arrival order and unsorted. Columns the reader did not ask for
//! are empty.

use crate::labels::Labels;
use std::ops::Range;
use std::sync::Arc;

/// Which columns a reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The bytes of the lines (implies their lengths).
    pub lines: bool,
    /// Only the lengths of the lines.
    pub line_lengths: bool,
    /// Structured metadata.
    pub metadata: MetadataWanted,
}

/// Which metadata columns a reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataWanted {
    /// None of them.
    None,
    /// All there are.
    All,
    /// Those of these names.
    Names(Vec<String>),
}

impl Columns {
    /// Everything.
    pub const ALL: Columns = Columns {
        lines: true,
        line_lengths: true,
        metadata: MetadataWanted::All,
    };
    /// Timestamps alone.
    pub const TIMES: Columns = Columns {
        lines: false,
        line_lengths: false,
        metadata: MetadataWanted::None,
    };

    /// Whether metadata `name` is asked for.
    pub fn wants_metadata(&self, name: &str) -> bool {
        match &self.metadata {
            MetadataWanted::None => false,
            MetadataWanted::All => true,
            MetadataWanted::Names(names) => names.iter().any(|n| n == name),
        }
    }
}

/// Consecutive rows of one stream.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which stream: an index into the list the batch came with (a selection's or a part's
    /// streams).
    pub stream: u32,
    /// Rows of the batch.
    pub rows: Range<u32>,
}

/// Some entries as columns; row `i` of each column belongs to entry `i`.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Nanoseconds since 1970; always present.
    pub timestamps: Vec<i64>,
    /// End of each line in `lines`; line `i` starts where `i - 1` ends. Filled with `lines` or
    /// alone (`line_lengths`), else empty.
    pub line_ends: Vec<u32>,
    /// All lines, one after the other, without separators.
    pub lines: Vec<u8>,
    /// Metadata columns, sorted by name.
    pub metadata: Vec<MetadataColumn>,
    /// Streams of the rows; covers all rows in order.
    pub runs: Vec<Run>,
}

/// One metadata key: a code per row into a list of values.
#[derive(Clone, Debug)]
pub struct MetadataColumn {
    /// The key.
    pub name: Arc<str>,
    /// For each row 0 when the entry lacks the key, else 1 + the index of its value.
    pub codes: Vec<u32>,
    /// End of each value in `values`. Values need not be distinct.
    pub value_ends: Vec<u32>,
    /// All values, one after the other.
    pub values: Vec<u8>,
}

impl MetadataColumn {
    /// Value number `index` (a code minus one).
    pub fn value(&self, index: u32) -> &str {
        let index = index as usize;
        let start = if index == 0 {
            0
        } else {
            self.value_ends[index - 1] as usize
        };
        std::str::from_utf8(&self.values[start..self.value_ends[index] as usize])
            .unwrap_or("\u{fffd}")
    }

    /// The row's value; `None` when its entry lacks the key.
    pub fn get(&self, row: u32) -> Option<&str> {
        self.codes[row as usize]
            .checked_sub(1)
            .map(|index| self.value(index))
    }

    /// How many values there are; codes run from 1 to this.
    pub fn value_count(&self) -> u32 {
        self.value_ends.len() as u32
    }
}

impl Batch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The bytes of row `row` within `lines`.
    pub fn line_range(&self, row: u32) -> Range<usize> {
        let row = row as usize;
        let start = if row == 0 {
            0
        } else {
            self.line_ends[row - 1] as usize
        };
        start..self.line_ends[row] as usize
    }

    /// The bytes of some rows, not none, within `lines`.
    pub fn lines_range(&self, rows: &Range<u32>) -> Range<usize> {
        self.line_range(rows.start).start..self.line_ends[rows.end as usize - 1] as usize
    }

    /// The line of row `row`; empty when lines were not read.
    pub fn line(&self, row: u32) -> &[u8] {
        if self.lines.is_empty() {
            &[]
        } else {
            &self.lines[self.line_range(row)]
        }
    }

    /// The metadata pairs of row `row`, in order of names.
    pub fn metadata_of(&self, row: u32) -> impl Iterator<Item = (&str, &str)> {
        self.metadata
            .iter()
            .filter_map(move |c| c.get(row).map(|v| (&*c.name, v)))
    }

    /// Rough bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        let metadata: usize = self
            .metadata
            .iter()
            .map(|c| {
                c.codes.capacity() * 4 + c.value_ends.capacity() * 4 + c.values.capacity() + 64
            })
            .sum();
        self.timestamps.capacity() * 8
            + self.line_ends.capacity() * 4
            + self.lines.capacity()
            + self.runs.capacity() * 12
            + metadata
    }
}

/// Slots of the small cache by which [`BatchBuilder`] reuses recent metadata values.
const RECENT_SLOTS: usize = 256;

/// Appends entries to a [`Batch`].
#[derive(Debug, Default)]
pub struct BatchBuilder {
    batch: Batch,
    recent: Vec<Vec<u32>>,
}

impl BatchBuilder {
    /// A builder with room for this many rows and bytes of lines.
    pub fn with_capacity(rows: usize, line_bytes: usize) -> BatchBuilder {
        let batch = Batch {
            timestamps: Vec::with_capacity(rows),
            line_ends: Vec::with_capacity(rows),
            lines: Vec::with_capacity(line_bytes),
            ..Batch::default()
        };
        BatchBuilder {
            batch,
            recent: Vec::new(),
        }
    }

    /// Empty, in the memory of a batch that is done with.
    pub fn reusing(mut batch: Batch) -> BatchBuilder {
        batch.timestamps.clear();
        batch.line_ends.clear();
        batch.lines.clear();
        batch.metadata.clear();
        batch.runs.clear();
        BatchBuilder {
            batch,
            recent: Vec::new(),
        }
    }

    /// A finished copy of the rows so far.
    pub fn snapshot(&self) -> Batch {
        BatchBuilder {
            batch: self.batch.clone(),
            recent: Vec::new(),
        }
        .finish()
    }

    /// The rows so far.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Appends one entry of stream `stream`; metadata must be sorted by name with unique names. A
    /// pair with an empty value is absent, and left out.
    pub fn push<'a>(
        &mut self,
        stream: u32,
        timestamp: i64,
        line: &[u8],
        metadata: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let row = self.batch.timestamps.len() as u32;
        self.batch.timestamps.push(timestamp);
        self.batch.lines.extend_from_slice(line);
        self.batch.line_ends.push(self.batch.lines.len() as u32);
        match self.batch.runs.last_mut() {
            Some(run) if run.stream == stream => run.rows.end = row + 1,
            _ => self.batch.runs.push(Run {
                stream,
                rows: row..row + 1,
            }),
        }
        let mut at = 0;
        for (name, value) in metadata.filter(|(_, value)| !value.is_empty()) {
            while self.batch.metadata.get(at).is_some_and(|c| *c.name < *name) {
                at += 1;
            }
            if self.batch.metadata.get(at).is_none_or(|c| *c.name != *name) {
                let column = MetadataColumn {
                    name: Arc::from(name),
                    codes: Vec::new(),
                    value_ends: Vec::new(),
                    values: Vec::new(),
                };
                self.batch.metadata.insert(at, column);
                self.recent.insert(at, vec![0; RECENT_SLOTS]);
            }
            let column = &mut self.batch.metadata[at];
            column.codes.resize(row as usize, 0);
            let code = code_of(column, &mut self.recent[at], value);
            column.codes.push(code);
        }
    }

    /// Bytes of the lines so far.
    pub fn line_bytes(&self) -> usize {
        self.batch.lines.len()
    }

    /// Ends the batch: every column gets one value a row.
    pub fn finish(mut self) -> Batch {
        let rows = self.batch.timestamps.len();
        for column in &mut self.batch.metadata {
            column.codes.resize(rows, 0);
        }
        self.batch
    }
}

/// The code of `value`: that of an equal recent value, or a new one.
fn code_of(column: &mut MetadataColumn, recent: &mut [u32], value: &str) -> u32 {
    let slot = xxhash_rust::xxh3::xxh3_64(value.as_bytes()) as usize % RECENT_SLOTS;
    let code = recent[slot];
    if code != 0 && column.value(code - 1) == value {
        return code;
    }
    column.values.extend_from_slice(value.as_bytes());
    column.value_ends.push(column.values.len() as u32);
    recent[slot] = column.value_ends.len() as u32;
    recent[slot]
}

/// A stream a selection resolved to: what [`Run::stream`] points at.
#[derive(Clone, Debug)]
pub struct SelectedStream {
    /// Identity.
    pub id: crate::StreamId,
    /// Labels.
    pub labels: Labels,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_pushed() {
        let mut builder = BatchBuilder::default();
        builder.push(7, 10, b"one", [("a", "x"), ("b", "y")].into_iter());
        builder.push(7, 11, b"", std::iter::empty());
        builder.push(8, 9, b"three", [("b", "y"), ("c", "")].into_iter());
        let batch = builder.finish();
        assert_eq!(
            (batch.line(0), batch.line(1), batch.line(2)),
            (&b"one"[..], &b""[..], &b"three"[..])
        );
        assert_eq!(
            batch.metadata_of(0).collect::<Vec<_>>(),
            [("a", "x"), ("b", "y")]
        );
        assert_eq!(batch.metadata_of(1).count(), 0);
        assert_eq!(batch.metadata_of(2).collect::<Vec<_>>(), [("b", "y")]);
        assert_eq!(
            batch
                .runs
                .iter()
                .map(|r| (r.stream, r.rows.clone()))
                .collect::<Vec<_>>(),
            [(7, 0..2), (8, 2..3)]
        );
    }
}
