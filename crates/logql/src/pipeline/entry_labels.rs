//! `EntryLabels` shows the labels of an entry after the pipeline, `__error__` included.

use super::labels::{Category, ERROR, ERROR_DETAILS, LabelSet};
use super::span::Input;

/// Labels of one entry after the pipeline. Lives only as long as the sink's call.
#[derive(Clone, Copy, Debug)]
pub struct EntryLabels<'a> {
    pub(super) set: &'a LabelSet,
    pub(super) input: Input<'a>,
}

impl EntryLabels<'_> {
    /// The visible value of `name`; a failure hides a label that a line gave the failure's name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let failure = match name {
            ERROR => self.set.error(),
            ERROR_DETAILS => self.set.details(self.input),
            _ => "",
        };
        if !failure.is_empty() {
            return Some(failure);
        }
        let id = self.set.known(name)?;
        self.set
            .find(self.input, id)
            .map(|(span, _)| self.set.text(self.input, span))
    }

    /// Whether a stage failed on the entry: it carries `__error__`.
    pub fn has_error(&self) -> bool {
        !self.set.error().is_empty()
    }

    /// Every label with its category, sorted by name, `__error__` among them when set.
    pub fn for_each(&self, f: &mut dyn FnMut(&str, &str, Category)) {
        let errors = [
            (ERROR, self.set.error()),
            (ERROR_DETAILS, self.set.details(self.input)),
        ];
        let mut errors = errors
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .peekable();
        self.set.with_sorted(self.input, |items| {
            for item in items {
                let name = self.set.names.text(item.name);
                let mut hidden = false;
                while let Some((error, value)) = errors.next_if(|(error, _)| *error <= name) {
                    hidden = error == name;
                    f(error, value, Category::Parsed);
                }
                if !hidden {
                    f(name, self.set.text(self.input, item.value), item.category);
                }
            }
        });
        for (error, value) in errors {
            f(error, value, Category::Parsed);
        }
    }
}
