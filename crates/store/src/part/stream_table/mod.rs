//! Stream table: the streams of a part, as numbers of label pairs; README.md has the bytes.
//!
//! Each distinct (name, value) pair stands once, sorted, so that a matcher is asked once a value
//! instead of once a stream, and a stream is a few integers. Streams are numbered in order of their
//! canonical label bytes, the same in every part: that is what lets compaction merge.

pub(crate) mod match_cache;
pub(crate) mod merge;

use crate::codec::{get_bytes, get_varint, put_bytes, put_varint, varint_len};
use crate::label_search::{ValueSearch, in_parallel};
use hashbrown::HashTable;
use match_cache::MatchCache;
use skald_model::{Labels, MatchOp, Matcher};
use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::ops::Range;

/// Streams by number.
#[derive(Debug, Default)]
pub(crate) struct StreamTable {
    /// All pairs as canonical label bytes, sorted by (name, value).
    pairs: Vec<u8>,
    pair_ends: Vec<u32>,
    /// Pair numbers of all streams, ascending within a stream.
    numbers: Vec<u32>,
    stream_ends: Vec<u32>,
    /// Results of recent matchers over many values.
    match_cache: MatchCache,
}

impl StreamTable {
    /// The table of the streams with these canonical label bytes, which must be in order.
    pub(crate) fn build<'a>(streams: impl Iterator<Item = &'a [u8]>) -> StreamTable {
        let hasher = foldhash::fast::FixedState::default();
        // Numbers alone, as a million streams have a million pairs and more.
        let mut seen: HashTable<u32> = HashTable::new();
        let mut distinct: Vec<(&str, &str)> = Vec::new();
        let mut table = StreamTable::default();
        for labels in streams {
            for pair in Labels::pairs_of(labels) {
                let found = seen
                    .find(hasher.hash_one(pair), |number| {
                        distinct[*number as usize] == pair
                    })
                    .copied();
                let number = found.unwrap_or_else(|| {
                    let number = distinct.len() as u32;
                    distinct.push(pair);
                    seen.insert_unique(hasher.hash_one(pair), number, |n| {
                        hasher.hash_one(distinct[*n as usize])
                    });
                    number
                });
                table.numbers.push(number);
            }
            table.stream_ends.push(table.numbers.len() as u32);
        }
        let mut order: Vec<u32> = (0..distinct.len() as u32).collect();
        order.sort_unstable_by_key(|n| distinct[*n as usize]);
        let mut rank = vec![0u32; order.len()];
        // At once: there may be as many bytes of them as of lines.
        let encoded = |(name, value): &(&str, &str)| {
            let len = |text: &str| text.len() + varint_len(text.len() as u64);
            len(name) + len(value)
        };
        table
            .pairs
            .reserve_exact(distinct.iter().map(encoded).sum());
        table.pair_ends.reserve_exact(distinct.len());
        for (new, old) in order.iter().enumerate() {
            rank[*old as usize] = new as u32;
            let (name, value) = distinct[*old as usize];
            put_bytes(&mut table.pairs, name.as_bytes());
            put_bytes(&mut table.pairs, value.as_bytes());
            table.pair_ends.push(table.pairs.len() as u32);
        }
        for number in &mut table.numbers {
            *number = rank[*number as usize];
        }
        table
    }

    /// How many streams there are.
    pub(crate) fn len(&self) -> usize {
        self.stream_ends.len()
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let numbers = self.pair_ends.len() + self.numbers.len() + self.stream_ends.len();
        self.pairs.len() + numbers * size_of::<u32>() + MatchCache::bytes_max(self.pairs() as usize)
    }

    /// Labels of a stream.
    pub(crate) fn labels(&self, stream: u32) -> Labels {
        let pairs = self.stream_pairs(stream);
        let mut bytes =
            Vec::with_capacity(pairs.iter().map(|pair| self.pair_bytes(*pair).len()).sum());
        for pair in pairs {
            bytes.extend_from_slice(self.pair_bytes(*pair));
        }
        Labels::from_bytes(&bytes).expect("pairs were checked when the table was opened")
    }

    /// The number of the stream with these labels.
    pub(crate) fn find(&self, labels: &Labels) -> Option<u32> {
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            let bytes = self
                .stream_pairs(middle)
                .iter()
                .flat_map(|pair| self.pair_bytes(*pair));
            match bytes.cmp(labels.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// For each stream whether it satisfies all matchers.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<bool> {
        let mut matching = vec![true; self.len()];
        for matcher in matchers {
            self.retain_matching(matcher, &mut matching);
        }
        matching
    }

    fn retain_matching(&self, matcher: &Matcher, matching: &mut [bool]) {
        let streams = |matching: &mut [bool], satisfies: &(dyn Fn(&[u32]) -> bool + Sync)| {
            in_parallel(matching, 1, |first, matching| {
                for (stream, matches) in matching.iter_mut().enumerate().filter(|(_, m)| **m) {
                    *matches = satisfies(self.stream_pairs((first + stream) as u32));
                }
            });
        };
        if matcher.op == MatchOp::Equal && !matcher.value.is_empty() {
            let pair = self.first_pair((&matcher.name, &matcher.value));
            if pair == self.pairs() || self.pair(pair) != (&matcher.name, &matcher.value) {
                return matching.fill(false);
            }
            return streams(matching, &|pairs| pairs.contains(&pair));
        }
        let of_name = self.pairs_of(&matcher.name);
        let first = of_name.start;
        let values = self.match_cache.get_or_find(matcher, of_name.len(), || {
            self.matching_values(matcher, of_name.clone())
        });
        let absent = matcher.matches_empty();
        streams(matching, &|pairs| {
            let pair = pairs.iter().find(|p| of_name.contains(p));
            pair.map_or(absent, |pair| values[(pair - first) as usize])
        });
    }

    /// For each of the pairs, which are those of the matcher's label, whether its value satisfies
    /// the matcher.
    fn matching_values(&self, matcher: &Matcher, pairs: Range<u32>) -> Vec<bool> {
        let search = ValueSearch::of_values(matcher);
        let mut flags = vec![true; pairs.len()];
        in_parallel(&mut flags, 1, |offset, flags| {
            let first = pairs.start as usize + offset;
            let start = if first == 0 {
                0
            } else {
                self.pair_ends[first - 1] as usize
            };
            let ends = &self.pair_ends[first..first + flags.len()];
            search.retain((&self.pairs, start), ends, flags, |at| {
                self.pair((first + at) as u32).1
            });
        });
        flags
    }

    /// The pair numbers of a stream.
    pub(crate) fn stream_pairs(&self, stream: u32) -> &[u32] {
        let stream = stream as usize;
        let start = if stream == 0 {
            0
        } else {
            self.stream_ends[stream - 1] as usize
        };
        &self.numbers[start..self.stream_ends[stream] as usize]
    }

    /// Name and value of a pair.
    pub(crate) fn pair(&self, pair: u32) -> (&str, &str) {
        let mut bytes = self.pair_bytes(pair);
        let mut text = || get_bytes(&mut bytes).and_then(|b| std::str::from_utf8(b).ok());
        let (name, value) = (text(), text());
        name.zip(value)
            .expect("pairs were checked when the table was opened")
    }

    /// How many pairs there are.
    pub(crate) fn pairs(&self) -> u32 {
        self.pair_ends.len() as u32
    }

    /// Number of the first pair that is `wanted` or sorts after it.
    fn first_pair(&self, wanted: (&str, &str)) -> u32 {
        self.bisect(|pair| pair < wanted)
    }

    /// Numbers of the pairs of a label.
    fn pairs_of(&self, name: &str) -> Range<u32> {
        self.first_pair((name, ""))..self.bisect(|pair| pair.0 <= name)
    }

    /// Number of the first pair that is not `before`.
    fn bisect(&self, before: impl Fn((&str, &str)) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.pairs());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.pair(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn pair_bytes(&self, pair: u32) -> &[u8] {
        let pair = pair as usize;
        let start = if pair == 0 {
            0
        } else {
            self.pair_ends[pair - 1] as usize
        };
        &self.pairs[start..self.pair_ends[pair] as usize]
    }

    /// Appends the table.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        // A number takes two bytes, mostly.
        out.reserve(self.pairs.len() + 2 * (self.numbers.len() + self.len()));
        put_varint(out, self.pair_ends.len() as u64);
        out.extend_from_slice(&self.pairs);
        put_varint(out, self.len() as u64);
        for stream in 0..self.len() as u32 {
            let pairs = self.stream_pairs(stream);
            put_varint(out, pairs.len() as u64);
            let mut previous = 0;
            for pair in pairs {
                put_varint(out, u64::from(pair - previous));
                previous = *pair;
            }
        }
    }

    /// Takes a table from the front of `bytes`; `None` when it is not one.
    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<StreamTable> {
        let mut table = StreamTable::default();
        let all = *bytes;
        let pairs = get_varint(bytes)?;
        let first = all.len() - bytes.len();
        let mut previous: Option<(&str, &str)> = None;
        // For each pair the number of its name, to see that no stream has a name twice.
        let mut names: Vec<u32> = Vec::new();
        for _ in 0..pairs {
            let name = std::str::from_utf8(get_bytes(bytes)?).ok()?;
            let value = std::str::from_utf8(get_bytes(bytes)?).ok()?;
            if name.is_empty() || value.is_empty() || previous.is_some_and(|p| p >= (name, value)) {
                return None;
            }
            let is_new = previous.is_none_or(|p| p.0 != name);
            names.push(names.last().map_or(0, |n| n + u32::from(is_new)));
            previous = Some((name, value));
            table
                .pair_ends
                .push((all.len() - bytes.len() - first) as u32);
        }
        table.pairs = all[first..all.len() - bytes.len()].to_vec();
        for _ in 0..get_varint(bytes)? {
            let mut pair = 0u64;
            let mut last_name = None;
            for _ in 0..get_varint(bytes)? {
                pair = pair.checked_add(get_varint(bytes)?)?;
                let name = *names.get(usize::try_from(pair).ok()?)?;
                if last_name.replace(name).is_some_and(|last| last >= name) {
                    return None;
                }
                table.numbers.push(pair as u32);
            }
            table.stream_ends.push(table.numbers.len() as u32);
        }
        Some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (Vec<Labels>, StreamTable) {
        let mut streams = vec![
            Labels::empty(),
            Labels::from_pairs([("app", "api"), ("pod", "a")]),
            Labels::from_pairs([("app", "api"), ("pod", "b")]),
            Labels::from_pairs([("app", "web")]),
            Labels::from_pairs([("zone", "z")]),
        ];
        streams.sort();
        let table = StreamTable::build(streams.iter().map(Labels::as_bytes));
        (streams, table)
    }

    fn check(op: MatchOp, name: &str, value: &str) {
        let (streams, table) = table();
        let matchers = [Matcher::new(name, op, value).expect("the pattern is valid")];
        let matches = |l: &Labels| {
            matchers
                .iter()
                .all(|m| m.matches(l.get(&m.name).unwrap_or("")))
        };
        let expected: Vec<bool> = streams.iter().map(matches).collect();
        assert_eq!(table.matching(&matchers), expected, "{:?}", matchers);
    }

    #[test]
    fn streams_match_as_their_labels_do() {
        for op in [
            MatchOp::Equal,
            MatchOp::NotEqual,
            MatchOp::Regex,
            MatchOp::NotRegex,
        ] {
            for (name, value) in [
                ("app", "api"),
                ("app", ""),
                ("pod", "a|b"),
                ("zone", ".*"),
                ("none", "x"),
                ("a", ".+"),
            ] {
                check(op, name, value);
            }
        }
    }

    #[test]
    fn a_table_comes_back_and_cut_ones_are_refused() {
        let (streams, table) = table();
        let mut bytes = Vec::new();
        table.encode(&mut bytes);
        let back = StreamTable::decode(&mut &bytes[..]).expect("what was encoded decodes");
        assert_eq!((0..5).map(|s| back.labels(s)).collect::<Vec<_>>(), streams);
        assert_eq!(
            streams.iter().map(|l| back.find(l)).collect::<Vec<_>>(),
            (0..5).map(Some).collect::<Vec<_>>()
        );
        assert_eq!(back.find(&Labels::from_pairs([("app", "nobody")])), None);
        assert_eq!(
            back.pairs_of("pod")
                .map(|pair| back.pair(pair).1)
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        for len in 0..bytes.len() {
            assert!(
                StreamTable::decode(&mut &bytes[..len]).is_none(),
                "cut to {len}"
            );
        }
    }
}
