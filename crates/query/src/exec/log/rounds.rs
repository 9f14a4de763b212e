//! Rounds read pieces from the newest (or oldest) end until `limit` entries are found.
//!
//! The first round takes the newest pieces (or the oldest), as many as a flush leaves, and each
//! later one a multiple of that. Once `limit` entries are known, rows, pieces and parts beyond the
//! last of them are skipped: the cost follows the answer, not the range.

use crate::error::QueryError;
use crate::exec::content_query;
use crate::exec::context::Context;
use crate::exec::log::entry::Entry;
use crate::exec::log::frontier::Frontier;
use crate::exec::log::piece_reader::{LogJob, LogRound};
use crate::exec::log::plan::LogPlan;
use crate::exec::scan::Scan;
use crate::sched::pool::Shared;
use crate::stats::Stats;
use skald_model::{Charge, Columns, ContentQuery, Direction, MetadataWanted};
use skald_store::{Piece, Select};
use std::sync::Arc;
use std::time::Duration;

/// Pieces of the first round: about as many as a flush leaves, whose newest lines are looked at
/// before older ones.
const FIRST_ROUND_PIECES: usize = 128;

/// How many times as many the next round has: a query that finds nothing at first has few rounds to
/// go through.
const ROUND_GROWTH: usize = 4;

/// What a log query found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) stats: Stats,
    pub(crate) warnings: Vec<String>,
    /// Whether memory made it shorter than asked.
    pub(crate) shortened: bool,
    /// What the entries hold.
    pub(crate) charge: Charge,
}

/// Share of a query's memory that its entries may take, as a divisor: the rest is for reading, and
/// for the answer that is made of them.
const ENTRIES_SHARE: usize = 2;

/// Reads what the plan asks for; its inner queries have been bound.
pub(crate) fn execute(context: &Context<'_>, plan: &LogPlan) -> Result<Found, QueryError> {
    let (query, range, top) = (&plan.query, plan.range, &plan.top);
    if range.is_empty() || top.limit == 0 {
        return Ok(Found::default());
    }
    let content = content_query::content(context, &query.matchers, range, &query.pipeline);
    let job = job(context, plan, &content);
    let select = Select {
        matchers: &query.matchers,
        range,
        content: &content,
    };
    let mut rounds = context
        .source
        .rounds(&select, top.direction, context.charge())?;
    let mut found = Found::default();
    let mut worked = Duration::ZERO;
    let mut times = Vec::new();
    let mut count = match top.is_by_time() {
        true => FIRST_ROUND_PIECES,
        false => usize::MAX,
    };
    loop {
        let mut selected = match rounds.next(count, context.charge()) {
            Ok(selected) => selected,
            Err(error) => {
                found.warnings.push(context.interrupt.settle(error.into())?);
                break;
            }
        };
        if count == FIRST_ROUND_PIECES && top.direction.is_backward() {
            let looks_at = rows_looked_at(&job);
            let split = |piece: Piece| piece.split_newest(looks_at);
            let pieces = std::mem::take(&mut selected.value.pieces);
            selected.value.pieces = pieces.into_iter().flat_map(split).collect();
        }
        sort_pieces(&mut selected.value.pieces, top.direction);
        times.extend(selected.value.pieces.iter().map(times_of));
        let round = Arc::new(LogRound {
            times: times.clone(),
            nearest: rounds.nearest(),
            scan: Scan::new(context, selected, range).after(worked),
            job: Arc::clone(&job),
        });
        let pieces = round.scan.pieces.len();
        context
            .pool
            .share(Arc::clone(&round) as Arc<dyn Shared>, pieces);
        worked = round.scan.worked();
        let is_over = round.scan.is_over();
        let (stats, warnings) = round.scan.finish()?;
        found.stats.merge(&stats);
        found.warnings.extend(warnings);
        if is_over
            || rounds
                .nearest()
                .is_none_or(|time| job.frontier.is_beyond(time))
        {
            break;
        }
        count = count.saturating_mul(ROUND_GROWTH);
    }
    (found.entries, found.charge, found.shortened) = job.frontier.finish()?;
    found.stats.entries_returned = found.entries.len() as u64;
    Ok(found)
}

/// What all rounds of a plan share.
fn job(context: &Context<'_>, plan: &LogPlan, content: &ContentQuery) -> Arc<LogJob> {
    let (query, top) = (&plan.query, &plan.top);
    Arc::new(LogJob {
        columns: Columns {
            metadata: MetadataWanted::All,
            ..query.pipeline.columns(true)
        },
        literals: content.lines.clone(),
        pipeline: Arc::clone(&query.pipeline),
        prefilter: query
            .prefilter
            .clone()
            .map(|plan| (plan.program.columns(false), plan)),
        frontier: Frontier::new(
            top.clone(),
            top.bytes_max
                .unwrap_or(usize::MAX)
                .min(context.limits.query_memory / ENTRIES_SHARE),
            context.charge(),
            // A page is as long as fits.
            (top.bytes_max.is_none() && !context.limits.partial)
                .then_some(QueryError::Memory(context.limits.query_memory)),
        ),
        top: top.clone(),
    })
}

/// Rows after which a query that reads the newest lines of a block first may have enough. A filter
/// may look at all.
fn rows_looked_at(job: &LogJob) -> usize {
    match job.pipeline.drops_rows() {
        true => usize::MAX,
        false => job.top.limit,
    }
}

/// First and last time of a piece.
fn times_of(piece: &Piece) -> (i64, i64) {
    (piece.min_time, piece.max_time)
}

/// Sorts pieces in the order in which they are read.
fn sort_pieces(pieces: &mut [Piece], direction: Direction) {
    match direction {
        Direction::Forward => pieces.sort_unstable_by_key(|p| (p.min_time, p.sequence)),
        Direction::Backward => {
            pieces.sort_unstable_by_key(|p| std::cmp::Reverse((p.max_time, p.sequence)));
        }
    }
}
