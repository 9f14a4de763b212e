//! Pipeline tests run whole pipelines on small batches and check what comes out.

mod json;
mod label_filters;
mod properties;
mod samples;
mod stages;
mod steps;
mod work;

use super::*;
use crate::ast::Expr;
use skald_model::{Batch, BatchBuilder, Direction, Labels};
use std::fmt::Write;
use std::ops::ControlFlow;

/// The stages of a log query.
fn stages_of(text: &str) -> Vec<StageExpr> {
    match crate::parse(&format!("{{app=\"x\"}} {text}")).unwrap_or_else(|e| panic!("{text}: {e}")) {
        Expr::Log(log) => log.stages,
        Expr::Metric(_) => panic!("{text} is a metric query"),
    }
}

/// One entry: its metadata and line.
type Entry<'e> = (&'e [(&'e str, &'e str)], &'e [u8]);

fn batch_of(entries: &[Entry<'_>]) -> Batch {
    let mut builder = BatchBuilder::default();
    for (at, (metadata, line)) in entries.iter().enumerate() {
        builder.push(0, at as i64, line, metadata.iter().copied());
    }
    builder.finish()
}

/// Writes each entry as `line {stream labels, ~metadata, +parsed}`.
#[derive(Default)]
struct Shown(String);

impl RowSink for Shown {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let mut labels = Vec::new();
        row.labels.for_each(&mut |name, value, category| {
            let mark = match category {
                Category::Stream => "",
                Category::Metadata => "~",
                Category::Parsed => "+",
            };
            assert_eq!(row.labels.get(name), Some(value), "{name}");
            labels.push(format!("{mark}{name}={value}"));
        });
        let line = String::from_utf8_lossy(row.line);
        writeln!(self.0, "{line} {{{}}}", labels.join(", "))
            .expect("writing to a string does not fail");
        ControlFlow::Continue(())
    }
}

/// A pipeline that leaves each stage to its place: no line is dropped early.
fn patient(pipeline: &Pipeline) -> Pipeline {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    Pipeline {
        id,
        refuters: Vec::new(),
        watches: Vec::new(),
        ..pipeline.clone()
    }
}

/// Runs stages on entries of the stream `{app="x"}`, with and without `prefilter` and early drops,
/// which must agree.
fn run(text: &str, entries: &[Entry<'_>]) -> String {
    let pipeline = Pipeline::compile(&stages_of(text), &RequiredLabels::All)
        .unwrap_or_else(|e| panic!("{text}: {e}"));
    let (batch, stream) = (batch_of(entries), Labels::from_pairs([("app", "x")]));
    let mut scratch = Scratch::default();
    let patient = patient(&pipeline);
    let mut shown = [Shown::default(), Shown::default(), Shown::default()];
    for ((pipeline, prefiltered), shown) in
        [(&patient, false), (&pipeline, false), (&pipeline, true)]
            .into_iter()
            .zip(&mut shown)
    {
        let mut selection = Selection::all(batch.len());
        if prefiltered {
            pipeline.filter_lines(&batch, &mut selection, &mut scratch);
        }
        let _ = {
            let rows = StreamRows {
                batch: &batch,
                rows: 0..batch.len() as u32,
                stream: &stream,
                selection: &selection,
            };
            pipeline.run(&rows, Direction::Forward, &mut scratch, shown)
        };
    }
    let [patient, alone, prefiltered] = shown;
    assert_eq!(patient.0, alone.0, "{text}");
    assert_eq!(alone.0, prefiltered.0, "{text}");
    patient.0.trim_end().to_owned()
}

/// The error of stages that can't be compiled.
fn refusal(text: &str) -> String {
    Pipeline::compile(&stages_of(text), &RequiredLabels::All)
        .map(|_| ())
        .expect_err(text)
        .0
}

/// What stages make of a line, written as [`Shown`] writes it.
#[track_caller]
fn check(stages: &str, line: &str, expected: &str) {
    assert_eq!(
        run(stages, &[(&[], line.as_bytes())]),
        expected,
        "{stages} on {line}"
    );
}

/// The labels and the error that a stage leaves, without the stream's.
#[track_caller]
fn check_labels(stages: &str, line: &str, expected: &str) {
    let shown = run(stages, &[(&[], line.as_bytes())]);
    let labels = shown
        .strip_prefix(line)
        .and_then(|rest| rest.strip_prefix(" {"))
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or_else(|| panic!("{shown}"));
    let found: Vec<&str> = labels
        .split(", ")
        .filter(|label| *label != "app=x")
        .collect();
    assert_eq!(found.join(", "), expected, "{stages} on {line}");
}
