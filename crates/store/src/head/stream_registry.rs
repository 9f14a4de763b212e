//! Stream registry: numbers the streams of a head, finds them by identity, and matches them page by
//! page.
//!
//! Pages are immutable once full, so a query matches labels outside of the head's lock. A page
//! keeps its labels as concatenated canonical bytes, which a search goes through at the speed of
//! memory. A number is given to labels, not to an identity: two label sets that share an identity
//! stay apart.

use crate::label_search::{ValueSearch, in_parallel, value_of};
use hashbrown::HashTable;
use skald_model::{Labels, Matcher, StreamId};
use std::sync::Arc;

/// Streams of a page: what a query copies at most of the page that still grows.
pub(crate) const PAGE_STREAMS: usize = 1024;

/// Consecutive streams of a head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    ids: Vec<StreamId>,
    /// Canonical bytes of all labels.
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Page {
    fn push(&mut self, id: StreamId, labels: &Labels) {
        self.ids.push(id);
        self.bytes.extend_from_slice(labels.as_bytes());
        self.ends.push(self.bytes.len() as u32);
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn label_bytes(&self, at: usize) -> &[u8] {
        let start = if at == 0 {
            0
        } else {
            self.ends[at - 1] as usize
        };
        &self.bytes[start..self.ends[at] as usize]
    }

    fn is(&self, at: usize, id: StreamId, labels: &Labels) -> bool {
        self.ids[at] == id && self.label_bytes(at) == labels.as_bytes()
    }

    fn retain_matching(&self, search: &ValueSearch<'_>, flags: &mut [bool]) {
        let value_of = |at: usize| value_of(self.label_bytes(at), &search.matcher.name);
        search.retain((&self.bytes, 0), &self.ends, flags, value_of);
    }
}

/// The streams of a head as a query or a flush sees them.
#[derive(Debug, Default)]
pub(crate) struct Pages(Vec<Arc<Page>>);

impl Pages {
    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.0
            .last()
            .map_or(0, |last| (self.0.len() - 1) * PAGE_STREAMS + last.len())
    }

    /// Bytes of the labels of all of them.
    pub(crate) fn all_label_bytes(&self) -> usize {
        self.0.iter().map(|page| page.bytes.len()).sum()
    }

    /// Canonical label bytes of a stream.
    pub(crate) fn label_bytes(&self, stream: u32) -> &[u8] {
        let (page, at) = place(stream);
        self.0[page].label_bytes(at)
    }

    /// Identity and labels of a stream.
    pub(crate) fn stream(&self, stream: u32) -> (StreamId, Labels) {
        let (page, at) = place(stream);
        let labels =
            Labels::from_bytes(self.label_bytes(stream)).expect("pages are made of labels");
        (self.0[page].ids[at], labels)
    }

    /// For each stream whether it satisfies all matchers.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<bool> {
        let searches: Vec<ValueSearch<'_>> = matchers.iter().map(ValueSearch::of_labels).collect();
        let mut flags = vec![true; self.len()];
        in_parallel(&mut flags, PAGE_STREAMS, |first, flags| {
            for (page, flags) in self.0[first / PAGE_STREAMS..]
                .iter()
                .zip(flags.chunks_mut(PAGE_STREAMS))
            {
                searches
                    .iter()
                    .for_each(|search| page.retain_matching(search, flags));
            }
        });
        flags
    }
}

/// Page of a stream, and its place there.
fn place(stream: u32) -> (usize, usize) {
    (
        stream as usize / PAGE_STREAMS,
        stream as usize % PAGE_STREAMS,
    )
}

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
        let is = |number: &u32| {
            let (page, at) = page_of(full, last, *number);
            page.is(at, id, labels)
        };
        if let Some(found) = self.by_id.find(id.0 as u64, is) {
            return (*found, false);
        }
        let number = self.len() as u32;
        if self.last.len() == PAGE_STREAMS {
            let mut full = std::mem::take(&mut self.last);
            full.bytes.shrink_to_fit();
            self.full.push(Arc::new(full));
        }
        self.label_bytes += labels.as_bytes().len();
        self.last.push(id, labels);
        let (full, last) = (&self.full, &self.last);
        let hash = |number: &u32| {
            let (page, at) = page_of(full, last, *number);
            page.ids[at].0 as u64
        };
        self.by_id.insert_unique(id.0 as u64, number, hash);
        (number, true)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.full.len() * PAGE_STREAMS + self.last.len()
    }

    /// Bytes of the labels of all of them.
    pub(crate) fn label_bytes(&self) -> usize {
        self.label_bytes
    }

    /// Rough bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        // Identity, end and a slot of the table a stream.
        self.label_bytes + self.len() * 32
    }

    /// All of them, as they are now.
    pub(crate) fn pages(&self) -> Pages {
        let mut pages = self.full.clone();
        if self.last.len() > 0 {
            pages.push(Arc::new(self.last.clone()));
        }
        Pages(pages)
    }
}

fn page_of<'a>(full: &'a [Arc<Page>], last: &'a Page, number: u32) -> (&'a Page, usize) {
    let (page, at) = place(number);
    (full.get(page).map_or(last, |page| page), at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::MatchOp;

    #[test]
    fn streams_keep_their_numbers_and_colliding_ones_stay_apart() {
        let mut streams = StreamNumbers::default();
        let labels = |i: usize| Labels::from_pairs([("i", i.to_string())]);
        for i in 0..3000 {
            assert_eq!(
                streams.number(StreamId::of(&labels(i)), &labels(i)),
                (i as u32, true)
            );
        }
        assert_eq!(
            streams.number(StreamId::of(&labels(2500)), &labels(2500)),
            (2500, false)
        );
        assert_eq!(
            streams.number(StreamId::of(&labels(1)), &labels(9999)),
            (3000, true)
        );
        let pages = streams.pages();
        assert_eq!((pages.len(), pages.0.len()), (3001, 3));
        assert_eq!(
            pages.stream(2500),
            (StreamId::of(&labels(2500)), labels(2500))
        );
    }

    #[test]
    fn matching_pages_equals_asking_each_stream() {
        let mut streams = StreamNumbers::default();
        let pod = |i: usize| {
            if i.is_multiple_of(5) {
                String::new()
            } else {
                format!("p-{i}-x")
            }
        };
        let of = |i: usize| {
            Labels::from_pairs([
                ("app", format!("a{}", i % 7)),
                ("n", i.to_string()),
                ("pod", pod(i)),
            ])
        };
        let all: Vec<Labels> = (0..2100).map(of).collect();
        for labels in &all {
            streams.number(StreamId::of(labels), labels);
        }
        let matcher =
            |name, op, value| Matcher::new(name, op, value).expect("the pattern is valid");
        for matchers in [
            vec![],
            vec![matcher("app", MatchOp::Equal, "a3")],
            vec![
                matcher("pod", MatchOp::Regex, ".*-77-.*"),
                matcher("app", MatchOp::NotEqual, "a0"),
            ],
            vec![
                matcher("pod", MatchOp::NotRegex, "p-1.*"),
                matcher("app", MatchOp::Regex, "a[1-3]"),
            ],
            vec![
                matcher("pod", MatchOp::Equal, ""),
                matcher("none", MatchOp::NotEqual, "x"),
            ],
        ] {
            let matches = |l: &Labels| {
                matchers
                    .iter()
                    .all(|m| m.matches(l.get(&m.name).unwrap_or("")))
            };
            let found = streams.pages().matching(&matchers);
            assert!(all.iter().map(matches).eq(found), "{matchers:?}");
        }
    }
}
