//! The piece reader of log queries picks the rows of a piece that may count and reads their lines.
//!
//! Where blocks have the fields that filters look at as columns, only these are read at first, then
//! the lines of the rows that pass. Where every row gives an entry, times alone tell which rows are
//! read.

use crate::error::QueryError;
use crate::exec::log::entry_sink::{EntrySink, Found};
use crate::exec::log::frontier::Frontier;
use crate::exec::log::label_sets::LabelSets;
use crate::exec::log::slices::{RowKey, Slices};
use crate::exec::log::top_k::TopK;
use crate::exec::log::top_rows::{self, Ties};
use crate::exec::row_range;
use crate::exec::scan::Scan;
use crate::sched::pool::Shared;
use crate::stats::Stats;
use skald_logql::pipeline::{ColumnPlan, Pipeline, Row, RowSink, Scratch, Selection, StreamRows};
use skald_model::{Charge, Columns, Direction, Literal};
use skald_store::{Piece, PieceRows, ReadSpec};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What all rounds of a log query share.
pub(crate) struct LogJob {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) columns: Columns,
    /// What lines must contain to come through.
    pub(crate) literals: Vec<Vec<Literal>>,
    /// For pieces that have the fields which filters look at as columns; what it reads of them.
    pub(crate) prefilter: Option<(Columns, ColumnPlan<Pipeline>)>,
    pub(crate) top: TopK,
    pub(crate) frontier: Frontier,
}

/// One round of a log query, for all threads that work on it.
pub(crate) struct LogRound {
    pub(crate) scan: Scan,
    pub(crate) job: Arc<LogJob>,
    /// The times of the pieces of this round and those before, first and last.
    pub(crate) times: Vec<(i64, i64)>,
    /// The nearest time of later rounds.
    pub(crate) nearest: Option<i64>,
}

impl Shared for LogRound {
    fn work(&self) {
        let mut worker = Worker {
            scratch: Scratch::charged(self.scan.now(), self.scan.charge()),
            labels: LabelSets::default(),
            stats: Stats::default(),
            spare: None,
            keys: Vec::new(),
            found: Found::default(),
            batch: self.scan.charge(),
            rows: self.scan.charge(),
            held: self.scan.charge(),
        };
        self.scan.each(|_, piece| {
            let times = (piece.min_time, piece.max_time);
            if self.job.frontier.is_all_beyond(times) {
                return Ok(ControlFlow::Break(()));
            }
            self.read(piece, &mut worker).map(ControlFlow::Continue)
        });
        self.scan.count(&worker.stats);
    }
}

impl LogRound {
    /// Whether an entry of this time that comes after the last that counts may be one that another
    /// piece repeats: newest first the entry that arrived first, and stays, comes last.
    fn may_repeat(&self, time: i64) -> bool {
        if self.job.top.direction.is_forward() {
            return false;
        }
        let has_it = |(min_time, max_time): &&(i64, i64)| (*min_time..=*max_time).contains(&time);
        let later = self.nearest.is_some_and(|nearest| nearest >= time);
        later || self.times.iter().filter(has_it).take(2).count() > 1
    }

