//! The text codec picks a form for a column of texts: numbers, IPs, hex, prefixes, or zstd.
//!
//! Forms other than plain are used only if every value is written back byte for byte.

use crate::codecs::ints::IntBuffers;
use crate::codecs::texts::{SIGN, Texts, Wanted, print_ints, wants};
use crate::codecs::{
    affixed_number, decimal, digits, hex_shape, ints, prefixed_int, varint, zstd_frames,
};
use crate::error::BlockError;
use crate::limits::BLOCK_BYTES_MAX;

/// How a list of texts is written. The numbers are the tags on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TextForm {
    Plain = 0,
    Integers = 1,
    Ipv4 = 2,
    Shape = 3,
    Decimals = 4,
    Affixed = 5,
    Prefixed = 6,
}

/// Buffers that [`encode`] reuses.
#[derive(Debug, Default)]
pub(crate) struct TextBuffers {
    numbers: Vec<u64>,
    ints: IntBuffers,
    decimals: decimal::Decimals,
    affixed: affixed_number::AffixedNumbers,
    prefixed: prefixed_int::PrefixedInts,
    frame: Vec<u8>,
}

/// How texts were written.
pub(crate) struct Written {
    pub(crate) form: TextForm,
    /// Least and greatest value of numbers.
    pub(crate) range: Option<(i64, i64)>,
}

impl Written {
    fn unranged(form: TextForm) -> Written {
        Written { form, range: None }
    }
}

/// Appends the texts; their number is not stored.
pub(crate) fn encode(
    texts: Texts<'_>,
    buffers: &mut TextBuffers,
    out: &mut Vec<u8>,
) -> Result<Written, BlockError> {
    let start = out.len();
    if let Some(written) = encode_numbers(texts, buffers, out)? {
        return Ok(written);
    }
    if let Some(shape) = hex_shape::find(texts) {
        out.push(TextForm::Shape as u8);
        hex_shape::put(&shape, texts, out);
        return Ok(Written::unranged(TextForm::Shape));
    }
    if let Some(affixes) = affixed_number::find(texts, &mut buffers.affixed) {
        let inner = std::mem::take(&mut buffers.affixed);
        out.push(TextForm::Affixed as u8);
        varint::put_bytes(out, affixes.prefix);
        varint::put_bytes(out, affixes.suffix);
        let written = encode(inner.texts(), buffers, out);
        buffers.affixed = inner;
        if written?.form != TextForm::Plain {
            return Ok(Written::unranged(TextForm::Affixed));
        }
        out.truncate(start);
    }
    if prefixed_int::find(texts, &mut buffers.prefixed) {
        out.push(TextForm::Prefixed as u8);
        prefixed_int::put(&buffers.prefixed, &mut buffers.ints, out)?;
        return Ok(Written::unranged(TextForm::Prefixed));
    }
    out.push(TextForm::Plain as u8);
    buffers.numbers.clear();
    buffers.numbers.extend(texts.iter().map(|t| t.len() as u64));
    ints::encode(&buffers.numbers, &mut buffers.ints, out)?;
    zstd_frames::put(texts.bytes, &mut buffers.frame, out)?;
    Ok(Written::unranged(TextForm::Plain))
}

/// Appends texts that are all integers, decimals or addresses; `None`, and nothing, when they are
/// not.
fn encode_numbers(
    texts: Texts<'_>,
    buffers: &mut TextBuffers,
    out: &mut Vec<u8>,
) -> Result<Option<Written>, BlockError> {
    if parse_all(texts, integer, &mut buffers.numbers) {
        let signed = |n: &u64| (n ^ SIGN) as i64;
        let least = buffers.numbers.iter().min().map(signed);
        let range = least.zip(buffers.numbers.iter().max().map(signed));
        out.push(TextForm::Integers as u8);
        ints::encode(&buffers.numbers, &mut buffers.ints, out)?;
        let form = TextForm::Integers;
        return Ok(Some(Written { form, range }));
    }
    if decimal::find(texts, &mut buffers.decimals) {
        out.push(TextForm::Decimals as u8);
        let range = decimal::put(&buffers.decimals, &mut buffers.ints, out)?;
        let form = TextForm::Decimals;
        return Ok(Some(Written { form, range }));
    }
    if parse_all(texts, ipv4, &mut buffers.numbers) {
        out.push(TextForm::Ipv4 as u8);
        ints::encode(&buffers.numbers, &mut buffers.ints, out)?;
        return Ok(Some(Written::unranged(TextForm::Ipv4)));
    }
    Ok(None)
}

