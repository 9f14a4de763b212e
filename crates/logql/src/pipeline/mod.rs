//! Pipelines run filters, parsers and formatters over a [`skald_model::Batch`] and take samples.
//!
//! [`Pipeline::compile`] decides everything that can be decided once: the order of stages, how each
//! filter searches, which labels have to be extracted. [`Pipeline::filter_lines`] narrows a batch
//! by its leading line filters at once; [`Pipeline::run`] takes the rows that are left through the
//! stages one by one without allocating. [`Extractor`] ends a pipeline in samples. Nothing here
//! knows where batches come from.

mod column_plan;
mod content;
pub(crate) mod current_line;
mod decolorize;
mod drop_keep;
pub(crate) mod early_drops;
mod entry_labels;
mod extractor;
mod hoist;
mod ip;
mod json;
mod json_path;
pub(crate) mod json_path_syntax;
mod keys;
mod label_filter;
mod label_format;
mod labels;
mod line_filter;
mod line_format;
mod line_pattern;
mod literals;
mod logfmt;
mod membership;
mod names;
mod parsed_values;
mod pattern;
mod ranks;
mod regexp;
pub(crate) mod required_labels;
mod run;
mod samples;
mod search;
mod selection;
mod series;
mod series_key;
mod span;
mod stage;
mod unpack;
mod unwrap;

#[cfg(test)]
mod tests;

pub use column_plan::ColumnPlan;
pub(crate) use column_plan::without_parser;
pub use entry_labels::EntryLabels;
pub use extractor::{Extractor, SampleOptions, Value, value_hash};
pub use labels::{Category, ERROR, ERROR_DETAILS};
pub use names::EXTRACTED_SUFFIX;
pub use required_labels::RequiredLabels;
pub use run::{Row, RowSink, Scratch, StreamRows};
pub use samples::{SampleError, SampleSink};
pub use selection::Selection;
pub use series::SeriesTable;
pub use series_key::Empty;
pub use skald_template::go::bytes::parse as parse_bytes;

use crate::ast::{LogExpr, StageExpr};
use content::Conditions;
use early_drops::{Refuter, Watch};
use hashbrown::HashSet;
use names::StaticNames;
use required_labels::Hints;
use skald_model::{Columns, Either, MetadataWanted};
use stage::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stage that can't be built; the text follows `parse error : `, the canonical stage in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StageError(pub String);

/// The inner query of a `| label in ({…})` stage.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// Label whose values the inner query is asked for.
    pub label: String,
    /// The inner query.
    pub query: LogExpr,
    /// The stage that waits for the values.
    stage: usize,
}

/// Tells pipelines apart where per-thread buffers remember what they were used for.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Compiled stages, shared by threads.
#[derive(Clone, Debug)]
pub struct Pipeline {
    id: u64,
    stages: Vec<Stage>,
    hints: Arc<Hints>,
    conditions: Conditions,
    parsed_conditions: Vec<Either>,
    refuters: Vec<Refuter>,
    watches: Vec<Watch>,
    subqueries: Vec<Subquery>,
}

impl Pipeline {
    /// Compiles stages; line filters are hoisted as far as Loki hoists them. `distinct`, `limit`
    /// and `sort` are the engine's and left out.
    pub fn compile(stages: &[StageExpr], wanted: &RequiredLabels) -> Result<Pipeline, StageError> {
        Pipeline::compile_with(stages, wanted, |_, _| Ok(())).map(|(pipeline, ())| pipeline)
    }

