//! Requests ask the engine, in no wire format; times are nanoseconds since 1970.

use crate::cursor::Cursor;
use crate::parsed::{OnError, Parsed};
use skald_model::{Direction, TenantId, TimeRange};
use std::sync::Arc;

/// The tenants whose data a request is about. Of several, streams carry the label `__tenant_id__`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenants(Arc<[TenantId]>);

impl Tenants {
    /// All of them.
    pub fn all(&self) -> &[TenantId] {
        &self.0
    }

    /// The tenant, when it is one alone.
    pub fn single(&self) -> Option<&TenantId> {
        match &*self.0 {
            [tenant] => Some(tenant),
            _ => None,
        }
    }
}

impl From<TenantId> for Tenants {
    fn from(tenant: TenantId) -> Tenants {
        Tenants(Arc::from([tenant]))
    }
}

impl From<Arc<[TenantId]>> for Tenants {
    fn from(tenants: Arc<[TenantId]>) -> Tenants {
        Tenants(tenants)
    }
}

/// Whether results of earlier queries may be used. Answers are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Caching {
    /// Cached results are used, and new ones cached.
    #[default]
    Allowed,
    /// Everything is read and nothing cached: `Cache-Control: no-cache`.
    Bypassed,
}

/// How labels of entries are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Labelling {
    /// Labels of the stream, structured metadata and parsed labels as one set.
    #[default]
    Merged,
    /// Each of the three on its own.
    Categorized,
}

/// `query_range`: built with [`RangeRequest::new`] and the methods after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeRequest {
    /// Whose data.
    pub tenants: Tenants,
    /// The query.
    pub query: Parsed,
    /// First instant.
    pub start: i64,
    /// Log queries: first instant after the range; metric queries: last instant.
    pub end: i64,
    /// Distance between points.
    pub step: i64,
    /// Least distance between returned entries; 0 returns all.
    pub interval: i64,
    /// Most entries.
    pub limit: usize,
    /// Order of entries.
    pub direction: Direction,
    /// How labels are shown.
    pub labelling: Labelling,
    /// Metric queries: what becomes of entries that a stage failed on.
    pub on_error: OnError,
    /// Log queries: the page after the one that gave this.
    pub after: Option<Cursor>,
    /// Metric queries: whether earlier results may be used.
    pub caching: Caching,
}

/// Entries a request gives unless it says otherwise; Loki's default.
const LIMIT: usize = 100;

/// Distance of points unless a request says otherwise: a second.
const STEP: i64 = 1_000_000_000;

impl RangeRequest {
    /// The newest 100 entries, or points a second apart, from `start` to `end`.
    pub fn new(tenants: impl Into<Tenants>, query: Parsed, start: i64, end: i64) -> RangeRequest {
        RangeRequest {
            tenants: tenants.into(),
            query,
            start,
            end,
            step: STEP,
            interval: 0,
            limit: LIMIT,
            direction: Direction::Backward,
            labelling: Labelling::default(),
            on_error: OnError::default(),
            after: None,
            caching: Caching::default(),
        }
    }

    /// Sets the distance between points, nanoseconds.
    pub fn step(self, step: i64) -> RangeRequest {
        RangeRequest { step, ..self }
    }

    /// Sets the least distance between returned entries, nanoseconds.
    pub fn interval(self, interval: i64) -> RangeRequest {
        RangeRequest { interval, ..self }
    }

    /// Sets the most entries.
    pub fn limit(self, limit: usize) -> RangeRequest {
        RangeRequest { limit, ..self }
    }

    /// Sets the order of entries.
    pub fn direction(self, direction: Direction) -> RangeRequest {
        RangeRequest { direction, ..self }
    }

    /// Sets how labels are shown.
    pub fn labelling(self, labelling: Labelling) -> RangeRequest {
        RangeRequest { labelling, ..self }
    }

    /// Sets what becomes of entries that a stage failed on.
    pub fn on_error(self, on_error: OnError) -> RangeRequest {
        RangeRequest { on_error, ..self }
    }

    /// Asks for the page after the one that gave the cursor.
    pub fn after(self, after: Option<Cursor>) -> RangeRequest {
        RangeRequest { after, ..self }
    }

    /// Sets whether earlier results may be used.
    pub fn caching(self, caching: Caching) -> RangeRequest {
        RangeRequest { caching, ..self }
    }
}

/// `query`: built with [`InstantRequest::new`] and the methods after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InstantRequest {
    /// Whose data.
    pub tenants: Tenants,
    /// The query.
    pub query: Parsed,
    /// Evaluation time.
    pub time: i64,
    /// Most entries, for log queries.
    pub limit: usize,
    /// Order of entries.
    pub direction: Direction,
    /// How labels are shown.
    pub labelling: Labelling,
    /// Metric queries: what becomes of entries that a stage failed on.
    pub on_error: OnError,
    /// Metric queries: whether earlier results may be used.
    pub caching: Caching,
}

impl InstantRequest {
    /// The value of a metric query at `time`, or the newest 100 entries of the hour before.
    pub fn new(tenants: impl Into<Tenants>, query: Parsed, time: i64) -> InstantRequest {
        InstantRequest {
            tenants: tenants.into(),
            query,
            time,
            limit: LIMIT,
            direction: Direction::Backward,
            labelling: Labelling::default(),
            on_error: OnError::default(),
            caching: Caching::default(),
        }
    }

    /// Sets the most entries.
    pub fn limit(self, limit: usize) -> InstantRequest {
        InstantRequest { limit, ..self }
    }

    /// Sets the order of entries.
    pub fn direction(self, direction: Direction) -> InstantRequest {
        InstantRequest { direction, ..self }
    }

    /// Sets how labels are shown.
    pub fn labelling(self, labelling: Labelling) -> InstantRequest {
        InstantRequest { labelling, ..self }
    }

    /// Sets what becomes of entries that a stage failed on.
    pub fn on_error(self, on_error: OnError) -> InstantRequest {
        InstantRequest { on_error, ..self }
    }

    /// Sets whether earlier results may be used.
    pub fn caching(self, caching: Caching) -> InstantRequest {
        InstantRequest { caching, ..self }
    }
}

/// The question behind an empty answer.
#[derive(Clone, Debug)]
pub struct HintRequest {
    /// Whose data.
    pub tenants: Tenants,
    /// The query.
    pub query: Parsed,
    /// Times that were asked for.
    pub range: TimeRange,
}

/// `labels`, `label/…/values`, `index/stats`, `detected_labels`
#[derive(Clone, Debug)]
pub struct MetadataRequest {
    /// Whose data.
    pub tenants: Tenants,
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
    pub tenants: Tenants,
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
    pub tenants: Tenants,
    /// Selector; `{}` is every stream.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
    /// Bucket width; `None` is one bucket.
    pub step: Option<i64>,
    /// Most series in a bucket.
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
    pub tenants: Tenants,
    /// Log query.
    pub query: String,
    /// First instant.
    pub start: i64,
    /// First instant after the range.
    pub end: i64,
    /// Most lines looked at.
    pub line_limit: usize,
    /// Most fields or values returned.
    pub limit: usize,
}

/// `patterns`
#[derive(Clone, Debug)]
pub struct PatternsRequest {
    /// Whose data.
    pub tenants: Tenants,
    /// A log query: its selector counts, its stages do not.
    pub query: Parsed,
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
    /// Distance between points: at least a second.
    pub step: i64,
}