/// Reads `count` texts from the front of `bytes`, appending to `ends` and `values`. Those that are
/// not wanted may be left empty.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    ends.reserve(count);
    match varint::get_u8(bytes)? {
        tag if tag == TextForm::Plain as u8 => decode_plain(bytes, count, ends, values),
        tag if tag == TextForm::Integers as u8 => {
            print_ints(bytes, count, wanted, ends, values, |_, value, out| {
                digits::put_i64(out, (value ^ SIGN) as i64)
            })
        }
        tag if tag == TextForm::Ipv4 as u8 => {
            print_ints(bytes, count, wanted, ends, values, |_, value, out| {
                digits::put_ipv4(out, value as u32)
            })
        }
        tag if tag == TextForm::Shape as u8 => {
            hex_shape::decode(bytes, count, wanted, ends, values)
        }
        tag if tag == TextForm::Decimals as u8 => {
            decimal::decode(bytes, count, wanted, ends, values)
        }
        tag if tag == TextForm::Prefixed as u8 => {
            prefixed_int::decode(bytes, count, wanted, ends, values)
        }
        tag if tag == TextForm::Affixed as u8 => decode_affixed(bytes, count, wanted, ends, values),
        tag => Err(BlockError::Damaged(format!(
            "texts have unknown encoding {tag}"
        ))),
    }
}

fn decode_plain(
    bytes: &mut &[u8],
    count: usize,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let mut end = values.len() as u64;
    ints::decode(bytes, count, |lengths| {
        for length in lengths {
            end = end.saturating_add(*length);
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        }
    })?;
    zstd_frames::get(bytes, values)?;
    if end != values.len() as u64 {
        return Err(BlockError::damaged(
            "values are not as long as their lengths say",
        ));
    }
    Ok(())
}

fn decode_affixed(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let (prefix, suffix) = (varint::get_bytes(bytes)?, varint::get_bytes(bytes)?);
    // What is affixed is not affixed again, so that nesting is bounded.
    if bytes.first() == Some(&(TextForm::Affixed as u8)) {
        return Err(BlockError::damaged("affixed texts are affixed"));
    }
    let (mut inner_ends, mut inner) = (Vec::new(), Vec::new());
    decode(bytes, count, wanted, &mut inner_ends, &mut inner)?;
    let all = inner.len() + count.saturating_mul(prefix.len() + suffix.len());
    if all > BLOCK_BYTES_MAX {
        return Err(BlockError::damaged(
            "affixed values are more than a block can hold",
        ));
    }
    values.reserve(all);
    let inner = Texts {
        ends: &inner_ends,
        bytes: &inner,
    };
    for (number, text) in inner.iter().enumerate() {
        if wants(wanted, number) {
            values.extend_from_slice(prefix);
            values.extend_from_slice(text);
            values.extend_from_slice(suffix);
        }
        ends.push(values.len() as u32);
    }
    Ok(())
}

