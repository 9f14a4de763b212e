//! A remote content index answers from a few rows, which the caller fetches by byte range.
//!
//! Of an index in object storage only the sizes of its filters are read, and of a query's grams one
//! short row each. What this gives up is the checksum over the whole index, which only a full read
//! can check.

use crate::content::filter;
use crate::content::header::{HEADER_BYTES, Shape, damaged, header_of};
use crate::content::probe::Probe;
use crate::error::IndexError;
use skald_model::ContentQuery;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of the first read: the sizes of about as many filters come with it.
const FIRST_READ_BYTES: u64 = 4096;

/// The sizes of an index.
#[derive(Debug)]
pub struct ContentRows {
    shape: Shape,
}

/// What a query needs of an index.
#[derive(Debug)]
pub struct RowProbe<'a> {
    shape: &'a Shape,
    probe: Probe,
    /// Where the bytes of a row of a matrix stand in `ranges`.
    rows: BTreeMap<(usize, usize), usize>,
    ranges: Vec<Range<u64>>,
}

impl ContentRows {
    /// Reads the sizes of an index of `len` bytes.
    pub fn open(
        len: u64,
        read: &mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>,
    ) -> Result<ContentRows, IndexError> {
        let mut bytes = read(0..len.min(FIRST_READ_BYTES))?;
        let needed = ((HEADER_BYTES + header_of(&bytes)?.1) as u64).min(len);
        if needed > bytes.len() as u64 {
            bytes = read(0..needed)?;
        }
        Ok(ContentRows {
            shape: Shape::decode(&bytes, len)?,
        })
    }

    /// The rows that tell which blocks may hold a match.
    pub fn probe(&self, query: &ContentQuery) -> RowProbe<'_> {
        let probe = Probe::of(self.shape.rules, query);
        let (mut rows, mut ranges) = (BTreeMap::new(), Vec::new());
        for (number, (matrix, _)) in self.shape.matrices.iter().enumerate() {
            for position in probe.positions() {
                let row = filter::row(position, matrix.rows);
                rows.entry((number, row)).or_insert_with(|| {
                    let bytes = matrix.row_bytes(row);
                    ranges.push(bytes.start as u64..bytes.end as u64);
                    ranges.len() - 1
                });
            }
        }
        RowProbe {
            shape: &self.shape,
            probe,
            rows,
            ranges,
        }
    }
}

impl RowProbe<'_> {
    /// What to fetch: ranges of the index's bytes.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// One flag a block, from the bytes of [`RowProbe::ranges`]: false means it can't hold a match.
    pub fn candidates<B: AsRef<[u8]>>(&self, fetched: &[B]) -> Result<Vec<bool>, IndexError> {
        let as_asked = |(range, bytes): (&Range<u64>, &B)| {
            bytes.as_ref().len() as u64 == range.end - range.start
        };
        if fetched.len() != self.ranges.len() || !self.ranges.iter().zip(fetched).all(as_asked) {
            return Err(damaged("rows are not as long as they were asked for"));
        }
        Ok(self.shape.candidates(&self.probe, |matrix, row| {
            fetched[self.rows[&(matrix, row)]].as_ref()
        }))
    }
}
