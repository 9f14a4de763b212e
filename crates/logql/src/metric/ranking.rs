//! Ranking orders equal values as `topk`, `bottomk`, `sort` and `sort_desc` do in Loki.
//!
//! Nothing says how equal values rank, but answers should be those that users know from Loki, and
//! dashboards show the order. So values go through the same steps as there: a binary heap filled in
//! order of labels, and for sorting a pattern-defeating quicksort of that heap, as Go's library
//! does it. Not a general sort.

/// A value and the number of its series.
pub(super) type Ranked = (f64, usize);

/// Whether a value ranks below another; NaN is below everything.
pub(super) type Below = fn(f64, f64) -> bool;

/// Smaller values are below: `topk`, `sort_desc`.
pub(super) fn smaller(a: f64, b: f64) -> bool {
    a.is_nan() || a < b
}

/// Larger values are below: `bottomk`, `sort`.
pub(super) fn larger(a: f64, b: f64) -> bool {
    a.is_nan() || a > b
}

/// Slices of at most this many values are sorted by insertion.
const INSERTION_MAX: usize = 12;

/// Slices of at least this many values choose their pivot from nine, and are mended when nearly
/// sorted.
const LONG: usize = 50;

/// Steps after which a nearly sorted slice counts as unsorted.
const MENDING_STEPS: usize = 5;

/// Swaps after which the samples for a pivot are known to descend.
const PIVOT_SWAPS_MAX: usize = 12;

/// Adds to a heap whose root is the lowest.
pub(super) fn push(heap: &mut Vec<Ranked>, item: Ranked, below: Below) {
    heap.push(item);
    let mut child = heap.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if !below(heap[child].0, heap[parent].0) {
            break;
        }
        heap.swap(child, parent);
        child = parent;
    }
}

/// Removes the root.
fn pop(heap: &mut Vec<Ranked>, below: Below) {
    if heap.is_empty() {
        return;
    }
    heap.swap_remove(0);
    let mut parent = 0;
    loop {
        let mut child = 2 * parent + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && below(heap[child + 1].0, heap[child].0) {
            child += 1;
        }
        if !below(heap[child].0, heap[parent].0) {
            return;
        }
        heap.swap(child, parent);
        parent = child;
    }
}

/// Adds to a heap of at most `k`, of which the lowest goes when there is a higher one.
pub(super) fn push_bounded(heap: &mut Vec<Ranked>, item: Ranked, k: usize, below: Below) {
    if heap.len() < k {
        push(heap, item, below);
    } else if k > 0 && (heap[0].0.is_nan() || (!item.0.is_nan() && below(heap[0].0, item.0))) {
        pop(heap, below);
        push(heap, item, below);
    }
}

/// Sorts a heap, the highest first.
pub(super) fn sort(heap: &mut [Ranked], below: Below) {
    let limit = usize::BITS - heap.len().leading_zeros();
    let end = heap.len();
    Sorter { items: heap, below }.run(0, end, limit);
}

struct Sorter<'a> {
    items: &'a mut [Ranked],
    below: Below,
}

/// What the samples for a pivot look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Ascending,
    Descending,
    Unknown,
}

