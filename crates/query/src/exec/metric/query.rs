//! A metric query collects the samples of each leaf, then evaluates the operators over them.

use crate::error::QueryError;
use crate::exec::content_query;
use crate::exec::context::Context;
use crate::exec::log::semijoin;
use crate::exec::metric::dedup;
use crate::exec::metric::leaf::{LeafInput, LeafJob};
use crate::exec::scan::Scan;
use crate::sched::pool::Shared;
use crate::stats::Stats;
use skald_logql::metric;
use skald_logql::metric::{EvalError, Evaluated, LeafSeries, Matrix, Series, Steps};
use skald_logql::pipeline::Extractor;
use skald_logql::typed::{Leaf, MetricQuery};
use skald_model::{Charge, TimeRange};
use skald_store::Select;
use std::sync::Arc;

/// The value of a metric query.
pub(crate) struct Found {
    pub(crate) value: Evaluated,
    pub(crate) stats: Stats,
    pub(crate) warnings: Vec<String>,
    /// What the value holds.
    pub(crate) charge: Charge,
}

/// Runs a metric query on a grid.
pub(crate) fn execute(
    context: &Context<'_>,
    query: &MetricQuery,
    steps: &Steps,
) -> Result<Found, QueryError> {
    let mut stats = Stats::default();
    let mut warnings = Vec::new();
    let mut leaves = Vec::with_capacity(query.leaves.len());
    let mut charge = context.charge();
    for leaf in &query.leaves {
        let gathered = match gather(context, leaf, steps) {
            Ok(gathered) => gathered,
            Err(error) => {
                warnings.push(context.interrupt.settle(error)?);
                return Ok(Found {
                    value: Evaluated::Matrix(Matrix::default()),
                    stats,
                    warnings,
                    charge,
                });
            }
        };
        leaves.push(LeafSeries {
            matrix: gathered.matrix,
            absent_labels: leaf.labels_where_absent(),
        });
        charge.absorb(gathered.charge);
        stats.merge(&gathered.stats);
        warnings.extend(gathered.warnings);
        let skipped = leaf.extractor.skipped();
        if skipped > 0 {
            warnings.push(format!(
                "{skipped} entries were skipped because a stage failed on them"
            ));
        }
    }
    let value = match metric::evaluate(&query.root, leaves, steps, &mut charge) {
        Ok(value) => value,
        Err(EvalError::Invalid(text)) => return Err(QueryError::Bad(text)),
        Err(EvalError::Stopped(stop)) => {
            // Half of an expression is no answer: of a partial one nothing is left.
            warnings.push(context.interrupt.settle(stop.into())?);
            Evaluated::Matrix(Matrix::default())
        }
    };
    Ok(Found {
        value,
        stats,
        warnings,
        charge,
    })
}

/// The samples of one leaf on the grid, and what they cost.
struct LeafMatrix {
    matrix: Matrix,
    stats: Stats,
    warnings: Vec<String>,
    /// What the matrix holds.
    charge: Charge,
}

/// Gathers one leaf.
fn gather(context: &Context<'_>, leaf: &Leaf, steps: &Steps) -> Result<LeafMatrix, QueryError> {
    let (first, last) = metric::window_bounds(&leaf.spec, steps);
    let range = TimeRange {
        start: first,
        end: last.saturating_add(1),
    };
    let (extractor, _values) = bound(context, leaf, range)?;
    let content = content_query::content(context, &leaf.matchers, range, extractor.pipeline());
    let selected = context.select(&Select {
        matchers: &leaf.matchers,
        range,
        content: &content,
    })?;
    let repeats = dedup::find(&selected.pieces, &range, &context.interrupt)?;
    let scan = Scan::new(context, selected, range);
    let input = LeafInput {
        extractor,
        literals: content.lines,
        repeats,
    };
    let job = Arc::new(LeafJob::new(context, scan, leaf, steps, input));
    context
        .pool
        .share(Arc::clone(&job) as Arc<dyn Shared>, job.pieces());
    let (gathered, stats, mut warnings) = job.finish()?;
    let mut matrix = Matrix::default();
    let mut charge = context.charge();
    if let Some((table, state)) = gathered.samples {
        if let Err(stop) = charge.add(state.result_bytes() + table.labels_bytes()) {
            // Not even the points fit: the partial answer has none of them.
            warnings.push(context.interrupt.settle(stop.into())?);
        } else {
            let points = state.finish().into_iter().enumerate();
            let series = points.map(|(i, points)| Series {
                labels: table.labels(i as u32),
                points,
            });
            matrix.series = series
                .filter(|s| s.points.iter().any(Option::is_some))
                .collect();
            charge.cover(matrix.memory_bytes())?;
        }
    }
    Ok(LeafMatrix {
        matrix,
        stats,
        warnings,
        charge,
    })
}

/// The leaf's extractor, with the values of its inner queries and what these hold.
fn bound(
    context: &Context<'_>,
    leaf: &Leaf,
    range: TimeRange,
) -> Result<(Arc<Extractor>, Charge), QueryError> {
    if leaf.subqueries.is_empty() {
        return Ok((Arc::clone(&leaf.extractor), Charge::default()));
    }
    let (values, charge) = semijoin::values(context, &leaf.subqueries, range)?;
    Ok((Arc::new(leaf.extractor.bind(values)), charge))
}
