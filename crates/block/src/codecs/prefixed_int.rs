//! Prefixed integers are one of a few prefixes and then a whole number: `/api/v1/users/8485`,
//! `queue.go:91`.
//!
//! The number is the digits at the end, in the one form it is printed; zeros before it belong to
//! the prefix.

use crate::codecs::ints::{self, IntBuffers};
use crate::codecs::texts::{Texts, Wanted, get_small_ints, print_ints};
use crate::codecs::{digits, varint};
use crate::error::BlockError;
use crate::limits::BLOCK_BYTES_MAX;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Most prefixes of a list, and longest of them: with more, plain bytes are about as short.
const PREFIXES_MAX: usize = 64;
const PREFIX_BYTES_MAX: usize = 128;
/// Fewest values a prefix stands for on average.
const VALUES_A_PREFIX_MIN: usize = 8;
/// Most digits of a number: more may not fit 64 bits.
const DIGITS_MAX: usize = 19;

/// Texts that are prefixed integers.
#[derive(Debug, Default)]
pub(crate) struct PrefixedInts {
    prefix_ends: Vec<u32>,
    prefixes: Vec<u8>,
    codes: Vec<u64>,
    numbers: Vec<u64>,
    table: HashTable<u32>,
}

impl PrefixedInts {
    fn prefixes(&self) -> Texts<'_> {
        Texts {
            ends: &self.prefix_ends,
            bytes: &self.prefixes,
        }
    }

    /// The number of a prefix; `None` when there are too many.
    fn prefix(&mut self, prefix: &[u8]) -> Option<u32> {
        let PrefixedInts {
            prefix_ends,
            prefixes,
            table,
            ..
        } = self;
        let texts = Texts {
            ends: prefix_ends,
            bytes: prefixes,
        };
        let hash = xxh3_64(prefix);
        if let Some(known) = table.find(hash, |number| texts.get(*number as usize) == prefix) {
            return Some(*known);
        }
        if prefix_ends.len() == PREFIXES_MAX || prefix.len() > PREFIX_BYTES_MAX {
            return None;
        }
        let number = prefix_ends.len() as u32;
        prefixes.extend_from_slice(prefix);
        prefix_ends.push(prefixes.len() as u32);
        let texts = Texts {
            ends: prefix_ends,
            bytes: prefixes,
        };
        table.insert_unique(hash, number, |number| xxh3_64(texts.get(*number as usize)));
        Some(number)
    }
}

/// Splits the texts into `found`; false when they are not of this form.
pub(crate) fn find(texts: Texts<'_>, found: &mut PrefixedInts) -> bool {
    found.prefix_ends.clear();
    found.prefixes.clear();
    found.codes.clear();
    found.numbers.clear();
    found.table.clear();
    let mut last: (&[u8], u32) = (&[], u32::MAX);
    for text in texts.iter() {
        let Some((prefix, number)) = split(text) else {
            return false;
        };
        if last.1 == u32::MAX || last.0 != prefix {
            let Some(code) = found.prefix(prefix) else {
                return false;
            };
            last = (prefix, code);
        }
        found.codes.push(u64::from(last.1));
        found.numbers.push(number);
    }
    found.codes.len() >= VALUES_A_PREFIX_MIN * found.prefix_ends.len().max(1)
}

/// Appends what [`find`] found.
pub(crate) fn put(
    found: &PrefixedInts,
    buffers: &mut IntBuffers,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    varint::put(out, found.prefix_ends.len() as u64);
    found
        .prefixes()
        .iter()
        .for_each(|prefix| varint::put_bytes(out, prefix));
    ints::encode(&found.codes, buffers, out)?;
    ints::encode(&found.numbers, buffers, out)
}

/// The prefixes of a list that begins with them.
pub(crate) fn get_prefixes<'a>(bytes: &mut &'a [u8]) -> Result<Vec<&'a [u8]>, BlockError> {
    let prefixes = varint::get_at_most(bytes, PREFIXES_MAX as u64, "the number of prefixes")?;
    let mut prefix = || match varint::get_bytes(bytes)? {
        prefix if prefix.len() > PREFIX_BYTES_MAX => {
            Err(BlockError::damaged("a prefix is longer than can be"))
        }
        prefix => Ok(prefix),
    };
    (0..prefixes).map(|_| prefix()).collect()
}

/// Reads `count` values and appends the texts of those that are wanted.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let prefixes = get_prefixes(bytes)?;
    let longest = prefixes
        .iter()
        .map(|prefix| prefix.len())
        .max()
        .unwrap_or(0)
        + DIGITS_MAX;
    if count.saturating_mul(longest) > BLOCK_BYTES_MAX {
        return Err(BlockError::damaged(
            "values with prefixes are more than a block can hold",
        ));
    }
    if prefixes.is_empty() && count > 0 {
        return Err(BlockError::damaged("values have no prefixes"));
    }
    let codes = get_small_ints(
        bytes,
        count,
        wanted,
        prefixes.len().saturating_sub(1) as u8,
        "the number of a value's prefix",
    )?;
    print_ints(bytes, count, wanted, ends, values, |at, number, out| {
        out.extend_from_slice(prefixes[usize::from(codes[at])]);
        digits::put_u64(out, number);
    })
}

/// The text before the number at the end, and the number.
fn split(text: &[u8]) -> Option<(&[u8], u64)> {
    let digits = text
        .iter()
        .rev()
        .take(DIGITS_MAX)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let zeros = text[text.len() - digits..]
        .iter()
        .take_while(|digit| **digit == b'0')
        .count();
    let (prefix, number) = text.split_at(text.len() - digits + zeros.min(digits.checked_sub(1)?));
    let number = number.iter().try_fold(0u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    Some((prefix, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_what_prints_back() {
        let check = |text: &'static str, expected: Option<(&str, u64)>| {
            assert_eq!(
                split(text.as_bytes()),
                expected.map(|(prefix, number)| (prefix.as_bytes(), number)),
                "{text}"
            );
        };
        check("/users/8485", Some(("/users/", 8485)));
        check("a007", Some(("a00", 7)));
        check("a00", Some(("a0", 0)));
        check("0", Some(("", 0)));
        check(
            "x9999999999999999999",
            Some(("x", 9_999_999_999_999_999_999)),
        );
        check(
            "x12345678901234567890123",
            Some(("x1234", 5_678_901_234_567_890_123)),
        );
        check("", None);
        check("12ms", None);
    }

    #[test]
    fn damaged_heads_are_refused() {
        let refused = |bytes: &[u8]| {
            assert!(decode(&mut &bytes[..], 3, None, &mut Vec::new(), &mut Vec::new()).is_err())
        };
        refused(&[]);
        refused(&[200, 1]);
        refused(&[1, 1, b'a', 0, 1, 0, 5]);
        refused(&[0, 0, 0, 0, 5]);
        refused(&[1, 1, b'a', 0, 0]);
    }
}
