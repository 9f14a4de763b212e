//! Text to float as Go's `strconv.ParseFloat` reads it.
//!
//! Most label values are short runs of digits and take a shorter way.

use super::quote::quoted;
use std::borrow::Cow;

/// `strconv.ParseFloat(text, 64)`
pub fn parse(text: &str) -> Result<f64, String> {
    if let Some(value) = plain_integer(text) {
        return Ok(value);
    }
    let failed = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", quoted(text));
    let value = go_float(text).ok_or_else(|| failed("invalid syntax"))?;
    let written_infinite = text
        .trim_start_matches(['+', '-'])
        .as_bytes()
        .first()
        .is_some_and(|b| b.eq_ignore_ascii_case(&b'i'));
    if value.is_infinite() && !written_infinite {
        return Err(failed("value out of range"));
    }
    Ok(value)
}

/// Digits that a float holds exactly; most label values are such.
fn plain_integer(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 15 {
        return None;
    }
    let mut value = 0u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value as f64)
}

/// Go's grammar of floats: decimal, hexadecimal with a binary exponent, underscores between digits,
/// infinities.
fn go_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude =
        if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
            f64::INFINITY
        } else if text.eq_ignore_ascii_case("nan") {
            f64::NAN
        } else {
            let digits = without_underscores(unsigned)?;
            match digits
                .strip_prefix("0x")
                .or_else(|| digits.strip_prefix("0X"))
            {
                Some(hex) => hex_float(hex)?,
                None => decimal_float(&digits)?,
            }
        };
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}

/// The text less its underscores, each of which must stand between digits or after `0x`.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    let hex = bytes.len() > 2 && bytes[..2].eq_ignore_ascii_case(b"0x");
    let is_digit = |at: usize| match bytes.get(at) {
        Some(b'x' | b'X') => hex && at == 1,
        Some(byte) => byte.is_ascii_digit() || (hex && byte.is_ascii_hexdigit()),
        None => false,
    };
    let placed =
        (0..bytes.len()).all(|i| bytes[i] != b'_' || (i > 0 && is_digit(i - 1) && is_digit(i + 1)));
    placed.then(|| text.replace('_', "").into())
}

/// Digits, point and exponent; Rust's own grammar knows more, such as `infinity`.
fn decimal_float(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain || text.starts_with(['+', '-']) {
        return None;
    }
    text.parse().ok()
}

/// The part after `0x`: mantissa with at least one digit, and a `p` exponent.
fn hex_float(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = digits.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let power: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') {
        -100_000
    } else {
        100_000
    });
    let mut bits = 0u64;
    let mut shift = power.clamp(-100_000, 100_000) - 4 * fraction.len() as i64;
    for c in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(c.to_digit(16)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            // What no longer fits still decides how a tie is rounded.
            bits |= u64::from(digit != 0);
            shift += 4;
        }
    }
    let shift = shift.clamp(-4000, 4000) as i32;
    // Two steps, since a single power of two may itself be out of range.
    Some(bits as f64 * 2f64.powi(shift / 2) * 2f64.powi(shift - shift / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        let check = |text: &str, expected: f64| assert_eq!(parse(text), Ok(expected), "{text}");
        check("0", 0.0);
        check("-1.5e3", -1500.0);
        check("123456789012345", 123456789012345.0);
        check("12345678901234567890", 12345678901234567890.0);
        check("+Inf", f64::INFINITY);
        check("-infinity", f64::NEG_INFINITY);
        check(".5", 0.5);
        check("5.", 5.0);
        check("0x1p-2", 0.25);
        check("0x1.8p1", 3.0);
        check("1_000", 1000.0);
        check("1_000.5", 1000.5);
        check("0x_1_0p3", 128.0);
        check("0x1p-1074", 5e-324);
        assert!(parse("nan").is_ok_and(f64::is_nan));
    }

    #[test]
    fn floats_that_are_none_are_refused_in_gos_words() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text), Err(expected.to_owned()));
        check(
            "166B",
            r#"strconv.ParseFloat: parsing "166B": invalid syntax"#,
        );
        check("", r#"strconv.ParseFloat: parsing "": invalid syntax"#);
        check(" 1", r#"strconv.ParseFloat: parsing " 1": invalid syntax"#);
        check(
            "tab\there",
            r#"strconv.ParseFloat: parsing "tab\there": invalid syntax"#,
        );
        check(
            "1e400",
            r#"strconv.ParseFloat: parsing "1e400": value out of range"#,
        );
        check(
            "0x10",
            r#"strconv.ParseFloat: parsing "0x10": invalid syntax"#,
        );
        check(
            "1__0",
            r#"strconv.ParseFloat: parsing "1__0": invalid syntax"#,
        );
        check(
            "+nan",
            r#"strconv.ParseFloat: parsing "+nan": invalid syntax"#,
        );
        check(
            "+-1",
            r#"strconv.ParseFloat: parsing "+-1": invalid syntax"#,
        );
    }
}
