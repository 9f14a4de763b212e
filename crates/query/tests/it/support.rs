//! Scaffolding: stores, pushes and questions.

use skald_model::{Labels, StreamId, TenantId, WriteBatch, WriteEntry, WriteStream};
use skald_query::{
    Answer, Cancel, Data, Engine, Parsed, QueryLimits, RangeRequest, delete_compiler,
};
use skald_store::{Options, Store};
use std::path::Path;
use std::sync::{Arc, mpsc};

/// An entry to push.
pub(crate) struct Pushed {
    pub(crate) labels: Labels,
    /// Nanoseconds.
    pub(crate) time: i64,
    pub(crate) line: Vec<u8>,
    pub(crate) metadata: Vec<(String, String)>,
}

impl Pushed {
    pub(crate) fn new(labels: &[(&str, &str)], time: i64, line: impl Into<Vec<u8>>) -> Pushed {
        Pushed {
            labels: Labels::from_pairs(labels.iter().copied()),
            time,
            line: line.into(),
            metadata: Vec::new(),
        }
    }

    pub(crate) fn metadata(mut self, name: &str, value: &str) -> Pushed {
        self.metadata.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Pushes entries and waits until they are on disk.
pub(crate) fn push(store: &Store, tenant: &TenantId, entries: &[Pushed]) {
    let mut batch = WriteBatch::default();
    for entry in entries {
        let (row, first) = (batch.entries.len() as u32, batch.metadata.len() as u32);
        batch.streams.push(WriteStream {
            id: StreamId::of(&entry.labels),
            labels: entry.labels.clone(),
            rows: row..row + 1,
        });
        let metadata = entry.metadata.iter();
        batch
            .metadata
            .extend(metadata.map(|(name, value)| (name.as_str().into(), value.as_str().into())));
        batch.entries.push(WriteEntry {
            timestamp: entry.time,
            line: &entry.line,
            metadata: first..batch.metadata.len() as u32,
        });
    }
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| sender.send(result).expect("the test waits"));
    store
        .write(tenant, &batch, done)
        .expect("the store takes writes");
    receiver
        .recv()
        .expect("a push is always answered")
        .expect("the disk takes it");
}

/// A store without threads of its own.
pub(crate) fn open(path: &Path) -> Arc<Store> {
    let options = Options {
        background: false,
        delete_compiler: delete_compiler(),
        ..Options::new(path)
    };
    Arc::new(Store::open(options).expect("the directory opens"))
}

/// An engine on `threads` threads.
pub(crate) fn engine(store: &Arc<Store>, threads: usize, clock: fn() -> i64) -> Engine {
    let limits = QueryLimits {
        threads,
        ..QueryLimits::default()
    };
    Engine::new(Arc::clone(store), limits, clock)
}

/// A query that parses.
pub(crate) fn parsed(query: &str) -> Parsed {
    Parsed::parse(query).expect("the query is good")
}

/// A `query_range` of the tenant `fake`.
pub(crate) fn range(query: &str, start: i64, end: i64) -> RangeRequest {
    RangeRequest::new(TenantId::fake(), parsed(query), start, end)
}

/// The answer to a request that is good.
pub(crate) fn answer(engine: &Engine, request: &RangeRequest) -> Answer {
    engine
        .query_range(request, &Cancel::default())
        .expect("the query is good")
}

/// Times and lines of a log query's answer, by time.
pub(crate) fn lines(engine: &Engine, request: &RangeRequest) -> Vec<(i64, String)> {
    let Data::Streams(streams) = answer(engine, request).data else {
        panic!("a log query gives streams")
    };
    let mut lines: Vec<(i64, String)> = streams
        .into_iter()
        .flat_map(|stream| stream.entries)
        .map(|entry| {
            (
                entry.timestamp,
                String::from_utf8_lossy(&entry.line).into_owned(),
            )
        })
        .collect();
    lines.sort();
    lines
}
