//! A list of texts as bytes, in the form its values allow: integers, decimals, IPv4 addresses, a fixed shape
//! with hex digits in it (trace ids, UUIDs), a few heads with numbers behind, or plain bytes through zstd.
//!
//! Forms other than plain are used only if every value is written back byte for byte.

use crate::codecs::{affixed_number, decimal, digits, ints, prefixed_int, varint, zstd_frames};
use crate::{BLOCK_BYTES_MAX, BlockError};
use std::ops::Range;

/// How a list of texts is written. The numbers are the tags on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Form {
    Plain = 0,
    Integers = 1,
    Ipv4 = 2,
    Shape = 3,
    Decimals = 4,
    Affixed = 5,
    Headed = 6,
}

/// Buffers of [`encode`].
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    numbers: Vec<u64>,
    ints: ints::Scratch,
    decimal: decimal::Scratch,
    affix: affixed_number::Scratch,
    headed: prefixed_int::Scratch,
    bytes: Vec<u8>,
    frame: Vec<u8>,
}

/// What [`encode`] found out.
pub(crate) struct Written {
    pub(crate) form: Form,
    pub(crate) range: Option<(i64, i64)>,
}

/// Some texts, one behind the other.
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

/// Appends the texts; their number is not stored.
pub(crate) fn encode(
    texts: Texts<'_>,
    level: i32,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<Written, BlockError> {
    if fill(&mut scratch.numbers, texts, integer) {
        let signed = |n: &u64| (n ^ SIGN) as i64;
        let range = scratch
            .numbers
            .iter()
            .min()
            .map(signed)
            .zip(scratch.numbers.iter().max().map(signed));
        out.push(Form::Integers as u8);
        ints::encode(&scratch.numbers, &mut scratch.ints, out)?;
        return Ok(Written {
            form: Form::Integers,
            range,
        });
    }
    if decimal::fill(texts, &mut scratch.decimal) {
        out.push(Form::Decimals as u8);
        let range = decimal::put(&scratch.decimal, &mut scratch.ints, out)?;
        return Ok(Written {
            form: Form::Decimals,
            range,
        });
    }
    if fill(&mut scratch.numbers, texts, ipv4) {
        out.push(Form::Ipv4 as u8);
        ints::encode(&scratch.numbers, &mut scratch.ints, out)?;
        return Ok(Written {
            form: Form::Ipv4,
            range: None,
        });
    }
    if let Some(shape) = shape_of(texts) {
        out.push(Form::Shape as u8);
        put_shape(&shape, texts, out);
        return Ok(Written {
            form: Form::Shape,
            range: None,
        });
    }
    if let Some(affixes) = affixed_number::find(texts, &mut scratch.affix) {
        let inner = std::mem::take(&mut scratch.affix);
        let start = out.len();
        out.push(Form::Affixed as u8);
        varint::put_bytes(out, affixes.prefix);
        varint::put_bytes(out, affixes.suffix);
        let written = encode(inner.texts(), level, scratch, out);
        scratch.affix = inner;
        if written?.form != Form::Plain {
            return Ok(Written {
                form: Form::Affixed,
                range: None,
            });
        }
        out.truncate(start);
    }
    if prefixed_int::fill(texts, &mut scratch.headed) {
        out.push(Form::Headed as u8);
        prefixed_int::put(&scratch.headed, &mut scratch.ints, out)?;
        return Ok(Written {
            form: Form::Headed,
            range: None,
        });
    }
    out.push(Form::Plain as u8);
    scratch.numbers.clear();
    scratch.numbers.extend(texts.iter().map(|t| t.len() as u64));
    ints::encode(&scratch.numbers, &mut scratch.ints, out)?;
    scratch.bytes.clear();
    scratch.bytes.extend_from_slice(texts.bytes);
    zstd_frames::put(&scratch.bytes, level, &mut scratch.frame, out)?;
    Ok(Written {
        form: Form::Plain,
        range: None,
    })
}

/// Whether a text is wanted, by its number; `None` wants all.
pub(crate) type Only<'a> = Option<&'a [bool]>;

fn wants(only: Only<'_>, number: usize) -> bool {
    only.is_none_or(|only| only.get(number) == Some(&true))
}

/// Whether one of the texts of these numbers is wanted.
fn wants_any(only: Only<'_>, numbers: Range<usize>) -> bool {
    only.is_none_or(|only| only.get(numbers).is_none_or(|only| only.contains(&true)))
}

/// Takes `count` texts from the front of `bytes`, appending to `ends` and `values`. Those that are not wanted may be
/// left empty.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    only: Only<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    ends.reserve(count);
    match varint::take_u8(bytes)? {
        tag if tag == Form::Plain as u8 => {
            let mut end = values.len() as u64;
            ints::decode(bytes, count, |lengths| {
                for length in lengths {
                    end = end.saturating_add(*length);
                    ends.push(u32::try_from(end).unwrap_or(u32::MAX));
                }
            })?;
            zstd_frames::take(bytes, values)?;
            if end != values.len() as u64 {
                return Err(BlockError::damaged(
                    "values are not as long as their lengths say",
                ));
            }
            Ok(())
        }
        tag if tag == Form::Integers as u8 => {
            print(bytes, count, only, ends, values, |_, value, out| {
                digits::put_i64(out, (value ^ SIGN) as i64)
            })
        }
        tag if tag == Form::Ipv4 as u8 => {
            print(bytes, count, only, ends, values, |_, value, out| {
                digits::put_ipv4(out, value as u32)
            })
        }
        tag if tag == Form::Shape as u8 => take_shape(bytes, count, only, ends, values),
        tag if tag == Form::Decimals as u8 => decimal::take(bytes, count, only, ends, values),
        tag if tag == Form::Headed as u8 => prefixed_int::take(bytes, count, only, ends, values),
        tag if tag == Form::Affixed as u8 => {
            let (prefix, suffix) = (varint::take_bytes(bytes)?, varint::take_bytes(bytes)?);
            // What is affixed is not affixed again, so that nesting is bounded.
            if bytes.first() == Some(&(Form::Affixed as u8)) {
                return Err(BlockError::damaged("affixed texts are affixed"));
            }
            let (mut inner_ends, mut inner) = (Vec::new(), Vec::new());
            decode(bytes, count, only, &mut inner_ends, &mut inner)?;
            let all = inner.len() + count.saturating_mul(prefix.len() + suffix.len());
            if all > BLOCK_BYTES_MAX {
                return Err(BlockError::damaged(
                    "affixed values are more than a block can hold",
                ));
            }
            values.reserve(all);
            for (number, text) in (Texts {
                ends: &inner_ends,
                bytes: &inner,
            })
            .iter()
            .enumerate()
            {
                if wants(only, number) {
                    values.extend_from_slice(prefix);
                    values.extend_from_slice(text);
                    values.extend_from_slice(suffix);
                }
                ends.push(values.len() as u32);
            }
            Ok(())
        }
        tag => Err(BlockError::Damaged(format!(
            "texts have unknown encoding {tag}"
        ))),
    }
}

