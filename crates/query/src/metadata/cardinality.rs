//! Cardinality counts different values: exactly while they are few, by a HyperLogLog sketch when
//! they are many.

use hashbrown::HashSet;
use skald_logql::metric::Sketch;
use skald_logql::pipeline::value_hash;

/// Values up to which all hashes are kept: half of what a sketch takes.
const EXACT_MAX: usize = 1024;

/// Counts different values.
#[derive(Debug)]
pub(crate) enum Cardinality {
    /// A hash of each value.
    Few(HashSet<u64>),
    /// About.
    Many(Box<Sketch>),
}

impl Default for Cardinality {
    fn default() -> Cardinality {
        Cardinality::Few(HashSet::new())
    }
}

impl Cardinality {
    /// Takes in a value.
    pub(crate) fn add(&mut self, value: &str) {
        // 53 bits, which a float holds exactly.
        let hash = value_hash(value) as u64;
        match self {
            Cardinality::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT_MAX {
                    let mut sketch = Box::new(Sketch::new());
                    hashes.iter().for_each(|hash| sketch.insert(*hash));
                    *self = Cardinality::Many(sketch);
                }
            }
            Cardinality::Many(sketch) => sketch.insert(hash),
        }
    }

    /// Bytes held beside itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Cardinality::Few(hashes) => hashes.allocation_size(),
            Cardinality::Many(sketch) => sketch.memory_bytes(),
        }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Cardinality::Few(hashes) => hashes.len() as u64,
            Cardinality::Many(sketch) => sketch.estimate() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        let mut cardinality = Cardinality::default();
        for round in 0..2 {
            for value in 0..1000 {
                cardinality.add(&format!("value {value}"));
            }
            assert_eq!(cardinality.count(), 1000, "round {round}");
        }
        for value in 0..20_000 {
            cardinality.add(&format!("value {value}"));
        }
        assert!(
            cardinality.count().abs_diff(20_000) < 600,
            "{}",
            cardinality.count()
        );
    }
}
