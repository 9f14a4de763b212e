//! Runs the stages of a LogQL query over the lines of a file and prints what comes through.
//!
//! ```text
//! cargo run -p skald-logql --example filter_file -- app.log '{} | json | status >= 500 | line_format "{{.msg}}"'
//! ```
//!
//! The file is one stream without labels, so the selector is `{}`; lines are numbered as their
//! times. The query is read, compiled once, and run over 4,096 lines at a time: memory does not
//! grow with the file.

use skald_logql::pipeline::{Row, RowSink, Scratch, Selection, StreamRows};
use skald_logql::typed::{self, LogQuery, Query};
use skald_model::{Batch, BatchBuilder, Direction, Labels};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Lines a batch.
const BATCH_LINES: usize = 4096;

fn main() -> ExitCode {
    match filter_file() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn filter_file() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, query] = arguments.as_slice() else {
        return Err("usage: filter_file FILE QUERY".into());
    };
    let query = compile(query)?;
    let mut lines = BufReader::new(File::open(path)?).split(b'\n');
    let mut printer = Printer(BufWriter::new(io::stdout().lock()));
    let mut scratch = Scratch::default();
    let mut number = 0;
    loop {
        let mut batch = BatchBuilder::default();
        for line in lines.by_ref().take(BATCH_LINES) {
            batch.push(0, number, &line?, std::iter::empty::<(&str, &str)>());
            number += 1;
        }
        let batch = batch.finish();
        if batch.is_empty() || run(&query, &batch, &mut scratch, &mut printer).is_break() {
            break;
        }
    }
    Ok(printer.0.flush()?)
}

/// Reads a log query. Errors name the place in the text and often the fix.
fn compile(text: &str) -> Result<LogQuery, Box<dyn Error>> {
    match typed::compile(&skald_logql::parse(text)?, &typed::Options::default())? {
        Query::Log(query) => Ok(query),
        Query::Metric(_) => Err("a query for lines is needed, not one for numbers".into()),
    }
}

/// Takes a batch through the stages: leading line filters on all lines at once, the rest line by
/// line.
fn run(
    query: &LogQuery,
    batch: &Batch,
    scratch: &mut Scratch,
    printer: &mut Printer<'_>,
) -> ControlFlow<()> {
    let mut selection = Selection::all(batch.len());
    query.pipeline.filter_lines(batch, &mut selection, scratch);
    let rows = StreamRows {
        batch,
        rows: 0..batch.len() as u32,
        stream: &Labels::empty(),
        selection: &selection,
    };
    query
        .pipeline
        .run(&rows, Direction::Forward, scratch, printer)
        .unwrap_or(ControlFlow::Break(()))
}

/// Writes lines with the labels that stages found in them.
struct Printer<'o>(BufWriter<io::StdoutLock<'o>>);

impl RowSink for Printer<'_> {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let mut labels = String::new();
        row.labels
            .for_each(&mut |name, value, _| labels.push_str(&format!(" {name}={value:?}")));
        let line = String::from_utf8_lossy(row.line);
        match writeln!(self.0, "{}: {line}{labels}", row.timestamp + 1) {
            Ok(()) => ControlFlow::Continue(()),
            // The reader has gone, as `head` does.
            Err(_) => ControlFlow::Break(()),
        }
    }
}
