//! Decimal fractions (`0.25`, `-3.10`) become two lists of integers: digits after the point, and
//! the digits without it.
//!
//! A value is taken only in the one form that those two numbers print to, so trailing zeros stay
//! and nothing is rounded. Exponents, a bare point and a negative zero are left to the plain form.

use crate::codecs::digits;
use crate::codecs::ints::{self, IntBuffers};
use crate::codecs::texts::{SIGN, Texts, Wanted, get_small_ints, print_ints};
use crate::error::BlockError;

/// Most digits after the point: more than a double ever needs, and no value of a column is longer
/// for it.
const PLACES_MAX: u64 = 18;

/// Texts that are decimals.
#[derive(Debug, Default)]
pub(crate) struct Decimals {
    places: Vec<u64>,
    digits: Vec<u64>,
}

/// Parses the texts into `decimals`; false when a text is no such value, or there is none. Without
/// any point the texts are integers, which have a form of their own.
pub(crate) fn find(texts: Texts<'_>, decimals: &mut Decimals) -> bool {
    decimals.places.clear();
    decimals.digits.clear();
    for text in texts.iter() {
        let Some((digits, places)) = parse(text) else {
            return false;
        };
        decimals.digits.push(digits as u64 ^ SIGN);
        decimals.places.push(places);
    }
    !decimals.digits.is_empty()
}

/// Appends what [`find`] found; gives the integers that enclose all values.
pub(crate) fn put(
    decimals: &Decimals,
    buffers: &mut IntBuffers,
    out: &mut Vec<u8>,
) -> Result<Option<(i64, i64)>, BlockError> {
    ints::encode(&decimals.places, buffers, out)?;
    ints::encode(&decimals.digits, buffers, out)?;
    let values = || {
        decimals
            .digits
            .iter()
            .map(|d| (d ^ SIGN) as i64)
            .zip(&decimals.places)
    };
    let floor = values()
        .map(|(digits, places)| digits.div_euclid(unit(*places)))
        .min();
    let ceiling = values().map(|(digits, places)| {
        let unit = unit(*places);
        digits.div_euclid(unit) + i64::from(digits.rem_euclid(unit) != 0)
    });
    Ok(floor.zip(ceiling.max()))
}

/// Reads `count` values and appends the texts of those that are wanted.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    wanted: Wanted<'_>,
    ends: &mut Vec<u32>,
    values: &mut Vec<u8>,
) -> Result<(), BlockError> {
    let places = get_small_ints(
        bytes,
        count,
        wanted,
        PLACES_MAX as u8,
        "the number of a decimal's places",
    )?;
    print_ints(bytes, count, wanted, ends, values, |number, digits, out| {
        print(
            (digits ^ SIGN) as i64,
            places.get(number).copied().unwrap_or(0),
            out,
        );
    })
}

fn print(number: i64, places: u8, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    let unit = unit(u64::from(places)).unsigned_abs();
    digits::put_u64(out, number.unsigned_abs() / unit);
    if places > 0 {
        out.push(b'.');
        digits::put_padded(out, number.unsigned_abs() % unit, usize::from(places));
    }
}

fn unit(places: u64) -> i64 {
    10i64.pow(places.min(PLACES_MAX) as u32)
}

/// Digits without the point, and how many of them follow it.
fn parse(text: &[u8]) -> Option<(i64, u64)> {
    let (negative, number) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let point = number.iter().position(|b| *b == b'.');
    let (whole, fraction) =
        point.map_or((number, &[][..]), |at| (&number[..at], &number[at + 1..]));
    let whole_is_canonical = matches!(whole, [b'0'] | [b'1'..=b'9', ..]);
    let fraction_is_there = point.is_none() || !fraction.is_empty();
    if !whole_is_canonical || !fraction_is_there || fraction.len() as u64 > PLACES_MAX {
        return None;
    }
    let mut digits = 0i64;
    for byte in whole.iter().chain(fraction) {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        digits = digits.checked_mul(10)?.checked_add(digit)?;
    }
    match negative {
        // No integer tells -0.0 from 0.0.
        true if digits == 0 => None,
        true => Some((-digits, fraction.len() as u64)),
        false => Some((digits, fraction.len() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(i64, u64)>) {
        assert_eq!(parse(text.as_bytes()), expected, "{text}");
        if let Some((digits, places)) = expected {
            let mut printed = Vec::new();
            print(digits, places as u8, &mut printed);
            assert_eq!(String::from_utf8_lossy(&printed), text);
        }
    }

    #[test]
    fn decimals_print_back_byte_for_byte() {
        check("0.25", Some((25, 2)));
        check("-3.10", Some((-310, 2)));
        check("0.000", Some((0, 3)));
        check("-0.007", Some((-7, 3)));
        check("12", Some((12, 0)));
        check("0.123456789012345678", Some((123_456_789_012_345_678, 18)));
        check("9223372036854775.807", Some((i64::MAX, 3)));
    }

    #[test]
    fn what_two_integers_do_not_print_is_refused() {
        for text in [
            "", "-", ".", ".5", "5.", "00.5", "01", "-0.0", "-0", "+1.5", "1e3", "1.5e3", "NaN",
            "1.2.3", "1,5",
        ] {
            check(text, None);
        }
        check("0.1234567890123456789", None);
        check("9223372036854775.808", None);
    }

    #[test]
    fn the_range_encloses_every_value() {
        let check = |values: &[&str], expected: (i64, i64)| {
            let ends: Vec<u32> = values
                .iter()
                .scan(0, |end, v| {
                    Some({
                        *end += v.len() as u32;
                        *end
                    })
                })
                .collect();
            let mut decimals = Decimals::default();
            assert!(find(
                Texts {
                    ends: &ends,
                    bytes: values.concat().as_bytes()
                },
                &mut decimals
            ));
            let range = put(&decimals, &mut IntBuffers::default(), &mut Vec::new())
                .expect("memory is enough");
            assert_eq!(range, Some(expected));
        };
        check(&["0.5", "2.5"], (0, 3));
        check(&["-0.5", "2.0"], (-1, 2));
    }
}
