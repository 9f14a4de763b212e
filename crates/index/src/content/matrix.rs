//! Filters of one size, transposed: row `i` holds bit `i` of every filter, rows follow without
//! padding.

use super::filter::Filter;
use std::ops::Range;

/// Bytes read at once for the 64 bits of a row that begin at any bit.
const WINDOW_BYTES: usize = 16;

/// Where the filters of one size lie.
#[derive(Debug)]
pub(super) struct Matrix {
    /// First byte.
    pub(super) offset: usize,
    /// Bits of a filter.
    pub(super) rows: usize,
    /// Filters.
    pub(super) columns: usize,
}

impl Matrix {
    pub(super) fn bytes(&self) -> usize {
        bytes_of(self.rows, self.columns)
    }

    /// The filters, each back in words.
    pub(super) fn columns(&self, bytes: &[u8]) -> Vec<Vec<u64>> {
        let bytes = &bytes[self.offset..];
        let mut columns = vec![vec![0u64; self.rows / 64]; self.columns];
        for (group, together) in columns.chunks_mut(64).enumerate() {
            for word in 0..self.rows / 64 {
                let mut square = [0u64; 64];
                for (row, bits) in square.iter_mut().enumerate() {
                    let bit = (word * 64 + row) * self.columns + group * 64;
                    *bits = load(&bytes[bit / 8..], (bit % 8) as u32);
                }
                flip(&mut square);
                together
                    .iter_mut()
                    .zip(square)
                    .for_each(|(column, bits)| column[word] = bits);
            }
        }
        columns
    }

    /// The bytes of the index that a look at row `row` needs.
    pub(super) fn row_bytes(&self, row: usize) -> Range<usize> {
        let first = row * self.columns;
        let last_word = self.columns.saturating_sub(1) / 64;
        let start = self.offset + first / 8;
        start..start + last_word * 8 + WINDOW_BYTES
    }

    /// Clears the bits of `columns` that are clear in row `row`, whose [`Matrix::row_bytes`] these
    /// are.
    pub(super) fn intersect_row(&self, bytes: &[u8], row: usize, columns: &mut [u64]) {
        let shift = (row * self.columns % 8) as u32;
        for (at, word) in columns.iter_mut().enumerate() {
            *word &= load(&bytes[at * 8..], shift);
        }
    }
}

/// A matrix, and room for the last row to be read in whole words.
pub(super) fn bytes_of(rows: usize, columns: usize) -> usize {
    (rows * columns).div_ceil(8) + WINDOW_BYTES
}

/// 64 bits from bit `shift` of the first byte.
fn load(bytes: &[u8], shift: u32) -> u64 {
    let window = bytes
        .first_chunk::<WINDOW_BYTES>()
        .expect("padding follows the last row");
    (u128::from_le_bytes(*window) >> shift) as u64
}

/// Appends filters of `rows` bits as a matrix.
pub(super) fn transpose(rows: usize, filters: &[Filter], out: &mut Vec<u8>) {
    let offset = out.len();
    out.resize(offset + bytes_of(rows, filters.len()), 0);
    let out = &mut out[offset..];
    for (group, together) in filters.chunks(64).enumerate() {
        for word in 0..rows / 64 {
            let mut square = [0u64; 64];
            square
                .iter_mut()
                .zip(together)
                .for_each(|(row, filter)| *row = filter.words[word]);
            flip(&mut square);
            for (row, bits) in square.iter().enumerate() {
                let bit = (word * 64 + row) * filters.len() + group * 64;
                let window = out[bit / 8..]
                    .first_chunk_mut::<WINDOW_BYTES>()
                    .expect("padding follows the last row");
                *window =
                    (u128::from_le_bytes(*window) | u128::from(*bits) << (bit % 8)).to_le_bytes();
            }
        }
    }
}

/// Transposes 64 by 64 bits: swaps the off-diagonal halves, then those of each quarter, and so on.
fn flip(square: &mut [u64; 64]) {
    let (mut width, mut mask) = (32, 0x0000_0000_ffff_ffffu64);
    while width != 0 {
        for row in (0..64).filter(|row| row & width == 0) {
            let swapped = (square[row] >> width ^ square[row + width]) & mask;
            square[row] ^= swapped << width;
            square[row + width] ^= swapped;
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::SizeClass;
    use super::*;

    #[test]
    fn rows_hold_the_bits_of_all_filters() {
        for columns in [1, 3, 63, 64, 65, 130] {
            let class = SizeClass(9);
            let filters: Vec<Filter> = (0..columns)
                .map(|column| {
                    let word =
                        |at: u64| (at * 1000 + column + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    Filter {
                        class,
                        words: (0..class.bits() as u64 / 64).map(word).collect(),
                    }
                })
                .collect();
            let mut bytes = vec![0xff; 5];
            transpose(class.bits(), &filters, &mut bytes);
            let matrix = Matrix {
                offset: 5,
                rows: class.bits(),
                columns: columns as usize,
            };
            assert_eq!(bytes.len(), 5 + matrix.bytes());
            let words: Vec<Vec<u64>> = filters.iter().map(|filter| filter.words.clone()).collect();
            assert_eq!(matrix.columns(&bytes), words);
            for row in 0..matrix.rows {
                let mut found = vec![u64::MAX; matrix.columns.div_ceil(64)];
                matrix.intersect_row(&bytes[matrix.row_bytes(row)], row, &mut found);
                for (column, filter) in filters.iter().enumerate() {
                    let expected = filter.words[row / 64] >> (row % 64) & 1;
                    assert_eq!(
                        found[column / 64] >> (column % 64) & 1,
                        expected,
                        "row {row} of filter {column} of {columns}"
                    );
                }
            }
        }
    }
}
