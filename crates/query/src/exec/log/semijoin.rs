//! Semi-joins, `| label in ({…} | keep label)`: the inner queries run first, their values become a
//! set.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log::plan::LogPlan;
use crate::exec::log::rounds;
use crate::exec::log::top_k::TopK;
use hashbrown::HashSet;
use skald_logql::typed::{LogQuery, SubQuery};
use skald_model::{Charge, Direction, TimeRange};
use std::sync::Arc;

/// Most values of an inner query: beyond it the query is refused rather than answered wrongly.
const VALUES_MAX: usize = 100_000;

/// Bytes that a value takes for each of its own: in its set, and in what is made of it to leave out
/// blocks.
const VALUE_FACTOR: usize = 4;

/// Gives the stages of a query the values of its inner queries, and what these hold.
pub(crate) fn bind(
    context: &Context<'_>,
    query: &mut LogQuery,
    range: TimeRange,
) -> Result<Charge, QueryError> {
    if query.subqueries.is_empty() {
        return Ok(Charge::default());
    }
    let (values, charge) = values(context, &query.subqueries, range)?;
    query.pipeline = Arc::new(query.pipeline.bind(values));
    Ok(charge)
}

/// The values each inner query finds in `range`, in order of the queries, and what they hold.
pub(crate) fn values(
    context: &Context<'_>,
    subqueries: &[SubQuery],
    range: TimeRange,
) -> Result<(Vec<HashSet<String>>, Charge), QueryError> {
    let mut charge = context.charge();
    let mut one = |subquery: &SubQuery| {
        let top = TopK {
            distinct: Some(vec![subquery.label.clone()]),
            ..TopK::by_time(Direction::Backward, VALUES_MAX + 1)
        };
        let mut plan = LogPlan::new(subquery.query.clone(), range, top);
        let _inner = bind(context, &mut plan.query, range)?;
        let found = rounds::execute(context, &plan)?;
        if found.shortened {
            return Err(QueryError::Memory(context.limits.query_memory));
        }
        if found.entries.len() > VALUES_MAX {
            let label = &subquery.label;
            return Err(QueryError::Bad(format!(
                "the inner query of 'in' found more than {VALUES_MAX} values of '{label}'"
            )));
        }
        let mut values = HashSet::new();
        for entry in &found.entries {
            let value = entry.labels.get(&subquery.label);
            if !value.is_empty() {
                charge.add((size_of::<String>() + value.len()) * VALUE_FACTOR)?;
                values.insert(value.to_owned());
            }
        }
        Ok(values)
    };
    let values = subqueries.iter().map(&mut one).collect::<Result<_, _>>()?;
    Ok((values, charge))
}