/// Whether a value may have a byte, as far as the form of the texts tells; `bytes` are all of them
/// as stored.
pub(crate) fn may_hold(mut bytes: &[u8], byte: u8) -> bool {
    let of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let has = |text: &[u8]| {
        text.iter()
            .any(|b| b.to_ascii_lowercase() == byte || *b == byte)
    };
    let stored = &mut bytes;
    match varint::get_u8(stored) {
        Ok(tag)
            if tag == TextForm::Integers as u8
                || tag == TextForm::Decimals as u8
                || tag == TextForm::Ipv4 as u8 =>
        {
            of_number(byte)
        }
        Ok(tag) if tag == TextForm::Shape as u8 => {
            let shape =
                varint::get_u8(stored).and_then(|len| varint::get_slice(stored, usize::from(len)));
            hex_shape::nibble(byte).is_some() || shape.map_or(true, has)
        }
        Ok(tag) if tag == TextForm::Affixed as u8 => {
            let affixes = varint::get_bytes(stored)
                .and_then(|prefix| Ok([prefix, varint::get_bytes(stored)?]));
            of_number(byte) || affixes.map_or(true, |[prefix, suffix]| has(prefix) || has(suffix))
        }
        Ok(tag) if tag == TextForm::Prefixed as u8 => {
            let prefixes = prefixed_int::get_prefixes(stored);
            byte.is_ascii_digit() || prefixes.map_or(true, |all| all.into_iter().any(has))
        }
        _ => true,
    }
}

/// Fills `numbers` with what `parse` makes of each text; false when it refuses one or there is
/// none.
fn parse_all(texts: Texts<'_>, parse: fn(&[u8]) -> Option<u64>, numbers: &mut Vec<u64>) -> bool {
    numbers.clear();
    for text in texts.iter() {
        match parse(text) {
            Some(number) => numbers.push(number),
            None => return false,
        }
    }
    !numbers.is_empty()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], form: TextForm) -> usize {
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
            &mut TextBuffers::default(),
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
        check(&[], TextForm::Plain);
        check(&["", "a"], TextForm::Plain);
        check(
            &["0", "-1", "9223372036854775807", "-9223372036854775808"],
            TextForm::Integers,
        );
        check(
            &["0.5", "12", "-1.250", "1099511627776.0"],
            TextForm::Decimals,
        );
        check(&["10.0.0.1", "255.255.255.255"], TextForm::Ipv4);
        check(
            &[
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "00f067aa0ba902b7aaaaaaaaaaaaaaab",
            ],
            TextForm::Shape,
        );
        check(&["12.5ms", "3ms", "0.25ms"], TextForm::Affixed);
        check(&["user-17", "user-3", "user-20"], TextForm::Affixed);
        check(&["v1.2", "v10.25"], TextForm::Affixed);
        check(&["+1"], TextForm::Affixed);
        check(
            &["/users/17", "/carts/3", "/users/200", "/users/0"].repeat(5),
            TextForm::Prefixed,
        );
        check(
            &["a.go:10", "b.go:7", "b.go:0070", "a.go:1844674407370955161"].repeat(20),
            TextForm::Prefixed,
        );
        check(
            &[
                "9f0c1a2b-0000-4000-8000-000000000001",
                "1f0d5a2b-1234-4000-8000-00000fe00001",
            ],
            TextForm::Shape,
        );
    }

    #[test]
    fn values_that_print_differently_stay_plain() {
        check(&["1", "01"], TextForm::Plain);
        check(&["1ms", "2s"], TextForm::Plain);
        check(&["ms", "1ms"], TextForm::Plain);
        check(&["a1b", "a01b"], TextForm::Plain);
        check(&["-0"], TextForm::Plain);
        check(&["0.5", "1e3"], TextForm::Plain);
        check(&["0.5", ""], TextForm::Plain);
        check(&["9223372036854775808"], TextForm::Plain);
        check(&["10.0.0.01"], TextForm::Plain);
        check(&["4BF92F3577B34DA6", "00f067aa0ba902b7"], TextForm::Plain);
        check(&["\0aaaaaaaaa", "\0bbbbbbbbb"], TextForm::Plain);
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
                TextForm::Shape
            ) < 1700
        );
    }

    #[test]
    fn damaged_texts_are_refused() {
        let refused = |bytes: &[u8]| {
            assert!(decode(&mut &bytes[..], 3, None, &mut Vec::new(), &mut Vec::new()).is_err())
        };
        refused(&[9]);
        refused(&[TextForm::Shape as u8, 200]);
        refused(&[TextForm::Shape as u8, 2, 0, 0]);
        refused(&[TextForm::Plain as u8, 0, 5, 1, 1, 7]);
        refused(&[TextForm::Decimals as u8, 0, 19, 0, 5]);
    }
}
