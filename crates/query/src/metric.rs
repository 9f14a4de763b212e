//! Metric queries: each leaf's samples gathered by all threads, then the operators over the leaves.

use crate::Engine;
use crate::context::Context;
use crate::pool::Shared;
use crate::prune;
use crate::repeats::{self, Repeats};
use crate::request::QueryError;
use crate::rows::{self, Read};
use crate::semijoin;
use crate::stats::Stats;
use parking_lot::Mutex;
use skald_logql::metric::{self, Evaluated, Matrix, RangeState, Series, Steps};
use skald_logql::pipeline::{Extractor, SampleError, SampleSink, Scratch, SeriesTable};
use skald_logql::typed::{Leaf, MetricQuery};
use skald_model::{Budget, Columns, Held, MemoryUser, SelectedStream, TenantId, TimeRange};
use skald_store::{Piece, Select};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Series one leaf may gather, as a multiple of what an answer may hold: outer aggregations fold them.
const LEAF_SERIES_FACTOR: usize = 100;

/// What a metric query came to.
pub(crate) struct Found {
    pub(crate) value: Evaluated,
    pub(crate) stats: Stats,
    pub(crate) warnings: Vec<String>,
}

/// Runs a metric query on a grid.
pub(crate) fn execute(
    engine: &Engine,
    tenant: &TenantId,
    query: &MetricQuery,
    steps: &Steps,
    context: &Context,
) -> Result<Found, QueryError> {
    let mut stats = Stats::default();
    let mut warnings = Vec::new();
    let mut leaves = Vec::with_capacity(query.leaves.len());
    for leaf in &query.leaves {
        leaves.push(gather(engine, tenant, leaf, steps, context, &mut stats, &mut warnings)?);
        let skipped = leaf.extractor.skipped();
        if skipped > 0 {
            warnings.push(format!("{skipped} entries were skipped because a stage failed on them"));
        }
    }
    let value = metric::evaluate(&query.root, leaves, &query.leaves, steps).map_err(|e| QueryError::Bad(e.to_string()))?;
    Ok(Found { value, stats, warnings })
}

/// The text of Loki when an answer has too many series.
pub(crate) fn too_many_series(max: usize) -> QueryError {
    QueryError::Bad(format!(
        "maximum number of series ({max}) reached for a single query; consider reducing query cardinality by adding more specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
    ))
}

fn too_much_memory(max: usize) -> QueryError {
    QueryError::Bad(format!(
        "the query needs more than its {max} bytes of memory; consider a longer step, a shorter time range or fewer series"
    ))
}

/// One leaf: its samples on the grid.
fn gather(
    engine: &Engine,
    tenant: &TenantId,
    leaf: &Leaf,
    steps: &Steps,
    context: &Context,
    stats: &mut Stats,
    warnings: &mut Vec<String>,
) -> Result<Matrix, QueryError> {
    let (first, last) = metric::window_bounds(&leaf.spec, steps);
    let range = TimeRange { start: first, end: last.saturating_add(1) };
    let extractor = match leaf.subqueries.as_slice() {
        [] => Arc::clone(&leaf.extractor),
        inner => Arc::new(leaf.extractor.bind(semijoin::values(engine, tenant, inner, range, context)?)),
    };
    let content = prune::content(engine, tenant, &leaf.matchers, range, extractor.pipeline());
    let selected = engine.store.select(tenant, &Select { matchers: &leaf.matchers, range, content: &content })?;
    warnings.extend(selected.warnings);
    stats.blocks_pruned += selected.blocks_pruned;
    stats.streams = stats.streams.max(selected.streams.len() as u64);
    let repeats = repeats::find(&selected.pieces, &range, context)?;
    let series_max = engine.limits.max_query_series.saturating_mul(LEAF_SERIES_FACTOR);
    let job = Arc::new(LeafJob {
        columns: extractor.columns(),
        extractor,
        pieces: selected.pieces,
        streams: selected.streams,
        repeats,
        range,
        spec: leaf.spec,
        steps: *steps,
        series_max,
        memory_max: engine.limits.query_memory,
        budget: engine.store.budget().clone(),
        context: context.clone(),
        next: AtomicUsize::new(0),
        outcome: Mutex::default(),
    });
    engine.pool.share(Arc::clone(&job) as Arc<dyn Shared>, job.pieces.len());
    let outcome = std::mem::take(&mut *job.outcome.lock());
    if let Some(error) = outcome.error {
        return Err(error);
    }
    stats.merge(&outcome.stats);
    warnings.extend(outcome.warnings);
    let Some((table, state)) = outcome.samples else {
        return Ok(Matrix::default());
    };
    if state.result_bytes() > engine.limits.query_memory {
        return Err(too_much_memory(engine.limits.query_memory));
    }
    let points = state.finish();
    let series = points.into_iter().enumerate().map(|(i, points)| Series { labels: table.labels(i as u32), points });
    Ok(Matrix { series: series.filter(|s| s.points.iter().any(Option::is_some)).collect(), ordered: false })
}