impl Sorter<'_> {
    /// Whether item `i` belongs before item `j`.
    fn before(&self, i: usize, j: usize) -> bool {
        (self.below)(self.items[j].0, self.items[i].0)
    }

    fn run(&mut self, mut start: usize, mut end: usize, mut limit: u32) {
        let (mut balanced, mut partitioned) = (true, true);
        loop {
            let len = end - start;
            if len <= INSERTION_MAX || limit == 0 {
                return self.insertion(start, end);
            }
            if !balanced {
                self.break_patterns(start, end);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(start, end);
            if hint == Hint::Descending {
                self.items[start..end].reverse();
                pivot = (end - 1) - (pivot - start);
                hint = Hint::Ascending;
            }
            if balanced && partitioned && hint == Hint::Ascending && self.mend(start, end) {
                return;
            }
            if start > 0 && !self.before(start - 1, pivot) {
                start = self.partition_equal(start, end, pivot);
                continue;
            }
            let (middle, already) = self.partition(start, end, pivot);
            partitioned = already;
            let (left, right) = (middle - start, end - middle);
            if left < right {
                balanced = left >= len / 8;
                self.run(start, middle, limit);
                start = middle + 1;
            } else {
                balanced = right >= len / 8;
                self.run(middle + 1, end, limit);
                end = middle;
            }
        }
    }

    fn insertion(&mut self, start: usize, end: usize) {
        for i in start + 1..end {
            let mut j = i;
            while j > start && self.before(j, j - 1) {
                self.items.swap(j, j - 1);
                j -= 1;
            }
        }
    }

    /// Three swaps at places that only the length decides.
    fn break_patterns(&mut self, start: usize, end: usize) {
        let len = end - start;
        let mask = (1usize << (usize::BITS - len.leading_zeros())) - 1;
        let mut random = len as u64;
        let middle = start + (len / 4) * 2 - 1;
        for i in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let other = random as usize & mask;
            let other = if other >= len { other - len } else { other };
            self.items.swap(middle - 1 + i, start + other);
        }
    }

    fn choose_pivot(&self, start: usize, end: usize) -> (usize, Hint) {
        let quarter = (end - start) / 4;
        let (mut i, mut j, mut k) = (start + quarter, start + quarter * 2, start + quarter * 3);
        let mut swaps = 0;
        if end - start >= LONG {
            i = self.median(i - 1, i, i + 1, &mut swaps);
            j = self.median(j - 1, j, j + 1, &mut swaps);
            k = self.median(k - 1, k, k + 1, &mut swaps);
        }
        let pivot = self.median(i, j, k, &mut swaps);
        match swaps {
            0 => (pivot, Hint::Ascending),
            PIVOT_SWAPS_MAX => (pivot, Hint::Descending),
            _ => (pivot, Hint::Unknown),
        }
    }

    fn median(&self, a: usize, b: usize, c: usize, swaps: &mut usize) -> usize {
        let mut ordered = |a: usize, b: usize| {
            let swap = self.before(b, a);
            *swaps += usize::from(swap);
            if swap { (b, a) } else { (a, b) }
        };
        let (a, b) = ordered(a, b);
        let (b, _) = ordered(b, c);
        ordered(a, b).1
    }

    /// Sorts a slice that is nearly sorted; false when it is not.
    fn mend(&mut self, start: usize, end: usize) -> bool {
        let mut i = start + 1;
        for _ in 0..MENDING_STEPS {
            while i < end && !self.before(i, i - 1) {
                i += 1;
            }
            if i == end {
                return true;
            }
            if end - start < LONG {
                return false;
            }
            self.items.swap(i, i - 1);
            if i - start >= 2 {
                let mut j = i - 1;
                while j >= 1 && self.before(j, j - 1) {
                    self.items.swap(j, j - 1);
                    j -= 1;
                }
            }
            let mut j = i + 1;
            while end - i >= 2 && j < end && self.before(j, j - 1) {
                self.items.swap(j, j - 1);
                j += 1;
            }
        }
        false
    }

    /// Moves items equal to the pivot to the front, where none is before it.
    fn partition_equal(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.items.swap(start, pivot);
        let (mut i, mut j) = (start + 1, end - 1);
        loop {
            while i <= j && !self.before(start, i) {
                i += 1;
            }
            while i <= j && self.before(start, j) {
                j -= 1;
            }
            if i > j {
                return i;
            }
            self.items.swap(i, j);
            i += 1;
            j -= 1;
        }
    }

    /// Items before the pivot, the pivot, the others; and whether they lay so already.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.items.swap(start, pivot);
        let (mut i, mut j) = (start + 1, end - 1);
        let mut swapped = false;
        loop {
            while i <= j && self.before(i, start) {
                i += 1;
            }
            while i <= j && !self.before(j, start) {
                j -= 1;
            }
            if i > j {
                self.items.swap(j, start);
                return (j, !swapped);
            }
            swapped = true;
            self.items.swap(i, j);
            i += 1;
            j -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(values: &[f64], below: Below) -> Vec<Ranked> {
        let mut heap = Vec::new();
        values
            .iter()
            .enumerate()
            .for_each(|(i, v)| push(&mut heap, (*v, i), below));
        sort(&mut heap, below);
        heap
    }

    #[test]
    fn equal_values_lie_as_a_recorded_answer_has_them() {
        let values = [
            7, 4, 6, 6, 2, 3, 4, 4, 1, 3, 7, 8, 12, 11, 10, 18, 16, 14, 2, 1, 2, 2, 1, 4, 6, 8, 7,
            8, 4, 1, 35, 33, 38, 31, 5, 6, 6, 7, 8, 6, 17, 7, 15, 4, 9, 7,
        ];
        let expected = [
            32, 30, 31, 33, 15, 40, 16, 42, 17, 12, 13, 14, 44, 27, 38, 11, 25, 10, 26, 0, 45, 41,
            37, 2, 35, 39, 36, 3, 24, 34, 7, 1, 28, 23, 6, 43, 5, 9, 20, 21, 4, 18, 8, 22, 29, 19,
        ];
        let found: Vec<usize> = sorted(&values.map(f64::from), smaller)
            .into_iter()
            .map(|(_, index)| index)
            .collect();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn sorting_orders_values(values in proptest::collection::vec(0u8..40, 0..300)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            for (below, sign) in [(smaller as Below, -1.0), (larger as Below, 1.0)] {
                let found = sorted(&values, below);
                prop_assert!(found.windows(2).all(|pair| sign * pair[0].0 <= sign * pair[1].0));
            }
        }

        #[test]
        fn sorting_loses_nothing_even_of_nan(values in proptest::collection::vec(0u8..40, 0..300)) {
            let values: Vec<f64> = values.into_iter().map(|v| if v % 7 == 0 { f64::NAN } else { f64::from(v) }).collect();
            let mut indexes: Vec<usize> = sorted(&values, smaller).iter().map(|(_, index)| *index).collect();
            indexes.sort_unstable();
            prop_assert_eq!(indexes, (0..values.len()).collect::<Vec<_>>());
        }

        #[test]
        fn a_bounded_heap_holds_the_highest(values in proptest::collection::vec(0u8..40, 0..100), k in 0usize..20) {
            let mut heap = Vec::new();
            values.iter().enumerate().for_each(|(i, v)| push_bounded(&mut heap, (f64::from(*v), i), k, smaller));
            let mut found: Vec<u8> = heap.iter().map(|(v, _)| *v as u8).collect();
            found.sort_unstable();
            let mut expected = values.clone();
            expected.sort_unstable();
            prop_assert_eq!(found, expected[values.len() - k.min(values.len())..].to_vec());
        }
    }
}
