//! The bytes guard refuses queries that would read more than `max_query_bytes_read`.

use crate::config::Limits;
use crate::config::setting::{ByteSize, Setting};
use crate::time_bounds::Bounds;
use skald_model::TimeRange;
use skald_query::{Cancel, Engine, Parsed, QueryError, Tenants};

/// What the index says a query reads, to compare with `max_query_bytes_read`.
pub(crate) struct BytesGuard {
    max: u64,
    tenants: Tenants,
    query: Parsed,
    range: TimeRange,
}

impl BytesGuard {
    /// Of a query over `bounds`; reads nothing yet.
    pub(crate) fn new(
        limits: &Limits,
        tenants: &Tenants,
        query: &Parsed,
        bounds: Bounds,
    ) -> BytesGuard {
        BytesGuard {
            max: limits.max_query_bytes_read.0,
            tenants: tenants.clone(),
            query: query.clone(),
            range: TimeRange {
                start: bounds.start,
                end: bounds.end.saturating_add(1),
            },
        }
    }

    /// Asks the index; an error when the query would read too much.
    pub(crate) fn check(&self, engine: &Engine, cancel: &Cancel) -> Result<(), QueryError> {
        if self.max == 0 {
            return Ok(());
        }
        let found = engine.bytes_to_read(&self.tenants, &self.query, self.range, cancel)?;
        if found <= self.max {
            return Ok(());
        }
        let size = |bytes| {
            ByteSize(bytes)
                .show()
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Err(QueryError::BytesRead {
            found: size(found),
            limit: size(self.max),
        })
    }
}
