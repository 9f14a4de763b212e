//! A leaf is one range aggregation: threads collect its samples, merged at the end.
//!
//! Of a piece it takes what costs least: counts of the directory, cached samples, columns of
//! fields, lines.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::metric::dedup::Repeats;
use crate::exec::metric::directory_counts::WholeRuns;
use crate::exec::metric::sample_cache::{Recording, SampleCache, Samples};
use crate::exec::metric::window_gaps;
use crate::exec::row_range;
use crate::exec::scan::Scan;
use crate::sched::pool::Shared;
use crate::stats::Stats;
use parking_lot::Mutex;
use skald_logql::metric;
use skald_logql::metric::{RangeState, Steps};
use skald_logql::pipeline::{
    ColumnPlan, Extractor, SampleError, SampleSink, Scratch, Selection, SeriesTable, StreamRows,
};
use skald_logql::typed::Leaf;
use skald_model::{Charge, Columns, Direction, Literal, Stop};
use skald_store::{Piece, PieceRows, ReadSpec, RunRows};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Series one leaf may gather, as a multiple of what an answer may hold: outer aggregations fold
/// them.
const LEAF_SERIES_FACTOR: usize = 100;

/// Share of a query's memory that it may hold while samples are gathered, as a divisor: the points
/// and labels that are made of them take as much again.
const SAMPLES_SHARE: usize = 2;

/// One leaf, for all threads that work on it.
pub(crate) struct LeafJob {
    scan: Scan,
    extractor: Arc<Extractor>,
    columns: Columns,
    /// What lines must contain to come through.
    literals: Vec<Vec<Literal>>,
    whole_runs: Option<WholeRuns>,
    /// For pieces that have what the parser would find in lines as columns; what it reads of them.
    column_plan: Option<(Columns, ColumnPlan<Extractor>)>,
    cache: Option<SampleCache>,
    repeats: Repeats,
    spec: metric::RangeSpec,
    steps: Steps,
    series_max: usize,
    gathered: Mutex<Gathered>,
}

/// What a leaf's samples are taken from, beside its pieces.
pub(crate) struct LeafInput {
    /// With the values of inner queries bound.
    pub(crate) extractor: Arc<Extractor>,
    /// What lines must contain to come through.
    pub(crate) literals: Vec<Vec<Literal>>,
    /// Rows that must not count again.
    pub(crate) repeats: Repeats,
}

/// What the threads that have finished found.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) samples: Option<(SeriesTable, RangeState)>,
    /// What the samples are charged with, without their series.
    held: Charge,
}

