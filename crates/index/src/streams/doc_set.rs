//! A document set holds some documents of a segment, one bit each.

/// Some documents of a segment.
#[derive(Clone, Debug)]
pub(super) struct DocSet {
    words: Vec<u64>,
    /// Documents of the segment, in the set or not.
    documents: u32,
}

impl DocSet {
    pub(super) fn none(documents: u32) -> DocSet {
        DocSet {
            words: vec![0; documents.div_ceil(64) as usize],
            documents,
        }
    }

    pub(super) fn all(documents: u32) -> DocSet {
        let mut docs = DocSet {
            words: vec![u64::MAX; documents.div_ceil(64) as usize],
            documents,
        };
        if let (Some(last), odd @ 1..) = (docs.words.last_mut(), documents % 64) {
            *last = (1 << odd) - 1;
        }
        docs
    }

    /// Documents of the segment, in the set or not.
    pub(super) fn documents(&self) -> u32 {
        self.documents
    }

    pub(super) fn insert(&mut self, doc: u32) {
        self.words[(doc / 64) as usize] |= 1 << (doc % 64);
    }

    /// Keeps those that are in `other` too.
    pub(super) fn intersect(&mut self, other: &DocSet) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(a, b)| *a &= b);
    }

    /// Keeps those that are not in `other`.
    pub(super) fn subtract(&mut self, other: &DocSet) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(a, b)| *a &= !b);
    }

    pub(super) fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_exactly_their_documents() {
        for documents in [0, 1, 63, 64, 65, 200] {
            assert_eq!(
                DocSet::all(documents).iter().collect::<Vec<_>>(),
                (0..documents).collect::<Vec<_>>()
            );
            assert_eq!(DocSet::none(documents).count(), 0);
        }
        let mut some = DocSet::none(100);
        some.insert(3);
        some.insert(64);
        let mut rest = DocSet::all(100);
        rest.subtract(&some);
        assert_eq!(rest.count(), 98);
        rest.intersect(&some);
        assert_eq!(rest.count(), 0);
        assert_eq!(some.iter().collect::<Vec<_>>(), [3, 64]);
    }
}
