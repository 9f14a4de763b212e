//! Sampling turns each line that passes the pipeline into a value and a series.
//!
//! What a series' key depends on is worked out once a run ([`Plan`]): on the stream alone, on one
//! metadata column, or on each line. Where no stage looks at lines and a key depends on less than
//! the line, rows that the reader does not tell apart are counted together. An entry that carries
//! `__error__` ends the query, unless somebody asked for the label or for such entries to be
//! counted and passed over.

use super::extractor::{Extractor, Taken, value_hash};
use super::labels::{Columns, ERROR, LabelSet};
use super::names::NameId;
use super::run::{Scratch, StreamRows};
use super::series::SeriesTable;
use super::series_key::{Key, KeyLabel};
use super::span::Input;
use super::unwrap::EXTRACTION_ERROR;
use crate::pipeline::current_line::Line;
use skald_model::labels::write_quoted;
use skald_model::{Batch, Direction, Labels, Stop};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::Ordering;

/// Receives samples.
pub trait SampleSink {
    /// One sample of series `series` of the table.
    fn sample(&mut self, series: u32, timestamp: i64, value: f64);

    /// The sum of the samples of `lines` lines, of times that [`SampleSink::alike`] does not tell
    /// apart.
    fn total(&mut self, series: u32, timestamp: i64, value: f64, lines: u64) {
        let _ = lines;
        self.sample(series, timestamp, value);
    }

    /// How many of some sorted times, from the first on, may be added up as one sample. At least
    /// one.
    fn alike(&self, timestamps: &[i64]) -> usize {
        timestamps.len().min(1)
    }
}

/// Why taking samples stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// An entry carries `__error__`: Loki's `pipeline error: '…' for series: …` text, whole.
    #[error("{text}")]
    Pipeline {
        /// The text.
        text: String,
        /// The entry's row of the batch.
        row: u32,
    },
    /// The series table is full.
    #[error("series limit of {0} reached")]
    TooManySeries(usize),
    /// The query has to end.
    #[error("{0}")]
    Stopped(#[from] Stop),
}

/// What the key of a run's samples depends on.
enum Plan {
    /// Nothing of the line: one series for the run.
    Run(u32),
    /// One metadata column: one series for each of its codes.
    Column(u32),
    /// The labels of each line.
    Line,
}

/// What is made of the rows of one code of a metadata column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodeTotal {
    lines: u64,
    value: u64,
}

/// A series that the table did not take in.
const NO_SERIES: u32 = u32::MAX;

impl Extractor {
    /// Takes samples of the selected rows of one stream's run, after `pipeline().prefilter`.
    pub fn run(
        &self,
        run: &StreamRows<'_>,
        scratch: &mut Scratch,
        table: &mut SeriesTable,
        sink: &mut dyn SampleSink,
    ) -> Result<(), SampleError> {
        let mut plan = None;
        let mut failed = Ok(());
        let mut series_of_code = std::mem::take(&mut scratch.series_of_code);
        let mut totals = std::mem::take(&mut scratch.totals);
        let adds_up = self.adds_up(run);
        let ran = self
            .pipeline
            .each(run, Direction::Forward, scratch, |row, line, key| {
                let Some(value) = self.value(line, run.batch, row) else {
                    return ControlFlow::Continue(());
                };
                if !line.labels.error().is_empty() && !self.preserves(line.labels.error()) {
                    if self.skip_errors {
                        self.skipped.fetch_add(1, Ordering::Relaxed);
                        return ControlFlow::Continue(());
                    }
                    failed = Err(pipeline_error(line, row));
                    return ControlFlow::Break(());
                }
                let plan = plan.get_or_insert_with(|| {
                    self.plan(line, run.batch, table, key, &mut series_of_code)
                });
                let series = match plan {
                    Plan::Run(NO_SERIES) => None,
                    Plan::Run(series) if adds_up => {
                        self.add_run(run, *series, sink);
                        return ControlFlow::Break(());
                    }
                    Plan::Run(series) => Some(*series),
                    Plan::Column(column) if adds_up => {
                        totals.clear();
                        totals.resize(series_of_code.len(), CodeTotal::default());
                        let mut intern = |code: u32, row: u32| {
                            line.labels.begin_line(row);
                            self.intern_code(line, code, table, key, &mut series_of_code)
                        };
                        if self
                            .add_column(run, *column, &mut totals, &mut intern, sink)
                            .is_none()
                        {
                            failed = Err(table.refusal());
                        }
                        return ControlFlow::Break(());
                    }
                    Plan::Column(column) => {
                        let code = run.batch.metadata[*column as usize].codes[row as usize];
                        self.intern_code(line, code, table, key, &mut series_of_code)
                    }
                    Plan::Line => self.intern_line(line.labels, line.input, table, key),
                };
                let Some(series) = series else {
                    failed = Err(table.refusal());
                    return ControlFlow::Break(());
                };
                sink.sample(series, line.timestamp, value);
                ControlFlow::Continue(())
            });
        scratch.series_of_code = series_of_code;
        scratch.totals = totals;
        failed.and(ran.map(drop).map_err(SampleError::Stopped))
    }

