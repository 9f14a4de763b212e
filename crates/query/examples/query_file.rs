//! Runs a LogQL query over the lines of a file: `query_file app.log '{file="app.log"} | json |
//! status >= 500'`.
//!
//! The lines become one stream with the label `file`, a millisecond apart, in a store of their own
//! in a temporary directory. A log query prints its lines, a metric query its value over all of
//! them.

use skald_model::{Direction, Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_query::{
    Cancel, Data, Engine, InstantRequest, Parsed, QueryLimits, RangeRequest, delete_compiler,
};
use skald_store::{Options, Store};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

const MILLISECOND: i64 = 1_000_000;

/// Lines written at a time.
const PUSH_LINES: usize = 10_000;

/// Entries and bytes of an answer that are held at a time.
const PAGE_ENTRIES: usize = 20_000;
const PAGE_BYTES: usize = 16 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, query] = arguments.as_slice() else {
        return Err("usage: query_file FILE QUERY".into());
    };
    let query = Parsed::parse(query)?;
    let text = std::fs::read(path)?;
    let folder = tempfile::tempdir()?;
    let store = Arc::new(Store::open(Options {
        delete_compiler: delete_compiler(),
        ..Options::new(folder.path())
    })?);
    let end = load(&store, path, &text)?;
    let engine = Engine::new(store, QueryLimits::default(), || 0);
    let mut out = std::io::stdout().lock();
    if query.is_log() {
        let request = RangeRequest::new(TenantId::fake(), query, 0, end + 1)
            .direction(Direction::Forward)
            .limit(PAGE_ENTRIES);
        let mut page = engine.page(&request, PAGE_BYTES, &Cancel::default())?;
        loop {
            for entry in &page.entries {
                out.write_all(&entry.entry.line)?;
                out.write_all(b"\n")?;
            }
            let Some(cursor) = page.cursor else { break };
            let next = request.clone().after(Some(cursor));
            page = engine.page(&next, PAGE_BYTES, &Cancel::default())?;
        }
        return Ok(());
    }
    let request = InstantRequest::new(TenantId::fake(), query, end);
    match engine.query_instant(&request, &Cancel::default())?.data {
        Data::Vector(samples) => {
            for sample in samples {
                writeln!(out, "{} {}", sample.labels, sample.value)?;
            }
        }
        Data::Scalar(_, value) => writeln!(out, "{value}")?,
        Data::Streams(_) | Data::Matrix(_) => {}
    }
    Ok(())
}

/// Writes the lines of a text; gives the time of the last.
fn load(store: &Store, path: &str, text: &[u8]) -> Result<i64, Box<dyn Error>> {
    let labels = Labels::from_pairs([("file", path)]);
    let lines = text.split(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let mut time = 0;
    for lines in lines.chunks(PUSH_LINES) {
        let mut entries = Vec::with_capacity(lines.len());
        for line in lines {
            time += MILLISECOND;
            entries.push((time, *line));
        }
        push(store, &labels, &entries)?;
    }
    Ok(time)
}

/// Writes entries of one stream, times and lines, and waits until they are on disk.
fn push(store: &Store, labels: &Labels, entries: &[(i64, &[u8])]) -> Result<(), Box<dyn Error>> {
    let batch = WriteBatch {
        streams: vec![WriteStream {
            id: StreamId::of(labels),
            labels: labels.clone(),
            rows: 0..u32::try_from(entries.len())?,
        }],
        entries: entries
            .iter()
            .map(|(timestamp, line)| WriteEntry {
                timestamp: *timestamp,
                line,
                metadata: 0..0,
            })
            .collect(),
        ..WriteBatch::default()
    };
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| drop(sender.send(result)));
    store.write(&TenantId::fake(), &batch, done)?;
    receiver.recv()??;
    Ok(())
}
