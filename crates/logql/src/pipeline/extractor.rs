//! The end of a metric's pipeline: lines become samples of numbered series.
//!
//! What a series' key depends on is worked out once a run ([`Plan`]): on the stream alone, on one metadata
//! column, or on each line. An entry that carries `__error__` ends the query, unless somebody asked for the
//! label or for such entries to be counted and passed over.

use super::hints::Wanted;
use super::labels::{ERROR, LabelSet};
use super::line::Line;
use super::names::NameId;
use super::run::Scratch;
use super::selection::Selection;
use super::series::SeriesTable;
use super::series_key::{Key, KeyLabel};
use super::span::Input;
use super::stage::Stage;
use super::unwrap::{EXTRACTION_ERROR, Unwrap};
use super::{Pipeline, StageError};
use crate::ast::{Conversion, Grouping, LabelFilterExpr, StageExpr};
use hashbrown::HashSet;
use skald_model::labels::write_quoted;
use skald_model::{Batch, Columns, Labels};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a sample's value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// 1 for each line.
    Count,
    /// Bytes of the line after the pipeline.
    Bytes,
    /// A label's value.
    Unwrap {
        /// The label.
        label: String,
        /// Text to number.
        conversion: Conversion,
        /// Filters after the conversion.
        filters: Vec<LabelFilterExpr>,
    },
    /// A hash of a label's value, for counting distinct values: [`value_hash`] of it. Entries without
    /// the label (or with an empty value) give no sample; the label itself does not split series.
    Hash(String),
}

/// The sample that stands for a label's value when distinct values are counted: the top 53 bits of its
/// xxh3, which a float holds exactly.
pub fn value_hash(value: &str) -> f64 {
    (xxhash_rust::xxh3::xxh3_64(value.as_bytes()) >> 11) as f64
}

/// Receives samples.
pub trait SampleSink {
    /// One sample of series `series` of the table.
    fn sample(&mut self, series: u32, timestamp: i64, value: f64);
}

/// Why taking samples stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// An entry carries `__error__`: Loki's `pipeline error: '…' for series: …` text, whole.
    #[error("{0}")]
    Pipeline(String),
    /// The series table is full.
    #[error("series limit of {0} reached")]
    TooManySeries(usize),
}

/// How samples are told apart.
#[derive(Clone, Debug, Default)]
pub struct SampleOptions {
    /// Labels of the series: `None` keeps all (minus the unwrapped label), else `by`/`without` these.
    pub grouping: Option<Grouping>,
    /// Count and drop entries with `__error__` instead of failing.
    pub skip_errors: bool,
}

/// The value, compiled.
#[derive(Debug, Clone)]
enum Taken {
    Count,
    Bytes,
    Unwrap(Unwrap),
    Hash(NameId),
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

/// A pipeline that ends in samples.
#[derive(Debug)]
pub struct Extractor {
    pipeline: Pipeline,
    value: Taken,
    key: Key,
    /// Names that stages set or remove even when the stream has them; `None` when that may be any name.
    overridden: Option<Vec<NameId>>,
    preserve_errors: bool,
    preserve_extraction_errors: bool,
    skip_errors: bool,
    skipped: Arc<AtomicU64>,
}

impl Extractor {
    /// Compiles stages and value. `wanted` is what grouping and outer aggregations need.
    pub fn compile(
        stages: &[StageExpr],
        value: &Value,
        wanted: &Wanted,
        options: &SampleOptions,
    ) -> Result<Extractor, StageError> {
        let needed = needed(value, wanted, options);
        let (pipeline, (value, key, overridden)) = Pipeline::compile_with(stages, &needed, |stages, names| {
            let taken = match value {
                Value::Count => Taken::Count,
                Value::Bytes => Taken::Bytes,
                Value::Unwrap { label, conversion, filters } => {
                    Taken::Unwrap(Unwrap::compile(label, *conversion, filters, names)?)
                }
                Value::Hash(label) => Taken::Hash(names.id(label)),
            };
            let unkeyed = match &taken {
                Taken::Unwrap(unwrap) => Some(unwrap.label),
                Taken::Hash(label) => Some(*label),
                Taken::Count | Taken::Bytes => None,
            };
            let key = Key::compile(options.grouping.as_ref(), unkeyed, names);
            Ok((taken, key, overridden(stages)))
        })?;
        let asked_for = |wanted: &Wanted| matches!(wanted, Wanted::Names(names) if names.iter().any(|n| n == ERROR));
        Ok(Extractor {
            preserve_errors: pipeline.hints.wants_error(),
            preserve_extraction_errors: asked_for(wanted),
            skip_errors: options.skip_errors,
            skipped: Arc::default(),
            pipeline,
            value,
            key,
            overridden,
        })
    }

    /// The stages before the value is taken.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The same with the values of the pipeline's subqueries; skipped entries are counted together.
    pub fn bind(&self, values: Vec<HashSet<String>>) -> Extractor {
        Extractor {
            pipeline: self.pipeline.bind(values),
            value: self.value.clone(),
            key: self.key.clone(),
            overridden: self.overridden.clone(),
            preserve_errors: self.preserve_errors,
            preserve_extraction_errors: self.preserve_extraction_errors,
            skip_errors: self.skip_errors,
            skipped: self.skipped.clone(),
        }
    }

    /// Columns that have to be read.
    pub fn columns(&self) -> Columns {
        let counts_bytes = matches!(self.value, Taken::Bytes);
        let mut columns = self.pipeline.columns(counts_bytes && self.pipeline.rewrites_lines());
        columns.line_lengths |= counts_bytes;
        columns
    }

