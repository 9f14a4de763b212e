//! Templates of lines: those of LogQL's `line_format` and `label_format`.

use crate::compiled::Compiled;
use crate::error::TemplateError;
use crate::exec::Executor;
use crate::function::LINE;
use crate::parse::Names;
use crate::subject::{Context, Subject};

/// What such a template may name.
const NAMES: Names = Names {
    functions: LINE,
    variables: &[],
};

/// A compiled template.
#[derive(Debug)]
pub struct Template(Box<Compiled>);

impl Template {
    /// Compiles a template; `name` is `line` or `label` and stands in messages.
    pub fn compile(name: &str, text: &str) -> Result<Template, TemplateError> {
        let compiled = Compiled::new(name, text, NAMES)?;
        Ok(Template(Box::new(compiled)))
    }

    /// Appends the output to `out`; on error `out` is as before.
    pub fn execute(&self, context: &dyn Context, out: &mut Vec<u8>) -> Result<(), TemplateError> {
        let start = out.len();
        Executor::run(&self.0, Subject::Entry(context), out).inspect_err(|_| out.truncate(start))
    }

    /// Labels the template reads; `None` when it may read any (`{{ . }}`, `range`, `index .`).
    pub fn labels_read(&self) -> Option<Vec<String>> {
        let findings = &self.0.findings;
        (!findings.whole).then(|| findings.labels.clone())
    }
}