    /// The series of all entries of a stream that have none of the metadata that series are told apart
    /// by; `None` when the table takes no more.
    pub fn series_of_stream(
        &self,
        stream: &Labels,
        scratch: &mut Scratch,
        table: &mut SeriesTable,
    ) -> Option<u32> {
        self.pipeline.begin_stream(stream, scratch);
        let input = Input {
            lines: &[],
            stream: stream.as_bytes(),
            metadata: &[],
        };
        self.intern(&scratch.labels, input, table, &mut scratch.key)
    }

    /// The sample of a line that came through; `None` when it gives none.
    fn value(&self, line: &mut Line<'_>, batch: &Batch, row: u32) -> Option<f64> {
        match &self.value {
            Taken::Count => Some(1.0),
            Taken::Bytes if self.rewrites_lines => Some(line.bytes().len() as f64),
            Taken::Bytes => Some(batch.line_range(row).len() as f64),
            Taken::Unwrap(unwrap) => unwrap.value(line),
            Taken::Hash(label) => match line.labels.find(line.input, *label) {
                Some((span, _)) if !span.is_empty() => {
                    Some(value_hash(line.labels.text(line.input, span)))
                }
                _ => None,
            },
        }
    }

    fn preserves(&self, error: &str) -> bool {
        if error == EXTRACTION_ERROR {
            self.preserve_extraction_errors
        } else {
            self.preserve_errors
        }
    }

    /// Whether lines of the batch are counted as they are, so that none can fail.
    pub fn counts_lines(&self, batch: &Batch) -> bool {
        self.pipeline.is_passthrough()
            && matches!(self.value, Taken::Count | Taken::Bytes)
            && batch.metadata.iter().all(|column| *column.name != *ERROR)
    }

    /// Whether lines are counted as they are and all rows of the run count, in order of time.
    fn adds_up(&self, run: &StreamRows<'_>) -> bool {
        let rows = run.rows.start as usize..run.rows.end as usize;
        self.counts_lines(run.batch)
            && run.selection.contains_all(&run.rows)
            && run.batch.timestamps[rows].is_sorted()
    }

    /// Adds up the rows of a run that is one series.
    fn add_run(&self, run: &StreamRows<'_>, series: u32, sink: &mut dyn SampleSink) {
        let StreamRows { batch, rows, .. } = run;
        let mut rest = rows.clone();
        while !rest.is_empty() {
            let span = next_span(batch, &rest, sink);
            rest.start = span.end;
            let value = match self.value {
                Taken::Bytes => batch.lines_range(&span).len() as f64,
                _ => span.len() as f64,
            };
            sink.total(
                series,
                batch.timestamps[span.start as usize],
                value,
                span.len() as u64,
            );
        }
    }

    /// The same where a metadata column tells series apart. `totals` are empty, one a code;
    /// `intern` gives the series of a code and a row that has it, `None` when the table is full.
    fn add_column(
        &self,
        run: &StreamRows<'_>,
        column: u32,
        totals: &mut [CodeTotal],
        intern: &mut dyn FnMut(u32, u32) -> Option<u32>,
        sink: &mut dyn SampleSink,
    ) -> Option<()> {
        let StreamRows { batch, rows, .. } = run;
        let codes = &batch.metadata[column as usize].codes;
        let mut found: Vec<(u32, u32)> = Vec::new();
        let mut rest = rows.clone();
        while !rest.is_empty() {
            let span = next_span(batch, &rest, sink);
            rest.start = span.end;
            for row in span.clone() {
                let code = codes[row as usize];
                let total = &mut totals[code as usize];
                if total.lines == 0 {
                    found.push((code, row));
                }
                total.lines += 1;
                if matches!(self.value, Taken::Bytes) {
                    total.value += batch.line_range(row).len() as u64;
                }
            }
            for (code, row) in found.drain(..) {
                let CodeTotal { lines, value } = std::mem::take(&mut totals[code as usize]);
                let value = if matches!(self.value, Taken::Bytes) {
                    value
                } else {
                    lines
                };
                sink.total(
                    intern(code, row)?,
                    batch.timestamps[span.start as usize],
                    value as f64,
                    lines,
                );
            }
        }
        Some(())
    }

