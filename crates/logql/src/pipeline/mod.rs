//! Stages over a [`Batch`]: filters, parsers, formatters, and the taking of samples.

use crate::ast::{Conversion, Grouping, LabelFilterExpr, StageExpr};
use skald_model::{Batch, Columns, ContentQuery, Labels};
use std::ops::{ControlFlow, Range};

/// A stage that can't be built; the text follows `parse error : `, the canonical stage in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StageError(pub String);

/// Rows of a batch that are still in: one bit a row.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    words: Vec<u64>,
}

impl Selection {
    /// All of `rows` rows.
    pub fn all(rows: usize) -> Selection {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let (Some(last), used @ 1..) = (words.last_mut(), rows % 64) {
            *last = (1 << used) - 1;
        }
        Selection { words }
    }

    /// None of `rows` rows.
    pub fn none(rows: usize) -> Selection {
        Selection { words: vec![0; rows.div_ceil(64)] }
    }

    /// Whether `row` is in.
    pub fn contains(&self, row: u32) -> bool {
        self.words[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// Takes `row` in.
    pub fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    /// Leaves `row` out.
    pub fn remove(&mut self, row: u32) {
        self.words[row as usize / 64] &= !(1 << (row % 64));
    }

    /// How many rows are in.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether no row is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }
}

/// Which labels the reader of a pipeline's output needs: what need not be extracted is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All (log queries; metric queries that keep the labels of entries).
    All,
    /// Those of these names; parsers stop once they are found, errors later in the line stay unseen.
    Names(Vec<String>),
}

/// Where a label came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Index label.
    Stream,
    /// Structured metadata.
    Metadata,
    /// Parser or label_format.
    Parsed,
}

/// Labels of one entry after the pipeline. Lives only as long as the sink's call.
pub struct EntryLabels<'a> {
    _private: std::marker::PhantomData<&'a ()>,
}

impl EntryLabels<'_> {
    /// The visible value of `name`.
    pub fn get(&self, _name: &str) -> Option<&str> {
        todo!()
    }

    /// Every label with its category, sorted by name, `__error__` among them when set.
    pub fn for_each(&self, _f: &mut dyn FnMut(&str, &str, Category)) {
        todo!()
    }
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
}

/// Compiled stages, shared by threads.
#[derive(Debug)]
pub struct Pipeline {}

impl Pipeline {
    /// Compiles stages; line filters are hoisted as far as Loki hoists them.
    pub fn compile(_stages: &[StageExpr], _wanted: &Wanted) -> Result<Pipeline, StageError> {
        todo!()
    }

    /// Columns the stages read. `Columns::lines` is false when no stage and no reader looks at lines.
    pub fn columns(&self, _reader_needs_lines: bool) -> Columns {
        todo!()
    }

    /// What a line must contain to pass: for pruning only.
    pub fn content_query(&self) -> ContentQuery {
        todo!()
    }

    /// Narrows `selection` by what can be decided on the whole batch: leading line filters and
    /// filters on metadata columns. Optional: `run` applies them as well when it was not called.
    pub fn prefilter(&self, _batch: &Batch, _selection: &mut Selection, _scratch: &mut Scratch) {
        todo!()
    }

    /// Runs the stages on the selected rows of one stream's run, forward or backward, after `prefilter`.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        _batch: &Batch,
        _rows: Range<u32>,
        _stream: &Labels,
        _selection: &Selection,
        _backward: bool,
        _scratch: &mut Scratch,
        _sink: &mut dyn RowSink,
    ) -> ControlFlow<()> {
        todo!()
    }
}

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

/// Series found so far, numbered; a series' key is the canonical bytes of its labels.
#[derive(Debug, Default)]
pub struct SeriesTable {}

impl SeriesTable {
    /// A table that refuses more than `max` series.
    pub fn with_limit(_max: usize) -> SeriesTable {
        todo!()
    }

    /// The number of a series, new or known; `None` when the limit is reached.
    pub fn intern(&mut self, _key: &[u8]) -> Option<u32> {
        todo!()
    }

    /// Labels of series `index`.
    pub fn labels(&self, _index: u32) -> Labels {
        todo!()
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
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

/// A pipeline that ends in samples.
#[derive(Debug)]
pub struct Extractor {}

/// How samples are told apart.
#[derive(Clone, Debug, Default)]
pub struct SampleOptions {
    /// Labels of the series: `None` keeps all (minus the unwrapped label), else `by`/`without` these.
    pub grouping: Option<Grouping>,
    /// Count and drop entries with `__error__` instead of failing.
    pub skip_errors: bool,
}

impl Extractor {
    /// Compiles stages and value. `wanted` is what grouping and outer aggregations need.
    pub fn compile(
        _stages: &[StageExpr],
        _value: &Value,
        _wanted: &Wanted,
        _options: &SampleOptions,
    ) -> Result<Extractor, StageError> {
        todo!()
    }

    /// The stages before the value is taken.
    pub fn pipeline(&self) -> &Pipeline {
        todo!()
    }

    /// Columns that have to be read.
    pub fn columns(&self) -> Columns {
        todo!()
    }

    /// Takes samples of the selected rows of one stream's run, after `pipeline().prefilter`.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        _batch: &Batch,
        _rows: Range<u32>,
        _stream: &Labels,
        _selection: &Selection,
        _scratch: &mut Scratch,
        _table: &mut SeriesTable,
        _sink: &mut dyn SampleSink,
    ) -> Result<(), SampleError> {
        todo!()
    }

    /// Entries that were skipped because they carry an error (`SampleOptions::skip_errors`).
    pub fn skipped(&self) -> u64 {
        todo!()
    }
}
