//! Errors that end a query, with the HTTP status each stands for.

use skald_model::Stop;

/// Why a query has no answer.
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
    /// The data of a tenant can't be read, those of others can: 503.
    #[error("{0}")]
    Unreadable(String),
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
        match error {
            skald_store::StoreError::TenantUnreadable { .. } => {
                QueryError::Unreadable(error.to_string())
            }
            skald_store::StoreError::Stopped(stop) => stop.into(),
            error => QueryError::Internal(error.to_string()),
        }
    }
}

impl From<Stop> for QueryError {
    fn from(stop: Stop) -> QueryError {
        match stop {
            Stop::Cancelled => QueryError::Cancelled,
            Stop::Timeout => QueryError::Timeout,
            Stop::Memory(max) => QueryError::Memory(max),
            Stop::Busy => QueryError::Busy,
        }
    }
}

/// Loki's words to clients that take an answer with too few series.
pub(crate) fn series_warning(max: usize) -> String {
    format!(
        "maximum number of series ({max}) reached for a single query; returning partial results"
    )
}
