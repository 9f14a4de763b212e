//! The abstract syntax of LogQL holds what was written, with nothing resolved.
//!
//! Two trees are equal when they mean the same text: spans never take part in comparison, so that
//! `parse(print(ast)) == ast` can be said in a test.

mod log;
mod metric;

pub use log::*;
pub use metric::*;

/// Bytes of the query text a node came from; equal to every other span.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte after.
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}

/// A whole query.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Lines out.
    Log(LogExpr),
    /// Numbers out.
    Metric(MetricExpr),
}
