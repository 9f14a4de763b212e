//! Log queries: pieces in order of time, filters on whole blocks, the first `limit` entries kept.
//!
//! Pieces are selected in stages, those of the newest parts first (or the oldest). Threads take them from one list.
//! Once `limit` entries are known, rows, pieces and parts beyond the last of them are skipped: the cost follows the
//! answer, not the range.

use crate::cursor::Place;
use crate::engine::Engine;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::scan::Scan;
use crate::exec::top_k::{Collector, Entry, OutputLabels, Shape};
use crate::exec::top_rows::first;
use crate::exec::{prune, row_range, semijoin};
use crate::sched::pool::Shared;
use crate::stats::Stats;
use hashbrown::HashMap;
use parking_lot::Mutex;
use skald_logql::pipeline::{
    Category, Pipeline, Row, RowSink, Scratch, Selection, Sieve, StreamRows,
};
use skald_logql::typed::LogQuery;
use skald_model::Direction;
use skald_model::{Batch, Columns, Held, MemoryUser, StreamId, TenantId, TimeRange};
use skald_store::{Piece, PieceRows, ReadSpec, Select};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Distinct label sets a thread remembers before it forgets them all: bounds what random metadata costs.
const LABEL_SETS_MAX: usize = 16 * 1024;

/// Pieces of the first stage: about as many as a flush leaves, whose newest lines are looked at before older ones.
const STAGE_PIECES: usize = 128;
/// How many times as many the next one has: who finds nothing in front has few stages to go through.
const STAGE_GROWTH: usize = 4;

/// What a log query found.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) stats: Stats,
    pub(crate) warnings: Vec<String>,
    /// Whether memory made it shorter than asked.
    pub(crate) shortened: bool,
}

/// Runs a log query over `range`.
pub(crate) fn execute(
    engine: &Engine,
    tenant: &TenantId,
    query: &LogQuery,
    range: TimeRange,
    shape: Shape,
    context: &Context,
) -> Result<Found, QueryError> {
    let pipeline = match query.subqueries.as_slice() {
        [] => Arc::clone(&query.pipeline),
        inner => Arc::new(
            query
                .pipeline
                .bind(semijoin::values(engine, tenant, inner, range, context)?),
        ),
    };
    if range.is_empty() || shape.limit == 0 {
        return Ok(Found {
            entries: Vec::new(),
            stats: Stats::default(),
            warnings: Vec::new(),
            shortened: false,
        });
    }
    let content = prune::content(engine, tenant, &query.matchers, range, &pipeline);
    let forward = shape.direction == Direction::Forward;
    let columns = Columns {
        metadata: skald_model::MetadataWanted::All,
        ..pipeline.columns(true)
    };
    let sieve = query
        .sieve
        .clone()
        .map(|sieve| (sieve.pipeline.columns(false), sieve));
    let memory = shape.bytes_max.unwrap_or(engine.limits.query_memory);
    let gathered = Arc::new(Gathered {
        forward,
        edge: AtomicI64::new(if forward { i64::MAX } else { i64::MIN }),
        collector: Mutex::new(Some(Collector::new(shape.clone(), memory))),
        held: Mutex::new(Held::new(engine.store.budget(), MemoryUser::Queries)),
    });
    let (mut stats, mut warnings, mut worked) = (Stats::default(), Vec::new(), Duration::ZERO);
    let mut stages = engine.selecting(
        tenant,
        &Select {
            matchers: &query.matchers,
            range,
            content: &content,
        },
        shape.direction,
    )?;
    let mut pieces = if shape.by_time() {
        STAGE_PIECES
    } else {
        usize::MAX
    };
    loop {
        let mut selected = stages.next(pieces);
        if pieces == STAGE_PIECES && !forward {
            // The newest lines of the first pieces may be enough. A filter may look at all rows.
            let looks_at = if pipeline.drops_rows() {
                usize::MAX
            } else {
                shape.limit
            };
            let split = |piece: Piece| piece.split_newest(looks_at);
            selected.pieces = selected.pieces.into_iter().flat_map(split).collect();
        }
        sort_pieces(&mut selected.pieces, forward);
        let job = Arc::new(LogJob {
            scan: Scan::new(
                selected,
                (columns.clone(), content.lines.clone()),
                range,
                context,
                engine.pool.turns(),
            )
            .after(worked),
            sieve: sieve.clone(),
            pipeline: Arc::clone(&pipeline),
            shape: shape.clone(),
            gathered: Arc::clone(&gathered),
        });
        engine
            .pool
            .share(Arc::clone(&job) as Arc<dyn Shared>, job.scan.pieces.len());
        worked = job.scan.worked();
        let is_over = job.scan.is_over();
        let (found, amiss) = job.scan.finish()?;
        stats.merge(&found);
        warnings.extend(amiss);
        if is_over || stages.nearest().is_none_or(|time| gathered.is_beyond(time)) {
            break;
        }
        pieces = pieces.saturating_mul(STAGE_GROWTH);
    }
    let collector = gathered
        .collector
        .lock()
        .take()
        .expect("the collector is taken once, here");
    let (entries, shortened) = collector.finish()?;
    stats.entries_returned = entries.len() as u64;
    Ok(Found {
        entries,
        stats,
        warnings,
        shortened,
    })
}

