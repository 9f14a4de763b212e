//! A tenant's stream index on tantivy, kept once a part has very many streams.
//!
//! A part's own table answers an equality by bisection and any other matcher by going through the distinct
//! values of the label; for a regex with few values or a common prefix the index goes straight to those in its
//! term dictionary. Derived data, filled in the background: a part counts as indexed only when all its streams
//! are in, and whatever is wrong with the index, the tables answer.

use crate::compaction::merge::Pace;
use crate::part::Part;
use crate::shared::Inner;
use crate::tenant::Tenant;
use skald_index::streams::is_narrow;
use skald_index::{IndexError, StreamIndex};
use skald_model::{Labels, MatchOp, Matcher, StreamId};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Streams that are added between two looks at the pace.
const PACE_STREAMS: u32 = 4096;
/// Of the streams of a part, one in so many may be found for looking them up one by one to pay.
const FOUND_SHARE: usize = 16;

/// The index, and the parts whose streams are all in it.
pub(crate) struct IndexedStreams {
    index: Arc<StreamIndex>,
    parts: HashSet<u64>,
}

impl std::fmt::Debug for IndexedStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedStreams")
            .field("streams", &self.index.len())
            .field("parts", &self.parts)
            .finish()
    }
}

/// What the index found for one query, asked at most once.
#[derive(Default)]
pub(crate) struct Found {
    labels: Option<Option<Vec<Labels>>>,
}

impl Found {
    /// For each stream of the part whether it matches; `None` when its own table should say.
    pub(crate) fn in_part(
        &mut self,
        indexed: Option<&IndexedStreams>,
        part: &Part,
        matchers: &[Matcher],
    ) -> Option<Vec<bool>> {
        let indexed =
            indexed.filter(|i| i.parts.contains(&part.meta.id) && is_regex_search(matchers))?;
        let few = part.table.len() / FOUND_SHARE;
        let found = self.labels.get_or_insert_with(|| {
            match indexed.index.find_at_most(matchers, few) {
                Ok(found) => {
                    found.map(|found| found.into_iter().map(|(_, labels)| labels).collect())
                }
                Err(error) => {
                    tracing::warn!(%error, "the stream index does not answer, stream tables do");
                    None
                }
            }
        });
        let found = found.as_ref().filter(|found| found.len() <= few)?;
        let mut matching = vec![false; part.table.len()];
        for stream in found.iter().filter_map(|labels| part.table.find(labels)) {
            matching[stream as usize] = true;
        }
        Some(matching)
    }
}

/// Whether a regex that the index need not walk all values for picks streams, and no equality does: tables answer
/// those, and searches for bytes inside of values, faster.
fn is_regex_search(matchers: &[Matcher]) -> bool {
    let selective = || matchers.iter().filter(|m| !m.matches_empty());
    let narrow = |m: &Matcher| m.op == MatchOp::Regex && is_narrow(m);
    selective().any(narrow) && !selective().any(|m| m.op == MatchOp::Equal)
}

/// Adds the streams of parts that have at least so many and are not in yet; when `pace` says stop, nothing counts
/// as added.
pub(crate) fn index_streams(inner: &Inner, tenant: &Tenant, pace: Pace<'_>) {
    let (parts, current) = {
        let state = tenant.state.lock();
        (state.parts.clone(), state.stream_index.clone())
    };
    let large: Vec<&Arc<Part>> = parts
        .iter()
        .filter(|p| p.table.len() >= inner.options.indexed_streams)
        .collect();
    let known = |part: &Part| {
        current
            .as_ref()
            .is_some_and(|c| c.parts.contains(&part.meta.id))
    };
    if large.iter().all(|part| known(part)) {
        return;
    }
    let folder = inner.layout.stream_index(&tenant.id);
    let mut going = true;
    let filled = current
        .as_ref()
        .map_or_else(|| open(inner, &folder), |c| Ok(c.index.clone()))
        .and_then(|index| {
            for part in large.iter().filter(|p| !known(p)) {
                let streams = (0..part.table.len() as u32).take_while(|stream| {
                    going = going && (stream % PACE_STREAMS != 0 || pace());
                    going
                });
                let labels = streams.map(|stream| part.table.labels(stream));
                index.add(&mut labels.map(|labels| (StreamId::of(&labels), labels)))?;
            }
            Ok(index)
        });
    if !going {
        return;
    }
    let next = match filled {
        Ok(index) => Some(Arc::new(IndexedStreams {
            index,
            parts: large.iter().map(|p| p.meta.id).collect(),
        })),
        Err(error) => {
            tracing::warn!(tenant = %tenant.id, %error, "the stream index can't be filled, stream tables answer");
            None
        }
    };
    tenant.state.lock().stream_index = next;
}

/// Opens the index; one that can't be read is made anew.
fn open(inner: &Inner, folder: &Path) -> Result<Arc<StreamIndex>, IndexError> {
    let opened = StreamIndex::open(folder).or_else(|error| {
        tracing::warn!(folder = %folder.display(), %error, "the stream index is made anew");
        inner.files.remove_folder(folder)?;
        StreamIndex::open(folder)
    });
    opened.map(Arc::new)
}
