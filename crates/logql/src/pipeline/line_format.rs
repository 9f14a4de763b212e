//! `| line_format "…"` replaces the line by a template's output.

use super::StageError;
use super::entry_labels::EntryLabels;
use super::labels::{ERROR, ERROR_DETAILS};
use crate::pipeline::current_line::Line;
use skald_template::{Context, Template};
use std::sync::Arc;

/// `__error__` of templates.
pub(super) const TEMPLATE_ERROR: &str = "TemplateFormatErr";

/// What a template sees of a line.
pub(super) struct LineContext<'l> {
    /// Labels.
    pub(super) labels: EntryLabels<'l>,
    /// Text.
    pub(super) line: &'l [u8],
    /// Nanoseconds since 1970.
    pub(super) timestamp: i64,
    /// The caller's now.
    pub(super) now: i64,
}

impl Context for LineContext<'_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        let EntryLabels { set, input } = self.labels;
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        set.with_sorted(input, |items| {
            pairs.extend(
                items
                    .iter()
                    .map(|item| (set.names.text(item.name), set.text(input, item.value))),
            );
        });
        for name in [ERROR, ERROR_DETAILS] {
            if let Some(value) = self.labels.get(name) {
                pairs.push((name, value));
            }
        }
        pairs.sort_unstable();
        pairs
    }

    fn line(&self) -> &[u8] {
        self.line
    }

    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn now(&self) -> i64 {
        self.now
    }
}

/// The line_format stage.
#[derive(Debug, Clone)]
pub(super) struct LineFormatter(Arc<Template>);

impl LineFormatter {
    /// Compiles the template.
    pub(super) fn compile(text: &str) -> Result<LineFormatter, StageError> {
        let template = Template::compile("line", text)
            .map_err(|e| StageError(format!("invalid line template: {e}")))?;
        Ok(LineFormatter(Arc::new(template)))
    }

    /// Rewrites the line, or marks it and leaves it; never drops it.
    pub(super) fn apply(&self, line: &mut Line<'_>) -> bool {
        let mut output = std::mem::take(line.output);
        output.clear();
        let result = self.0.execute(&line.context(), &mut output);
        *line.output = output;
        match result {
            Ok(()) => line.take_output(),
            Err(error) => line.labels.set_error(TEMPLATE_ERROR, &error.to_string()),
        }
        true
    }
}