impl Shared for LeafJob {
    fn work(&self) {
        let mut worker = Worker {
            table: SeriesTable::charged(self.series_max, self.scan.charge()),
            state: RangeState::new(&self.spec, &self.steps),
            scratch: Scratch::charged(self.scan.now(), self.scan.charge()),
            stats: Stats::default(),
            spare: None,
            batch: self.scan.charge(),
            recording: None,
            held: self.scan.charge(),
        };
        self.scan.each(|index, piece| {
            self.read(index, piece, &mut worker)?;
            worker.charge()?;
            Ok(ControlFlow::Continue(()))
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
    /// What the rows that were read hold.
    batch: Charge,
    /// Samples of the piece at hand, when they are to be cached.
    recording: Option<Recording>,
    /// What the samples hold.
    held: Charge,
}

impl Worker {
    /// Charges the query with the samples. The table charges it with series by itself.
    fn charge(&mut self) -> Result<(), Stop> {
        let recorded = self.recording.as_ref().map_or(0, Recording::memory_bytes);
        self.held.cover(self.state.memory_bytes() + recorded)?;
        let Some(memory) = self.held.memory() else {
            return Ok(());
        };
        match memory.bytes() > memory.bytes_max() / SAMPLES_SHARE {
            true => Err(Stop::Memory(memory.bytes_max())),
            false => Ok(()),
        }
    }
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

/// Drops samples: for a run that is made for its error.
struct NoSamples;

impl SampleSink for NoSamples {
    fn sample(&mut self, _: u32, _: i64, _: f64) {}
}

impl LeafJob {
    /// A leaf over the pieces of a scan.
    pub(crate) fn new(
        context: &Context<'_>,
        scan: Scan,
        leaf: &Leaf,
        steps: &Steps,
        input: LeafInput,
    ) -> LeafJob {
        LeafJob {
            scan,
            columns: input.extractor.columns(),
            extractor: input.extractor,
            literals: input.literals,
            whole_runs: WholeRuns::of(leaf),
            column_plan: leaf
                .column_plan
                .clone()
                .map(|plan| (plan.program.columns(), plan)),
            cache: SampleCache::of(context, leaf, steps),
            repeats: input.repeats,
            spec: leaf.spec,
            steps: *steps,
            series_max: context
                .limits
                .max_query_series
                .saturating_mul(LEAF_SERIES_FACTOR),
            gathered: Mutex::default(),
        }
    }

    /// How many pieces there are.
    pub(crate) fn pieces(&self) -> usize {
        self.scan.pieces.len()
    }

    /// What all threads gathered, once they have left, with counts and warnings.
    pub(crate) fn finish(&self) -> Result<(Gathered, Stats, Vec<String>), QueryError> {
        let (stats, warnings) = self.scan.finish()?;
        let gathered = std::mem::take(&mut *self.gathered.lock());
        Ok((gathered, stats, warnings))
    }

    /// What has to be read of a piece: all columns, and the lines that may come through.
    fn read_spec(&self) -> ReadSpec<'_> {
        ReadSpec {
            must_contain: &self.literals,
            ..ReadSpec::all(&self.columns)
        }
    }

    /// Takes the samples of a piece from where they cost least.
    fn read(&self, index: usize, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        let repeated = self.repeats.get(&index).map_or(&[][..], Vec::as_slice);
        if window_gaps::hold(piece, &worker.state) {
            return Ok(());
        }
        let counted = self.count_runs(piece, repeated, worker)?;
        if counted.iter().all(|counted| *counted) && !counted.is_empty() {
            return Ok(());
        }
        let cache = self.cache.as_ref().filter(|_| repeated.is_empty());
        let slot = cache.and_then(|cache| cache.slot(piece, &counted, &worker.state));
        if let Some(samples) = slot.as_ref().and_then(|slot| slot.get(&mut worker.stats)) {
            return self.replay(&samples, worker);
        }
        worker.recording = slot
            .as_ref()
            .and_then(|slot| slot.recording(&self.scan.range));
        let is_left = |run: &RunRows| counted.get(run.run) != Some(&true);
        let Some(read) = self.sample_piece(piece, repeated, is_left, worker)? else {
            worker.recording = None;
            return Ok(());
        };
        if let (Some(slot), Some(recording)) = (slot, worker.recording.take()) {
            slot.store(recording, &worker.table, &mut worker.stats);
        }
        worker.spare = Some(read);
        Ok(())
    }

    /// Reads the runs of a piece that are left, and takes their samples: from columns of fields
    /// where there are any, else from lines. `None` when the piece is damaged; else what was read,
    /// for its memory.
    fn sample_piece(
        &self,
        piece: &Piece,
        repeated: &[u32],
        is_left: impl Fn(&RunRows) -> bool,
        worker: &mut Worker,
    ) -> Result<Option<PieceRows>, QueryError> {
        let by_columns = match &self.column_plan {
            Some((columns, plan)) => self
                .scan
                .residual_rows(piece, plan)?
                .map(|residual| (columns, &plan.program, residual)),
            None => None,
        };
        let (extractor, spec, mut residual) = match by_columns {
            Some((columns, extractor, residual)) => (
                extractor,
                ReadSpec {
                    columns,
                    fields: true,
                    ..self.read_spec()
                },
                residual,
            ),
            None => (&self.extractor, self.read_spec(), Vec::new()),
        };
        let Some(mut read) =
            self.scan
                .read(piece, &spec, worker.spare.take(), &mut worker.batch)?
        else {
            return Ok(None);
        };
        read.runs.retain(&is_left);
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
        self.sample(extractor, piece, selection, &read, worker)?;
        if residual.is_empty() {
            return Ok(Some(read));
        }
        let spec = ReadSpec {
            rows: Some(&residual),
            ..self.read_spec()
        };
        let Some(mut lines) = self
            .scan
            .read(piece, &spec, Some(read), &mut worker.batch)?
        else {
            return Ok(None);
        };
        lines.runs.retain(&is_left);
        let mut selection = Selection::none(lines.batch.len());
        residual.iter().for_each(|row| selection.insert(*row));
        self.sample(&self.extractor, piece, selection, &lines, worker)?;
        Ok(Some(lines))
    }

    /// Takes the samples of a piece that an earlier query cached.
    fn replay(&self, samples: &Samples, worker: &mut Worker) -> Result<(), QueryError> {
        let state = &mut worker.state;
        let lines = samples.replay(
            &self.scan.range,
            &mut worker.table,
            |series, time, value| state.add(series, time, value),
        );
        worker.stats.lines_matched += lines.ok_or_else(|| self.refusal(&worker.table))?;
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
            .filter_lines(batch, &mut selection, &mut worker.scratch);
        if selection.is_empty() {
            return Ok(());
        }
        for run in &read.runs {
            let stream = &self.scan.streams[run.stream as usize].labels;
            let all =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            for rows in row_range::stretches(all, Direction::Forward) {
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
                    other => self.refused(other),
                })?;
                worker.charge()?;
            }
        }
        Ok(())
    }

    /// The text of a failure, with all labels of its entry, however little was read of the piece:
    /// the same from memory and from a part.
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
            .run(&run, &mut scratch, &mut table, &mut NoSamples)
        {
            Err(SampleError::Pipeline { text, .. }) => text,
            _ => text,
        }
    }

    /// Adds the runs that their directory entries answer for. Says for each run whether it is one
    /// of them; gives nothing when none can be.
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
            let series = series.ok_or_else(|| self.refusal(&worker.table))?;
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

    /// Why a table takes no more series.
    fn refusal(&self, table: &SeriesTable) -> QueryError {
        self.refused(table.refusal())
    }

    fn refused(&self, error: SampleError) -> QueryError {
        match error {
            SampleError::TooManySeries(_) => {
                QueryError::Series(self.series_max / LEAF_SERIES_FACTOR)
            }
            SampleError::Stopped(stop) => stop.into(),
            SampleError::Pipeline { text, .. } => QueryError::Bad(text),
        }
    }

    /// Merges a thread's samples into those of threads that have finished.
    fn hand_in(&self, worker: Worker) {
        self.scan.count(&worker.stats);
        let mut gathered = self.gathered.lock();
        let Gathered { samples, held } = &mut *gathered;
        let Some((table, state)) = samples.as_mut() else {
            *samples = Some((worker.table, worker.state));
            *held = worker.held;
            return;
        };
        let numbers = (0..worker.table.len() as u32)
            .map(|index| table.intern(worker.table.labels(index).as_bytes()));
        match numbers.collect::<Option<Vec<u32>>>() {
            Some(map) => {
                state.merge(worker.state, &map);
                if let Err(stop) = held.cover(state.memory_bytes()) {
                    self.scan.fail(stop.into());
                }
            }
            None => self.scan.fail(self.refusal(table)),
        }
    }
}
