//! Running a pipeline filters the whole batch first, then takes each line through the stages.

use super::Pipeline;
use super::entry_labels::EntryLabels;
use super::labels::{Columns, LabelSet};
use super::samples::CodeTotal;
use super::selection::Selection;
use super::span::Input;
use super::stage::{ParserState, Stage};
use crate::pipeline::current_line::Line;
use crate::pipeline::early_drops::Checks;
use skald_model::{Batch, Charge, Direction, Labels, Stop};
use std::ops::{ControlFlow, Range};

/// Rows of one stream's run to take through a pipeline.
#[derive(Clone, Debug)]
pub struct StreamRows<'a> {
    /// Where they lie.
    pub batch: &'a Batch,
    /// All of one run.
    pub rows: Range<u32>,
    /// Its labels.
    pub stream: &'a Labels,
    /// Which of the rows are still in.
    pub selection: &'a Selection,
}

/// An entry that came through.
pub struct Row<'a> {
    /// Row of the batch.
    pub row: u32,
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line, possibly rewritten.
    pub line: &'a [u8],
    /// Its labels.
    pub labels: &'a EntryLabels<'a>,
}

/// Receives entries; `Break` ends the run.
pub trait RowSink {
    /// One entry.
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()>;
}

/// Buffers that are reused from line to line; one a thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// `now` for templates, nanoseconds since 1970; set by the caller.
    pub now: i64,
    pub(super) labels: LabelSet,
    pub(super) state: ParserState,
    /// Series of each code of a metadata column, in the run at hand.
    pub(super) series_of_code: Vec<u32>,
    /// What each such code came to, between two of them.
    pub(super) totals: Vec<CodeTotal>,
    pub(super) key: Vec<u8>,
    rewritten: Vec<u8>,
    output: Vec<u8>,
    hits: Selection,
    active: Vec<usize>,
    checks: Checks,
}

impl Scratch {
    /// For a query that runs at `now`.
    pub fn at(now: i64) -> Scratch {
        Scratch {
            now,
            ..Scratch::default()
        }
    }

    /// For a query that runs at `now`, charged with what the buffers hold. It ends runs that the
    /// query has to end.
    pub fn charged(now: i64, charge: Charge) -> Scratch {
        Scratch {
            labels: LabelSet::charged(charge),
            ..Scratch::at(now)
        }
    }
}

impl Pipeline {
    /// Narrows `selection` by the leading line filters, which run over the whole batch. Optional:
    /// `run` applies them as well when it was not called.
    pub fn filter_lines(&self, batch: &Batch, selection: &mut Selection, scratch: &mut Scratch) {
        for stage in &self.stages {
            let Stage::LineFilter(filter) = stage else {
                break;
            };
            if selection.is_empty() {
                break;
            }
            filter.narrow(batch, selection, &mut scratch.hits);
        }
        selection.narrowed_by = self.id;
    }

    /// Runs the stages on the selected rows of one stream's run, in either direction, after
    /// `prefilter`. Fails where the charge of the scratch says that the query has to end.
    pub fn run(
        &self,
        run: &StreamRows<'_>,
        direction: Direction,
        scratch: &mut Scratch,
        sink: &mut dyn RowSink,
    ) -> Result<ControlFlow<()>, Stop> {
        self.each(run, direction, scratch, |row, line, _| {
            let labels = line.entry_labels();
            sink.row(&Row {
                row,
                timestamp: line.timestamp,
                line: line.bytes(),
                labels: &labels,
            })
        })
    }