    /// What has to be read of a piece: all columns, and the lines that may come through.
    fn read_spec(&self) -> ReadSpec<'_> {
        ReadSpec {
            must_contain: &self.job.literals,
            ..ReadSpec::all(&self.job.columns)
        }
    }

    /// Reads a piece and collects its entries: first only the fields that filters look at, where
    /// they are columns, then the lines of the rows that are left.
    fn read(&self, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        let (job, top) = (&*self.job, &self.job.top);
        let prefilter = match &job.prefilter {
            Some((columns, plan)) => self
                .scan
                .residual_rows(piece, plan)?
                .map(|residual| (columns, &*plan.program, residual)),
            None => None,
        };
        // Where each row gives an entry, the first of a run or a block that is read are enough.
        let gives_each = !job.pipeline.drops_rows() && top.run_may_stop() && top.after.is_none();
        let chosen = match prefilter {
            None if gives_each && piece.can_pick() => return self.read_first(piece, worker),
            None if gives_each => piece.ends_of_runs(&self.scan.range, top.limit, top.direction),
            None => None,
            Some((columns, filters, residual)) => {
                match self.prefilter((columns, filters), &residual, piece, worker)? {
                    Some(rows) => Some(rows),
                    None => return Ok(()),
                }
            }
        };
        let spec = ReadSpec {
            rows: chosen.as_deref(),
            ..self.read_spec()
        };
        if let Some(read) = self
            .scan
            .read(piece, &spec, worker.spare.take(), &mut worker.batch)?
        {
            self.collect(piece, &read, chosen.as_deref(), worker)?;
            worker.spare = Some(read);
        }
        Ok(())
    }

    /// Reads the first `limit` entries of a piece in the order of the answer and collects those
    /// that are not beyond the frontier. Times alone tell which they are, and values of no other
    /// row are decoded.
    fn read_first(&self, piece: &Piece, worker: &mut Worker) -> Result<(), QueryError> {
        match self.read_first_with(piece, Ties::Cut, worker)? {
            true => Ok(()),
            false => self.read_first_with(piece, Ties::Whole, worker).map(drop),
        }
    }

    /// Likewise; reads nothing and gives false where ties that may not be cut would be.
    fn read_first_with(
        &self,
        piece: &Piece,
        ties: Ties,
        worker: &mut Worker,
    ) -> Result<bool, QueryError> {
        let (range, frontier) = (&self.scan.range, &self.job.frontier);
        let (limit, direction) = (self.job.top.limit, self.job.top.direction);
        let ends = match ties {
            Ties::Cut => piece.ends_of_runs(range, limit, direction),
            Ties::Whole => None,
        };
        let picked = Cell::new(Vec::new());
        let is_enough = Cell::new(true);
        let pick = |times: &[i64]| {
            let first = top_rows::first(piece, times, range, limit, direction, ties);
            if let Some(edge) = first.edge {
                if first.cuts_ties && self.may_repeat(edge) {
                    is_enough.set(false);
                    return Vec::new();
                }
                frontier.advance(edge);
            }
            let mut rows = first.rows;
            rows.retain(|row| !frontier.is_beyond(times[*row as usize]));
            picked.set(rows.clone());
            rows
        };
        let spec = ReadSpec {
            rows: ends.as_deref(),
            pick: Some(&pick),
            ..self.read_spec()
        };
        let read = self
            .scan
            .read(piece, &spec, worker.spare.take(), &mut worker.batch)?;
        if let Some(read) = read {
            if is_enough.get() {
                self.collect(piece, &read, Some(&picked.take()), worker)?;
            }
            worker.spare = Some(read);
        }
        Ok(is_enough.get())
    }

    /// The rows of a piece that the filters on its fields let through, and the residual ones, in
    /// order; `None` when there are none.
    fn prefilter(
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
        let Some(read) = self
            .scan
            .read(piece, &spec, worker.spare.take(), &mut worker.batch)?
        else {
            return Ok(None);
        };
        let batch = &*read.batch;
        let (selection, in_range) = row_range::in_range(&read, piece, &self.scan.range);
        let mut passed = PassedRows::default();
        for run in &read.runs {
            let rows =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            let stream = &self.scan.streams[run.stream as usize].labels;
            for rows in row_range::stretches(rows, Direction::Forward) {
                self.scan.check()?;
                let rows = StreamRows {
                    batch,
                    rows,
                    stream,
                    selection: &selection,
                };
                let _ = filters.run(&rows, Direction::Forward, &mut worker.scratch, &mut passed)?;
            }
        }
        if !residual.is_empty() {
            let in_range = residual.iter().filter(|row| selection.contains(**row));
            passed.rows.extend(in_range);
            passed.rows.sort_unstable();
            passed.rows.dedup();
        }
        if passed.rows.is_empty() {
            worker.stats.count_piece(piece, batch, in_range);
        }
        worker.spare = Some(read);
        Ok((!passed.rows.is_empty()).then_some(passed.rows))
    }

    /// Collects the entries of what was read of a piece; only of the rows that were chosen, if some
    /// were.
    fn collect(
        &self,
        piece: &Piece,
        read: &PieceRows,
        chosen: Option<&[u32]>,
        worker: &mut Worker,
    ) -> Result<(), QueryError> {
        let batch = &*read.batch;
        let (mut selection, in_range) = row_range::in_range(read, piece, &self.scan.range);
        if let Some(rows) = chosen {
            let in_range = std::mem::replace(&mut selection, Selection::none(batch.len()));
            rows.iter()
                .filter(|row| in_range.contains(**row))
                .for_each(|row| selection.insert(*row));
        }
        worker.stats.count_piece(piece, batch, in_range);
        self.job
            .pipeline
            .filter_lines(batch, &mut selection, &mut worker.scratch);
        if selection.is_empty() {
            return Ok(());
        }
        worker.found.begin();
        match self.needs_slices(piece, read) {
            true => self.run_slices(piece, read, selection, worker),
            false => self.run_pipeline(piece, read, &selection, worker),
        }
    }

    /// Whether the first rows of the answer may lie anywhere among those that were read.
    fn needs_slices(&self, piece: &Piece, read: &PieceRows) -> bool {
        let is_ordered = match &read.runs[..] {
            [run] => piece.sorted || row_range::ascending(&read.batch, &run.rows),
            _ => false,
        };
        self.job.top.is_by_time() && !is_ordered
    }

    /// Runs the stages over the selected rows, the first of the answer first, until no other can
    /// count.
    fn run_slices(
        &self,
        piece: &Piece,
        read: &PieceRows,
        mut selection: Selection,
        worker: &mut Worker,
    ) -> Result<(), QueryError> {
        let (batch, top, frontier) = (&*read.batch, &self.job.top, &self.job.frontier);
        let mut keys = std::mem::take(&mut worker.keys);
        keys.clear();
        worker.rows.reserve(&mut keys, selection.count())?;
        for run in &read.runs {
            if frontier.is_run_beyond(&piece.runs[run.run]) {
                continue;
            }
            let mut rest = run.rows.clone();
            while let Some(row) = selection.first_in(rest.clone()) {
                rest.start = row + 1;
                let (time, stream) = (batch.timestamps[row as usize], run.stream);
                if !frontier.is_beyond(time) {
                    keys.push(RowKey { time, stream, row });
                }
            }
        }
        let rows = (batch, &self.scan.streams[..]);
        let may_repeat = |time| self.may_repeat(time);
        let mut slices = Slices::new(&mut keys, rows, top.direction, top.limit, &may_repeat);
        let mut outcome = Ok(());
        while slices.next(&mut selection, |time| frontier.is_beyond(time)) {
            outcome = self.run_pipeline(piece, read, &selection, worker);
            let has_enough = top.run_may_stop() && worker.found.count >= top.limit;
            if outcome.is_err() || has_enough {
                break;
            }
        }
        worker.keys = keys;
        outcome
    }

    /// Runs the stages over the selected rows of each run and hands in what they find.
    fn run_pipeline(
        &self,
        piece: &Piece,
        read: &PieceRows,
        selection: &Selection,
        worker: &mut Worker,
    ) -> Result<(), QueryError> {
        let (batch, top) = (&*read.batch, &self.job.top);
        for run in &read.runs {
            if self.job.frontier.is_run_beyond(&piece.runs[run.run])
                || selection.first_in(run.rows.clone()).is_none()
            {
                continue;
            }
            let rows =
                row_range::run_rows(&batch.timestamps, &run.rows, piece.sorted, &self.scan.range);
            let ordered = piece.sorted || row_range::ascending(batch, &rows);
            let stream = &self.scan.streams[run.stream as usize];
            let mut sink = EntrySink {
                top,
                frontier: &self.job.frontier,
                batch,
                piece,
                stream: stream.id,
                ordered,
                room: match ordered && top.run_may_stop() {
                    true => top.limit,
                    false => usize::MAX,
                },
                full_at: None,
                may_repeat: &|time| self.may_repeat(time),
                found: &mut worker.found,
                known_labels: &mut worker.labels,
                held: &mut worker.held,
                matched: 0,
                outcome: Ok(()),
            };
            for rows in row_range::stretches(rows, top.direction) {
                self.scan.check()?;
                let rows = StreamRows {
                    batch,
                    rows,
                    stream: &stream.labels,
                    selection,
                };
                let pipeline = &self.job.pipeline;
                let ran = pipeline.run(&rows, top.direction, &mut worker.scratch, &mut sink)?;
                if ran.is_break() {
                    break;
                }
            }
            worker.stats.lines_matched += sink.matched;
            sink.outcome?;
        }
        let entries = std::mem::take(&mut worker.found.entries);
        self.job.frontier.absorb(entries)?;
        Ok(worker.held.cover(worker.labels.bytes())?)
    }
}

/// The rows that passed filters on columns.
#[derive(Default)]
struct PassedRows {
    rows: Vec<u32>,
}

impl RowSink for PassedRows {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        self.rows.push(row.row);
        ControlFlow::Continue(())
    }
}

/// A thread's buffers.
struct Worker {
    scratch: Scratch,
    labels: LabelSets,
    stats: Stats,
    /// What was read last: its memory serves the next piece.
    spare: Option<PieceRows>,
    /// Memory for the rows of a piece that is read in slices.
    keys: Vec<RowKey>,
    found: Found,
    /// What the rows that were read hold.
    batch: Charge,
    /// What `keys` hold.
    rows: Charge,
    /// What label sets and entries that are not handed in hold.
    held: Charge,
}
