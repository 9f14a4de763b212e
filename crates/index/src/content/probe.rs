//! Probes turn a query into positions in filters.

use super::filter;
use super::grams::{self, Rules};
use super::matrix::Matrix;
use super::recent::Recent;
use skald_model::{ContentQuery, Literal};
use std::borrow::Cow;

/// A query as positions in filters: all of the lists, in each any of the alternatives, in each all
/// positions.
#[derive(Debug)]
pub(super) struct Probe(Vec<Vec<Vec<u32>>>);

impl Probe {
    /// The positions of a query. Lists with an alternative that yields no gram are left out: they
    /// exclude no block.
    pub(super) fn of(rules: Rules, query: &ContentQuery) -> Probe {
        let positions_of = |literal: &Literal| positions_of(rules, literal);
        let lines = query
            .lines
            .iter()
            .map(|list| list.iter().map(positions_of).collect());
        let metadata = query.metadata.iter().map(|(name, values)| {
            values
                .iter()
                .map(|value| positions_of_value(name, value))
                .collect()
        });
        let either = query.either.iter().map(|either| {
            let values = either
                .values
                .iter()
                .map(|value| positions_of_value(&either.name, value));
            either
                .literals
                .iter()
                .map(positions_of)
                .chain(values)
                .collect()
        });
        let says_something =
            |list: &Vec<Vec<u32>>| list.iter().all(|positions| !positions.is_empty());
        Probe(
            lines
                .chain(metadata)
                .chain(either)
                .filter(says_something)
                .collect(),
        )
    }

    /// Whether the query excludes no block at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All positions.
    pub(super) fn positions(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flatten().flatten().copied()
    }

    /// A bit a column: whether it may hold a match. `row_bytes` gives the bytes of a row.
    pub(super) fn run<'a>(
        &self,
        matrix: &Matrix,
        row_bytes: &dyn Fn(usize) -> &'a [u8],
    ) -> Vec<u64> {
        let words = matrix.columns.div_ceil(64);
        let mut all = vec![u64::MAX; words];
        let (mut any, mut one) = (vec![0u64; words], vec![0u64; words]);
        for list in &self.0 {
            any.fill(0);
            for positions in list {
                one.copy_from_slice(&all);
                for position in positions {
                    let row = filter::row(*position, matrix.rows);
                    matrix.intersect_row(row_bytes(row), row, &mut one);
                }
                any.iter_mut().zip(&one).for_each(|(any, one)| *any |= one);
            }
            all.copy_from_slice(&any);
        }
        all
    }
}

/// A literal in lower case asks only for grams that are folded, as one that ignores case has to.
fn positions_of(rules: Rules, literal: &Literal) -> Vec<u32> {
    let mut bytes = Cow::from(&literal.bytes);
    if literal.ignore_case {
        bytes.to_mut().make_ascii_lowercase();
    }
    let mut positions = Vec::new();
    grams::each(
        rules,
        &bytes,
        0..bytes.len(),
        &mut Recent::default(),
        |position| positions.push(position),
    );
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// An empty value says nothing: whether it stands for a missing one is for the reader to say.
fn positions_of_value(name: &str, value: &str) -> Vec<u32> {
    let mut positions = Vec::new();
    if !value.is_empty() {
        grams::each_of_value(name.as_bytes(), value.as_bytes(), |position| {
            positions.push(position)
        });
    }
    positions
}
