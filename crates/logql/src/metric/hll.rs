//! HyperLogLog estimates the number of different hashes within about one percent, in 16 KiB.

/// Bits of a hash that choose a register; the standard error is `1.04 / sqrt(2^bits)`, 0.8 %.
const INDEX_BITS: u32 = 14;

/// Registers of a sketch, a byte each.
const REGISTERS: usize = 1 << INDEX_BITS;

/// Bits of a hash, as [`crate::pipeline::value_hash`] gives them.
const HASH_BITS: u32 = 53;

/// For each register the greatest number of leading zeros, plus one, among the hashes it saw.
#[derive(Clone, Debug)]
pub struct Sketch {
    registers: [u8; REGISTERS],
}

impl Sketch {
    /// A sketch of nothing.
    pub fn new() -> Sketch {
        Sketch {
            registers: [0; REGISTERS],
        }
    }

    /// Bytes it takes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Sketch>()
    }

    /// Takes in a hash of 53 bits, as [`crate::pipeline::value_hash`] gives them.
    pub fn insert(&mut self, hash: u64) {
        let index = hash as usize & (REGISTERS - 1);
        let rest = hash >> INDEX_BITS;
        let zeros = rest.leading_zeros() - (64 - (HASH_BITS - INDEX_BITS));
        let register = &mut self.registers[index];
        *register = (*register).max(zeros as u8 + 1);
    }

    /// Takes in all that another sketch saw.
    pub fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// About how many different hashes were seen.
    pub fn estimate(&self) -> f64 {
        let m = REGISTERS as f64;
        let harmonic: f64 = self.registers.iter().map(|r| (-f64::from(*r)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / harmonic;
        let untouched = self.registers.iter().filter(|r| **r == 0).count();
        // Few hashes leave registers untouched, and counting those is the better guess then.
        let found = if raw <= 2.5 * m && untouched > 0 {
            m * (m / untouched as f64).ln()
        } else {
            raw
        };
        found.round()
    }
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::value_hash;

    fn check(count: u32) {
        let mut sketch = Sketch::new();
        for v in 0..count {
            sketch.insert(value_hash(&format!("value {v}")) as u64);
            sketch.insert(value_hash(&format!("value {v}")) as u64);
        }
        let error = sketch.estimate() / f64::from(count) - 1.0;
        assert!(error.abs() < 0.03, "{count} values are off by {error}");
    }

    #[test]
    fn estimates_stay_within_three_percent_at_every_size() {
        for count in [1000, 10_000, 35_000, 50_000, 500_000] {
            check(count);
        }
        assert_eq!(Sketch::new().estimate(), 0.0);
    }
}
