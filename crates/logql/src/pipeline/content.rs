//! Content conditions tell indexes what a line must contain to pass the pipeline.

use super::names::EXTRACTED_SUFFIX;
use super::stage::Stage;
use super::{Pipeline, Subquery};
use crate::ast::{LabelFilterExpr, StageExpr};
use skald_model::{ContentQuery, MatchOp};

/// Most values of one metadata condition; more are not worth asking for.
const VALUES_MAX: usize = 256;

/// Names with the values they must have.
pub(super) type Conditions = Vec<(String, Vec<String>)>;

/// Equality comparisons that every line has to satisfy and that no stage before them can change.
pub(super) fn conditions(ordered: &[&StageExpr]) -> Conditions {
    let mut conditions = Vec::new();
    for stage in ordered {
        match stage {
            StageExpr::LineFilter(_)
            | StageExpr::LineFormat(_)
            | StageExpr::Decolorize
            | StageExpr::In { .. } => {}
            StageExpr::LabelFilter(filter) => add_conditions(filter, &mut conditions),
            _ => break,
        }
    }
    conditions
}

/// Adds the equalities that a filter needs all of.
pub(super) fn add_conditions(filter: &LabelFilterExpr, conditions: &mut Conditions) {
    match filter {
        LabelFilterExpr::And(left, right) => {
            add_conditions(left, conditions);
            add_conditions(right, conditions);
        }
        LabelFilterExpr::Or(..) => {
            if let Some(condition) = one_of(filter) {
                conditions.push(condition);
            }
        }
        other => conditions.extend(one_of(other)),
    }
}

/// The name and values of an equality, or of a disjunction of equalities of one name.
fn one_of(filter: &LabelFilterExpr) -> Option<(String, Vec<String>)> {
    match filter {
        LabelFilterExpr::Match(m)
            if m.op == MatchOp::Equal && usable(&m.name) && !m.value.is_empty() =>
        {
            Some((m.name.clone(), vec![m.value.clone()]))
        }
        LabelFilterExpr::Or(left, right) => {
            let ((name, mut values), (other, more)) = (one_of(left)?, one_of(right)?);
            values.extend(more);
            (name == other).then_some((name, values))
        }
        _ => None,
    }
}

/// A metadata name that the stream has too is seen under another name, and errors are no metadata.
fn usable(name: &str) -> bool {
    !name.starts_with("__error") && !name.ends_with(EXTRACTED_SUFFIX)
}

impl Pipeline {
    /// What the text of a line must contain to pass: for pruning only. Conditions on metadata
    /// depend on the streams, see [`Pipeline::content_query_for`].
    pub fn content_query(&self) -> ContentQuery {
        let mut lines = Vec::new();
        for stage in &self.stages {
            match stage {
                Stage::LineFilter(filter) => lines.extend_from_slice(filter.clauses()),
                Stage::LineFormat(_) | Stage::Decolorize | Stage::Unpack(_) => break,
                _ => {}
            }
        }
        ContentQuery {
            lines,
            ..ContentQuery::default()
        }
    }

    /// The same with conditions on metadata. `stream_has` tells whether any of the streams that are
    /// read has a label of a name: for those the label may satisfy the filter and metadata need
    /// not.
    pub fn content_query_for(&self, stream_has: impl Fn(&str) -> bool) -> ContentQuery {
        let mut query = self.content_query();
        let may_ask = |(name, _): &&(String, Vec<String>)| !stream_has(name);
        query
            .metadata
            .extend(self.conditions.iter().filter(may_ask).cloned());
        query.either.extend(
            self.parsed_conditions
                .iter()
                .filter(|either| !stream_has(&either.name))
                .cloned(),
        );
        query
    }

    /// Conditions of bound subqueries that no stage before them can change.
    pub(super) fn bound_condition(&self, subquery: &Subquery) -> Option<(String, Vec<String>)> {
        let Stage::In(membership) = &self.stages[subquery.stage] else {
            return None;
        };
        let changed = self.stages[..subquery.stage]
            .iter()
            .any(Stage::changes_labels);
        let label = self.hints.names.text(membership.positive_label()?);
        let small = membership.values().len() <= VALUES_MAX && !membership.values().is_empty();
        (small && !changed && usable(label)).then(|| {
            (
                label.to_owned(),
                membership.values().iter().cloned().collect(),
            )
        })
    }
}
