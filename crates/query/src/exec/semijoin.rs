//! `| label in ({…} | keep label)`: the inner queries run first, their values become a set.

use crate::engine::Engine;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log;
use crate::exec::top_k::Shape;
use hashbrown::HashSet;
use skald_logql::typed::SubQuery;
use skald_model::Direction;
use skald_model::{TenantId, TimeRange};

/// Values an inner query may give: beyond it the query is refused rather than answered wrongly.
const VALUES_MAX: usize = 100_000;

/// The values each inner query finds in `range`, in order of the queries.
pub(crate) fn values(
    engine: &Engine,
    tenant: &TenantId,
    subqueries: &[SubQuery],
    range: TimeRange,
    context: &Context,
) -> Result<Vec<HashSet<String>>, QueryError> {
    let one = |subquery: &SubQuery| {
        let distinct = Some(vec![subquery.label.clone()]);
        let shape = Shape {
            direction: Direction::Backward,
            limit: VALUES_MAX + 1,
            distinct,
            sort: Vec::new(),
            after: None,
            bytes_max: None,
        };
        let found = log::execute(engine, tenant, &subquery.query, range, shape, context)?;
        if found.entries.len() > VALUES_MAX {
            let label = &subquery.label;
            return Err(QueryError::Bad(format!(
                "the inner query of 'in' found more than {VALUES_MAX} values of '{label}'"
            )));
        }
        let values = found
            .entries
            .iter()
            .map(|e| e.labels.get(&subquery.label).to_owned());
        Ok(values.filter(|v| !v.is_empty()).collect())
    };
    subqueries.iter().map(one).collect()
}