/// Takes integers and has those that are wanted printed, each told by its number.
pub(crate) fn print(
    bytes: &mut &[u8],
    count: usize,
    only: Only<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
    put: impl Fn(usize, u64, &mut Vec<u8>),
) -> Result<(), BlockError> {
    let before = ends.len();
    let sink = |n, integers: Option<&[u64]>| match integers {
        Some(integers) => {
            for integer in integers {
                let number = ends.len() - before;
                if wants(only, number) {
                    put(number, *integer, values);
                }
                ends.push(values.len() as u32);
            }
        }
        None => ends.resize(ends.len() + n, values.len() as u32),
    };
    ints::decode_where(bytes, count, |frame| wants_any(only, frame), sink)
}

/// Takes small integers, one a text, none above `most`; zeros for texts that are not wanted.
pub(crate) fn take_small(
    bytes: &mut &[u8],
    count: usize,
    only: Only<'_>,
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
    ints::decode_where(bytes, count, |frame| wants_any(only, frame), sink)?;
    if highest > u64::from(most) {
        return Err(BlockError::Damaged(format!(
            "{what} is {highest}, at most {most} can be"
        )));
    }
    Ok(all)
}

/// The bytes that values may have, of texts in a form that tells, `bytes` being all of them as they are stored.
pub(crate) fn may_hold(mut bytes: &[u8], byte: u8) -> bool {
    let of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let has = |text: &[u8]| {
        text.iter()
            .any(|b| b.to_ascii_lowercase() == byte || *b == byte)
    };
    let stored = &mut bytes;
    match varint::take_u8(stored) {
        Ok(tag)
            if tag == Form::Integers as u8
                || tag == Form::Decimals as u8
                || tag == Form::Ipv4 as u8 =>
        {
            of_number(byte)
        }
        Ok(tag) if tag == Form::Shape as u8 => {
            let shape = varint::take_u8(stored)
                .and_then(|len| varint::take_slice(stored, usize::from(len)));
            nibble(byte).is_some() || shape.map_or(true, has)
        }
        Ok(tag) if tag == Form::Affixed as u8 => {
            let affixes = varint::take_bytes(stored)
                .and_then(|prefix| Ok([prefix, varint::take_bytes(stored)?]));
            of_number(byte) || affixes.map_or(true, |[prefix, suffix]| has(prefix) || has(suffix))
        }
        Ok(tag) if tag == Form::Headed as u8 => {
            let heads = prefixed_int::take_heads(stored);
            byte.is_ascii_digit() || heads.map_or(true, |heads| heads.into_iter().any(has))
        }
        _ => true,
    }
}

