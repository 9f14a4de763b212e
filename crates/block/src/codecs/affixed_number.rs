//! Texts that are a number between the same texts: `12.5ms`, `user-17`.

use crate::codecs::text::Texts;

/// Longest text before or after the number.
const AFFIX_BYTES_MAX: usize = 64;

/// The texts without their affixes.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

impl Scratch {
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

/// What all texts share before and after what may be a number, the rests in `scratch`; `None` when that is nothing.
pub(crate) fn find<'a>(texts: Texts<'a>, scratch: &mut Scratch) -> Option<Affixes<'a>> {
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
    scratch.ends.clear();
    scratch.bytes.clear();
    for text in texts.iter() {
        let rest = text
            .strip_prefix(prefix)?
            .strip_suffix(suffix)
            .filter(|rest| !rest.is_empty())?;
        if !rest.iter().all(of_number) {
            return None;
        }
        scratch.bytes.extend_from_slice(rest);
        scratch.ends.push(scratch.bytes.len() as u32);
    }
    Some(Affixes { prefix, suffix })
}