    /// Compiles stages and, with the numbers of their names at hand, what `rest` makes of them.
    fn compile_with<T>(
        stages: &[StageExpr],
        wanted: &RequiredLabels,
        rest: impl FnOnce(&[Stage], &mut StaticNames) -> Result<T, StageError>,
    ) -> Result<(Pipeline, T), StageError> {
        let mut hints = Hints::new(stages, wanted);
        let mut compiled = Vec::new();
        let mut subqueries = Vec::new();
        let ordered = hoist::hoist(stages);
        for stage in &ordered {
            if let StageExpr::In { label, query, .. } = stage {
                subqueries.push(Subquery {
                    label: label.clone(),
                    query: (**query).clone(),
                    stage: compiled.len(),
                });
            }
            let stage = Stage::compile(stage, compiled.len(), &mut hints.names)?;
            if !matches!(&stage, Stage::LineFilter(filter) if filter.passes_all()) {
                compiled.push(stage);
            }
        }
        let rest = rest(&compiled, &mut hints.names)?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let conditions = content::conditions(&ordered);
        let parsed_conditions = parsed_values::conditions(&ordered);
        let (refuters, watches) = early_drops::early(&compiled, &hints.names);
        let hints = Arc::new(hints);
        Ok((
            Pipeline {
                id,
                stages: compiled,
                hints,
                conditions,
                parsed_conditions,
                refuters,
                watches,
                subqueries,
            },
            rest,
        ))
    }

    /// Columns the stages read. `Columns::lines` is false when no stage and no reader looks at
    /// lines.
    pub fn columns(&self, reader_needs_lines: bool) -> Columns {
        let lines = reader_needs_lines
            || self
                .stages
                .iter()
                .any(|stage| stage.reads_line(self.hints.wants_none()));
        Columns {
            lines,
            line_lengths: lines,
            metadata: self.metadata_wanted(),
        }
    }

    fn metadata_wanted(&self) -> MetadataWanted {
        if self.hints.wants_all() {
            return MetadataWanted::All;
        }
        let required = self.hints.required();
        let mut names: Vec<String> = Vec::new();
        for id in (0..required.len()).filter(|id| required[*id]) {
            let name = self.hints.names.text(id as u32);
            // Errors that entries came with are read where a piece has any.
            if matches!(name, ERROR | ERROR_DETAILS) {
                continue;
            }
            names.push(name.to_owned());
            names.extend(
                name.strip_suffix(names::EXTRACTED_SUFFIX)
                    .map(str::to_owned),
            );
        }
        if names.is_empty() {
            MetadataWanted::None
        } else {
            MetadataWanted::Names(names)
        }
    }

    /// Whether every entry comes through as it is: no row dropped, no line or label changed.
    pub fn is_passthrough(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether a label filter compares `__error__`, which is a text, with a number: no entry passes
    /// it.
    pub fn compares_error_by_size(&self) -> bool {
        let named = |stage: &Stage| match stage {
            Stage::LabelFilter(filter) => filter.names(),
            _ => Vec::new(),
        };
        // Comparisons of `__error__` as a text are not by its number.
        self.stages.iter().flat_map(named).any(|name| {
            matches!(
                self.hints.names.text(name),
                labels::ERROR | labels::ERROR_DETAILS
            )
        })
    }

    /// Whether some stage can leave entries out.
    pub fn drops_rows(&self) -> bool {
        self.stages.iter().any(|stage| {
            matches!(
                stage,
                Stage::LineFilter(_) | Stage::LabelFilter(_) | Stage::In(_)
            )
        })
    }

    /// Whether some stage can change the text of lines.
    pub fn rewrites_lines(&self) -> bool {
        self.stages.iter().any(Stage::rewrites_line)
    }

    /// Whether some stage can add, change or remove labels.
    pub fn changes_labels(&self) -> bool {
        self.stages.iter().any(Stage::changes_labels)
    }

    /// Inner queries whose values have to be bound before the pipeline runs.
    pub fn subqueries(&self) -> &[Subquery] {
        &self.subqueries
    }

    /// The same pipeline with the values its subqueries found, in their order.
    pub fn bind(&self, values: Vec<HashSet<String>>) -> Pipeline {
        let mut bound = self.clone();
        for (subquery, values) in self.subqueries.iter().zip(values) {
            if let Stage::In(membership) = &self.stages[subquery.stage] {
                bound.stages[subquery.stage] = Stage::In(membership.bound(values));
            }
            let condition = bound.bound_condition(subquery);
            bound.conditions.extend(condition);
        }
        bound
    }
}
