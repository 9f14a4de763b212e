//! The error of a template names the place and says in Go's words what is wrong.

/// A template that can't be compiled or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);
