//! `| label_format a=b, c="…"` renames labels and sets them from templates, in the order written.
//!
//! Templates of one stage see the labels as they were before its first template; renames act at
//! once.

use super::StageError;
use super::labels::ERROR;
use super::line_format::TEMPLATE_ERROR;
use super::names::{NameId, StaticNames};
use super::span::Span;
use super::stage::ParserState;
use crate::ast::{LabelFormat, LabelFormatSource};
use crate::pipeline::current_line::Line;
use skald_template::Template;
use std::sync::Arc;

#[derive(Debug)]
enum Source {
    Label(NameId),
    Template(Template),
}

/// The label_format stage.
#[derive(Debug, Clone)]
pub(super) struct LabelFormatter(Arc<[(NameId, Source)]>);

impl LabelFormatter {
    /// Compiles the assignments; a target may occur once.
    pub(super) fn compile(
        list: &[LabelFormat],
        names: &mut StaticNames,
    ) -> Result<LabelFormatter, StageError> {
        let mut formats: Vec<(NameId, Source)> = Vec::new();
        for format in list {
            let target = &format.target;
            if target == ERROR {
                return Err(StageError(format!("{ERROR} cannot be formatted")));
            }
            let id = names.id(target);
            if formats.iter().any(|(other, _)| *other == id) {
                let text = format!(
                    "multiple label name '{target}' not allowed in a single format operation"
                );
                return Err(StageError(text));
            }
            let source = match &format.source {
                LabelFormatSource::Label(label) => Source::Label(names.id(label)),
                LabelFormatSource::Template(text) => {
                    Source::Template(Template::compile("label", text).map_err(|e| {
                        StageError(format!("invalid template for label '{target}': {e}"))
                    })?)
                }
            };
            formats.push((id, source));
        }
        Ok(LabelFormatter(formats.into()))
    }

    /// Labels it may set or rename away.
    pub(super) fn names(&self) -> impl Iterator<Item = NameId> {
        self.0.iter().flat_map(|(target, source)| match source {
            Source::Label(from) => [*target, *from],
            Source::Template(_) => [*target, *target],
        })
    }

    /// Sets the labels, marking the line when a template fails; never drops it.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        state.spans.clear();
        let mut rendered = 0;
        for (target, source) in self.0.iter() {
            match source {
                Source::Label(from) => rename(line, *from, *target),
                Source::Template(_) => {
                    if state.spans.is_empty() {
                        self.render_all(line, &mut state.spans);
                    }
                    if let Some(value) = state.spans[rendered] {
                        line.labels.set_parsed(*target, value);
                    }
                    rendered += 1;
                }
            }
        }
        true
    }

    /// Runs all templates on the labels as they are now; `None` for one that failed.
    fn render_all(&self, line: &mut Line<'_>, spans: &mut Vec<Option<Span>>) {
        let mut output = std::mem::take(line.output);
        for (_, source) in self.0.iter() {
            let Source::Template(template) = source else {
                continue;
            };
            output.clear();
            let result = template.execute(&line.context(), &mut output);
            spans.push(match result {
                Ok(()) => Some(line.labels.store(&output)),
                Err(error) => {
                    line.labels.set_error(TEMPLATE_ERROR, &error.to_string());
                    None
                }
            });
        }
        *line.output = output;
    }
}

/// Gives the label a new name; nothing happens when it is absent.
fn rename(line: &mut Line<'_>, from: NameId, to: NameId) {
    if let Some((value, _)) = line.labels.find(line.input, from) {
        line.labels.set_parsed(to, value);
        line.labels.delete(from);
    }
}
