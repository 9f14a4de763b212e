//! Texts that are one of a few heads and then a whole number: `/api/v1/users/8485`, `queue.go:91`.
//!
//! The number is what digits stand at the end, in the one form it is printed; zeros before it belong to the head.

use crate::codecs::text::{Only, Texts};
use crate::codecs::{digits, ints, text, varint};
use crate::{BLOCK_BYTES_MAX, BlockError};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Most heads of a list, and longest of them: with more, plain bytes are about as short.
const HEADS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 128;
/// Each head stands for at least so many values on average.
const VALUES_A_HEAD_MIN: usize = 8;
/// Most digits of a number: more may not fit 64 bits.
const DIGITS_MAX: usize = 19;

/// What [`fill`] found.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    head_ends: Vec<u32>,
    heads: Vec<u8>,
    codes: Vec<u64>,
    numbers: Vec<u64>,
    table: HashTable<u32>,
}

impl Scratch {
    fn heads(&self) -> Texts<'_> {
        Texts {
            ends: &self.head_ends,
            bytes: &self.heads,
        }
    }

    /// The number of a head; `None` when there are too many.
    fn head(&mut self, head: &[u8]) -> Option<u32> {
        let Scratch {
            head_ends,
            heads,
            table,
            ..
        } = self;
        let texts = Texts {
            ends: head_ends,
            bytes: heads,
        };
        let hash = xxh3_64(head);
        if let Some(known) = table.find(hash, |number| texts.get(*number as usize) == head) {
            return Some(*known);
        }
        if head_ends.len() == HEADS_MAX || head.len() > HEAD_BYTES_MAX {
            return None;
        }
        let number = head_ends.len() as u32;
        heads.extend_from_slice(head);
        head_ends.push(heads.len() as u32);
        let texts = Texts {
            ends: head_ends,
            bytes: heads,
        };
        table.insert_unique(hash, number, |number| xxh3_64(texts.get(*number as usize)));
        Some(number)
    }
}

/// Fills the buffers; false when the texts are not of this form.
pub(crate) fn fill(texts: Texts<'_>, scratch: &mut Scratch) -> bool {
    scratch.head_ends.clear();
    scratch.heads.clear();
    scratch.codes.clear();
    scratch.numbers.clear();
    scratch.table.clear();
    let mut last: (&[u8], u32) = (&[], u32::MAX);
    for text in texts.iter() {
        let Some((head, number)) = split(text) else {
            return false;
        };
        if last.1 == u32::MAX || last.0 != head {
            let Some(code) = scratch.head(head) else {
                return false;
            };
            last = (head, code);
        }
        scratch.codes.push(u64::from(last.1));
        scratch.numbers.push(number);
    }
    scratch.codes.len() >= VALUES_A_HEAD_MIN * scratch.head_ends.len().max(1)
}

/// Appends what [`fill`] found.
pub(crate) fn put(
    scratch: &Scratch,
    ints: &mut ints::Scratch,
    out: &mut Vec<u8>,
) -> Result<(), BlockError> {
    varint::put(out, scratch.head_ends.len() as u64);
    scratch
        .heads()
        .iter()
        .for_each(|head| varint::put_bytes(out, head));
    ints::encode(&scratch.codes, ints, out)?;
    ints::encode(&scratch.numbers, ints, out)
}

/// The heads of a list that begins with them.
pub(crate) fn take_heads<'a>(bytes: &mut &'a [u8]) -> Result<Vec<&'a [u8]>, BlockError> {
    let heads = varint::take_at_most(bytes, HEADS_MAX as u64, "the number of heads")?;
    let mut head = || match varint::take_bytes(bytes)? {
        head if head.len() > HEAD_BYTES_MAX => {
            Err(BlockError::damaged("a head is longer than can be"))
        }
        head => Ok(head),
    };
    (0..heads).map(|_| head()).collect()
}

/// Takes `count` values and appends the texts of those that are wanted, by their numbers.
pub(crate) fn take(
    bytes: &mut &[u8],
    count: usize,
    only: Only<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let heads = take_heads(bytes)?;
    let longest = heads.iter().map(|head| head.len()).max().unwrap_or(0) + DIGITS_MAX;
    if count.saturating_mul(longest) > BLOCK_BYTES_MAX {
        return Err(BlockError::damaged(
            "values with heads are more than a block can hold",
        ));
    }
    if heads.is_empty() && count > 0 {
        return Err(BlockError::damaged("values have no heads"));
    }
    let codes = text::take_small(
        bytes,
        count,
        only,
        heads.len().saturating_sub(1) as u8,
        "the number of a value's head",
    )?;
    text::print(bytes, count, only, ends, values, |at, number, out| {
        out.extend_from_slice(heads[usize::from(codes[at])]);
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
    let (head, number) = text.split_at(text.len() - digits + zeros.min(digits.checked_sub(1)?));
    let number = number.iter().try_fold(0u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    Some((head, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_what_prints_back() {
        let check = |text: &'static str, expected: Option<(&str, u64)>| {
            assert_eq!(
                split(text.as_bytes()),
                expected.map(|(head, number)| (head.as_bytes(), number)),
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
            assert!(take(&mut &bytes[..], 3, None, &mut Vec::new(), &mut Vec::new()).is_err())
        };
        refused(&[]);
        refused(&[200, 1]);
        refused(&[1, 1, b'a', 0, 1, 0, 5]);
        refused(&[0, 0, 0, 0, 5]);
        refused(&[1, 1, b'a', 0, 0]);
    }
}
