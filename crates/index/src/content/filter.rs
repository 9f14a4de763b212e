//! A filter holds the grams of one block, as bits set at their positions.
//!
//! Grams are first collected in a sketch, a bitmap large enough to hold them nearly apart; how many
//! bits it has then tells how large the filter must be, and the bits are moved there by scaling
//! positions.

use super::grams::POSITION_BITS;

/// Bits of a filter for a hundred bits set in the sketch: at 147 half of the filter's bits get set,
/// which is where they tell most. (144 would do if the bits of a sketch fell together as often as
/// drawn ones.)
const FILTER_PERCENT: u64 = 147;

/// Size of a filter, in quarter steps of powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SizeClass(pub(super) u8);

/// The largest class: twice the bits of a sketch.
const CLASS_MAX: u8 = 56;

impl SizeClass {
    /// The class of this number; `None` when there is none.
    pub(super) fn new(class: u8) -> Option<SizeClass> {
        (class <= CLASS_MAX).then_some(SizeClass(class))
    }

    /// The class nearest to `bits`.
    fn nearest(bits: u64) -> SizeClass {
        let distance = |class: &SizeClass| (class.bits() as u64).abs_diff(bits);
        (0..=CLASS_MAX)
            .map(SizeClass)
            .min_by_key(distance)
            .expect("there are classes")
    }

    /// Bits of a filter of this class.
    pub(super) fn bits(self) -> usize {
        (4 + usize::from(self.0 % 4)) << (self.0 / 4 + 6)
    }
}

/// A block's filter, packed in words, lowest bit first.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) class: SizeClass,
    pub(super) words: Vec<u64>,
}

/// Where a position lies in a filter of `bits` bits.
pub(super) fn row(position: u32, bits: usize) -> usize {
    ((u64::from(position) * bits as u64) >> POSITION_BITS) as usize
}

/// Positions collected so far. Reused from block to block.
#[derive(Debug)]
pub(super) struct Sketch {
    words: Box<[u64; WORDS]>,
}

const WORDS: usize = 1 << (POSITION_BITS - 6);

impl Default for Sketch {
    fn default() -> Sketch {
        let words = vec![0; WORDS].into_boxed_slice();
        Sketch {
            words: words.try_into().expect("the vector has all words"),
        }
    }
}

impl Sketch {
    pub(super) fn insert(&mut self, position: u32) {
        self.words[(position >> 6) as usize % WORDS] |= 1 << (position & 63);
    }

    /// The filter of the positions, which are forgotten.
    pub(super) fn take(&mut self) -> Filter {
        let set: u64 = self
            .words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum();
        let class = SizeClass::nearest(set * FILTER_PERCENT / 100);
        let bits = class.bits();
        let mut words = vec![0u64; bits / 64];
        for (at, word) in self.words.iter_mut().enumerate() {
            let mut left = std::mem::take(word);
            while left != 0 {
                let row = row(at as u32 * 64 + left.trailing_zeros(), bits);
                words[row / 64] |= 1 << (row % 64);
                left &= left - 1;
            }
        }
        Filter { class, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_by_a_quarter_or_less() {
        let sizes: Vec<usize> = (0..=CLASS_MAX)
            .map(|class| SizeClass(class).bits())
            .collect();
        assert_eq!(sizes[0], 256);
        assert!(sizes.iter().all(|bits| bits % 64 == 0));
        assert!(
            sizes
                .windows(2)
                .all(|pair| pair[0] < pair[1] && pair[1] * 4 <= pair[0] * 5)
        );
        assert!(sizes[usize::from(CLASS_MAX)] >> POSITION_BITS == 2);
    }

    #[test]
    fn a_filter_has_what_its_sketch_had() {
        let mut sketch = Sketch::default();
        let positions: Vec<u32> = (0..5000u64)
            .map(|i| (xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes()) >> (64 - POSITION_BITS)) as u32)
            .collect();
        positions
            .iter()
            .for_each(|position| sketch.insert(*position));
        let filter = sketch.take();
        for position in positions {
            let row = row(position, filter.class.bits());
            assert!(filter.words[row / 64] >> (row % 64) & 1 == 1);
        }
        let set: u32 = filter.words.iter().map(|word| word.count_ones()).sum();
        let share = f64::from(set) / filter.class.bits() as f64;
        assert!((0.4..0.6).contains(&share), "{share}");
        assert_eq!(sketch.take().class, SizeClass(0));
    }
}