/// Sorts pieces in the order in which they are read.
fn sort_pieces(pieces: &mut [Piece], forward: bool) {
    match forward {
        true => pieces.sort_unstable_by_key(|p| (p.min_time, p.sequence)),
        false => pieces.sort_unstable_by_key(|p| std::cmp::Reverse((p.max_time, p.sequence))),
    }
}

/// What all stages have found.
struct Gathered {
    forward: bool,
    /// Entries later (forward) or earlier (backward) than this can't be part of the answer.
    edge: AtomicI64,
    collector: Mutex<Option<Collector>>,
    /// What the collected entries are charged with.
    held: Mutex<Held>,
}

impl Gathered {
    /// Whether an entry of this time can no longer count.
    fn is_beyond(&self, time: i64) -> bool {
        let edge = self.edge.load(Ordering::Relaxed);
        if self.forward {
            time > edge
        } else {
            time < edge
        }
    }

    /// No entry beyond this time can be part of the answer.
    fn advance(&self, time: i64) {
        match self.forward {
            true => self.edge.fetch_min(time, Ordering::Relaxed),
            false => self.edge.fetch_max(time, Ordering::Relaxed),
        };
    }

    /// Takes entries in.
    fn absorb(&self, entries: Vec<Entry>) -> Result<(), QueryError> {
        let mut collector = self.collector.lock();
        let Some(collector) = collector.as_mut() else {
            return Ok(());
        };
        if let Some(edge) = collector.absorb(entries) {
            self.advance(edge);
        }
        if self.held.lock().cover(collector.bytes()) {
            Ok(())
        } else {
            Err(QueryError::Busy)
        }
    }
}

/// One stage.
struct LogJob {
    scan: Scan,
    pipeline: Arc<Pipeline>,
    /// For pieces that have the fields which filters look at as columns; what it reads of them.
    sieve: Option<(Columns, Arc<Sieve>)>,
    shape: Shape,
    gathered: Arc<Gathered>,
}

impl Shared for LogJob {
    fn work(&self) {
        let mut worker = Worker {
            scratch: Scratch::at(self.scan.now()),
            labels: HashMap::default(),
            key: Vec::new(),
            stats: Stats::default(),
            spare: None,
        };
        self.scan.each(|_, piece| {
            if self.gathered.is_beyond(if self.is_forward() {
                piece.min_time
            } else {
                piece.max_time
            }) {
                return Ok(ControlFlow::Break(()));
            }
            self.read(piece, &mut worker).map(ControlFlow::Continue)
        });
        self.scan.count(&worker.stats);
    }
}

impl LogJob {
    fn is_forward(&self) -> bool {
        self.gathered.forward
    }

