//! Stream table merge: makes one table of several without building a label set.
//!
//! Pairs are merged first; streams are then compared by the merged numbers of their pairs, and by
//! bytes only where those first differ.

use crate::part::stream_table::StreamTable;
use std::cmp::Ordering;

impl StreamTable {
    /// The table of all streams of `tables`, and for each table its streams' numbers there.
    pub(crate) fn merge(tables: &[&StreamTable]) -> (StreamTable, Vec<Vec<u32>>) {
        let mut merged = StreamTable::default();
        let pairs = merged.merge_pairs(tables);
        let mut numbers: Vec<Vec<u32>> =
            tables.iter().map(|t| Vec::with_capacity(t.len())).collect();
        loop {
            let at = |table: usize| {
                let next = numbers[table].len();
                (next < tables[table].len())
                    .then(|| (tables[table].stream_pairs(next as u32), &pairs[table][..]))
            };
            let present = (0..tables.len()).filter_map(|table| Some((table, at(table)?)));
            let Some((_, least)) = present.min_by(|(_, a), (_, b)| merged.compare(*a, *b)) else {
                break;
            };
            let all: Vec<u32> = least.0.iter().map(|pair| least.1[*pair as usize]).collect();
            let equal = |table: &usize| {
                at(*table).is_some_and(|(stream, known)| {
                    stream.iter().map(|pair| &known[*pair as usize]).eq(&all)
                })
            };
            let holders: Vec<usize> = (0..tables.len()).filter(equal).collect();
            let number = merged.len() as u32;
            merged.numbers.extend_from_slice(&all);
            merged.stream_ends.push(merged.numbers.len() as u32);
            holders
                .into_iter()
                .for_each(|table| numbers[table].push(number));
        }
        (merged, numbers)
    }

    /// Takes the distinct pairs of all tables; gives for each table its pairs' numbers.
    fn merge_pairs(&mut self, tables: &[&StreamTable]) -> Vec<Vec<u32>> {
        let mut numbers: Vec<Vec<u32>> = tables
            .iter()
            .map(|t| Vec::with_capacity(t.pairs() as usize))
            .collect();
        loop {
            let at = |table: usize, numbers: &[Vec<u32>]| {
                let next = numbers[table].len() as u32;
                (next < tables[table].pairs()).then(|| (tables[table].pair(next), next))
            };
            let least = (0..tables.len())
                .filter_map(|table| at(table, &numbers).map(|(pair, next)| (pair, table, next)))
                .min();
            let Some((pair, table, next)) = least else {
                return numbers;
            };
            let number = self.pairs();
            self.pairs.extend_from_slice(tables[table].pair_bytes(next));
            self.pair_ends.push(self.pairs.len() as u32);
            for table in 0..tables.len() {
                if at(table, &numbers).is_some_and(|(other, _)| other == pair) {
                    numbers[table].push(number);
                }
            }
        }
    }

    /// Order of two streams by their canonical bytes; each comes with the numbers here of its
    /// table's pairs.
    fn compare(
        &self,
        (a, a_numbers): (&[u32], &[u32]),
        (b, b_numbers): (&[u32], &[u32]),
    ) -> Ordering {
        let numbers = a
            .iter()
            .map(|pair| a_numbers[*pair as usize])
            .zip(b.iter().map(|pair| b_numbers[*pair as usize]));
        for (a, b) in numbers {
            if a != b {
                // Lengths stand before the texts, so no pair's bytes begin another's.
                return self.pair_bytes(a).cmp(self.pair_bytes(b));
            }
        }
        a.len().cmp(&b.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::Labels;

    fn streams(pods: &[&str]) -> Vec<Labels> {
        let mut streams: Vec<Labels> = pods
            .iter()
            .map(|pod| Labels::from_pairs([("app", "api"), ("pod", *pod)]))
            .collect();
        streams.push(Labels::from_pairs([("app", pods[0])]));
        streams.push(Labels::empty());
        streams.sort();
        streams
    }

    #[test]
    fn merging_tables_equals_building_from_all_streams() {
        let lists = [
            streams(&["a", "bb", "c"]),
            streams(&["bb", "zebra"]),
            streams(&["a", "app", "dddd"]),
        ];
        let tables: Vec<StreamTable> = lists
            .iter()
            .map(|list| StreamTable::build(list.iter().map(Labels::as_bytes)))
            .collect();
        let (merged, numbers) = StreamTable::merge(&tables.iter().collect::<Vec<_>>());
        let mut all: Vec<Labels> = lists.concat();
        all.sort();
        all.dedup();
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        merged.encode(&mut found);
        StreamTable::build(all.iter().map(Labels::as_bytes)).encode(&mut expected);
        assert_eq!(found, expected);
        for (list, numbers) in lists.iter().zip(&numbers) {
            assert_eq!(
                numbers
                    .iter()
                    .map(|n| merged.labels(*n))
                    .collect::<Vec<_>>(),
                *list
            );
        }
    }
}
