//! Metric queries: each leaf's samples gathered by all threads, then the operators over the leaves.

use crate::engine::Engine;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::dedup::Repeats;
use crate::exec::directory_counts::WholeRuns;
use crate::exec::sample_cache::{Recording, Results, Samples};
use crate::exec::scan::Scan;
use crate::exec::{dedup, prune, row_range, semijoin, window_gaps};
use crate::sched::pool::Shared;
use crate::stats::Stats;
use parking_lot::Mutex;
use skald_logql::metric;
use skald_logql::metric::{Evaluated, Matrix, RangeState, Series, Steps};
use skald_logql::pipeline::{
    Extractor, SampleError, SampleSink, Scratch, Selection, SeriesTable, StreamRows,
};
use skald_logql::typed::{ByFields, Leaf, MetricQuery};
use skald_model::{Budget, Columns, Held, MemoryUser, TenantId, TimeRange};
use skald_store::{Piece, PieceRows, ReadSpec, RunRows, Select};
use std::ops::ControlFlow;
use std::sync::Arc;

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
        leaves.push(gather(
            engine,
            tenant,
            leaf,
            steps,
            context,
            &mut stats,
            &mut warnings,
        )?);
        let skipped = leaf.extractor.skipped();
        if skipped > 0 {
            warnings.push(format!(
                "{skipped} entries were skipped because a stage failed on them"
            ));
        }
    }
    let value = metric::evaluate(&query.root, leaves, &query.leaves, steps)
        .map_err(|e| QueryError::Bad(e.to_string()))?;
    Ok(Found {
        value,
        stats,
        warnings,
    })
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
    let range = TimeRange {
        start: first,
        end: last.saturating_add(1),
    };
    let extractor = match leaf.subqueries.as_slice() {
        [] => Arc::clone(&leaf.extractor),
        inner => Arc::new(
            leaf.extractor
                .bind(semijoin::values(engine, tenant, inner, range, context)?),
        ),
    };
    let content = prune::content(engine, tenant, &leaf.matchers, range, extractor.pipeline());
    let selected = engine.select(
        tenant,
        &Select {
            matchers: &leaf.matchers,
            range,
            content: &content,
        },
    )?;
    let repeats = dedup::find(&selected.pieces, &range, context)?;
    let series_max = engine
        .limits
        .max_query_series
        .saturating_mul(LEAF_SERIES_FACTOR);
    let job = Arc::new(LeafJob {
        scan: Scan::new(
            selected,
            (extractor.columns(), content.lines),
            range,
            context,
            engine.pool.turns(),
        ),
        whole_runs: WholeRuns::of(leaf),
        by_fields: leaf
            .by_fields
            .clone()
            .map(|fields| (fields.extractor.columns(), fields)),
        results: Results::of(engine, leaf, steps, context),
        extractor,
        repeats,
        spec: leaf.spec,
        steps: *steps,
        series_max,
        memory_max: engine.limits.query_memory,
        budget: engine.store.budget().clone(),
        gathered: Mutex::default(),
    });
    engine
        .pool
        .share(Arc::clone(&job) as Arc<dyn Shared>, job.scan.pieces.len());
    let (found, amiss) = job.scan.finish()?;
    stats.merge(&found);
    warnings.extend(amiss);
    let gathered = std::mem::take(&mut *job.gathered.lock());
    let Some((table, state)) = gathered.samples else {
        return Ok(Matrix::default());
    };
    if state.result_bytes() > engine.limits.query_memory {
        // Not even the points would fit: the part that is answered is none of them.
        warnings.push(context.settle(QueryError::Memory(engine.limits.query_memory))?);
        return Ok(Matrix::default());
    }
    let points = state.finish();
    let series = points.into_iter().enumerate().map(|(i, points)| Series {
        labels: table.labels(i as u32),
        points,
    });
    Ok(Matrix {
        series: series
            .filter(|s| s.points.iter().any(Option::is_some))
            .collect(),
        ordered: false,
    })
}

struct LeafJob {
    scan: Scan,
    extractor: Arc<Extractor>,
    whole_runs: Option<WholeRuns>,
    /// For pieces that have what the parser would find in lines as columns; what it reads of them.
    by_fields: Option<(Columns, ByFields)>,
    results: Option<Results>,
    repeats: Repeats,
    spec: metric::RangeSpec,
    steps: Steps,
    series_max: usize,
    memory_max: usize,
    budget: Arc<Budget>,
    gathered: Mutex<Gathered>,
}

/// What the threads that have finished found.
#[derive(Default)]
struct Gathered {
    samples: Option<(SeriesTable, RangeState)>,
    /// What the samples are charged with.
    held: Vec<Held>,
}

impl Shared for LeafJob {
    fn work(&self) {
        let mut worker = Worker {
            table: SeriesTable::with_limit(self.series_max),
            state: RangeState::new(&self.spec, &self.steps),
            scratch: Scratch::at(self.scan.now()),
            stats: Stats::default(),
            spare: None,
            recording: None,
            held: Held::new(&self.budget, MemoryUser::Queries),
        };
        self.scan.each(|index, piece| {
            self.take(index, piece, &mut worker)?;
            self.charge(&mut worker).map(ControlFlow::Continue)
        });
        self.hand_in(worker);
    }
}

