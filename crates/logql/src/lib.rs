//! LogQL: text → AST with spans → typed query; the stages that run on lines; the operators of metrics.
//!
//! The path of a query: [`syntax`] parses text into [`ast`], [`typed`] resolves names and compiles
//! regexes and templates, [`pipeline`] runs stages over a [`skald_model::Batch`], [`metric`] turns
//! samples into series. Pure: no files, clocks, threads or async, and no knowledge of the store.

pub mod ast;
mod go;
pub mod metric;
pub mod pipeline;
mod plan;
pub mod syntax;
pub mod template;
pub mod typed;

pub use syntax::{parse, parse_selector};
