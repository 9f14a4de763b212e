//! `Texts` is a list of texts; integer-based codecs share its readers.
//!
//! [`Wanted`] says which texts of a list are decoded; the others may come out empty.

use crate::codecs::ints;
use crate::error::BlockError;
use std::ops::Range;

/// Some texts, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub(crate) ends: &'a [u32],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(crate) fn get(&self, index: usize) -> &'a [u8] {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.bytes[start..self.ends[index] as usize]
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.ends.len()).map(move |i| self.get(i))
    }
}

/// For each text whether it is wanted; `None` wants all.
pub(crate) type Wanted<'a> = Option<&'a [bool]>;

pub(crate) fn wants(wanted: Wanted<'_>, number: usize) -> bool {
    wanted.is_none_or(|wanted| wanted.get(number) == Some(&true))
}

/// Whether one of the texts of these numbers is wanted.
fn wants_any(wanted: Wanted<'_>, numbers: Range<usize>) -> bool {
    wanted.is_none_or(|wanted| wanted.get(numbers).is_none_or(|some| some.contains(&true)))
}

/// Reads `count` integers and appends the texts that `put` makes of the wanted ones; it gets the
/// number of the text.
pub(crate) fn print_ints(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
    put: impl Fn(usize, u64, &mut Vec<u8>),
) -> Result<(), BlockError> {
    let before = ends.len();
    let sink = |n, integers: Option<&[u64]>| match integers {
        Some(integers) => {
            for integer in integers {
                let number = ends.len() - before;
                if wants(wanted, number) {
                    put(number, *integer, values);
                }
                ends.push(values.len() as u32);
            }
        }
        None => ends.resize(ends.len() + n, values.len() as u32),
    };
    ints::decode_where(bytes, count, |frame| wants_any(wanted, frame), sink)
}

/// Reads small integers, one a text, none above `most`; zeros for texts that are not wanted.
pub(crate) fn get_small_ints(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    most: u8,
    what: &str,
) -> Result<Vec<u8>, BlockError> {
    let (mut all, mut highest) = (Vec::with_capacity(count), 0);
    let sink = |n, frame: Option<&[u64]>| match frame {
        Some(frame) => {
            highest = frame
                .iter()
                .fold(highest, |highest, integer| highest.max(*integer));
            all.extend(frame.iter().map(|integer| *integer as u8));
        }
        None => all.resize(all.len() + n, 0),
    };
    ints::decode_where(bytes, count, |frame| wants_any(wanted, frame), sink)?;
    if highest > u64::from(most) {
        return Err(BlockError::Damaged(format!(
            "{what} is {highest}, at most {most} can be"
        )));
    }
    Ok(all)
}

/// Flipping it makes unsigned order the order of i64, so that a frame's minimum is the least
/// number.
pub(crate) const SIGN: u64 = 1 << 63;
