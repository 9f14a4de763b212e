//! An extractor is a pipeline compiled for a metric query: it gives samples of numbered series.
//!
//! An [`Extractor`] is what a query's text comes to: stages, what a line's value is, what tells
//! series apart. samples.rs has the taking of samples itself.

use super::labels::ERROR;
use super::names::{EXTRACTED_SUFFIX, NameId, StaticNames};
use super::series_key::{Empty, Key};
use super::stage::Stage;
use super::unwrap::Unwrap;
use super::{Pipeline, StageError};
use crate::ast::{Conversion, Grouping, LabelFilterExpr, StageExpr};
use crate::pipeline::required_labels::{Hints, RequiredLabels};
use hashbrown::HashSet;
use skald_model::Columns;
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
    /// A hash of a label's value, for counting distinct values: [`value_hash`] of it. Entries
    /// without the label (or with an empty value) give no sample; the label itself does not split
    /// series.
    Hash(String),
}

/// The sample that stands for a label's value when distinct values are counted: the top 53 bits of
/// its xxh3, which a float holds exactly.
pub fn value_hash(value: &str) -> f64 {
    (xxhash_rust::xxh3::xxh3_64(value.as_bytes()) >> 11) as f64
}

/// How samples are told apart.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// Labels of the series: `None` keeps all (minus the unwrapped label), else `by`/`without`
    /// these.
    pub grouping: Option<Grouping>,
    /// Labels without a value, where labels are kept without being named.
    pub empty: Empty,
    /// Count and drop entries with `__error__` instead of failing.
    pub skip_errors: bool,
}

impl Default for SampleOptions {
    fn default() -> SampleOptions {
        SampleOptions {
            grouping: None,
            empty: Empty::Shown,
            skip_errors: false,
        }
    }
}

/// The value, compiled.
#[derive(Debug, Clone)]
pub(super) enum Taken {
    Count,
    Bytes,
    Unwrap(Unwrap),
    Hash(NameId),
}

/// A pipeline that ends in samples.
#[derive(Debug)]
pub struct Extractor {
    pub(super) pipeline: Pipeline,
    pub(super) value: Taken,
    pub(super) rewrites_lines: bool,
    pub(super) key: Key,
    /// Names that stages set or remove even when the stream has them; `None` when that may be any
    /// name.
    pub(super) overridden: Option<Vec<NameId>>,
    pub(super) preserve_errors: bool,
    pub(super) preserve_extraction_errors: bool,
    pub(super) skip_errors: bool,
    pub(super) skipped: Arc<AtomicU64>,
}

impl Extractor {
    /// Compiles stages and value. `wanted` is what grouping and outer aggregations need.
    pub fn compile(
        stages: &[StageExpr],
        value: &Value,
        wanted: &RequiredLabels,
        options: &SampleOptions,
    ) -> Result<Extractor, StageError> {
        let needed = needed(value, wanted, options);
        let stages = &without_idle_unpack(stages, value, &needed);
        let (pipeline, (value, key, overridden)) =
            Pipeline::compile_with(stages, &needed, |stages, names| {
                let taken = match value {
                    Value::Count => Taken::Count,
                    Value::Bytes => Taken::Bytes,
                    Value::Unwrap {
                        label,
                        conversion,
                        filters,
                    } => Taken::Unwrap(Unwrap::compile(label, *conversion, filters, names)?),
                    Value::Hash(label) => Taken::Hash(names.id(label)),
                };
                let unkeyed = match &taken {
                    Taken::Unwrap(unwrap) => Some(unwrap.label),
                    Taken::Hash(label) => Some(*label),
                    Taken::Count | Taken::Bytes => None,
                };
                let key = Key::compile(options.grouping.as_ref(), options.empty, unkeyed, names);
                Ok((taken, key, overridden(stages, names)))
            })?;
        let asked_for = |wanted: &RequiredLabels| matches!(wanted, RequiredLabels::Names(names) if names.iter().any(|n| n == ERROR));
        Ok(Extractor {
            preserve_errors: pipeline.hints.wants_error(),
            preserve_extraction_errors: asked_for(wanted),
            skip_errors: options.skip_errors,
            skipped: Arc::default(),
            rewrites_lines: pipeline.rewrites_lines(),
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
            rewrites_lines: self.rewrites_lines,
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
        let mut columns = self.pipeline.columns(counts_bytes && self.rewrites_lines);
        columns.line_lengths |= counts_bytes;
        columns
    }

    /// Counts skipped entries together with `other`.
    pub(crate) fn counting_with(self, other: &Extractor) -> Extractor {
        Extractor {
            skipped: other.skipped.clone(),
            ..self
        }
    }

    /// Entries that were skipped because they carry an error (`SampleOptions::skip_errors`).
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

/// `wanted` and what the value and the grouping read.
fn needed(value: &Value, wanted: &RequiredLabels, options: &SampleOptions) -> RequiredLabels {
    let RequiredLabels::Names(names) = wanted else {
        return RequiredLabels::All;
    };
    let mut names = names.clone();
    match value {
        Value::Count | Value::Bytes => {}
        Value::Hash(label) => names.push(label.clone()),
        Value::Unwrap { label, filters, .. } => {
            names.push(label.clone());
            filters.iter().for_each(|filter| {
                crate::pipeline::required_labels::filter_names(filter, &mut names)
            });
        }
    }
    if let Some(grouping) = &options.grouping
        && !grouping.without
    {
        names.extend_from_slice(&grouping.labels);
    }
    RequiredLabels::Names(names)
}

/// The stages but for each `unpack` of which neither labels nor the line are read: like other
/// parsers it does not run then, and lines that are not packed are no failure.
fn without_idle_unpack(
    stages: &[StageExpr],
    value: &Value,
    needed: &RequiredLabels,
) -> Vec<StageExpr> {
    let reads_line = |stage: &StageExpr| {
        matches!(
            stage,
            StageExpr::LineFilter(_)
                | StageExpr::LineFormat(_)
                | StageExpr::LabelFormat(_)
                | StageExpr::Decolorize
        )
    };
    let idle = *value != Value::Bytes && Hints::new(stages, needed).wants_none();
    let keeps = |at: &usize| {
        let is_unpack = matches!(stages[*at], StageExpr::Unpack);
        !(idle && is_unpack) || stages[at + 1..].iter().any(reads_line)
    };
    (0..stages.len())
        .filter(keeps)
        .map(|at| stages[at].clone())
        .collect()
}

/// Names that stages set or remove even when the stream or the entry has them; `None` when that may
/// be any. What a parser finds under the name of a label becomes `name_extracted`, over a label of
/// that name.
fn overridden(stages: &[Stage], names: &StaticNames) -> Option<Vec<NameId>> {
    let lists: Option<Vec<Vec<NameId>>> = stages.iter().map(Stage::overrides).collect();
    let mut all = lists?.concat();
    if stages.iter().any(Stage::changes_labels) {
        let extracted = |id: &NameId| names.text(*id).ends_with(EXTRACTED_SUFFIX);
        all.extend((0..names.len() as NameId).filter(extracted));
    }
    Some(all)
}
