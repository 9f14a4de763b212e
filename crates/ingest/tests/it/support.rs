//! An ingest over a store in a temporary folder, and questions about what it stored.

use skald_ingest::{Ingest, IngestLimits, Protocol, PushReply, PushRequest};
use skald_model::{Columns, ContentQuery, Matcher, TenantId, TimeRange};
use skald_store::{Options, Select, Store};
use std::sync::Arc;

/// Now, in nanoseconds since 1970; later than all recorded entries but the one of the year 2100.
pub(crate) const NOW: i64 = 4_000_000_000_000_000_000;

/// An entry as it is stored: time, line, metadata as `name=value` with blanks between.
pub(crate) type StoredEntry = (i64, Vec<u8>, String);

pub(crate) struct Bed {
    pub(crate) ingest: Ingest,
    pub(crate) store: Arc<Store>,
    limits: IngestLimits,
    folder: tempfile::TempDir,
}

impl Bed {
    /// With default limits.
    pub(crate) fn new() -> Bed {
        Bed::with(IngestLimits::default())
    }

    pub(crate) fn with(limits: IngestLimits) -> Bed {
        let folder = tempfile::tempdir().expect("temporary folder");
        Bed::over(folder, limits)
    }

    fn over(folder: tempfile::TempDir, limits: IngestLimits) -> Bed {
        let store = Arc::new(Store::open(Options::new(folder.path())).expect("store opens"));
        Bed {
            ingest: Ingest::new(Arc::clone(&store), limits.clone(), || NOW),
            store,
            limits,
            folder,
        }
    }

    /// Another process over the same folder, which replays the write-ahead log.
    pub(crate) fn restarted(self) -> Bed {
        let Bed {
            ingest,
            store,
            limits,
            folder,
        } = self;
        store.close(false).expect("the store closes");
        let held = Arc::downgrade(&store);
        drop((ingest, store));
        while held.strong_count() > 0 {
            std::thread::yield_now();
        }
        Bed::over(folder, limits)
    }

    /// Pushes; gives the status and the text of the answer, of OTLP too.
    pub(crate) async fn push(
        &self,
        protocol: Protocol,
        content_type: &str,
        content_encoding: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> (u16, String) {
        let request = PushRequest {
            content_type: Some(content_type.to_owned()).filter(|text| !text.is_empty()),
            content_encoding: content_encoding.map(str::to_owned),
            ..PushRequest::new(protocol, body.into())
        };
        let PushReply { status, body, .. } = self.ingest.push(&TenantId::fake(), request).await;
        let text = match protocol {
            Protocol::Otlp => {
                use prost::Message;
                let status = skald_ingest::proto_types::Status::decode(body.as_slice());
                status.expect("the answer is a status").message
            }
            _ => String::from_utf8(body).expect("answers are text"),
        };
        (status, text.trim_end().to_owned())
    }

    /// All entries of streams with `name="value"`, sorted.
    pub(crate) fn stored(&self, name: &str, value: &str) -> Vec<StoredEntry> {
        let matchers = [Matcher::equal(name, value)];
        let select = Select {
            matchers: &matchers,
            range: TimeRange::ALL,
            content: &ContentQuery::default(),
        };
        let mut rows = Vec::new();
        let selected = self.store.select(&TenantId::fake(), &select);
        for piece in selected.expect("store is readable").pieces {
            let found = piece
                .read(&skald_store::ReadSpec::all(&Columns::ALL), None)
                .expect("piece is readable");
            let batch = &found.batch;
            for row in found.runs.iter().flat_map(|run| run.rows.clone()) {
                let metadata: Vec<String> = batch
                    .metadata_of(row)
                    .map(|(n, v)| format!("{n}={v}"))
                    .collect();
                rows.push((
                    batch.timestamps[row as usize],
                    batch.line(row).to_vec(),
                    metadata.join(" "),
                ));
            }
        }
        rows.sort();
        rows
    }
}