    /// Reads a piece and takes its entries: first only the fields that filters look at, where they are columns,
    /// then the lines of the rows that are left.
    fn read(&self, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        let sieve = match &self.sieve {
            Some((columns, sieve)) => self
                .scan
                .residual_rows(piece, sieve.form, &sieve.labels)?
                .map(|residual| (columns, &sieve.pipeline, residual)),
            None => None,
        };
        // Where each row gives an entry, the first of a run or a block that is read are enough.
        let gives_each =
            !self.pipeline.drops_rows() && self.shape.run_may_stop() && self.shape.after.is_none();
        let chosen = match sieve {
            None if gives_each && piece.can_pick() => return self.read_first(piece, worker),
            None if gives_each => {
                piece.ends_of_runs(&self.scan.range, self.shape.limit, self.shape.direction)
            }
            None => None,
            Some((columns, filters, residual)) => {
                match self.sieve((columns, filters), &residual, piece, worker)? {
                    Some(rows) => Some(rows),
                    None => return Ok(()),
                }
            }
        };
        let spec = ReadSpec {
            rows: chosen.as_deref(),
            ..self.scan.read_spec()
        };
        if let Some(read) = self.scan.read(piece, &spec, worker.spare.take())? {
            self.take(piece, &read, chosen.as_deref(), worker);
            worker.spare = Some(read);
        }
        Ok(())
    }

    /// Reads the first `limit` entries of a piece in the order of the answer and takes those that are not beyond what is
    /// known already. Times alone tell which they are, and values of no other row are decoded.
    fn read_first(&self, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        let (range, limit, forward) = (&self.scan.range, self.shape.limit, self.is_forward());
        let ends = piece.ends_of_runs(range, limit, self.shape.direction);
        let picked = Cell::new(Vec::new());
        let pick = |times: &[i64]| {
            let first = first(piece, times, range, limit, forward);
            first
                .edge
                .into_iter()
                .for_each(|edge| self.gathered.advance(edge));
            let mut rows = first.rows;
            rows.retain(|row| !self.gathered.is_beyond(times[*row as usize]));
            picked.set(rows.clone());
            rows
        };
        let spec = ReadSpec {
            rows: ends.as_deref(),
            pick: Some(&pick),
            ..self.scan.read_spec()
        };
        if let Some(read) = self.scan.read(piece, &spec, worker.spare.take())? {
            self.take(piece, &read, Some(&picked.take()), worker);
            worker.spare = Some(read);
        }
        Ok(())
    }

    /// The rows of a piece that the filters on its fields keep, and the residual ones, in order; `None` when there are
    /// none.
    fn sieve(
        &self,
        (columns, filters): (&Columns, &Pipeline),
        residual: &[u32],
        piece: &Piece,
        worker: &mut Worker,
    ) -> Result<Option<Vec<u32>>, QueryError> {
        let spec = ReadSpec {
            fields: true,
            ..ReadSpec::all(columns)
        };
        let Some(read) = self.scan.read(piece, &spec, worker.spare.take())? else {
            return Ok(None);
        };
        let batch = &*read.batch;
        let (selection, in_range) = row_range::in_range(&read, piece, &self.scan.range);
        let mut kept = Kept::default();
        for run in &read.runs {
            let rows =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            let stream = &self.scan.streams[run.stream as usize].labels;
            for rows in row_range::stretches(rows, false) {
                self.scan.check()?;
                let rows = StreamRows {
                    batch,
                    rows,
                    stream,
                    selection: &selection,
                };
                let _ = filters.run(&rows, false, &mut worker.scratch, &mut kept);
            }
        }
        if !residual.is_empty() {
            kept.rows
                .extend(residual.iter().filter(|row| selection.contains(**row)));
            kept.rows.sort_unstable();
            kept.rows.dedup();
        }
        if kept.rows.is_empty() {
            worker.stats.count_piece(piece, batch, in_range);
        }
        worker.spare = Some(read);
        Ok((!kept.rows.is_empty()).then_some(kept.rows))
    }