/// Fills `numbers` with what `parse` makes of each text; false when it refuses one or there is none.
fn fill(numbers: &mut Vec<u64>, texts: Texts<'_>, parse: fn(&[u8]) -> Option<u64>) -> bool {
    numbers.clear();
    for text in texts.iter() {
        match parse(text) {
            Some(number) => numbers.push(number),
            None => return false,
        }
    }
    !numbers.is_empty()
}

/// Flipping it makes unsigned order the order of i64, so that a frame's minimum is the least number.
pub(crate) const SIGN: u64 = 1 << 63;

/// An i64 in the one way it is printed.
fn integer(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [] => false,
        [b'0'] => digits.len() == text.len(),
        [first, ..] => matches!(first, b'1'..=b'9'),
    };
    if !canonical || digits.len() > 19 {
        return None;
    }
    let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(number as u64 ^ SIGN)
}

fn ipv4(text: &[u8]) -> Option<u64> {
    let address: std::net::Ipv4Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(u64::from(u32::from(address)))
}

/// Longest value with a shape: room for two UUIDs.
const SHAPE_BYTES_MAX: usize = 80;
/// A value needs this many hex digits that vary, or plain bytes are as good.
const SHAPE_DIGITS_MIN: usize = 8;

/// Each byte that all values share, or `None` where they have lower-case hex digits.
fn shape_of(texts: Texts<'_>) -> Option<Vec<Option<u8>>> {
    let first = texts.iter().next()?;
    if first.len() > SHAPE_BYTES_MAX || texts.ends.len() < 2 {
        return None;
    }
    let mut shape: Vec<Option<u8>> = first.iter().map(|b| Some(*b)).collect();
    for text in texts.iter() {
        if text.len() != shape.len() {
            return None;
        }
        for (position, byte) in shape.iter_mut().zip(text) {
            let both_hex = position.is_none_or(|b| nibble(b).is_some()) && nibble(*byte).is_some();
            match *position {
                Some(b) if b == *byte => {}
                _ if both_hex => *position = None,
                _ => return None,
            }
        }
    }
    // On disk a zero stands for a digit, so a shared zero can't be written.
    let digits = shape.iter().filter(|p| p.is_none()).count();
    (digits >= SHAPE_DIGITS_MIN && !shape.contains(&Some(0))).then_some(shape)
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// Length, the shared bytes (zero where digits vary), then the digits of all values, two a byte.
fn put_shape(shape: &[Option<u8>], texts: Texts<'_>, out: &mut Vec<u8>) {
    out.push(shape.len() as u8);
    out.extend(shape.iter().map(|p| p.unwrap_or(0)));
    let mut pending = None;
    for text in texts.iter() {
        for (position, byte) in shape.iter().zip(text) {
            if position.is_some() {
                continue;
            }
            let digit = nibble(*byte).expect("the shape has digits here");
            match pending.take() {
                None => pending = Some(digit),
                Some(low) => out.push(low | (digit << 4)),
            }
        }
    }
    out.extend(pending);
}

/// The two digits of each byte, the low half first.
const HEX_PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte & 15], digits[byte >> 4]];
        byte += 1;
    }
    pairs
};

