//! A log query runs its inner queries first, then reads entries and applies `interval`.

use crate::cursor::Cursor;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::log::plan::LogPlan;
use crate::exec::log::rounds::Found;
use crate::exec::log::{downsample, rounds, semijoin};
use crate::parsed::Parsed;

/// Runs a plan.
pub(crate) fn execute(context: &Context<'_>, mut plan: LogPlan) -> Result<Found, QueryError> {
    let _values = semijoin::bind(context, &mut plan.query, plan.whole)?;
    if plan.interval > 0 {
        downsample::execute(context, plan)
    } else {
        rounds::execute(context, &plan)
    }
}

/// Runs a plan of `query`, and gives the cursor of the next page when this one is full.
pub(crate) fn execute_page(
    context: &Context<'_>,
    plan: LogPlan,
    query: &Parsed,
) -> Result<(Found, Option<Cursor>), QueryError> {
    let found = execute(context, plan.clone())?;
    let full = found.shortened || found.entries.len() >= plan.top.limit;
    let cursor = plan.cursor(&found.entries, full, query);
    Ok((found, cursor))
}
