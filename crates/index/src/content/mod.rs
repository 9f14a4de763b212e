//! A part's content index: which blocks may hold a literal. Never says no to a block that has it.
//!
//! A block's grams (grams.rs says which substrings) and metadata values set bits of a filter sized to hold
//! about half of its bits set. Filters of one size lie together, transposed (matrix.rs), so that a probe of
//! a gram reads one short row for all blocks. README.md is the format;
//! docs/decisions/0001-content-index.md has what was measured.

mod filter;
mod grams;
mod matrix;
mod rows;

pub use rows::{ContentRows, RowProbe};

use crate::IndexError;
use filter::{Filter, SizeClass, Sketch};
use grams::Rules;
use matrix::Matrix;
use skald_model::{Batch, ContentQuery, Literal};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Version of the layout in README.md that is written; older ones are read.
pub const FORMAT_VERSION: u8 = Rules::Two.version();

/// Bytes before the blocks: version, checksum, number of blocks.
const HEADER_BYTES: usize = 1 + 4 + 4;

/// Builds the index of one part, block by block.
#[derive(Debug, Default)]
pub struct ContentIndexBuilder {
    rules: Rules,
    sketch: Sketch,
    seen: grams::Seen,
    filters: Vec<Filter>,
}

impl ContentIndexBuilder {
    /// Adds the next block (all its lines and metadata).
    pub fn add_block(&mut self, batch: &Batch) {
        let (rules, sketch) = (self.rules, &mut self.sketch);
        self.seen.clear();
        let mut start = 0;
        for &end in &batch.line_ends {
            grams::each(
                rules,
                &batch.lines,
                start..end as usize,
                &mut self.seen,
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

    /// Adds the next block, whose filter another index has: see [`ContentIndex::filters`].
    pub fn add_copied(&mut self, filter: BlockFilter) {
        self.filters.push(filter.0);
    }

    /// The index as bytes. Filters go as they are written.
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
pub struct BlockFilter(Filter);

/// What the bytes before the filters say: how many blocks there are, how their filters were built and where they lie.
#[derive(Debug)]
struct Shape {
    rules: Rules,
    matrices: Vec<(Matrix, Vec<u32>)>,
    blocks: usize,
}

impl Shape {
    /// Reads the header and the sizes of an index of `len` bytes, whose first bytes these are.
    fn decode(bytes: &[u8], len: u64) -> Result<Shape, IndexError> {
        let (rules, blocks) = header_of(bytes)?;
        let classes = bytes
            .get(HEADER_BYTES..HEADER_BYTES + blocks)
            .ok_or_else(|| damaged("bytes end too early"))?;
        let mut columns: BTreeMap<SizeClass, Vec<u32>> = BTreeMap::new();
        for (block, &class) in classes.iter().enumerate() {
            let class =
                SizeClass::new(class).ok_or_else(|| damaged("a filter's size is not known"))?;
            columns.entry(class).or_default().push(block as u32);
        }
        let (mut matrices, mut offset) = (Vec::new(), HEADER_BYTES + blocks);
        for (class, blocks) in columns {
            let matrix = Matrix {
                offset,
                rows: class.bits(),
                columns: blocks.len(),
            };
            offset += matrix.bytes();
            matrices.push((matrix, blocks));
        }
        if offset as u64 != len {
            return Err(damaged("filters are not as long as their sizes say"));
        }
        Ok(Shape {
            rules,
            matrices,
            blocks,
        })
    }

    /// One flag a block; `row` gives the bytes of a row of a matrix, by their numbers.
    fn candidates<'a>(&self, probe: &Probe, row: impl Fn(usize, usize) -> &'a [u8]) -> Vec<bool> {
        let mut flags = vec![true; self.blocks];
        if probe.0.is_empty() {
            return flags;
        }
        for (number, (matrix, blocks)) in self.matrices.iter().enumerate() {
            let may_hold = probe.run(matrix, &|at| row(number, at));
            for (column, block) in blocks.iter().enumerate() {
                flags[*block as usize] = may_hold[column / 64] >> (column % 64) & 1 == 1;
            }
        }
        flags
    }
}

fn damaged(what: &str) -> IndexError {
    IndexError::Damaged(what.to_owned())
}

/// The rules and the number of blocks that a header names, if this version can read what follows.
fn header_of(bytes: &[u8]) -> Result<(Rules, usize), IndexError> {
    let header = bytes
        .first_chunk::<HEADER_BYTES>()
        .ok_or_else(|| damaged("bytes end too early"))?;
    let [version, _, _, _, _, b0, b1, b2, b3] = *header;
    let unknown = || IndexError::Damaged(format!("content index version {version} is not known"));
    Ok((
        Rules::of(version).ok_or_else(unknown)?,
        u32::from_le_bytes([b0, b1, b2, b3]) as usize,
    ))
}

/// A readable index, in memory.
#[derive(Debug)]
pub struct ContentIndex {
    bytes: Vec<u8>,
    shape: Shape,
}

impl ContentIndex {
    /// Opens the bytes of [`ContentIndexBuilder::finish`].
    pub fn open(bytes: Vec<u8>) -> Result<ContentIndex, IndexError> {
        header_of(&bytes)?;
        let (expected, found) = (
            u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]),
            crc32fast::hash(&bytes[5..]),
        );
        if expected != found {
            return Err(IndexError::Damaged(format!(
                "checksum of content index is {found:#010x}, expected {expected:#010x}"
            )));
        }
        let shape = Shape::decode(&bytes, bytes.len() as u64)?;
        Ok(ContentIndex { bytes, shape })
    }

    /// Blocks of the part.
    pub fn blocks(&self) -> usize {
        self.shape.blocks
    }

    /// The filters of all blocks, in their order; `None` when they are not of the version that is written, so that new
    /// ones would hold more.
    pub fn filters(&self) -> Option<Vec<BlockFilter>> {
        if self.shape.rules.version() != FORMAT_VERSION {
            return None;
        }
        let mut filters: Vec<Option<BlockFilter>> = (0..self.shape.blocks).map(|_| None).collect();
        for (matrix, blocks) in &self.shape.matrices {
            for (block, words) in blocks.iter().zip(matrix.columns(&self.bytes)) {
                let class = SizeClass::new(self.bytes[HEADER_BYTES + *block as usize])?;
                filters[*block as usize] = Some(BlockFilter(Filter { class, words }));
            }
        }
        filters.into_iter().collect()
    }

    /// One flag a block: false means it can't hold a match.
    pub fn candidates(&self, query: &ContentQuery) -> Vec<bool> {
        self.shape
            .candidates(&Probe::of(self.shape.rules, query), |matrix, row| {
                &self.bytes[self.shape.matrices[matrix].0.row_bytes(row)]
            })
    }
}

/// A query as positions in filters: all of the lists, in each any of the alternatives, in each all positions.
#[derive(Debug)]
struct Probe(Vec<Vec<Vec<u32>>>);

impl Probe {
    /// Lists with an alternative of which grams say nothing are left out: they exclude no block.
    fn of(rules: Rules, query: &ContentQuery) -> Probe {
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

    /// A bit a column: whether it may hold a match. `row_bytes` gives the bytes of a row.
    fn run<'a>(&self, matrix: &Matrix, row_bytes: &dyn Fn(usize) -> &'a [u8]) -> Vec<u64> {
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
        &mut grams::Seen::default(),
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

#[cfg(test)]
mod tests;
