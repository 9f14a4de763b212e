//! Required labels are those that parsers must extract, so that all others are skipped.
//!
//! With [`RequiredLabels::All`] every key of a line becomes a label. With names, those and the ones
//! the stages themselves read are extracted and nothing else; a parser stops once it has them all,
//! so that failures later in the line stay unseen, as in Loki. No name at all: parsers do not run.

use crate::ast::{LabelFilterExpr, LabelFormatSource, StageExpr};
use crate::pipeline::labels::ERROR;
use crate::pipeline::names::StaticNames;
use skald_template::Template;

/// Which labels the reader of a pipeline's output needs: what need not be extracted is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequiredLabels {
    /// All (log queries; metric queries that keep the labels of entries).
    All,
    /// Those of these names; parsers stop once they are found, errors later in the line stay
    /// unseen.
    Names(Vec<String>),
}

/// The decision, and the numbers of all names known beforehand.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Names of stages and readers.
    pub(super) names: StaticNames,
    required: Option<Vec<bool>>,
}

impl Hints {
    /// Decides what `stages` and `wanted` need.
    pub(super) fn new(stages: &[StageExpr], wanted: &RequiredLabels) -> Hints {
        let mut hints = Hints::default();
        let mut needed = match wanted {
            RequiredLabels::All => None,
            RequiredLabels::Names(names) => Some(names.clone()),
        };
        for stage in stages {
            match (labels_read(stage), &mut needed) {
                (Reads::Any, _) => needed = None,
                (Reads::Names(names), Some(needed)) => needed.extend(names),
                (Reads::Names(_), None) => {}
            }
        }
        if let Some(needed) = needed {
            let ids: Vec<usize> = needed
                .iter()
                .map(|name| hints.names.id(name) as usize)
                .collect();
            let mut required = vec![false; hints.names.len()];
            ids.into_iter().for_each(|id| required[id] = true);
            hints.required = Some(required);
        }
        hints
    }

    /// Whether every label is extracted.
    pub(super) fn wants_all(&self) -> bool {
        self.required.is_none()
    }

    /// For each of the first names whether it has to be extracted.
    pub(super) fn required(&self) -> &[bool] {
        self.required.as_deref().unwrap_or(&[])
    }

    /// Whether parsers have nothing to extract at all.
    pub(super) fn wants_none(&self) -> bool {
        self.required
            .as_ref()
            .is_some_and(|required| !required.contains(&true))
    }

    /// Whether somebody reads `__error__`, so that a failure is a label and does not end the query.
    pub(super) fn wants_error(&self) -> bool {
        let position = |required: &Vec<bool>| {
            (0..required.len()).any(|i| required[i] && self.names.text(i as u32) == ERROR)
        };
        self.required.as_ref().is_some_and(position)
    }
}

/// Labels a stage looks at.
enum Reads {
    Names(Vec<String>),
    Any,
}

fn labels_read(stage: &StageExpr) -> Reads {
    let mut names = Vec::new();
    match stage {
        StageExpr::LabelFilter(filter) => filter_names(filter, &mut names),
        StageExpr::In { label, .. } => names.push(label.clone()),
        StageExpr::LineFormat(template) => return template_reads("line", template, names),
        StageExpr::LabelFormat(formats) => {
            for format in formats {
                match &format.source {
                    LabelFormatSource::Label(label) => names.push(label.clone()),
                    LabelFormatSource::Template(text) => {
                        match template_reads("label", text, Vec::new()) {
                            Reads::Names(read) => names.extend(read),
                            Reads::Any => return Reads::Any,
                        }
                    }
                }
            }
        }
        StageExpr::Distinct(labels) => names.extend(labels.iter().cloned()),
        StageExpr::Sort(keys) => names.extend(keys.iter().map(|key| key.label.clone())),
        StageExpr::LineFilter(_)
        | StageExpr::Json(_)
        | StageExpr::Logfmt { .. }
        | StageExpr::Regexp(_)
        | StageExpr::Pattern(_)
        | StageExpr::Unpack
        | StageExpr::Decolorize
        | StageExpr::Drop(_)
        | StageExpr::Keep(_)
        | StageExpr::Limit(_) => {}
    }
    Reads::Names(names)
}

/// A template that does not compile reads nothing: its stage will say so.
fn template_reads(name: &str, text: &str, mut names: Vec<String>) -> Reads {
    match Template::compile(name, text).map(|template| template.labels_read()) {
        Ok(Some(read)) => {
            names.extend(read);
            Reads::Names(names)
        }
        Ok(None) => Reads::Any,
        Err(_) => Reads::Names(names),
    }
}

/// Adds the names a label filter compares.
pub(super) fn filter_names(filter: &LabelFilterExpr, names: &mut Vec<String>) {
    match filter {
        LabelFilterExpr::And(left, right) | LabelFilterExpr::Or(left, right) => {
            filter_names(left, names);
            filter_names(right, names);
        }
        LabelFilterExpr::Match(matcher) => names.push(matcher.name.clone()),
        LabelFilterExpr::Ip { name, .. }
        | LabelFilterExpr::Number { name, .. }
        | LabelFilterExpr::Duration { name, .. }
        | LabelFilterExpr::Bytes { name, .. } => names.push(name.clone()),
    }
}