    /// What the key depends on in this run; looks at the labels of the run's first line.
    fn plan(
        &self,
        line: &Line<'_>,
        batch: &Batch,
        table: &mut SeriesTable,
        key: &mut Vec<u8>,
        series_of_code: &mut Vec<u32>,
    ) -> Plan {
        let mut column = None;
        let fixed = match &self.key {
            Key::Without(..) => {
                batch.metadata.is_empty()
                    && !self.pipeline.changes_labels()
                    && !self.preserve_errors
            }
            Key::By(names) => names.iter().all(|name| match name {
                KeyLabel::Error | KeyLabel::Details => false,
                KeyLabel::Label(name) => self.is_fixed(line.labels, *name, &mut column),
            }),
        };
        match (fixed, column) {
            (false, _) => Plan::Line,
            (true, None) => Plan::Run(
                self.intern(line.labels, line.input, table, key)
                    .unwrap_or(NO_SERIES),
            ),
            (true, Some(column)) => {
                series_of_code.clear();
                series_of_code.resize(
                    batch.metadata[column as usize].value_count() as usize + 1,
                    NO_SERIES,
                );
                Plan::Column(column)
            }
        }
    }

    /// Whether a label's value depends on the stream or on one metadata column alone. At most one
    /// column is taken, and only one whose codes are few against the rows.
    fn is_fixed(&self, labels: &LabelSet, name: NameId, column: &mut Option<u32>) -> bool {
        let unchanged = !self.pipeline.changes_labels();
        match labels.columns_of(name) {
            Columns::One(found) if unchanged && column.is_none_or(|column| column == found) => {
                *column = Some(found);
                true
            }
            Columns::One(_) | Columns::Either => false,
            Columns::None if labels.stream_has(name) => self
                .overridden
                .as_ref()
                .is_some_and(|names| !names.contains(&name)),
            Columns::None => unchanged,
        }
    }

    /// The series of the line at hand, whose code in the column that tells series apart is `code`.
    fn intern_code(
        &self,
        line: &Line<'_>,
        code: u32,
        table: &mut SeriesTable,
        key: &mut Vec<u8>,
        series_of_code: &mut [u32],
    ) -> Option<u32> {
        let known = &mut series_of_code[code as usize];
        if *known == NO_SERIES {
            *known = self.intern(line.labels, line.input, table, key)?;
        }
        Some(*known)
    }

    /// The series of a line. One label that tells groups apart is looked up by its value, without a
    /// key.
    fn intern_line(
        &self,
        labels: &LabelSet,
        input: Input<'_>,
        table: &mut SeriesTable,
        key: &mut Vec<u8>,
    ) -> Option<u32> {
        let Some(name) = self.key.one_label() else {
            return self.intern(labels, input, table, key);
        };
        let value = labels.bytes_of(input, name).unwrap_or_default();
        if let Some(series) = table.of_value(self.pipeline.id, value) {
            return Some(series);
        }
        let series = self.intern(labels, input, table, key)?;
        table.note_value(value, series);
        Some(series)
    }

    fn intern(
        &self,
        labels: &LabelSet,
        input: Input<'_>,
        table: &mut SeriesTable,
        key: &mut Vec<u8>,
    ) -> Option<u32> {
        key.clear();
        self.key.put(labels, input, key);
        table.intern(key)
    }
}

/// The first of `rows`, not none, whose times the sink does not tell apart.
fn next_span(batch: &Batch, rows: &Range<u32>, sink: &dyn SampleSink) -> Range<u32> {
    let times = &batch.timestamps[rows.start as usize..rows.end as usize];
    rows.start..rows.start + sink.alike(times).clamp(1, times.len()) as u32
}

/// Loki's text for an entry that carries an error.
fn pipeline_error(line: &Line<'_>, row: u32) -> SampleError {
    let error = line.labels.error();
    let mut series = String::from("{");
    line.entry_labels().for_each(&mut |name, value, _| {
        if series.len() > 1 {
            series.push_str(", ");
        }
        series.push_str(name);
        series.push('=');
        write_quoted(&mut series, value).expect("writing to a string does not fail");
    });
    series.push('}');
    let text = format!(
        "pipeline error: '{error}' for series: '{series}'.\n\
         Use a label filter to intentionally skip this error. (e.g | __error__!=\"{error}\").\n\
         To skip all potential errors you can match empty errors.(e.g __error__=\"\")\n\
         The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
    );
    SampleError::Pipeline { text, row }
}
