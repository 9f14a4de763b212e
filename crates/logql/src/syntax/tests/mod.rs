//! Tests of parsing and printing as a whole; those of the parts stand beside them.

mod canonical;
mod errors;
pub(crate) mod generate;
mod help;
mod line_filters;
mod ours;
mod properties;
