//! `| label in ({…} | keep label)`: the inner queries run first, their values become a set.

use crate::Engine;
use crate::collect::Shape;
use crate::context::Context;
use crate::request::{Direction, QueryError};
use skald_logql::pipeline::Pipeline;
use skald_logql::typed::SubQuery;
use skald_model::{TenantId, TimeRange};
use std::collections::HashSet;
use std::sync::Arc;

/// Values an inner query may give: beyond it the query is refused rather than answered wrongly.
pub(crate) const VALUES_MAX: usize = 100_000;

/// Runs the inner queries over the same range and binds their values.
pub(crate) fn bind(
    engine: &Engine,
    tenant: &TenantId,
    pipeline: &Arc<Pipeline>,
    subqueries: &[SubQuery],
    range: TimeRange,
    context: &Context,
) -> Result<Arc<Pipeline>, QueryError> {
    if subqueries.is_empty() {
        return Ok(Arc::clone(pipeline));
    }
    let mut sets = Vec::new();
    for subquery in subqueries {
        let distinct = Some(vec![subquery.label.clone()]);
        let shape = Shape { direction: Direction::Backward, limit: VALUES_MAX + 1, distinct, sort: Vec::new() };
        let found = crate::log::execute(engine, tenant, &subquery.query, range, shape, context)?;
        if found.entries.len() > VALUES_MAX {
            return Err(QueryError::Bad(format!("the inner query of 'in' found more than {VALUES_MAX} values of '{}'", subquery.label)));
        }
        let values: HashSet<String> = found.entries.iter().map(|e| e.labels.get(&subquery.label).to_owned()).collect();
        sets.push(values);
    }
    Ok(Arc::new(pipeline.bind(sets)))
}
