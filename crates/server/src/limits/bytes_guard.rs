//! The bytes guard refuses queries that would read more than `max_query_bytes_read`.

use crate::bounds::Bounds;
use crate::config::Limits;
use crate::config::setting::{ByteSize, Setting};
use crate::limits::admission;
use skald_logql::ast::Expr;
use skald_model::TenantId;
use skald_query::{Engine, MetadataRequest, QueryError};

/// What the index says a query reads, to compare with `max_query_bytes_read`.
pub(crate) struct BytesGuard {
    max: u64,
    requests: Vec<MetadataRequest>,
}

impl BytesGuard {
    /// Of a query over `bounds`; reads nothing yet.
    pub(crate) fn new(
        limits: &Limits,
        tenant: TenantId,
        text: &str,
        expr: &Expr,
        bounds: Bounds,
    ) -> BytesGuard {
        let max = limits.max_query_bytes_read.0;
        let reads = if max == 0 {
            Vec::new()
        } else {
            admission::reads(text, expr)
        };
        let request = |(query, before): (String, i64)| {
            let start = bounds.start.saturating_sub(before);
            MetadataRequest {
                tenant: tenant.clone(),
                query,
                start,
                end: bounds.end,
            }
        };
        BytesGuard {
            max,
            requests: reads.into_iter().map(request).collect(),
        }
    }

    /// Asks the index; an error when the query would read too much.
    pub(crate) fn check(&self, engine: &Engine) -> Result<(), QueryError> {
        let mut found = 0u64;
        for request in &self.requests {
            found = found.saturating_add(engine.index_stats(request)?.bytes);
        }
        if self.max == 0 || found <= self.max {
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
