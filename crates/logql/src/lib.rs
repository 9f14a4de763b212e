//! LogQL, from the text of a query to answers: parser, compiled stages, operators of metrics.
//!
//! The path of a query: [`syntax`] parses text into [`ast`], [`typed`] resolves names and compiles
//! regexes and templates, [`pipeline`] runs stages over a [`skald_model::Batch`], [`metric`] turns
//! samples into series. Pure: no files, clocks, threads or async, and no knowledge of the store.
//!
//! ```
//! use skald_logql::pipeline::{Row, RowSink, Scratch, Selection, StreamRows};
//! use skald_logql::typed::{Options, Query, compile};
//! use skald_model::{BatchBuilder, Direction, Labels};
//! use std::ops::ControlFlow;
//!
//! // Text to a query that can run.
//! let expr = skald_logql::parse(r#"{app="api"} | json | status >= 500 | line_format "{{.msg}}""#)?;
//! let Query::Log(query) = compile(&expr, &Options::default())? else { unreachable!("it asks for lines") };
//!
//! // Two lines of the stream {app="api"}.
//! let mut batch = BatchBuilder::default();
//! for (time, line) in [(1, r#"{"status":200,"msg":"fine"}"#), (2, r#"{"status":503,"msg":"down"}"#)] {
//!     batch.push(0, time, line.as_bytes(), std::iter::empty::<(&str, &str)>());
//! }
//! let batch = batch.finish();
//!
//! // The lines that come through, as the stages left them.
//! struct Lines(Vec<String>);
//! impl RowSink for Lines {
//!     fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
//!         self.0.push(String::from_utf8_lossy(row.line).into_owned());
//!         ControlFlow::Continue(())
//!     }
//! }
//! let mut lines = Lines(Vec::new());
//! let rows = StreamRows {
//!     batch: &batch,
//!     rows: 0..batch.len() as u32,
//!     stream: &Labels::from_pairs([("app", "api")]),
//!     selection: &Selection::all(batch.len()),
//! };
//! let (mut scratch, forward) = (Scratch::default(), Direction::Forward);
//! let _ = query.pipeline.run(&rows, forward, &mut scratch, &mut lines);
//! assert_eq!(lines.0, ["down"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/filter_file.rs` does the same over the lines of a file.

pub mod ast;
pub mod metric;
pub mod pipeline;
mod plan;
pub mod syntax;
pub mod typed;

pub use syntax::{parse, parse_selector};