fn take_shape(
    bytes: &mut &[u8],
    count: usize,
    only: Only<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let len = usize::from(varint::take_u8(bytes)?);
    let shape = varint::take_slice(bytes, len)?;
    let digits = shape.iter().filter(|b| **b == 0).count();
    if count.saturating_mul(len) > BLOCK_BYTES_MAX {
        return Err(BlockError::damaged(
            "shaped values are more than a block can hold",
        ));
    }
    let packed = varint::take_slice(bytes, (digits * count).div_ceil(2))?;
    if only.is_some() {
        for number in 0..count {
            if wants(only, number) {
                let mut digit = number * digits;
                values.extend(shape.iter().map(|&byte| match byte {
                    0 => {
                        let pair = HEX_PAIRS[usize::from(packed[digit / 2])];
                        digit += 1;
                        pair[(digit - 1) % 2]
                    }
                    byte => byte,
                }));
            }
            ends.push(values.len() as u32);
        }
        return Ok(());
    }
    // All digits first, a byte of two at a time, then the pieces of each value between what all share.
    let mut all = Vec::with_capacity(packed.len() * 2);
    packed
        .iter()
        .for_each(|byte| all.extend_from_slice(&HEX_PAIRS[usize::from(*byte)]));
    let pieces: Vec<&[u8]> = shape.chunk_by(|a, b| (*a == 0) == (*b == 0)).collect();
    values.reserve(count * len);
    let mut all = &all[..];
    for _ in 0..count {
        for piece in &pieces {
            if piece[0] == 0 {
                let (digits, rest) = all
                    .split_at_checked(piece.len())
                    .ok_or_else(BlockError::cut_short)?;
                values.extend_from_slice(digits);
                all = rest;
            } else {
                values.extend_from_slice(piece);
            }
        }
        ends.push(values.len() as u32);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], form: Form) -> usize {
        let mut ends = Vec::new();
        let mut bytes = Vec::new();
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            ends.push(bytes.len() as u32);
        }
        let mut out = Vec::new();
        let written = encode(
            Texts {
                ends: &ends,
                bytes: &bytes,
            },
            1,
            &mut Scratch::default(),
            &mut out,
        )
        .expect("memory is enough");
        assert_eq!(written.form, form, "{texts:?}");
        let (mut back_ends, mut back, mut rest) = (Vec::new(), Vec::new(), &out[..]);
        decode(&mut rest, texts.len(), None, &mut back_ends, &mut back).expect("was just written");
        assert_eq!((back_ends, back), (ends, bytes));
        assert!(rest.is_empty());
        out.len()
    }

    #[test]
    fn each_kind_of_value_finds_its_form() {
        check(&[], Form::Plain);
        check(&["", "a"], Form::Plain);
        check(
            &["0", "-1", "9223372036854775807", "-9223372036854775808"],
            Form::Integers,
        );
        check(&["0.5", "12", "-1.250", "1099511627776.0"], Form::Decimals);
        check(&["10.0.0.1", "255.255.255.255"], Form::Ipv4);
        check(
            &[
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "00f067aa0ba902b7aaaaaaaaaaaaaaab",
            ],
            Form::Shape,
        );
        check(&["12.5ms", "3ms", "0.25ms"], Form::Affixed);
        check(&["user-17", "user-3", "user-20"], Form::Affixed);
        check(&["v1.2", "v10.25"], Form::Affixed);
        check(&["+1"], Form::Affixed);
        check(
            &["/users/17", "/carts/3", "/users/200", "/users/0"].repeat(5),
            Form::Headed,
        );
        check(
            &["a.go:10", "b.go:7", "b.go:0070", "a.go:1844674407370955161"].repeat(20),
            Form::Headed,
        );
        check(
            &[
                "9f0c1a2b-0000-4000-8000-000000000001",
                "1f0d5a2b-1234-4000-8000-00000fe00001",
            ],
            Form::Shape,
        );
    }

    #[test]
    fn values_that_print_differently_stay_plain() {
        check(&["1", "01"], Form::Plain);
        check(&["1ms", "2s"], Form::Plain);
        check(&["ms", "1ms"], Form::Plain);
        check(&["a1b", "a01b"], Form::Plain);
        check(&["-0"], Form::Plain);
        check(&["0.5", "1e3"], Form::Plain);
        check(&["0.5", ""], Form::Plain);
        check(&["9223372036854775808"], Form::Plain);
        check(&["10.0.0.01"], Form::Plain);
        check(&["4BF92F3577B34DA6", "00f067aa0ba902b7"], Form::Plain);
        check(&["\0aaaaaaaaa", "\0bbbbbbbbb"], Form::Plain);
    }

    #[test]
    fn ids_take_half_a_byte_a_digit() {
        let ids: Vec<String> = (1..101u128)
            .map(|i| {
                format!(
                    "{:032x}",
                    i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                )
            })
            .collect();
        assert!(
            check(
                &ids.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
                Form::Shape
            ) < 1700
        );
    }

    #[test]
    fn damaged_texts_are_refused() {
        let refused = |bytes: &[u8]| {
            assert!(decode(&mut &bytes[..], 3, None, &mut Vec::new(), &mut Vec::new()).is_err())
        };
        refused(&[9]);
        refused(&[Form::Shape as u8, 200]);
        refused(&[Form::Shape as u8, 2, 0, 0]);
        refused(&[Form::Plain as u8, 0, 5, 1, 1, 7]);
        refused(&[Form::Decimals as u8, 0, 19, 0, 5]);
    }
}
