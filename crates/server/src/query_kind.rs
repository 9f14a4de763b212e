//! Query kinds name what was asked, for the query log and for `blocked_queries`.

/// What was asked: `query_type` and `range_type` of the query log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// Lines over a range, filtered.
    Filter,
    /// Lines over a range as they are.
    Limited,
    /// Numbers over a range.
    Metric,
    /// Numbers at an instant.
    Instant,
    /// Label names and values.
    Labels,
    /// Series.
    Series,
    /// Index statistics.
    Stats,
    /// Volumes.
    Volume,
    /// Detected labels and fields.
    Detected,
    /// Templates of lines.
    Patterns,
}

impl QueryKind {
    /// `query_type`, as `blocked_queries` names it too.
    pub fn query_type(self) -> &'static str {
        match self {
            QueryKind::Filter => "filter",
            QueryKind::Limited => "limited",
            QueryKind::Metric | QueryKind::Instant => "metric",
            QueryKind::Labels => "labels",
            QueryKind::Series => "series",
            QueryKind::Stats => "stats",
            QueryKind::Volume => "volume",
            QueryKind::Detected => "detected",
            QueryKind::Patterns => "patterns",
        }
    }

    /// `range_type`: `instant` or `range`.
    pub fn range_type(self) -> &'static str {
        if self == QueryKind::Instant {
            "instant"
        } else {
            "range"
        }
    }
}

/// FNV-1a of a query's text, so that equal queries can be counted and blocked.
pub(crate) fn query_hash(query: &str) -> u32 {
    query.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