    /// Takes the entries of what was read of a piece; only of the rows that were chosen, if some were.
    fn take(&self, piece: &Piece, read: &PieceRows, chosen: Option<&[u32]>, worker: &mut Worker) {
        let batch = &*read.batch;
        let (mut selection, in_range) = row_range::in_range(read, piece, &self.scan.range);
        if let Some(rows) = chosen {
            let in_range = std::mem::replace(&mut selection, Selection::none(batch.len()));
            rows.iter()
                .filter(|row| in_range.contains(**row))
                .for_each(|row| selection.insert(*row));
        }
        worker.stats.count_piece(piece, batch, in_range);
        self.pipeline
            .prefilter(batch, &mut selection, &mut worker.scratch);
        if selection.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        for run in &read.runs {
            let of = &piece.runs[run.run];
            if self.gathered.is_beyond(if self.is_forward() {
                of.min_time
            } else {
                of.max_time
            }) {
                continue;
            }
            let rows =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            let ordered = piece.sorted || row_range::ascending(batch, &rows);
            let room = if ordered && self.shape.run_may_stop() {
                self.shape.limit
            } else {
                usize::MAX
            };
            let stream = &self.scan.streams[run.stream as usize];
            let mut sink = Sink {
                job: self,
                batch,
                piece,
                id: stream.id,
                ordered,
                room,
                entries: &mut entries,
                worker_labels: &mut worker.labels,
                key: &mut worker.key,
                matched: 0,
            };
            for rows in row_range::stretches(rows, !self.is_forward()) {
                if let Err(error) = self.scan.check() {
                    return self.scan.fail(error);
                }
                let rows = StreamRows {
                    batch,
                    rows,
                    stream: &stream.labels,
                    selection: &selection,
                };
                if self
                    .pipeline
                    .run(&rows, !self.is_forward(), &mut worker.scratch, &mut sink)
                    .is_break()
                {
                    break;
                }
            }
            worker.stats.lines_matched += sink.matched;
        }
        if let Err(error) = self.gathered.absorb(entries) {
            self.scan.fail(error);
        }
    }
}

/// The rows that came through a sieve.
#[derive(Default)]
struct Kept {
    rows: Vec<u32>,
}

impl RowSink for Kept {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        self.rows.push(row.row);
        ControlFlow::Continue(())
    }
}

/// A thread's buffers.
struct Worker {
    scratch: Scratch,
    labels: HashMap<Box<[u8]>, Arc<OutputLabels>, foldhash::fast::FixedState>,
    key: Vec<u8>,
    stats: Stats,
    /// What was read last: its memory serves the next piece.
    spare: Option<PieceRows>,
}

/// Turns rows that came through into entries.
struct Sink<'a> {
    job: &'a LogJob,
    batch: &'a Batch,
    piece: &'a Piece,
    id: StreamId,
    ordered: bool,
    room: usize,
    entries: &'a mut Vec<Entry>,
    worker_labels: &'a mut HashMap<Box<[u8]>, Arc<OutputLabels>, foldhash::fast::FixedState>,
    key: &'a mut Vec<u8>,
    matched: u64,
}

impl RowSink for Sink<'_> {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        if self.job.gathered.is_beyond(row.timestamp) {
            return if self.ordered && self.job.shape.run_may_stop() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
        }
        let place = self.job.shape.place(row.timestamp, self.id);
        if place == Place::Before {
            return ControlFlow::Continue(());
        }
        self.matched += 1;
        let labels = self.labels(row);
        self.entries.push(Entry {
            timestamp: row.timestamp,
            sequence: self.piece.sequence,
            row: row.row,
            id: self.id,
            content: row_range::content_hash(self.batch, row.row),
            labels,
            line: row.line.to_vec(),
        });
        if place == Place::Beside {
            return ControlFlow::Continue(());
        }
        self.room -= 1;
        if self.room == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Sink<'_> {
    /// The row's labels, shared with earlier rows that have the same.
    fn labels(&mut self, row: &Row<'_>) -> Arc<OutputLabels> {
        self.key.clear();
        let key = &mut *self.key;
        row.labels.for_each(&mut |name, value, category| {
            key.push(category as u8);
            key.extend_from_slice(&(name.len() as u32).to_le_bytes());
            key.extend_from_slice(name.as_bytes());
            key.extend_from_slice(&(value.len() as u32).to_le_bytes());
            key.extend_from_slice(value.as_bytes());
        });
        if let Some(labels) = self.worker_labels.get(key.as_slice()) {
            return Arc::clone(labels);
        }
        let labels = Arc::new(output_labels(row));
        if self.worker_labels.len() >= LABEL_SETS_MAX {
            self.worker_labels.clear();
        }
        self.worker_labels
            .insert(self.key.as_slice().into(), Arc::clone(&labels));
        labels
    }
}

/// The labels of a row, owned and by category.
pub(crate) fn output_labels(row: &Row<'_>) -> OutputLabels {
    let mut labels = OutputLabels::default();
    row.labels.for_each(&mut |name, value, category| {
        let list = match category {
            Category::Stream => &mut labels.stream,
            Category::Metadata => &mut labels.metadata,
            Category::Parsed => &mut labels.parsed,
        };
        list.push((name.to_owned(), value.to_owned()));
    });
    labels
}
