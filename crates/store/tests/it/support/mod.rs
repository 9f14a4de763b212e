//! What the store's tests share: a model of entries, pushing them, and reading everything back.

#![allow(
    unreachable_pub,
    reason = "a module of the test binary, whose items are public to it"
)]

use skald_model::{
    Batch, Columns, ContentQuery, Labels, Matcher, StreamId, TenantId, TimeRange, WriteBatch,
    WriteEntry, WriteStream,
};
use skald_store::clock::Clock;
use skald_store::{DeleteCompiler, DeletePredicate, Options, ReadSpec, Select, Store, WriteError};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};

pub mod bucket;
pub mod s3;

/// Where parts of a test lie once they are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the data directory.
    Disk,
    /// In a bucket of the directory's own, and none of them here.
    Bucket,
}

/// How tests open a directory: nothing happens in the background.
pub fn options(data: &Path, home: Home) -> Options {
    match home {
        Home::Disk => Options {
            background: false,
            ..Options::new(data)
        },
        Home::Bucket => bucket::options(data, bucket::objects(bucket::of_folder(data))),
    }
}

/// Flushes and, where there is object storage, uploads.
pub fn flush(store: &Store) {
    store.flush().expect("flushing works");
    store.upload().expect("uploading works");
}

/// Merges and, where there is object storage, uploads.
pub fn compact(store: &Store) {
    store.compact().expect("compacting works");
    store.upload().expect("uploading works");
}

/// An entry as the tests think of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    pub labels: Labels,
    pub time: i64,
    pub line: Vec<u8>,
    pub metadata: Vec<(String, String)>,
}

/// An entry of the stream `{app="<app>"}` without metadata.
pub fn fact(app: &str, time: i64, line: &str) -> Fact {
    Fact {
        labels: Labels::from_pairs([("app", app)]),
        time,
        line: line.as_bytes().to_vec(),
        metadata: Vec::new(),
    }
}

/// The push of these entries; neighbours of one stream share its row range.
pub fn batch(facts: &[Fact]) -> WriteBatch<'_> {
    let mut batch = WriteBatch::default();
    for fact in facts {
        let row = batch.entries.len() as u32;
        match batch.streams.last_mut() {
            Some(stream) if stream.labels == fact.labels => stream.rows.end += 1,
            _ => batch.streams.push(WriteStream {
                id: StreamId::of(&fact.labels),
                labels: fact.labels.clone(),
                rows: row..row + 1,
            }),
        }
        let first = batch.metadata.len() as u32;
        batch.metadata.extend(
            fact.metadata
                .iter()
                .map(|(n, v)| (n.as_str().into(), v.as_str().into())),
        );
        let metadata = first..batch.metadata.len() as u32;
        batch.entries.push(WriteEntry {
            timestamp: fact.time,
            line: &fact.line,
            metadata,
        });
    }
    batch
}

/// Pushes and waits for the acknowledgement.
pub fn push(store: &Store, facts: &[Fact]) -> Result<(), WriteError> {
    begin_push(store, &TenantId::fake(), facts)?
        .recv()
        .expect("a push is always answered")
}

/// Pushes; the acknowledgement comes later.
pub fn begin_push(
    store: &Store,
    tenant: &TenantId,
    facts: &[Fact],
) -> Result<mpsc::Receiver<Result<(), WriteError>>, WriteError> {
    let (sender, receiver) = mpsc::channel();
    // A test that has seen enough may have stopped listening.
    let done = Box::new(move |result| drop(sender.send(result)));
    store.write(tenant, &batch(facts), done)?;
    Ok(receiver)
}

/// A clock that stands still until a test advances it.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance(&self, nanoseconds: i64) {
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Deletes of the tests: `app` is every entry of `{app="<app>"}`, `app word` those whose lines have
/// the word. What comes after a `#` only makes requests distinct.
pub fn test_deletes() -> DeleteCompiler {
    DeleteCompiler::new(|text| {
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        let (app, word) = text.split_once(' ').unwrap_or((text, ""));
        if app.is_empty() {
            return Err("no app".to_owned());
        }
        let matchers = vec![Matcher::equal("app", app)];
        Ok(Arc::new(TestDelete {
            matchers,
            word: word.to_owned(),
            content: ContentQuery::default(),
        }))
    })
}

#[derive(Debug)]
struct TestDelete {
    matchers: Vec<Matcher>,
    word: String,
    content: ContentQuery,
}

impl DeletePredicate for TestDelete {
    fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    fn columns(&self) -> Option<&Columns> {
        (!self.word.is_empty()).then_some(&Columns::ALL)
    }

    fn content(&self) -> &ContentQuery {
        &self.content
    }

    fn matching(&self, _: &Labels, batch: &Batch, rows: Range<u32>) -> Vec<u32> {
        let has_word = |row: &u32| {
            batch
                .line(*row)
                .windows(self.word.len())
                .any(|w| w == self.word.as_bytes())
        };
        rows.filter(has_word).collect()
    }
}

/// Everything read back, with repeats across pieces dropped as readers must.
pub fn read_all(store: &Store) -> BTreeSet<Fact> {
    read_tenant(store, &TenantId::fake()).into_iter().collect()
}

/// Everything a tenant has.
pub fn read_tenant(store: &Store, tenant: &TenantId) -> Vec<Fact> {
    read_of(store, tenant, &[], TimeRange::ALL, &ContentQuery::default())
}

/// What a selection reads back, in order of (labels, time, sequence, row).
pub fn read(
    store: &Store,
    matchers: &[Matcher],
    range: TimeRange,
    content: &ContentQuery,
) -> Vec<Fact> {
    read_of(store, &TenantId::fake(), matchers, range, content)
}

fn read_of(
    store: &Store,
    tenant: &TenantId,
    matchers: &[Matcher],
    range: TimeRange,
    content: &ContentQuery,
) -> Vec<Fact> {
    let selected = store
        .select(
            tenant,
            &Select {
                matchers,
                range,
                content,
            },
        )
        .expect("selecting works");
    assert_eq!(selected.warnings, Vec::<String>::new());
    let mut rows = Vec::new();
    for piece in &selected.pieces {
        let found = piece
            .read(&ReadSpec::all(&Columns::ALL), None)
            .expect("reading works");
        let batch = &found.batch;
        for run in &found.runs {
            let labels = &selected.streams[run.stream as usize].labels;
            let mut times = Vec::new();
            for row in run.rows.clone() {
                let time = batch.timestamps[row as usize];
                times.push(time);
                let metadata = batch
                    .metadata_of(row)
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
                    .collect();
                let fact = Fact {
                    labels: labels.clone(),
                    time,
                    line: batch.line(row).to_vec(),
                    metadata,
                };
                if range.contains(time) {
                    rows.push((fact.labels.clone(), time, piece.sequence, row, fact));
                }
            }
            let told = &piece.runs[run.run];
            if told.whole {
                assert_eq!(
                    (times.iter().min(), times.iter().max()),
                    (Some(&told.min_time), Some(&told.max_time))
                );
            }
            assert!(!piece.sorted || times.is_sorted());
        }
    }
    rows.sort_by(|a, b| (&a.0, a.1, a.2, a.3).cmp(&(&b.0, b.1, b.2, b.3)));
    rows.into_iter().map(|r| r.4).collect()
}