struct LeafJob {
    extractor: Arc<Extractor>,
    columns: Columns,
    pieces: Vec<Piece>,
    streams: Vec<SelectedStream>,
    repeats: Repeats,
    range: TimeRange,
    spec: metric::RangeSpec,
    steps: Steps,
    series_max: usize,
    memory_max: usize,
    budget: Arc<Budget>,
    context: Context,
    next: AtomicUsize,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    samples: Option<(SeriesTable, RangeState)>,
    stats: Stats,
    warnings: Vec<String>,
    error: Option<QueryError>,
    /// What the samples are charged with.
    held: Vec<Held>,
}

impl Shared for LeafJob {
    fn work(&self) {
        let mut worker = Worker {
            table: SeriesTable::with_limit(self.series_max),
            state: RangeState::new(&self.spec, &self.steps),
            scratch: Scratch::at(self.context.now),
            stats: Stats::default(),
            held: Held::new(&self.budget, MemoryUser::Queries),
        };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = self.pieces.get(index) else { break };
            if let Err(error) = self.take(index, piece, &mut worker) {
                self.next.store(self.pieces.len(), Ordering::Relaxed);
                self.outcome.lock().error.get_or_insert(error);
                return;
            }
        }
        self.hand_in(worker);
    }
}

/// A thread's samples and buffers.
struct Worker {
    table: SeriesTable,
    state: RangeState,
    scratch: Scratch,
    stats: Stats,
    held: Held,
}

struct StateSink<'a>(&'a mut RangeState, u64);

impl SampleSink for StateSink<'_> {
    fn sample(&mut self, series: u32, timestamp: i64, value: f64) {
        self.1 += 1;
        self.0.add(series, timestamp, value);
    }
}

impl LeafJob {
    fn take(&self, index: usize, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        self.context.check()?;
        let read = match rows::read(piece, &self.columns)? {
            Read::Rows(read) => read,
            Read::Damaged(warning) => {
                self.outcome.lock().warnings.push(warning);
                return Ok(());
            }
        };
        let batch = &*read.batch;
        let (mut selection, in_range) = rows::in_range(&read, piece, &self.range);
        for row in self.repeats.get(&index).into_iter().flatten() {
            selection.remove(*row);
        }
        worker.stats.count_piece(piece, batch, in_range);
        self.extractor.pipeline().prefilter(batch, &mut selection, &mut worker.scratch);
        if selection.is_empty() {
            return Ok(());
        }
        for run in &read.runs {
            let rows = rows::run_rows(batch, &run.rows, piece.sorted, &self.range);
            let labels = &self.streams[run.stream as usize].labels;
            let mut sink = StateSink(&mut worker.state, 0);
            let ran = self.extractor.run(batch, rows, labels, &selection, &mut worker.scratch, &mut worker.table, &mut sink);
            worker.stats.lines_matched += sink.1;
            ran.map_err(|error| match error {
                SampleError::Pipeline(text) => QueryError::Bad(text),
                SampleError::TooManySeries(_) => too_many_series(self.series_max / LEAF_SERIES_FACTOR),
            })?;
        }
        if worker.state.memory_bytes() > self.memory_max {
            return Err(too_much_memory(self.memory_max));
        }
        if !worker.held.cover(worker.state.memory_bytes()) {
            return Err(QueryError::Busy);
        }
        Ok(())
    }

    /// Merges a thread's samples into those of the threads that finished before.
    fn hand_in(&self, worker: Worker) {
        let mut outcome = self.outcome.lock();
        outcome.stats.merge(&worker.stats);
        outcome.held.push(worker.held);
        let Some((table, state)) = outcome.samples.as_mut() else {
            outcome.samples = Some((worker.table, worker.state));
            return;
        };
        let mut map = Vec::with_capacity(worker.table.len());
        for index in 0..worker.table.len() as u32 {
            match table.intern(worker.table.labels(index).as_bytes()) {
                Some(number) => map.push(number),
                None => {
                    outcome.error.get_or_insert(too_many_series(self.series_max / LEAF_SERIES_FACTOR));
                    return;
                }
            }
        }
        state.merge(worker.state, &map);
    }
}