/// A thread's samples and buffers.
struct Worker {
    table: SeriesTable,
    state: RangeState,
    scratch: Scratch,
    stats: Stats,
    /// What was read last: its memory serves the next piece.
    spare: Option<PieceRows>,
    /// Samples of the piece at hand, when they are to be kept.
    recording: Option<Recording>,
    held: Held,
}

/// Takes samples in, and counts the lines they are of.
struct StateSink<'a> {
    state: &'a mut RangeState,
    recording: Option<&'a mut Recording>,
    lines: u64,
}

impl SampleSink for StateSink<'_> {
    fn sample(&mut self, series: u32, timestamp: i64, value: f64) {
        self.total(series, timestamp, value, 1);
    }

    fn total(&mut self, series: u32, timestamp: i64, value: f64, lines: u64) {
        self.lines += lines;
        self.state.add(series, timestamp, value);
        if let Some(recording) = &mut self.recording {
            recording.add(series, timestamp, value, lines);
        }
    }

    fn alike(&self, timestamps: &[i64]) -> usize {
        let alike = self.state.alike(timestamps);
        self.recording
            .as_ref()
            .map_or(alike, |recording| recording.alike(&timestamps[..alike]))
    }
}

/// Keeps no samples.
struct Unkept;

impl SampleSink for Unkept {
    fn sample(&mut self, _: u32, _: i64, _: f64) {}
}

impl LeafJob {
    fn take(&self, index: usize, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        let repeated = self.repeats.get(&index).map_or(&[][..], Vec::as_slice);
        if window_gaps::hold(piece, &worker.state) {
            return Ok(());
        }
        let counted = self.count_runs(piece, repeated, worker)?;
        if counted.iter().all(|counted| *counted) && !counted.is_empty() {
            return Ok(());
        }
        let results = self.results.as_ref().filter(|_| repeated.is_empty());
        let place = results.and_then(|results| results.place(piece, &counted, &worker.state));
        if let Some(samples) = place
            .as_ref()
            .and_then(|place| place.found(&mut worker.stats))
        {
            return self.replay(&samples, worker);
        }
        let spare = worker.spare.take();
        let by_fields = match &self.by_fields {
            Some((columns, fields)) => self
                .scan
                .residual_rows(piece, fields.form, &fields.labels)?
                .map(|residual| (columns, &fields.extractor, residual)),
            None => None,
        };
        let (extractor, spec, mut residual) = match by_fields {
            Some((columns, extractor, residual)) => (
                extractor,
                ReadSpec {
                    columns,
                    fields: true,
                    ..self.scan.read_spec()
                },
                residual,
            ),
            None => (&self.extractor, self.scan.read_spec(), Vec::new()),
        };
        let still = |run: &RunRows| counted.get(run.run) != Some(&true);
        let Some(mut read) = self.scan.read(piece, &spec, spare)? else {
            return Ok(());
        };
        read.runs.retain(still);
        let (mut selection, in_range) = row_range::in_range(&read, piece, &self.scan.range);
        worker.stats.count_piece(piece, &read.batch, in_range);
        repeated.iter().for_each(|row| selection.remove(*row));
        if !extractor.counts_lines(&read.batch) {
            window_gaps::leave_out(&read, &worker.state, &mut selection);
        }
        residual.retain(|row| selection.contains(*row));
        residual.iter().for_each(|row| selection.remove(*row));
        let times = &read.batch.timestamps;
        residual.retain(|row| worker.state.counts(times[*row as usize]));
        worker.recording = place
            .as_ref()
            .and_then(|place| place.recording(&self.scan.range));
        self.sample(extractor, piece, selection, &read, worker)?;
        if !residual.is_empty() {
            let spec = ReadSpec {
                rows: Some(&residual),
                ..self.scan.read_spec()
            };
            let Some(lines) = self.scan.read(piece, &spec, Some(read))? else {
                return Ok(());
            };
            read = lines;
            read.runs.retain(still);
            let mut selection = Selection::none(read.batch.len());
            residual.iter().for_each(|row| selection.insert(*row));
            self.sample(&self.extractor, piece, selection, &read, worker)?;
        }
        if let (Some(place), Some(recording)) = (place, worker.recording.take()) {
            place.keep(recording, &worker.table, &mut worker.stats);
        }
        worker.spare = Some(read);
        Ok(())
    }

    /// Takes the samples that an earlier query left of a piece.
    fn replay(&self, samples: &Samples, worker: &mut Worker) -> Result<(), QueryError> {
        let state = &mut worker.state;
        let lines = samples.replay(
            &self.scan.range,
            &mut worker.table,
            |series, time, value| state.add(series, time, value),
        );
        worker.stats.lines_matched += lines.ok_or_else(|| self.too_many_series())?;
        Ok(())
    }

