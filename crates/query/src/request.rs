//! Questions and answers, free of any wire format. Times are nanoseconds since 1970.

use crate::cursor::Cursor;
use crate::stats::Stats;
pub use skald_model::Direction;
use skald_model::{Labels, TenantId, TimeRange};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Limits of Loki's `limits_config` that matter to queries, by their Loki names.
#[derive(Clone, Debug)]
pub struct QueryLimits {
    /// Series in one answer.
    pub max_query_series: usize,
    /// Entries in one answer.
    pub max_entries_limit_per_query: usize,
    /// How long a query may take.
    pub query_timeout: std::time::Duration,
    /// Longest `end - start`, nanoseconds; 0 is no limit.
    pub max_query_length: i64,
    /// Bytes of memory one query may hold.
    pub query_memory: usize,
    /// Series in a volume; 0 is no limit.
    pub volume_max_series: usize,
    /// Whether a query over a limit is answered in part, with a warning, instead of refused.
    pub partial: bool,
    /// Threads of the engine.
    pub threads: usize,
}

impl Default for QueryLimits {
    fn default() -> QueryLimits {
        QueryLimits {
            max_query_series: 10_000,
            max_entries_limit_per_query: 5_000,
            query_timeout: std::time::Duration::from_secs(60),
            max_query_length: 0,
            query_memory: 512 << 20,
            volume_max_series: 1000,
            partial: false,
            threads: skald_model::cores(),
        }
    }
}

/// Set when nobody waits for the answer any more.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Tells the query to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether what earlier queries came to may be answered again. Answers are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// It may, and what this one comes to is kept.
    #[default]
    Allowed,
    /// Everything is read, and nothing kept of it: `Cache-Control: no-cache`.
    Bypassed,
}

/// `query_range`
#[derive(Clone, Debug)]
pub struct RangeRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// LogQL.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// Log queries: first instant after; metric queries: last instant.
    pub end: i64,
    /// Distance of points.
    pub step: i64,
    /// Least distance of returned entries; 0 returns all.
    pub interval: i64,
    /// Entries at most.
    pub limit: usize,
    /// Order of entries.
    pub direction: Direction,
    /// Keep index, metadata and parsed labels apart.
    pub categorize: bool,
    /// Metric queries: leave out entries that a stage failed on, and warn, instead of failing.
    pub skip_errors: bool,
    /// Log queries: the page after the one that gave this.
    pub after: Option<Cursor>,
    /// Metric queries: whether earlier results may be used.
    pub caching: Caching,
}

/// `query`
#[derive(Clone, Debug)]
pub struct InstantRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// LogQL.
    pub query: String,
    /// Evaluation time.
    pub time: i64,
    /// Entries at most, for log queries.
    pub limit: usize,
    /// Order of entries.
    pub direction: Direction,
    /// Keep index, metadata and parsed labels apart.
    pub categorize: bool,
    /// Metric queries: leave out entries that a stage failed on, and warn, instead of failing.
    pub skip_errors: bool,
    /// Metric queries: whether earlier results may be used.
    pub caching: Caching,
}

/// What an empty answer had been asked with.
#[derive(Clone, Debug)]
pub struct HintRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// LogQL.
    pub query: String,
    /// Times that were asked for.
    pub range: TimeRange,
}

/// `labels`, `label/…/values`, `index/stats`, `detected_labels`
#[derive(Clone, Debug)]
pub struct MetadataRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// Selector; empty is every stream.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

/// `series`
#[derive(Clone, Debug)]
pub struct SeriesRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// `match[]`, each a selector; none is every stream.
    pub groups: Vec<String>,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

/// `index/volume` and `index/volume_range`
#[derive(Clone, Debug)]
pub struct VolumeRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// Selector; `{}` is every stream.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
    /// Bucket width; `None` is one bucket.
    pub step: Option<i64>,
    /// Series at most in a bucket.
    pub limit: usize,
    /// Labels of the series; empty is those of the selector.
    pub target_labels: Vec<String>,
    /// By label names instead of series.
    pub aggregate_by_labels: bool,
}

/// One series of volumes: bytes at the ends of buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeSeries {
    /// Labels (in labels mode one name with an empty value).
    pub labels: Vec<(String, String)>,
    /// End of bucket and bytes.
    pub points: Vec<(i64, u64)>,
}

/// `detected_fields`
#[derive(Clone, Debug)]
pub struct FieldsRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// Log query.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Lines looked at.
    pub line_limit: usize,
    /// Fields or values returned.
    pub limit: usize,
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

/// `patterns`
#[derive(Clone, Debug)]
pub struct PatternsRequest {
    /// Whose data.
    pub tenant: TenantId,
    /// Selector.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
    /// Distance of points: at least a second.
    pub step: i64,
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

/// `index/stats`
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
#[derive(Clone, Debug)]
pub struct Answer {
    /// The result.
    pub data: Data,
    /// Cost.
    pub stats: Stats,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Log queries that filled their limit: how to ask for what comes next.
    pub cursor: Option<Cursor>,
}

/// Entries in their total order.
#[derive(Clone, Debug)]
pub struct Page {
    /// The entries.
    pub entries: Vec<PageEntry>,
    /// Cost.
    pub stats: Stats,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// How to ask for what comes next; `None` after the last.
    pub cursor: Option<Cursor>,
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

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueryError {
    /// The user's mistake or a limit: 400, text as is.
    #[error("{0}")]
    Bad(String),
    /// More series than an answer may have: 400.
    #[error(
        "maximum number of series ({0}) reached for a single query; consider reducing query cardinality by adding more specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
    )]
    Series(usize),
    /// More bytes than a query may hold: 400.
    #[error(
        "the query needs more than its {0} bytes of memory; consider a smaller limit, a longer step, a shorter time range or fewer series"
    )]
    Memory(usize),
    /// The server's memory is taken by others: 429, the same question may do later.
    #[error("the server is out of memory for queries, try again later")]
    Busy,
    /// More bytes to look at than a query may: 400. Both as text in Loki's units.
    #[error(
        "the query would read too many bytes (query: {found}, limit: {limit}); consider adding more specific stream selectors or reduce the time range of the query"
    )]
    BytesRead {
        /// By the index.
        found: String,
        /// `max_query_bytes_read`
        limit: String,
    },
    /// More series than a volume may have: 400.
    #[error("the query hit the max number of series limit (limit: {0} series)")]
    VolumeSeries(usize),
    /// The server ends: 503.
    #[error("the server is stopping")]
    Stopping,
    /// More queries of the tenant wait than may: 429.
    #[error("too many outstanding requests")]
    Queue,
    /// Took longer than `query_timeout`: 504.
    #[error(
        "request timed out, decrease the duration of the request or add more label matchers (prefer exact match over regex match) to reduce the amount of data processed"
    )]
    Timeout,
    /// Nobody waits any more: 499.
    #[error("the request was cancelled by the client")]
    Cancelled,
    /// Our fault: 500.
    #[error("{0}")]
    Internal(String),
}

impl From<skald_store::StoreError> for QueryError {
    fn from(error: skald_store::StoreError) -> QueryError {
        QueryError::Internal(error.to_string())
    }
}
