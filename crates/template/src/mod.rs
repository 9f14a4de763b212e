//! Templates run Go's text/template with Loki's functions, for `line_format` and `label_format`.
//!
//! A [`Template`] is compiled once: `lexer` → `parse` → `ast`, regexes included. `exec` walks the
//! tree for each entry, calling `function`s on `value`s and printing as Go does (`print`). Nothing
//! a template or an entry holds makes it panic, loop or allocate without bound: see the limits in
//! `exec`.

use std::collections::HashMap;

mod ast;
mod decimal;
mod exec;
mod function;
mod inspect;
mod layout;
mod lexer;
mod number;
mod parse;
mod print;
pub(crate) mod printf_format;
mod time;
mod time_parse;
mod value;

#[cfg(test)]
mod tests;

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    name: String,
    source: String,
    templates: parse::Templates,
    /// The regexes that stand in the template, compiled, or why they can't be.
    regexes: HashMap<Vec<u8>, Result<regex::bytes::Regex, String>>,
    labels_read: Option<Vec<String>>,
}

/// What a template reads while it runs.
pub trait Context {
    /// The value of label `name`; `None` prints as nothing.
    fn label(&self, name: &str) -> Option<&str>;
    /// All labels, for `{{ . }}` and `range`; name and value, sorted by name.
    fn labels(&self) -> Vec<(&str, &str)>;
    /// `__line__`
    fn line(&self) -> &[u8];
    /// `__timestamp__`, nanoseconds since 1970.
    fn timestamp(&self) -> i64;
    /// `now`, nanoseconds since 1970 (given by the caller: this crate has no clock).
    fn now(&self) -> i64;
}

/// A template that can't be compiled or run, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl Template {
    /// Compiles a template; `name` is `line` or `label` and stands in messages.
    pub fn compile(name: &str, text: &str) -> Result<Template, TemplateError> {
        let templates = parse::parse(name, text)?;
        let findings = inspect::inspect(&templates);
        let regexes = findings
            .regexes
            .into_iter()
            .map(|pattern| (pattern.clone(), compile_regex(&pattern)))
            .collect();
        let labels_read = (!findings.whole).then_some(findings.labels);
        Ok(Template {
            name: name.to_owned(),
            source: text.to_owned(),
            templates,
            regexes,
            labels_read,
        })
    }

    /// Appends the output to `out`; on error `out` is as before.
    pub fn execute(&self, context: &dyn Context, out: &mut Vec<u8>) -> Result<(), TemplateError> {
        let start = out.len();
        exec::Executor::run(self, context, out).inspect_err(|_| out.truncate(start))
    }

    /// Labels the template reads; `None` when it may read any (`{{ . }}`, `range`, `index .`).
    pub fn labels_read(&self) -> Option<Vec<String>> {
        self.labels_read.clone()
    }
}

fn compile_regex(pattern: &[u8]) -> Result<regex::bytes::Regex, String> {
    let pattern = std::str::from_utf8(pattern)
        .map_err(|_| "error parsing regexp: invalid UTF-8".to_owned())?;
    skald_model::re2::search(pattern).map_err(|e| e.to_string())
}
