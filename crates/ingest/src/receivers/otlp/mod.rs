//! OTLP logs as Loki maps them: some attributes become labels, most metadata; `OtlpRules` says
//! which.
//!
//! Two steps. [`logs`] parses a request and flattens what the records of a resource and of a scope
//! share, once; [`weight`] tells what that takes. [`streams`] makes streams and entries that borrow
//! from it. [`receiver`] says what became of them.

mod json;
mod logs;
mod receiver;
mod streams;
mod value;
mod weight;

pub(crate) use receiver::LokiOtlp;
