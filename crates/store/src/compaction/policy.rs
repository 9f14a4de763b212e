//! Compaction policy: which parts of a day to merge next. Pure: descriptions of parts in, a choice
//! out.

use crate::part::PartMeta;
use std::collections::BTreeMap;

/// Parts a day is left with when the server decides: few enough that a query over a day opens a
/// handful of files, enough that an entry is rewritten only a few times.
pub(crate) const PARTS_A_DAY: usize = 6;
/// Inputs of one merge: bounds the decoded blocks held, about 2 MB each.
const MERGE_PARTS_MAX: usize = 16;
/// Bytes of a merged part: a larger one would make a rewrite, and the space it needs meanwhile, too
/// big.
const PART_BYTES_MAX: u64 = 8 << 30;

/// Which parts to merge next so that each day is left with at most `parts_a_day`; by their ids, in
/// order of arrival. Only neighbours in that order are merged, so that equal times keep theirs; of
/// all neighbours those that cost the fewest rewritten bytes for each part saved.
pub(crate) fn choose_compaction(parts: &[PartMeta], parts_a_day: usize) -> Option<Vec<u64>> {
    let mut days: BTreeMap<i32, Vec<&PartMeta>> = BTreeMap::new();
    for part in parts {
        days.entry(part.day).or_default().push(part);
    }
    // The newest day first: it is the one that is asked most.
    days.into_values()
        .rev()
        .filter(|day| day.len() > parts_a_day)
        .find_map(|mut day| {
            day.sort_by_key(|p| (p.sequence, p.id));
            let mut best: Option<(u64, Vec<u64>)> = None;
            for first in 0..day.len() {
                let mut bytes = day[first].bytes;
                for last in first + 1..day.len().min(first + MERGE_PARTS_MAX) {
                    bytes += day[last].bytes;
                    if bytes > PART_BYTES_MAX {
                        break;
                    }
                    let cost = bytes / (last - first) as u64;
                    if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                        best = Some((cost, day[first..=last].iter().map(|p| p.id).collect()));
                    }
                }
            }
            best.map(|(_, ids)| ids)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Sequence;

    /// Parts by (day, sequence, bytes); ids are their places.
    fn metas(parts: &[(i32, u64, u64)]) -> Vec<PartMeta> {
        let meta = |(id, (day, sequence, bytes)): (usize, &(i32, u64, u64))| PartMeta {
            id: id as u64,
            day: *day,
            min_time: 0,
            max_time: 0,
            rows: 1,
            line_bytes: 1,
            bytes: *bytes,
            streams: 1,
            sequence: Sequence::from_u64(*sequence),
            content: None,
            arrived: None,
        };
        parts.iter().enumerate().map(meta).collect()
    }

    fn check(parts: &[(i32, u64, u64)], parts_a_day: usize, expected: Option<&[u64]>) {
        assert_eq!(
            choose_compaction(&metas(parts), parts_a_day).as_deref(),
            expected
        );
    }

    #[test]
    fn the_cheapest_neighbours_of_a_crowded_day_are_merged() {
        check(&[(1, 1, 100), (1, 2, 100)], 2, None);
        check(
            &[(1, 1, 100), (1, 2, 100), (1, 3, 100)],
            2,
            Some(&[0, 1, 2]),
        );
        check(
            &[(1, 1, 900), (1, 2, 100), (1, 3, 90), (1, 4, 100)],
            3,
            Some(&[1, 2, 3]),
        );
        check(
            &[(1, 3, 10), (1, 1, 10), (1, 2, 10_000)],
            2,
            Some(&[1, 2, 0]),
        );
        check(&[(1, 1, 10), (2, 2, 10), (3, 3, 10)], 1, None);
        check(
            &[(1, 1, 5 << 30), (1, 2, 5 << 30), (1, 3, 5 << 30)],
            1,
            None,
        );
    }

    #[test]
    fn a_day_of_many_equal_flushes_rewrites_each_entry_a_few_times() {
        let mut sizes: Vec<(i32, u64, u64)> = Vec::new();
        let mut rewritten = 0;
        for flush in 0..200 {
            sizes.push((1, flush, 100));
            let metas = metas(&sizes);
            if let Some(ids) = choose_compaction(&metas, PARTS_A_DAY) {
                let bytes: u64 = ids.iter().map(|id| sizes[*id as usize].2).sum();
                rewritten += bytes;
                let first = sizes[ids[0] as usize].1;
                sizes.retain(|s| {
                    !ids.iter()
                        .any(|id| metas[*id as usize].sequence.to_u64() == s.1)
                });
                sizes.push((1, first, bytes));
            }
            assert!(sizes.len() <= PARTS_A_DAY);
        }
        assert!(rewritten < 200 * 100 * 5, "{rewritten}");
    }
}
