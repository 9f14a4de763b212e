//! Affixed numbers have the same text before and after them in all values: `12.5ms`, `user-17`.

use crate::codecs::texts::Texts;

/// Longest text before or after the number.
const AFFIX_BYTES_MAX: usize = 64;

/// Texts without their affixes.
#[derive(Debug, Default)]
pub(crate) struct AffixedNumbers {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl AffixedNumbers {
    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts {
            ends: &self.ends,
            bytes: &self.bytes,
        }
    }
}

/// What all texts begin and end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Affixes<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) suffix: &'a [u8],
}

/// What all texts share before and after what may be a number, the rests in `numbers`; `None` when
/// that is nothing.
pub(crate) fn find<'a>(texts: Texts<'a>, numbers: &mut AffixedNumbers) -> Option<Affixes<'a>> {
    let of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let first = texts.iter().next()?;
    let digits = first.iter().position(u8::is_ascii_digit)?;
    // A dash or a point that belongs to the number is tried as its sign only.
    let prefix_len = digits - usize::from(digits > 0 && first[digits - 1] == b'-' && digits == 1);
    let suffix_len = first.iter().rev().position(of_number).unwrap_or(0);
    let (prefix, suffix) = (&first[..prefix_len], &first[first.len() - suffix_len..]);
    if prefix.len() + suffix.len() == 0 || prefix.len().max(suffix.len()) > AFFIX_BYTES_MAX {
        return None;
    }
    numbers.ends.clear();
    numbers.bytes.clear();
    for text in texts.iter() {
        let rest = text
            .strip_prefix(prefix)?
            .strip_suffix(suffix)
            .filter(|rest| !rest.is_empty())?;
        if !rest.iter().all(of_number) {
            return None;
        }
        numbers.bytes.extend_from_slice(rest);
        numbers.ends.push(numbers.bytes.len() as u32);
    }
    Some(Affixes { prefix, suffix })
}
