//! Requests to the engine, free of any wire format. Times are nanoseconds since 1970.

use crate::cursor::Cursor;
use skald_model::{Direction, TenantId, TimeRange};

/// Whether what earlier queries came to may be answered again. Answers are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
