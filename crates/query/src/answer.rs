//! Answers are the engine's results, in no wire format; times are nanoseconds since 1970.

use crate::cursor::Cursor;
use crate::stats::Stats;
use skald_model::{Charge, Labels};

/// Answer of `index/stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Streams with entries in the range.
    pub streams: u64,
    /// Blocks and head chunks.
    pub chunks: u64,
    /// Bytes of lines and metadata.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

/// An answer with what it cost.
#[derive(Debug)]
pub struct Answer {
    /// The result.
    pub data: Data,
    /// Cost.
    pub stats: Stats,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Log queries that filled their limit: how to ask for what comes next.
    pub cursor: Option<Cursor>,
    /// What the result holds, charged to the query until the answer is dropped.
    pub charge: Charge,
}

/// Entries in their total order.
#[derive(Debug)]
pub struct Page {
    /// The entries.
    pub entries: Vec<PageEntry>,
    /// Cost.
    pub stats: Stats,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// How to ask for what comes next; `None` after the last.
    pub cursor: Option<Cursor>,
    /// What the entries hold, charged to the query until the page is dropped.
    pub charge: Charge,
}

/// One entry of a page, its labels by category.
#[derive(Clone, Debug, PartialEq)]
pub struct PageEntry {
    /// Labels of its stream.
    pub labels: Vec<(String, String)>,
    /// Time, line, structured metadata and parsed labels.
    pub entry: EntryResult,
}

/// Results.
#[derive(Clone, Debug)]
pub enum Data {
    /// Entries grouped by labels, groups sorted by labels, entries in the direction asked for.
    Streams(Vec<StreamResult>),
    /// Points over time, sorted by labels.
    Matrix(Vec<MatrixSeries>),
    /// One point a series, in the order to show.
    Vector(Vec<VectorSample>),
    /// A number at a time.
    Scalar(i64, f64),
}

impl Data {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        match self {
            Data::Streams(streams) => streams.is_empty(),
            Data::Matrix(series) => series.is_empty(),
            Data::Vector(samples) => samples.is_empty(),
            Data::Scalar(..) => false,
        }
    }
}

/// Entries that share labels.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamResult {
    /// All labels, or with `categorize` the index labels only; sorted by name. Values may be empty.
    pub labels: Vec<(String, String)>,
    /// The entries.
    pub entries: Vec<EntryResult>,
}

/// One returned entry.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryResult {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line after the pipeline.
    pub line: Vec<u8>,
    /// Structured metadata (only with `categorize`).
    pub metadata: Vec<(String, String)>,
    /// Parsed labels (only with `categorize`).
    pub parsed: Vec<(String, String)>,
}

impl EntryResult {
    /// Bytes that it takes.
    pub fn memory_bytes(&self) -> usize {
        let labels = pairs_bytes(&self.metadata) + pairs_bytes(&self.parsed);
        size_of::<EntryResult>() + self.line.len() + labels
    }
}

/// Bytes that labels take.
pub fn pairs_bytes(pairs: &[(String, String)]) -> usize {
    let texts = pairs.iter().map(|(name, value)| name.len() + value.len());
    size_of_val(pairs) + texts.sum::<usize>()
}

/// One series of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSeries {
    /// Labels.
    pub labels: Labels,
    /// Time (nanoseconds) and value.
    pub points: Vec<(i64, f64)>,
}

/// One series of a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Labels.
    pub labels: Labels,
    /// Time, nanoseconds.
    pub timestamp: i64,
    /// Value.
    pub value: f64,
}

/// One series of volumes: bytes at the ends of buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeSeries {
    /// Labels (in labels mode one name with an empty value).
    pub labels: Vec<(String, String)>,
    /// End of bucket and bytes.
    pub points: Vec<(i64, u64)>,
}

/// One field of `detected_fields`.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectedField {
    /// Name.
    pub label: String,
    /// int, float, boolean, duration, bytes or string.
    pub kind: &'static str,
    /// Distinct values, about.
    pub cardinality: u64,
    /// Parsers that find it; empty for structured metadata.
    pub parsers: Vec<&'static str>,
    /// Path in JSON lines.
    pub json_path: Vec<String>,
}

/// Templates of lines.
#[derive(Clone, Debug, Default)]
pub struct PatternsAnswer {
    /// Those with the most lines first.
    pub patterns: Vec<PatternSeries>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// One template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternSeries {
    /// Its text, `<_>` where lines differ.
    pub pattern: String,
    /// `detected_level` of its lines.
    pub level: &'static str,
    /// First second of a step, and about how many lines.
    pub samples: Vec<(i64, u64)>,
}
