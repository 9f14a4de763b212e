//! Semi-joins, `| label in ({…} | keep label)`: the inner queries run first, their values become a
//! set.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log::plan::LogPlan;
use crate::exec::log::rounds;
use crate::exec::log::top_k::TopK;
use hashbrown::HashSet;
use skald_logql::typed::{LogQuery, SubQuery};
use skald_model::{Direction, TimeRange};
use std::sync::Arc;

/// Most values of an inner query: beyond it the query is refused rather than answered wrongly.
const VALUES_MAX: usize = 100_000;

/// Gives the stages of a query the values of its inner queries.
pub(crate) fn bind(
    context: &Context<'_>,
    query: &mut LogQuery,
    range: TimeRange,
) -> Result<(), QueryError> {
    if !query.subqueries.is_empty() {
        let values = values(context, &query.subqueries, range)?;
        query.pipeline = Arc::new(query.pipeline.bind(values));
    }
    Ok(())
}

/// The values each inner query finds in `range`, in order of the queries.
pub(crate) fn values(
    context: &Context<'_>,
    subqueries: &[SubQuery],
    range: TimeRange,
) -> Result<Vec<HashSet<String>>, QueryError> {
    let one = |subquery: &SubQuery| {
        let top = TopK {
            distinct: Some(vec![subquery.label.clone()]),
            ..TopK::by_time(Direction::Backward, VALUES_MAX + 1)
        };
        let mut plan = LogPlan::new(subquery.query.clone(), range, top);
        bind(context, &mut plan.query, range)?;
        let found = rounds::execute(context, &plan)?;
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
