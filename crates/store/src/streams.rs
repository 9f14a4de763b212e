//! The streams of a head: numbered as they come, found by identity, matched page by page.
//!
//! Pages are immutable once full, so a query matches labels outside of the head's lock. A number is
//! given to labels, not to an identity: two label sets that share an identity stay apart.

use crate::record::take_bytes;
use hashbrown::HashTable;
use skald_model::{Labels, Matcher, StreamId};
use std::sync::Arc;

/// Streams of a page: what a query copies at most of the page that still grows.
pub(crate) const PAGE_STREAMS: usize = 1024;

/// Consecutive streams of a head.
pub(crate) type Page = Vec<(StreamId, Labels)>;

/// Numbers streams.
#[derive(Debug, Default)]
pub(crate) struct StreamNumbers {
    full: Vec<Arc<Page>>,
    last: Page,
    by_id: HashTable<u32>,
    label_bytes: usize,
}

impl StreamNumbers {
    /// The number of a stream, and whether it is new.
    pub(crate) fn number(&mut self, id: StreamId, labels: &Labels) -> (u32, bool) {
        let (full, last) = (&self.full, &self.last);
        if let Some(found) = self.by_id.find(id.0 as u64, |n| is(entry(full, last, *n), id, labels)) {
            return (*found, false);
        }
        let number = self.len() as u32;
        if self.last.len() == PAGE_STREAMS {
            self.full.push(Arc::new(std::mem::take(&mut self.last)));
        }
        self.label_bytes += labels.as_bytes().len();
        self.last.push((id, labels.clone()));
        let (full, last) = (&self.full, &self.last);
        self.by_id.insert_unique(id.0 as u64, number, |n| entry(full, last, *n).0.0 as u64);
        (number, true)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.full.len() * PAGE_STREAMS + self.last.len()
    }

    /// Rough bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        // Identity, pointer, reference counts and a slot of the table a stream.
        self.label_bytes + self.len() * 56
    }

    /// All of them, as they are now.
    pub(crate) fn pages(&self) -> Vec<Arc<Page>> {
        let mut pages = self.full.clone();
        if !self.last.is_empty() {
            pages.push(Arc::new(self.last.clone()));
        }
        pages
    }
}

fn entry<'a>(full: &'a [Arc<Page>], last: &'a Page, number: u32) -> &'a (StreamId, Labels) {
    let (page, at) = (number as usize / PAGE_STREAMS, number as usize % PAGE_STREAMS);
    full.get(page).map_or_else(|| &last[at], |page| &page[at])
}

fn is(entry: &(StreamId, Labels), id: StreamId, labels: &Labels) -> bool {
    entry.0 == id && entry.1 == *labels
}

/// Whether labels satisfy all matchers.
pub(crate) fn labels_match(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|m| m.matches(value_of(labels, &m.name)))
}

/// The value of a label, empty when absent. A head may have a million streams, so only the value looked
/// for is checked to be UTF-8, not all on the way.
fn value_of<'a>(labels: &'a Labels, name: &str) -> &'a str {
    let mut rest = labels.as_bytes();
    while let (Some(found), Some(value)) = (take_bytes(&mut rest), take_bytes(&mut rest)) {
        if found == name.as_bytes() {
            return std::str::from_utf8(value).unwrap_or("");
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_match_by_value_and_absent_ones_are_empty() {
        let long = "v".repeat(300);
        let labels = Labels::from_pairs([("a", "1"), ("b", long.as_str()), ("c", "3")]);
        for (name, value) in [("a", "1"), ("b", long.as_str()), ("c", "3"), ("d", ""), ("", "")] {
            assert_eq!(value_of(&labels, name), value);
        }
    }

    #[test]
    fn streams_keep_their_numbers_and_colliding_ones_stay_apart() {
        let mut streams = StreamNumbers::default();
        let labels = |i: usize| Labels::from_pairs([("i", i.to_string())]);
        for i in 0..3000 {
            assert_eq!(streams.number(StreamId::of(&labels(i)), &labels(i)), (i as u32, true));
        }
        assert_eq!(streams.number(StreamId::of(&labels(2500)), &labels(2500)), (2500, false));
        assert_eq!(streams.number(StreamId::of(&labels(1)), &labels(9999)), (3000, true));
        assert_eq!(streams.pages().iter().map(|p| p.len()).collect::<Vec<_>>(), [1024, 1024, 953]);
    }
}
