//! Text to numbers by Go's rules: integers with prefixes, floats, durations and amounts of bytes.

use std::borrow::Cow;

use super::quote::quoted;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    Syntax,
    Range,
}

impl NumberError {
    /// The message of Go's `strconv` for function `function` and text `text`.
    pub(super) fn message(self, function: &str, text: &str) -> String {
        let reason = match self {
            NumberError::Syntax => "invalid syntax",
            NumberError::Range => "value out of range",
        };
        format!("strconv.{function}: parsing {}: {reason}", quoted(text.as_bytes()))
    }
}

/// A signed integer; base 0 means that a prefix (`0x`, `0o`, `0b`, `0`) decides and `_` may part digits.
pub(super) fn parse_int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(magnitude).ok_or(NumberError::Range)
    } else {
        i64::try_from(magnitude).map_err(|_| NumberError::Range)
    }
}

/// An unsigned integer; base as in [`parse_int`].
pub(super) fn parse_uint(text: &str, base: u32) -> Result<u64, NumberError> {
    let (radix, digits) = match (base, text.as_bytes()) {
        (0, [b'0', b'x' | b'X', _, ..]) => (16, &text[2..]),
        (0, [b'0', b'o' | b'O', _, ..]) => (8, &text[2..]),
        (0, [b'0', b'b' | b'B', _, ..]) => (2, &text[2..]),
        (0, [b'0', _, ..]) => (8, &text[1..]),
        (0, _) => (10, text),
        (base, _) => (base, text),
    };
    if digits.is_empty() || (base == 0 && !underscores_fine(text)) {
        return Err(NumberError::Syntax);
    }
    let mut value = Some(0u64);
    for c in digits.chars() {
        if c == '_' && base == 0 {
            continue;
        }
        let digit = c.to_digit(radix).ok_or(NumberError::Syntax)?;
        value = value.and_then(|v| v.checked_mul(u64::from(radix))?.checked_add(u64::from(digit)));
    }
    value.ok_or(NumberError::Range)
}

/// Whether each `_` stands between digits, or between a base prefix and a digit.
fn underscores_fine(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes();
    let prefixed = matches!(body, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    let hex = matches!(body, [b'0', b'x' | b'X', ..]);
    let digits = if prefixed { &body[2..] } else { body };
    let mut before = if prefixed { b'0' } else { b'^' };
    for &byte in digits {
        let kind = match byte {
            b'0'..=b'9' => b'0',
            b'a'..=b'f' | b'A'..=b'F' if hex => b'0',
            b'_' if before != b'0' => return false,
            b'_' => b'_',
            _ if before == b'_' => return false,
            _ => b'!',
        };
        before = kind;
    }
    before != b'_'
}

/// A float as Go's `ParseFloat` reads it: decimal, hexadecimal, `inf` and `nan` in any case.
pub(super) fn parse_float(text: &str) -> Result<f64, NumberError> {
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
        f64::INFINITY
    } else if text.eq_ignore_ascii_case("nan") {
        f64::NAN
    } else if body.starts_with("0x") || body.starts_with("0X") {
        parse_hex_float(&without_underscores(body)?[2..])?
    } else {
        parse_decimal_float(&without_underscores(body)?)?
    };
    Ok(if negative { -magnitude } else { magnitude })
}

fn without_underscores(body: &str) -> Result<Cow<'_, str>, NumberError> {
    match body.contains('_') {
        false => Ok(body.into()),
        true if underscores_fine(body) => Ok(body.replace('_', "").into()),
        true => Err(NumberError::Syntax),
    }
}

fn parse_decimal_float(body: &str) -> Result<f64, NumberError> {
    let plain = body.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !plain || body.starts_with(['+', '-']) {
        return Err(NumberError::Syntax);
    }
    let value: f64 = body.parse().map_err(|_| NumberError::Syntax)?;
    if value.is_infinite() { Err(NumberError::Range) } else { Ok(value) }
}

/// `1.8p3` after its `0x`; the exponent is required.
fn parse_hex_float(digits: &str) -> Result<f64, NumberError> {
    let (mantissa, exponent) = digits.split_once(['p', 'P']).ok_or(NumberError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(NumberError::Syntax);
    }
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    let power: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
    let mut bits = 0u64;
    let mut shift = power.clamp(-100_000, 100_000) - 4 * fraction.len() as i64;
    for c in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(c.to_digit(16).ok_or(NumberError::Syntax)?);
        if bits >> 60 == 0 {
            bits = bits << 4 | digit;
        } else {
            // What no longer fits still decides how a tie is rounded.
            bits |= u64::from(digit != 0);
            shift += 4;
        }
    }
    let halves = shift.clamp(-4000, 4000) as i32;
    // Two steps, since a single power of two may itself be out of range.
    let value = bits as f64 * 2f64.powi(halves / 2) * 2f64.powi(halves - halves / 2);
    if value.is_infinite() { Err(NumberError::Range) } else { Ok(value) }
}

/// Nanoseconds of a Go duration such as `1h2m3.5s`.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text.as_bytes()));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, tail) = rest.split_at(number_len);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let unit_len = tail.bytes().take_while(|b| !b.is_ascii_digit() && *b != b'.').count();
        let (unit, tail) = tail.split_at(unit_len);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text.as_bytes())));
        }
        let Some(scale) = unit_nanos(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quoted(unit.as_bytes()), quoted(text.as_bytes())));
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let fraction = format!("0.{fraction}0").parse::<f64>().map_or(0, |f| (f * scale as f64) as u64);
        let part = whole.checked_mul(scale).and_then(|n| n.checked_add(fraction));
        total = part.and_then(|n| total.checked_add(n)).filter(|n| *n <= 1 << 63).ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        return Ok(0i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// An amount of bytes such as `1.5KiB` or `20 MB`, as the humanize library reads it.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let number_len = text.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    let (number, unit) = text.split_at(number_len);
    let number = number.replace(',', "");
    let value = parse_float(&number).map_err(|e| e.message("ParseFloat", &number))?;
    let unit = unit.trim().to_lowercase();
    let Some(scale) = unit_bytes(&unit) else { return Err(format!("unhandled size name: {unit}")) };
    let total = value * scale;
    if total >= 18_446_744_073_709_551_615.0 { Err(format!("too large: {text}")) } else { Ok(total as u64) }
}

fn unit_bytes(unit: &str) -> Option<f64> {
    if matches!(unit, "" | "b") {
        return Some(1.0);
    }
    let (prefix, base) = match unit.as_bytes() {
        [prefix] | [prefix, b'b'] => (*prefix, 1000f64),
        [prefix, b'i'] | [prefix, b'i', b'b'] => (*prefix, 1024f64),
        _ => return None,
    };
    let power = b"kmgtpe".iter().position(|&p| p == prefix)? as i32 + 1;
    Some(base.powi(power))
}
