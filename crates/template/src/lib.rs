//! Go's text/template, for the lines of queries and for the labels and annotations of alerts.
//!
//! One engine, two tables of functions: [`Template`] runs over a line with Loki's functions,
//! [`AlertTemplate`] over an alert with Prometheus'. A template is compiled once: `lexer` → `parse` →
//! `ast`, regexes included. `exec` walks the tree, calling `function`s on `value`s and printing as Go
//! does (`print`). Nothing a template or what it runs over holds makes it panic, loop or allocate
//! without bound: steps, depth, output and questions are bounded (`exec`, `env`). [`go`] has Go's
//! textual conversions, which LogQL reads and writes by as well.
//!
//! ```
//! use skald_model::Labels;
//! use skald_template::{AlertContext, AlertSource, AlertTemplate, Sample, SampleLine};
//!
//! struct Source;
//!
//! impl AlertSource for Source {
//!     fn query(&self, _: &str) -> Result<Vec<Sample>, String> {
//!         Ok(Vec::new())
//!     }
//!     fn samples(&self, count: usize) -> Result<Vec<SampleLine>, String> {
//!         let line = "exec /bin/sh".to_owned();
//!         let line = SampleLine { timestamp: 0, labels: Labels::empty(), line };
//!         Ok(vec![line; count])
//!     }
//! }
//!
//! let template = AlertTemplate::parse(
//!     "{{ $value | humanize }} shells in {{ $labels.pod }}{{ range samples 1 }}: {{ . }}{{ end }}",
//! )?;
//! let context = AlertContext {
//!     labels: &Labels::from_pairs([("pod", "api-0")]),
//!     external_labels: &Labels::empty(),
//!     external_url: "http://skald:3100",
//!     value: 1500.0,
//!     timestamp: 0,
//!     source: &Source,
//! };
//! assert_eq!(template.expand(&context), "1.5k shells in api-0: exec /bin/sh");
//! # Ok::<(), skald_template::TemplateError>(())
//! ```

mod alert;
mod ast;
mod compiled;
mod decimal;
mod env;
mod error;
mod exec;
mod function;
pub mod go;
mod inspect;
mod layout;
mod lexer;
mod line;
mod number;
mod parse;
mod print;
mod printf_format;
mod regexes;
mod subject;
mod time;
mod time_parse;
mod value;

#[cfg(test)]
mod tests;

pub use alert::AlertTemplate;
pub use error::TemplateError;
pub use line::Template;
pub use subject::{AlertContext, AlertSource, Context, Sample, SampleLine};
