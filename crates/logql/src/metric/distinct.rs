//! Distinct values are counted exactly up to a bound and estimated beyond it.
//!
//! Samples are hashes as [`crate::pipeline::value_hash`] makes them, so two values of one hash
//! count once (at the bound the odds of any such pair are one in a billion).

use super::cells::Cell;
use super::hll::Sketch;
use hashbrown::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Most values counted exactly in one cell: about where a set grows larger than the sketch.
pub(super) const EXACT_MAX: usize = 4096;

/// The values are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // Tables take their tag bits from the top, where a 53-bit hash has none.
        self.0 = value ^ value << 11;
    }
}

/// A set of hashes, or their sketch.
#[derive(Clone, Debug)]
pub(super) enum Distinct {
    /// Each of them.
    Exact(HashSet<u64, BuildHasherDefault<Identity>>),
    /// More than [`EXACT_MAX`].
    Estimated(Box<Sketch>),
}

impl Distinct {
    /// How many different values there are.
    pub(super) fn value(&self) -> f64 {
        match self {
            Distinct::Exact(set) => set.len() as f64,
            Distinct::Estimated(sketch) => sketch.estimate(),
        }
    }

    fn insert(&mut self, hash: u64) -> usize {
        match self {
            Distinct::Exact(set) => {
                let before = set.allocation_size();
                set.insert(hash);
                let grown = set.allocation_size() - before;
                if set.len() <= EXACT_MAX {
                    return grown;
                }
                let mut sketch = Box::new(Sketch::new());
                set.iter().for_each(|h| sketch.insert(*h));
                *self = Distinct::Estimated(sketch);
                0
            }
            Distinct::Estimated(sketch) => {
                sketch.insert(hash);
                0
            }
        }
    }
}

impl Cell for Distinct {
    const EMPTY: Distinct = Distinct::Exact(HashSet::with_hasher(BuildHasherDefault::new()));

    fn is_empty(&self) -> bool {
        matches!(self, Distinct::Exact(set) if set.is_empty())
    }

    fn add(&mut self, _: i64, value: f64) -> usize {
        self.insert(value as u64)
    }

    fn merge(&mut self, later: &Distinct) {
        match later {
            Distinct::Exact(set) => set.iter().for_each(|h| {
                self.insert(*h);
            }),
            Distinct::Estimated(theirs) => {
                if let Distinct::Exact(set) = self {
                    let mut sketch = theirs.clone();
                    set.iter().for_each(|h| sketch.insert(*h));
                    *self = Distinct::Estimated(sketch);
                } else if let Distinct::Estimated(ours) = self {
                    ours.merge(theirs);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::value_hash;

    fn of(values: std::ops::Range<u32>) -> Distinct {
        let mut cell = Distinct::EMPTY;
        for v in values {
            cell.add(0, value_hash(&format!("user-{v}")));
        }
        cell
    }

    #[test]
    fn counts_are_exact_up_to_the_bound() {
        let mut cell = of(0..3000);
        cell.merge(&of(1000..4096));
        assert_eq!(cell.value(), 4096.0);
    }

    #[test]
    fn beyond_the_bound_counts_are_within_three_percent() {
        for (left, right) in [
            (of(0..100_000), of(50_000..200_000)),
            (of(0..10), of(5..200_000)),
            (of(0..200_000), of(3..9)),
        ] {
            let mut cell = left;
            cell.merge(&right);
            assert!(
                (cell.value() / 200_000.0 - 1.0).abs() < 0.03,
                "{}",
                cell.value()
            );
        }
    }
}
