//! Builds the content index of one part, block by block.

use super::filter::{Filter, SizeClass, Sketch};
use super::grams::{self, Rules};
use super::matrix;
use super::recent::Recent;
use skald_model::Batch;
use std::collections::BTreeMap;

/// Builds the index of one part, block by block.
#[derive(Debug, Default)]
pub struct ContentIndexBuilder {
    rules: Rules,
    sketch: Sketch,
    recent: Recent,
    filters: Vec<Filter>,
}

impl ContentIndexBuilder {
    /// A builder that writes an older version.
    #[cfg(test)]
    pub(super) fn by(rules: Rules) -> ContentIndexBuilder {
        ContentIndexBuilder {
            rules,
            ..ContentIndexBuilder::default()
        }
    }

    /// Adds the next block (all its lines and metadata).
    pub fn add_block(&mut self, batch: &Batch) {
        let (rules, sketch) = (self.rules, &mut self.sketch);
        self.recent.clear();
        let mut start = 0;
        for &end in &batch.line_ends {
            grams::each(
                rules,
                &batch.lines,
                start..end as usize,
                &mut self.recent,
                |position| sketch.insert(position),
            );
            start = end as usize;
        }
        for column in &batch.metadata {
            for value in 0..column.value_count() {
                let (name, value) = (column.name.as_bytes(), column.value(value).as_bytes());
                grams::each_of_value(name, value, |position| sketch.insert(position));
            }
        }
        self.filters.push(sketch.take());
    }

    /// Adds the next block, whose filter another index has: see [`super::ContentIndex::filters`].
    pub fn add_copied(&mut self, filter: BlockFilter) {
        self.filters.push(filter.0);
    }

    /// The index as bytes.
    pub fn finish(self) -> Vec<u8> {
        let mut head = vec![self.rules.version(), 0, 0, 0, 0];
        head.extend_from_slice(&(self.filters.len() as u32).to_le_bytes());
        head.extend(self.filters.iter().map(|filter| filter.class.0));
        let mut classes: BTreeMap<SizeClass, Vec<Filter>> = BTreeMap::new();
        for filter in self.filters {
            classes.entry(filter.class).or_default().push(filter);
        }
        let filters: usize = classes
            .iter()
            .map(|(class, filters)| matrix::bytes_of(class.bits(), filters.len()))
            .sum();
        let mut out = Vec::with_capacity(head.len() + filters);
        out.extend_from_slice(&head);
        for (class, filters) in classes {
            matrix::transpose(class.bits(), &filters, &mut out);
        }
        let checksum = crc32fast::hash(&out[5..]);
        out[1..5].copy_from_slice(&checksum.to_le_bytes());
        out
    }
}

/// The filter of a block, on its way from one index to another.
#[derive(Debug)]
pub struct BlockFilter(pub(super) Filter);