    /// Takes the samples of some rows of what was read of a piece.
    fn sample(
        &self,
        extractor: &Extractor,
        piece: &Piece,
        mut selection: Selection,
        read: &PieceRows,
        worker: &mut Worker,
    ) -> Result<(), QueryError> {
        let batch = &*read.batch;
        extractor
            .pipeline()
            .prefilter(batch, &mut selection, &mut worker.scratch);
        if selection.is_empty() {
            return Ok(());
        }
        for run in &read.runs {
            let stream = &self.scan.streams[run.stream as usize].labels;
            let all =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            for rows in row_range::stretches(all, false) {
                self.scan.check()?;
                let rows = StreamRows {
                    batch,
                    rows,
                    stream,
                    selection: &selection,
                };
                let mut sink = StateSink {
                    state: &mut worker.state,
                    recording: worker.recording.as_mut(),
                    lines: 0,
                };
                let ran = extractor.run(&rows, &mut worker.scratch, &mut worker.table, &mut sink);
                worker.stats.lines_matched += sink.lines;
                ran.map_err(|error| match error {
                    SampleError::Pipeline { text, row } => {
                        QueryError::Bad(self.failure(piece, row, text))
                    }
                    SampleError::TooManySeries(_) => self.too_many_series(),
                })?;
            }
        }
        Ok(())
    }

    /// The text of a failure, with all labels of its entry, however little was read of the piece: the same
    /// from memory and from a part.
    fn failure(&self, piece: &Piece, row: u32, text: String) -> String {
        let rows = [row];
        let spec = ReadSpec {
            rows: Some(&rows),
            ..ReadSpec::all(&Columns::ALL)
        };
        let Ok(read) = piece.read(&spec, None) else {
            return text;
        };
        let Some(run) = read.runs.iter().find(|run| run.rows.contains(&row)) else {
            return text;
        };
        let mut selection = Selection::none(read.batch.len());
        selection.insert(row);
        let run = StreamRows {
            batch: &read.batch,
            rows: row..row + 1,
            stream: &self.scan.streams[run.stream as usize].labels,
            selection: &selection,
        };
        let mut scratch = Scratch::at(self.scan.now());
        let mut table = SeriesTable::with_limit(1);
        match self
            .extractor
            .run(&run, &mut scratch, &mut table, &mut Unkept)
        {
            Err(SampleError::Pipeline { text, .. }) => text,
            _ => text,
        }
    }

    /// Charges the query with what a thread holds.
    fn charge(&self, worker: &mut Worker) -> Result<(), QueryError> {
        if worker.state.memory_bytes() > self.memory_max {
            return Err(QueryError::Memory(self.memory_max));
        }
        if !worker.held.cover(worker.state.memory_bytes()) {
            return Err(QueryError::Busy);
        }
        Ok(())
    }

    /// Adds the runs that their directory entries answer for. For each run whether it is one of them; nothing
    /// when none can be.
    fn count_runs(
        &self,
        piece: &Piece,
        repeated: &[u32],
        worker: &mut Worker,
    ) -> Result<Vec<bool>, QueryError> {
        let Some((whole_runs, mut counter)) = self
            .whole_runs
            .as_ref()
            .and_then(|w| Some((w, w.counter(piece)?)))
        else {
            return Ok(Vec::new());
        };
        let mut counted = Vec::with_capacity(piece.runs.len());
        for (at, run) in piece.runs.iter().enumerate() {
            let stretches = match run.whole && !repeated.iter().any(|row| run.holds(*row)) {
                true => whole_runs.stretches(&mut counter, at, run, &worker.state)?,
                false => None,
            };
            counted.push(stretches.is_some());
            let Some(stretches) = stretches else { continue };
            let stream = &self.scan.streams[run.stream as usize].labels;
            let series =
                self.extractor
                    .series_of_stream(stream, &mut worker.scratch, &mut worker.table);
            let series = series.ok_or_else(|| self.too_many_series())?;
            for stretch in stretches
                .iter()
                .filter(|stretch| self.scan.range.contains(stretch.time))
            {
                worker.state.add(series, stretch.time, stretch.value);
                worker.stats.lines_matched += stretch.rows;
            }
        }
        Ok(counted)
    }

    fn too_many_series(&self) -> QueryError {
        QueryError::Series(self.series_max / LEAF_SERIES_FACTOR)
    }

    /// Merges a thread's samples into those of the threads that finished before.
    fn hand_in(&self, worker: Worker) {
        self.scan.count(&worker.stats);
        let mut gathered = self.gathered.lock();
        gathered.held.push(worker.held);
        let Some((table, state)) = gathered.samples.as_mut() else {
            gathered.samples = Some((worker.table, worker.state));
            return;
        };
        let numbers = (0..worker.table.len() as u32)
            .map(|index| table.intern(worker.table.labels(index).as_bytes()));
        match numbers.collect::<Option<Vec<u32>>>() {
            Some(map) => state.merge(worker.state, &map),
            None => self.scan.fail(self.too_many_series()),
        }
    }
}
