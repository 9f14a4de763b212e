//! `| drop` and `| keep` remove labels by name, or when their value matches.

use super::StageError;
use super::labels::{ERROR, ERROR_DETAILS, LabelSet};
use super::names::{NameId, StaticNames};
use super::span::Input;
use crate::ast::NamedMatcher;
use crate::pipeline::current_line::Line;
use skald_model::{Matcher, steps};
use std::sync::Arc;

/// What an item of the list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Label(NameId),
    Error,
    Details,
}

/// `name`, or `name op "value"`.
#[derive(Debug, Clone)]
struct Item {
    target: Target,
    condition: Option<Matcher>,
}

impl Item {
    fn compile(expr: &NamedMatcher, names: &mut StaticNames) -> Result<Item, StageError> {
        let (name, condition) = match expr {
            NamedMatcher::Name(name) => (name, None),
            NamedMatcher::Matcher(m) => {
                let matcher =
                    Matcher::new(&m.name, m.op, &m.value).map_err(|e| StageError(e.to_string()))?;
                (&m.name, Some(matcher))
            }
        };
        let target = match name.as_str() {
            ERROR => Target::Error,
            ERROR_DETAILS => Target::Details,
            name => Target::Label(names.id(name)),
        };
        Ok(Item { target, condition })
    }

    /// Whether the item is about this label as it is now.
    fn holds(&self, labels: &LabelSet, input: Input<'_>) -> bool {
        steps::count(1);
        let Some(condition) = &self.condition else {
            return true;
        };
        let value = match self.target {
            Target::Label(name) => labels
                .find(input, name)
                .map_or("", |(span, _)| labels.text(input, span)),
            Target::Error => labels.error(),
            Target::Details => labels.details(input),
        };
        steps::count(value.len());
        condition.matches(value)
    }
}

/// `| drop a, b="x"`
#[derive(Debug, Clone)]
pub(super) struct DropLabels(Arc<[Item]>);

impl DropLabels {
    /// Compiles the list.
    pub(super) fn compile(
        list: &[NamedMatcher],
        names: &mut StaticNames,
    ) -> Result<DropLabels, StageError> {
        list.iter()
            .map(|item| Item::compile(item, names))
            .collect::<Result<_, _>>()
            .map(DropLabels)
    }

    /// Labels it may take away.
    pub(super) fn names(&self) -> impl Iterator<Item = NameId> {
        self.0.iter().filter_map(|item| match item.target {
            Target::Label(name) => Some(name),
            Target::Error | Target::Details => None,
        })
    }

    /// Takes the labels away.
    pub(super) fn apply(&self, line: &mut Line<'_>) -> bool {
        for item in self.0.iter() {
            if !item.holds(line.labels, line.input) {
                continue;
            }
            match item.target {
                Target::Label(name) => delete(line.labels, line.input, name),
                Target::Error => line.labels.clear_error(),
                Target::Details => line.labels.clear_details(),
            }
        }
        true
    }
}

/// Deletes a label that is there, so that an absent one leaves no trace on the line.
fn delete(labels: &mut LabelSet, input: Input<'_>, name: NameId) {
    if labels.find(input, name).is_some() {
        labels.delete(name);
    }
}

/// `| keep a, b="x"`: the items in order of their labels.
#[derive(Debug, Clone)]
pub(super) struct KeepLabels(Arc<[Item]>);

impl KeepLabels {
    /// Compiles the list.
    pub(super) fn compile(
        list: &[NamedMatcher],
        names: &mut StaticNames,
    ) -> Result<KeepLabels, StageError> {
        let items = list.iter().map(|item| Item::compile(item, names));
        let mut items: Vec<Item> = items.collect::<Result<_, _>>()?;
        items.sort_by_key(|item| item.target);
        Ok(KeepLabels(items.into()))
    }

    /// Takes all other labels away; error labels stay.
    pub(super) fn apply(&self, line: &mut Line<'_>) -> bool {
        let input = line.input;
        line.labels.retain(input, |labels, name| {
            let label = Target::Label(name);
            let from = self.0.partition_point(|item| item.target < label);
            let items = self.0[from..].iter();
            items
                .take_while(|item| item.target == label)
                .any(|item| item.holds(labels, input))
        });
        true
    }
}
