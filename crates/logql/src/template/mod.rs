//! Go's text/template with Loki's functions, for `line_format` and `label_format`.

/// A compiled template.
#[derive(Debug)]
pub struct Template {}

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
    pub fn compile(_name: &str, _text: &str) -> Result<Template, TemplateError> {
        todo!()
    }

    /// Appends the output to `out`; on error `out` is as before.
    pub fn execute(&self, _context: &dyn Context, _out: &mut Vec<u8>) -> Result<(), TemplateError> {
        todo!()
    }

    /// Labels the template reads; `None` when it may read any (`{{ . }}`, `range`, `index .`).
    pub fn labels_read(&self) -> Option<Vec<String>> {
        todo!()
    }
}
