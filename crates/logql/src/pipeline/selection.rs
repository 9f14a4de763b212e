//! A selection marks, in a bitmap, the rows of a batch that are not filtered out yet.
//!
//! Invariant: bits past the last row are never set, so that counts need no mask.

use std::ops::Range;

/// Rows of a batch that are still in: one bit a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    words: Vec<u64>,
    /// Pipeline whose leading line filters were applied; 0 for none.
    pub(super) narrowed_by: u64,
}

impl Selection {
    /// All of `rows` rows.
    pub fn all(rows: usize) -> Selection {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let (Some(last), used @ 1..) = (words.last_mut(), rows % 64) {
            *last = (1 << used) - 1;
        }
        Selection {
            words,
            narrowed_by: 0,
        }
    }

    /// None of `rows` rows.
    pub fn none(rows: usize) -> Selection {
        Selection {
            words: vec![0; rows.div_ceil(64)],
            narrowed_by: 0,
        }
    }

    /// Makes it none of `rows` rows, keeping the allocation.
    pub fn reset(&mut self, rows: usize) {
        self.words.clear();
        self.narrowed_by = 0;
        self.words.resize(rows.div_ceil(64), 0);
    }

    /// Leaves all rows out. What is taken in again afterwards counts as filtered as before.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Whether `row` is in.
    pub fn contains(&self, row: u32) -> bool {
        self.words[row as usize / 64] >> (row % 64) & 1 == 1
    }

    /// Takes `row` in.
    pub fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    /// Takes all of `rows` in.
    pub fn insert_all(&mut self, rows: Range<u32>) {
        for (word, bits) in words_of(&rows) {
            self.words[word] |= bits;
        }
    }

    /// Whether all of `rows` are in.
    pub fn contains_all(&self, rows: &Range<u32>) -> bool {
        words_of(rows).all(|(word, bits)| self.words[word] & bits == bits)
    }

    /// Leaves `row` out.
    pub fn remove(&mut self, row: u32) {
        self.words[row as usize / 64] &= !(1 << (row % 64));
    }

    /// How many rows are in.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether no row is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// Keeps rows that are in `other` as well.
    pub fn intersect(&mut self, other: &Selection) {
        for (word, with) in self.words.iter_mut().zip(&other.words) {
            *word &= with;
        }
    }

    /// Leaves the rows of `other` out.
    pub fn subtract(&mut self, other: &Selection) {
        for (word, without) in self.words.iter_mut().zip(&other.words) {
            *word &= !without;
        }
    }

    /// The first row in `rows` that is in.
    pub fn first_in(&self, rows: Range<u32>) -> Option<u32> {
        let mut row = rows.start;
        while row < rows.end {
            let rest = *self.words.get(row as usize / 64)? >> (row % 64);
            if rest != 0 {
                let found = row + rest.trailing_zeros();
                return (found < rows.end).then_some(found);
            }
            row = (row / 64 + 1) * 64;
        }
        None
    }

    /// The last row in `rows` that is in.
    pub fn last_in(&self, rows: Range<u32>) -> Option<u32> {
        let mut end = rows.end;
        while end > rows.start {
            let last = end - 1;
            let rest = *self.words.get(last as usize / 64)? << (63 - last % 64);
            if rest != 0 {
                let found = last - rest.leading_zeros();
                return (found >= rows.start).then_some(found);
            }
            end = last / 64 * 64;
        }
        None
    }
}

/// The words that hold `rows`, and which of their bits.
fn words_of(rows: &Range<u32>) -> impl Iterator<Item = (usize, u64)> + use<> {
    let (start, end) = (rows.start as usize, rows.end as usize);
    let words = if start < end {
        start / 64..end.div_ceil(64)
    } else {
        0..0
    };
    words.map(move |word| {
        let from = start.saturating_sub(word * 64);
        let to = (end - word * 64).min(64);
        (word, u64::MAX >> (64 - (to - from)) << from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_walk_the_rows_that_are_in() {
        for rows in [1u32, 63, 64, 65, 200] {
            let mut selection = Selection::none(rows as usize);
            let wanted: Vec<u32> = (0..rows).filter(|r| r % 7 == 0 || r % 64 == 63).collect();
            wanted.iter().for_each(|r| selection.insert(*r));
            let mut forward = Vec::new();
            let mut at = 0;
            while let Some(row) = selection.first_in(at..rows) {
                forward.push(row);
                at = row + 1;
            }
            let mut backward = Vec::new();
            let mut end = rows;
            while let Some(row) = selection.last_in(0..end) {
                backward.push(row);
                end = row;
            }
            backward.reverse();
            assert_eq!(
                (&forward, &backward, selection.count()),
                (&wanted, &wanted, wanted.len())
            );
        }
    }

    #[test]
    fn rows_taken_in_together_are_those_taken_in_alone() {
        for (start, end) in [
            (0, 0),
            (70, 70),
            (0, 64),
            (63, 65),
            (5, 60),
            (3, 200),
            (128, 192),
        ] {
            let (mut together, mut alone) = (Selection::none(200), Selection::none(200));
            together.insert_all(start..end);
            (start..end).for_each(|row| alone.insert(row));
            assert_eq!(together, alone, "{start}..{end}");
            assert!(together.contains_all(&(start..end)) && !together.contains_all(&(0..200)));
            if start < end {
                together.remove(end - 1);
                assert!(!together.contains_all(&(start..end)));
            }
        }
    }

    #[test]
    fn all_sets_no_bit_past_the_last_row() {
        assert_eq!(Selection::all(70).count(), 70);
        assert_eq!(Selection::all(128).count(), 128);
        assert!(Selection::all(0).is_empty());
    }
}
