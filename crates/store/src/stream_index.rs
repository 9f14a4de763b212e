//! Stream index: finds a tenant's streams by matchers on tantivy, once a part has very many
//! streams.
//!
//! A part's own table answers an equality by bisection and any other matcher by going through the
//! distinct values of the label; for a regex with few values or a common prefix the index goes
//! straight to those in its term dictionary. Derived data, filled in the background: a part counts
//! as indexed only when all its streams are in, and whatever is wrong with the index, the tables
//! answer.

use crate::part::Part;
use crate::tenant_dir::TenantDir;
use crate::throttle::Throttle;
use skald_index::streams::is_narrow;
use skald_index::{IndexError, StreamIndex};
use skald_model::{Budget, Held, Labels, MatchOp, Matcher, MemoryUser, StreamId};
use std::collections::HashSet;
use std::sync::Arc;

/// Streams that are added between two calls of the throttle.
const THROTTLE_STREAMS: u32 = 4096;
/// Looking found streams up one by one pays when they are at most this fraction of a part's, as a
/// divisor.
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

/// Asks the index for one query, at most once.
#[derive(Default)]
pub(crate) struct IndexLookup {
    labels: Option<Option<Vec<Labels>>>,
}

impl IndexLookup {
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

/// Whether a regex that the index need not walk all values for picks streams, and no equality does:
/// tables answer those, and searches for bytes inside of values, faster.
fn is_regex_search(matchers: &[Matcher]) -> bool {
    let selective = || matchers.iter().filter(|m| !m.matches_empty());
    let narrow = |m: &Matcher| m.op == MatchOp::Regex && is_narrow(m);
    selective().any(narrow) && !selective().any(|m| m.op == MatchOp::Equal)
}

/// What [`fill`] came to.
pub(crate) enum Filled {
    /// There was nothing to do, or the throttle said stop: nothing counts as added.
    Unchanged,
    /// All large parts are in this one.
    Index(Arc<IndexedStreams>),
    /// There is no index any more; stream tables answer.
    Failed,
}

/// Adds the streams of parts that have at least `streams_min` and are not in the index yet. Gives
/// what replaces `current`. Without memory for it nothing is done: it is derived data.
pub(crate) fn fill(
    dir: &TenantDir<'_>,
    parts: &[Arc<Part>],
    current: Option<&Arc<IndexedStreams>>,
    streams_min: usize,
    budget: &Arc<Budget>,
    throttle: Throttle<'_>,
) -> Filled {
    let large: Vec<&Arc<Part>> = parts
        .iter()
        .filter(|p| p.table.len() >= streams_min)
        .collect();
    let known = |part: &Part| current.is_some_and(|c| c.parts.contains(&part.meta.id));
    if large.iter().all(|part| known(part)) {
        return Filled::Unchanged;
    }
    let new = large.iter().filter(|part| !known(part));
    let adding = StreamIndex::adding_bytes(new.map(|part| part.table.len()).sum());
    let Some(_adding) = Held::taken(budget, MemoryUser::Writers, adding) else {
        return Filled::Unchanged;
    };
    let mut going = true;
    let filled = current
        .map_or_else(|| open(dir), |c| Ok(c.index.clone()))
        .and_then(|index| {
            for part in large.iter().filter(|p| !known(p)) {
                let streams = (0..part.table.len() as u32).take_while(|stream| {
                    going = going && (stream % THROTTLE_STREAMS != 0 || throttle());
                    going
                });
                let labels = streams.map(|stream| part.table.labels(stream));
                index.add(&mut labels.map(|labels| (StreamId::of(&labels), labels)))?;
            }
            Ok(index)
        });
    if !going {
        return Filled::Unchanged;
    }
    match filled {
        Ok(index) => Filled::Index(Arc::new(IndexedStreams {
            index,
            parts: large.iter().map(|p| p.meta.id).collect(),
        })),
        Err(error) => {
            tracing::warn!(tenant = %dir.tenant, %error, "the stream index can't be filled, stream tables answer");
            Filled::Failed
        }
    }
}

/// Opens the index; one that can't be read is rebuilt.
fn open(dir: &TenantDir<'_>) -> Result<Arc<StreamIndex>, IndexError> {
    let folder = dir.layout.stream_index(dir.tenant);
    let opened = StreamIndex::open(&folder).or_else(|error| {
        tracing::warn!(folder = %folder.display(), %error, "the stream index is rebuilt");
        dir.files.remove_folder(&folder)?;
        StreamIndex::open(&folder)
    });
    opened.map(Arc::new)
}