    /// Calls `found` with each line that comes through.
    pub(super) fn each(
        &self,
        run: &StreamRows<'_>,
        direction: Direction,
        scratch: &mut Scratch,
        mut found: impl FnMut(u32, &mut Line<'_>, &mut Vec<u8>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Stop> {
        let StreamRows {
            batch, selection, ..
        } = *run;
        let Some(mut rest) = selected(selection, run.rows.clone()) else {
            return Ok(ControlFlow::Continue(()));
        };
        if !self.begin_run(run, &rest, scratch) {
            return Ok(ControlFlow::Continue(()));
        }
        let input = Input::new(batch, run.stream);
        let ascii = self.all_ascii(run, &rest);
        let come_failed = scratch.labels.may_come_failed();
        let Scratch {
            now,
            labels,
            state,
            key,
            rewritten,
            output,
            active,
            checks,
            ..
        } = scratch;
        while let Some(row) = match direction {
            Direction::Forward => selection.first_in(rest.clone()),
            Direction::Backward => selection.last_in(rest.clone()),
        } {
            match direction {
                Direction::Forward => rest.start = row + 1,
                Direction::Backward => rest.end = row,
            }
            if !checks.pass(&self.refuters, &self.stages, &batch.metadata, row) {
                continue;
            }
            labels.go_on(rewritten.capacity() + output.capacity())?;
            labels.begin_line(row);
            if come_failed {
                labels.begin_failure(input);
            }
            let range = if batch.lines.is_empty() {
                0..0
            } else {
                batch.line_range(row)
            };
            let timestamp = batch.timestamps[row as usize];
            let mut line = Line::new(input, labels, (rewritten, output), range, timestamp, *now);
            line.ascii = ascii;
            if self.passes(active, &mut line, state) && found(row, &mut line, key).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        labels.go_on(rewritten.capacity() + output.capacity())?;
        Ok(ControlFlow::Continue(()))
    }

    /// Whether a line comes through these stages.
    #[inline]
    fn passes(&self, active: &[usize], line: &mut Line<'_>, state: &mut ParserState) -> bool {
        active.iter().all(|stage| {
            line.labels.stage = *stage;
            let bytes = line.bytes().len();
            line.labels.work(bytes)
                && self.stages[*stage].apply(line, state)
                && !line.labels.refuted()
        })
    }

    /// Whether stages that read lines will meet ASCII alone. Looked at where all lines are read
    /// anyway: one look at all of them costs a tenth of one at each.
    fn all_ascii(&self, run: &StreamRows<'_>, rows: &Range<u32>) -> bool {
        let reads =
            !run.batch.lines.is_empty() && self.stages.iter().any(|stage| stage.reads_line(false));
        reads
            && run.selection.contains_all(rows)
            && run.batch.lines[run.batch.lines_range(rows)].is_ascii()
    }

    /// Prepares the buffers for a run and decides which stages its lines still need. False when
    /// filters on the stream's own labels let nothing through.
    fn begin_run(&self, run: &StreamRows<'_>, rows: &Range<u32>, scratch: &mut Scratch) -> bool {
        let StreamRows {
            batch,
            stream,
            selection,
            ..
        } = *run;
        if scratch.labels.bind(self.id, &self.hints, &self.watches) {
            scratch.state.clear();
        }
        scratch.labels.begin_run(stream, &batch.metadata);
        scratch.active.clear();
        let Scratch { labels, checks, .. } = &mut *scratch;
        if !checks.begin_run(
            &self.refuters,
            &self.stages,
            batch,
            rows,
            labels,
            stream.as_bytes(),
        ) {
            return false;
        }
        let input = Input::new(batch, stream);
        let mut labels_changed = false;
        for (at, stage) in self.stages.iter().enumerate() {
            match stage {
                Stage::LineFilter(_) if selection.narrowed_by == self.id && self.leads(at) => {
                    continue;
                }
                Stage::LabelFilter(filter)
                    if !labels_changed && !scratch.labels.may_come_failed() =>
                {
                    let labels = &scratch.labels;
                    let names = filter.text_names().filter(|names| {
                        names.iter().all(|n| labels.columns_of(*n) == Columns::None)
                    });
                    if names.is_some() {
                        scratch.labels.begin_line(0);
                        let buffers = (&mut scratch.rewritten, &mut scratch.output);
                        let mut line =
                            Line::new(input, &mut scratch.labels, buffers, 0..0, 0, scratch.now);
                        if !filter.matches(&mut line) {
                            return false;
                        }
                        continue;
                    }
                }
                _ => labels_changed |= stage.changes_labels(),
            }
            scratch.active.push(at);
        }
        true
    }

    /// Makes the labels of a stream those of the line at hand.
    pub(super) fn begin_stream(&self, stream: &Labels, scratch: &mut Scratch) {
        if scratch.labels.bind(self.id, &self.hints, &self.watches) {
            scratch.state.clear();
        }
        scratch.labels.begin_run(stream, &[]);
        scratch.labels.begin_line(0);
    }

    /// Whether stage `at` has only line filters before it.
    fn leads(&self, at: usize) -> bool {
        self.stages[..at]
            .iter()
            .all(|stage| matches!(stage, Stage::LineFilter(_)))
    }
}

/// The rows of a run from its first selected one to its last; `None` when none is.
fn selected(selection: &Selection, rows: Range<u32>) -> Option<Range<u32>> {
    let first = selection.first_in(rows.clone())?;
    let last = selection.last_in(first..rows.end)?;
    Some(first..last + 1)
}