    /// Entries that were skipped because they carry an error (`SampleOptions::skip_errors`).
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Takes samples of the selected rows of one stream's run, after `pipeline().prefilter`.
    #[allow(clippy::too_many_arguments, reason = "a run, its buffers and where its results go; callers have them apart")]
    pub fn run(
        &self,
        batch: &Batch,
        rows: Range<u32>,
        stream: &Labels,
        selection: &Selection,
        scratch: &mut Scratch,
        table: &mut SeriesTable,
        sink: &mut dyn SampleSink,
    ) -> Result<(), SampleError> {
        let mut plan = None;
        let mut failed = Ok(());
        let mut series_of_code = std::mem::take(&mut scratch.series_of_code);
        let rewritten = self.pipeline.rewrites_lines();
        let _ = self.pipeline.each(batch, rows, stream, selection, false, scratch, |row, line, key| {
            let value = match &self.value {
                Taken::Count => 1.0,
                Taken::Bytes if rewritten => line.bytes().len() as f64,
                Taken::Bytes => batch.line_range(row).len() as f64,
                Taken::Unwrap(unwrap) => match unwrap.value(line) {
                    Some(value) => value,
                    None => return ControlFlow::Continue(()),
                },
                Taken::Hash(label) => match line.labels.find(line.input, *label) {
                    Some((span, _)) if !span.is_empty() => value_hash(line.labels.text(line.input, span)),
                    _ => return ControlFlow::Continue(()),
                },
            };
            if !line.labels.error().is_empty() && !self.preserves(line.labels.error()) {
                if self.skip_errors {
                    self.skipped.fetch_add(1, Ordering::Relaxed);
                    return ControlFlow::Continue(());
                }
                failed = Err(SampleError::Pipeline(error_text(line)));
                return ControlFlow::Break(());
            }
            let series = match plan.get_or_insert_with(|| self.plan(line, batch, table, key, &mut series_of_code)) {
                Plan::Run(series) => Some(*series).filter(|series| *series != u32::MAX),
                Plan::Column(column) => {
                    let code = batch.metadata[*column as usize].codes[row as usize] as usize;
                    if series_of_code[code] == u32::MAX {
                        series_of_code[code] = self.intern(line.labels, line.input, table, key).unwrap_or(u32::MAX);
                    }
                    Some(series_of_code[code]).filter(|series| *series != u32::MAX)
                }
                Plan::Line => self.intern(line.labels, line.input, table, key),
            };
            let Some(series) = series else {
                failed = Err(SampleError::TooManySeries(table.limit()));
                return ControlFlow::Break(());
            };
            sink.sample(series, line.timestamp, value);
            ControlFlow::Continue(())
        });
        scratch.series_of_code = series_of_code;
        failed
    }

    fn preserves(&self, error: &str) -> bool {
        if error == EXTRACTION_ERROR { self.preserve_extraction_errors } else { self.preserve_errors }
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
            Key::Without(_) => batch.metadata.is_empty() && !self.pipeline.changes_labels() && !self.preserve_errors,
            Key::By(names) => names.iter().all(|name| match name {
                KeyLabel::Error | KeyLabel::Details => false,
                KeyLabel::Label(name) => self.is_fixed(line.labels, *name, &mut column),
            }),
        };
        match (fixed, column) {
            (false, _) => Plan::Line,
            (true, None) => Plan::Run(self.intern(line.labels, line.input, table, key).unwrap_or(u32::MAX)),
            (true, Some(column)) => {
                series_of_code.clear();
                series_of_code.resize(batch.metadata[column as usize].value_count() as usize + 1, u32::MAX);
                Plan::Column(column)
            }
        }
    }

    /// Whether a label's value depends on the stream or on one metadata column alone. At most one column is
    /// taken, and only one whose codes are few against the rows.
    fn is_fixed(&self, labels: &LabelSet, name: NameId, column: &mut Option<u32>) -> bool {
        let unchanged = !self.pipeline.changes_labels();
        match labels.column_of(name) {
            Some(found) if unchanged && column.is_none_or(|column| column == found) => {
                *column = Some(found);
                true
            }
            Some(_) => false,
            None if labels.stream_has(name) => self.overridden.as_ref().is_some_and(|names| !names.contains(&name)),
            None => unchanged,
        }
    }

    fn intern(&self, labels: &LabelSet, input: Input<'_>, table: &mut SeriesTable, key: &mut Vec<u8>) -> Option<u32> {
        key.clear();
        self.key.put(labels, input, key);
        table.intern(key)
    }
}

/// `wanted` and what the value and the grouping read.
fn needed(value: &Value, wanted: &Wanted, options: &SampleOptions) -> Wanted {
    let Wanted::Names(names) = wanted else { return Wanted::All };
    let mut names = names.clone();
    match value {
        Value::Count | Value::Bytes => {}
        Value::Hash(label) => names.push(label.clone()),
        Value::Unwrap { label, filters, .. } => {
            names.push(label.clone());
            filters.iter().for_each(|filter| super::hints::filter_names(filter, &mut names));
        }
    }
    if let Some(grouping) = &options.grouping
        && !grouping.without
    {
        names.extend_from_slice(&grouping.labels);
    }
    Wanted::Names(names)
}

/// Names that stages set or remove whoever has them; `None` when that may be any.
fn overridden(stages: &[Stage]) -> Option<Vec<NameId>> {
    let names: Option<Vec<Vec<NameId>>> = stages.iter().map(Stage::overrides).collect();
    names.map(|names| names.concat())
}

/// Loki's text for an entry that carries an error.
fn error_text(line: &Line<'_>) -> String {
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
    format!(
        "pipeline error: '{error}' for series: '{series}'.\n\
         Use a label filter to intentionally skip this error. (e.g | __error__!=\"{error}\").\n\
         To skip all potential errors you can match empty errors.(e.g __error__=\"\")\n\
         The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
    )
}
