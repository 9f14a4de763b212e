//! Text to number as Go does it: floats, durations, byte sizes, with Go's words when it can't be done.

use std::borrow::Cow;

/// `strconv.ParseFloat(text, 64)`
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    if let Some(value) = plain_integer(text) {
        return Ok(value);
    }
    let failed = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", quote(text));
    let value = go_float(text).ok_or_else(|| failed("invalid syntax"))?;
    let written_infinite = text.trim_start_matches(['+', '-']).as_bytes().first().is_some_and(|b| b.eq_ignore_ascii_case(&b'i'));
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

/// Go's grammar of floats: decimal, hexadecimal with a binary exponent, underscores between digits, infinities.
fn go_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        f64::INFINITY
    } else if text.eq_ignore_ascii_case("nan") {
        f64::NAN
    } else {
        let digits = without_underscores(unsigned)?;
        match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) => hex_float(hex)?,
            None => decimal_float(&digits)?,
        }
    };
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
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
    let placed = (0..bytes.len()).all(|i| bytes[i] != b'_' || (i > 0 && is_digit(i - 1) && is_digit(i + 1)));
    placed.then(|| text.replace('_', "").into())
}

/// Digits, point and exponent; Rust's own grammar knows more, such as `infinity`.
fn decimal_float(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
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
    let power: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
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

/// `time.ParseDuration(text)` in nanoseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", time_quote(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let whole_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole: u64 = if whole_digits == 0 { 0 } else { rest[..whole_digits].parse().map_err(|_| invalid())? };
        rest = &rest[whole_digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, rest) = after.split_at(digits);
        }
        if whole_digits == 0 && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_length = rest.bytes().take_while(|b| *b != b'.' && !b.is_ascii_digit()).count();
        if unit_length == 0 {
            return Err(format!("time: missing unit in duration {}", time_quote(text)));
        }
        let (unit, after) = rest.split_at(unit_length);
        let scale = unit_nanos(unit)
            .ok_or_else(|| format!("time: unknown unit {} in duration {}", time_quote(unit), time_quote(text)))?;
        total = add_units(total, whole, fraction, scale).ok_or_else(invalid)?;
        rest = after;
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(nanos)) => Ok(-nanos),
        (true, Err(_)) => Ok(i64::MIN),
        (false, Ok(nanos)) => Ok(nanos),
        (false, Err(_)) => Err(invalid()),
    }
}

/// Largest sum of a duration, which is that of the most negative one.
const DURATION_MAX: u64 = 1 << 63;

fn add_units(total: u64, whole: u64, fraction: &str, scale: u64) -> Option<u64> {
    let mut nanos = whole.checked_mul(scale).filter(|n| *n <= DURATION_MAX)?;
    if !fraction.is_empty() {
        let (mut value, mut divisor) = (0u64, 1f64);
        for digit in fraction.bytes() {
            match value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0'))) {
                Some(next) if next <= i64::MAX as u64 => (value, divisor) = (next, divisor * 10.0),
                _ => break,
            }
        }
        nanos += (value as f64 * (scale as f64 / divisor)) as u64;
    }
    total.checked_add(nanos).filter(|n| *n <= DURATION_MAX)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    })
}

/// Byte sizes as people write them: `20MB`, `1.5 KiB`, `1,024`, decimal for MB and binary for MiB.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    let number = &text[..digits];
    let value = if number.contains(',') { parse_float(&number.replace(',', ""))? } else { parse_float(number)? };
    let unit = text[digits..].trim().to_ascii_lowercase();
    let scale = unit_bytes(&unit).ok_or_else(|| format!("unhandled size name: {unit}"))?;
    let bytes = value * scale;
    if bytes >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(bytes as u64)
}

fn unit_bytes(unit: &str) -> Option<f64> {
    let (letter, base) = match unit.as_bytes() {
        [] | [b'b'] => return Some(1.0),
        [letter] | [letter, b'b'] => (*letter, 1000f64),
        [letter, b'i'] | [letter, b'i', b'b'] => (*letter, 1024f64),
        _ => return None,
    };
    let power = b"kmgtpe".iter().position(|l| *l == letter)?;
    Some(base.powi(power as i32 + 1))
}

/// Go's `strconv.Quote`.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    skald_model::labels::write_quoted(&mut quoted, text).expect("writing to a string does not fail");
    quoted
}

/// The quoting of Go's time package: bytes outside printable ASCII as `\xNN`.
fn time_quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', byte as char]),
            b' '..=0x7f => quoted.push(byte as char),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_go_reads_them() {
        let check = |text: &str, expected: f64| assert_eq!(parse_float(text), Ok(expected), "{text}");
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
        assert!(parse_float("nan").is_ok_and(f64::is_nan));
    }

    #[test]
    fn floats_that_are_none_are_refused_in_gos_words() {
        let check = |text: &str, expected: &str| assert_eq!(parse_float(text), Err(expected.to_owned()));
        check("166B", r#"strconv.ParseFloat: parsing "166B": invalid syntax"#);
        check("", r#"strconv.ParseFloat: parsing "": invalid syntax"#);
        check(" 1", r#"strconv.ParseFloat: parsing " 1": invalid syntax"#);
        check("tab\there", r#"strconv.ParseFloat: parsing "tab\there": invalid syntax"#);
        check("1e400", r#"strconv.ParseFloat: parsing "1e400": value out of range"#);
        check("0x10", r#"strconv.ParseFloat: parsing "0x10": invalid syntax"#);
        check("1__0", r#"strconv.ParseFloat: parsing "1__0": invalid syntax"#);
        check("+nan", r#"strconv.ParseFloat: parsing "+nan": invalid syntax"#);
        check("+-1", r#"strconv.ParseFloat: parsing "+-1": invalid syntax"#);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let check = |text: &str, expected: i64| assert_eq!(parse_duration(text), Ok(expected), "{text}");
        check("0", 0);
        check("461ms", 461_000_000);
        check("1h2m3s", 3_723_000_000_000);
        check("2.60s", 2_600_000_000);
        check("-.5s", -500_000_000);
        check("757µs", 757_000);
        check("9223372036854775807ns", i64::MAX);
    }

    #[test]
    fn durations_that_are_none_are_refused_in_gos_words() {
        let check = |text: &str, expected: &str| assert_eq!(parse_duration(text), Err(expected.to_owned()));
        check("400", r#"time: missing unit in duration "400""#);
        check("abc", r#"time: invalid duration "abc""#);
        check("", r#"time: invalid duration """#);
        check("1d", r#"time: unknown unit "d" in duration "1d""#);
        check("naïve \"x\"\t", r#"time: invalid duration "na\xc3\xafve \"x\"\x09""#);
        check("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#);
        check(".s", r#"time: invalid duration ".s""#);
    }

    #[test]
    fn sizes_are_decimal_or_binary_by_their_unit() {
        let check = |text: &str, expected: u64| assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        check("166B", 166);
        check("1.5KiB", 1536);
        check("26.3KB", 26_300);
        check("3 MiB", 3 << 20);
        check("1,024", 1024);
        check("20mb", 20_000_000);
        assert_eq!(parse_bytes("12 parsecs"), Err("unhandled size name: parsecs".to_owned()));
        assert_eq!(parse_bytes("99999EB"), Err("too large: 99999EB".to_owned()));
        assert_eq!(parse_bytes("x"), Err(r#"strconv.ParseFloat: parsing "": invalid syntax"#.to_owned()));
    }
}
