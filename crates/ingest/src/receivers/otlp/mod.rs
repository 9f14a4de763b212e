//! OTLP logs as Loki maps them: some attributes become labels, most metadata; `OtlpRules` says
//! which.
//!
//! Two steps. [`logs`] parses a request and flattens what the records of a resource and of a scope
//! share, once; [`weight`] tells what that takes. [`streams`] makes streams and entries that borrow
//! from it. [`receiver`] and [`response`] say what became of them.

mod json;
mod logs;
mod messages;
mod receiver;
mod response;
mod streams;
mod value;
mod weight;

pub(crate) use receiver::Otlp;
pub(crate) use response::details;
