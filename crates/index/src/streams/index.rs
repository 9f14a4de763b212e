//! The stream index opens, adds and finds streams.

use super::select;
use super::terms::{pair_term, truncate};
use crate::error::IndexError;
use skald_model::{Labels, Matcher, StreamId};
use std::path::Path;
use std::sync::Mutex;
use tantivy::schema::{BytesOptions, Field, STORED, Schema, Value};
use tantivy::{Index, IndexReader, ReloadPolicy, Searcher, TantivyDocument, Term};

/// Heap of a writer, in bytes: the least tantivy takes. A million streams are a few commits of it.
const WRITER_HEAP_BYTES: usize = 20_000_000;

/// What else adding takes: a stream's place among those that are new, and the last of them on their
/// way to the writer.
const ADDED_STREAM_BYTES: usize = 40;
const ADDING_BYTES: usize = 4 << 20;

/// Blocks of stored labels kept inflated by a reader, 16 KiB each.
const STORED_BLOCKS_CACHED: usize = 64;

/// The fields of a document.
#[derive(Clone, Copy)]
struct IndexFields {
    id: Field,
    pair: Field,
    labels: Field,
}

/// Matchers → streams. Internally locked; shared by threads.
pub struct StreamIndex {
    index: Index,
    reader: IndexReader,
    fields: IndexFields,
    /// Held while streams are added.
    adding: Mutex<()>,
}

impl From<tantivy::TantivyError> for IndexError {
    fn from(error: tantivy::TantivyError) -> IndexError {
        IndexError::Tantivy(error.to_string())
    }
}

fn schema() -> (Schema, IndexFields) {
    let mut builder = Schema::builder();
    let id = builder.add_bytes_field("id", BytesOptions::default().set_indexed());
    let pair = builder.add_bytes_field("pair", BytesOptions::default().set_indexed());
    let labels = builder.add_bytes_field("labels", STORED);
    (builder.build(), IndexFields { id, pair, labels })
}

impl StreamIndex {
    /// Opens or creates the index in a folder; an unreadable one is an error (the caller removes
    /// and rebuilds it from parts).
    pub fn open(folder: &Path) -> Result<StreamIndex, IndexError> {
        std::fs::create_dir_all(folder)?;
        let (schema, fields) = schema();
        let directory =
            tantivy::directory::MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
        let index = Index::open_or_create(directory, schema)?;
        let damaged = index.validate_checksum()?;
        if let Some(file) = damaged.iter().next() {
            return Err(IndexError::Damaged(format!(
                "checksum of {} is wrong",
                file.display()
            )));
        }
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(STORED_BLOCKS_CACHED)
            .try_into()?;
        Ok(StreamIndex {
            index,
            reader,
            fields,
            adding: Mutex::new(()),
        })
    }

    /// Bytes of memory that adding `streams` streams takes at most.
    pub fn adding_bytes(streams: usize) -> usize {
        WRITER_HEAP_BYTES + ADDING_BYTES + streams * ADDED_STREAM_BYTES
    }

    /// Adds streams that are not in yet and commits; adding one twice is harmless.
    pub fn add(
        &self,
        streams: &mut dyn Iterator<Item = (StreamId, Labels)>,
    ) -> Result<(), IndexError> {
        let _adding = self
            .adding
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let searcher = self.reader.searcher();
        let mut new = hashbrown::HashSet::new();
        let mut writer = None;
        for (id, labels) in streams {
            if new.contains(&id) || self.holds(&searcher, id)? {
                continue;
            }
            new.insert(id);
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(self.index.writer_with_num_threads(1, WRITER_HEAP_BYTES)?),
            };
            writer.add_document(self.document(id, &labels))?;
        }
        if let Some(mut writer) = writer {
            writer.commit()?;
            writer.wait_merging_threads()?;
            self.reader.reload()?;
        }
        Ok(())
    }

    fn holds(&self, searcher: &Searcher, id: StreamId) -> Result<bool, IndexError> {
        let term = Term::from_field_bytes(self.fields.id, &id.0.to_be_bytes());
        for segment in searcher.segment_readers() {
            if segment
                .inverted_index(self.fields.id)?
                .get_term_info(&term)?
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn document(&self, id: StreamId, labels: &Labels) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_bytes(self.fields.id, &id.0.to_be_bytes());
        for (name, value) in labels {
            document.add_bytes(self.fields.pair, truncate(name.as_bytes()));
            document.add_bytes(self.fields.pair, truncate(&pair_term(name, value)));
        }
        document.add_bytes(self.fields.labels, labels.as_bytes());
        document
    }

    /// Streams whose labels satisfy all matchers (all streams when there are none), in no order.
    pub fn find(&self, matchers: &[Matcher]) -> Result<Vec<(StreamId, Labels)>, IndexError> {
        Ok(self.find_at_most(matchers, usize::MAX)?.unwrap_or_default())
    }

    /// Streams whose labels satisfy all matchers; `None`, before any labels are fetched, when more
    /// than `limit` are candidates.
    pub fn find_at_most(
        &self,
        matchers: &[Matcher],
        limit: usize,
    ) -> Result<Option<Vec<(StreamId, Labels)>>, IndexError> {
        let searcher = self.reader.searcher();
        let mut segments = Vec::new();
        let mut candidates = 0;
        for segment in searcher.segment_readers() {
            let selected = select::select(
                &*segment.inverted_index(self.fields.pair)?,
                segment.max_doc(),
                matchers,
            )?;
            candidates += selected.docs.count();
            if candidates > limit {
                return Ok(None);
            }
            segments.push((segment, selected));
        }
        let mut found = Vec::new();
        for (segment, selected) in segments {
            let store = segment.get_store_reader(STORED_BLOCKS_CACHED)?;
            for doc in selected.docs.iter() {
                let labels = self.labels_of(store.get(doc)?)?;
                let matches = |m: &&Matcher| m.matches(labels.get(&m.name).unwrap_or(""));
                if selected.unchecked.iter().all(matches) {
                    found.push((StreamId::of(&labels), labels));
                }
            }
        }
        Ok(Some(found))
    }

    fn labels_of(&self, document: TantivyDocument) -> Result<Labels, IndexError> {
        let bytes = document
            .get_first(self.fields.labels)
            .and_then(|value| value.as_bytes());
        bytes
            .and_then(Labels::from_bytes)
            .ok_or_else(|| IndexError::Damaged("a stream has no labels".to_owned()))
    }

    /// Streams in the index.
    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
