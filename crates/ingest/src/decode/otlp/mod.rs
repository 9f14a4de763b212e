//! OTLP logs as Loki maps them: some attributes become labels, most metadata; `OtlpRules` says
//! which.
//!
//! Two steps. [`logs`] parses a request and flattens what the records of a resource and of a scope
//! share, once; [`weight`] tells what that takes. [`streams`] makes streams and entries that borrow
//! from it.

mod json;
pub(crate) mod logs;
pub(crate) mod streams;
mod value;
mod weight;
