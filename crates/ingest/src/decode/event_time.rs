//! Times of events in the forms that senders write: RFC 3339, and numbers since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Digits of nanoseconds in a second.
const NANO_DIGITS: usize = 9;

/// A time as nanoseconds since 1970; `None` for a text that is none.
///
/// A number counts seconds, milliseconds, microseconds or nanoseconds, which its size tells: up to
/// 11 digits before the point are seconds (until the year 5138), up to 14 milliseconds, up to 17
/// microseconds. A date without a zone is UTC.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    match text.as_bytes() {
        [b'-' | b'+', b'0'..=b'9', ..] | [b'0'..=b'9', ..] if is_number(text) => number(text),
        _ => date(text),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, b)| {
        b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E') || is_sign(text, at, b)
    })
}

/// Whether a byte is the sign of a number or of its exponent.
fn is_sign(text: &str, at: usize, byte: u8) -> bool {
    matches!(byte, b'+' | b'-') && (at == 0 || matches!(text.as_bytes()[at - 1], b'e' | b'E'))
}

fn number(text: &str) -> Option<i64> {
    if text.contains(['e', 'E']) {
        let number: f64 = text.parse().ok()?;
        return number
            .is_finite()
            .then(|| scaled(&format!("{number:.9}")))
            .flatten();
    }
    scaled(text)
}

/// A decimal number without exponent, exactly.
fn scaled(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.contains('.') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let places = match whole.len() {
        0..=11 => NANO_DIGITS,
        12..=14 => 6,
        15..=17 => 3,
        _ => 0,
    };
    let fraction = &fraction[..fraction.len().min(places)];
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add((digit - b'0').into())?;
    }
    for _ in fraction.len()..places {
        value = value.checked_mul(10)?;
    }
    Some(clamped(if negative { -value } else { value }))
}

fn date(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(clamped(timestamp.as_nanosecond()));
    }
    let civil: DateTime = text.parse().ok()?;
    let timestamp = Offset::UTC.to_timestamp(civil).ok()?;
    Some(clamped(timestamp.as_nanosecond()))
}

fn clamped(nanoseconds: i128) -> i64 {
    nanoseconds.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_forms_are_read_exactly() {
        for (text, want) in [
            ("2026-11-30T22:06:50.577933Z", 1_796_076_410_577_933_000),
            ("2026-11-30T12:00:00.123456789Z", 1_796_040_000_123_456_789),
            ("2026-11-30 12:00:00+02:00", 1_796_032_800_000_000_000),
            ("2026-11-30T12:00:00+0200", 1_796_032_800_000_000_000),
            ("2026-11-30T12:00:00", 1_796_040_000_000_000_000),
            ("2026-11-30 12:00:00.5", 1_796_040_000_500_000_000),
            ("1796040000", 1_796_040_000_000_000_000),
            ("1796040000.123456789123", 1_796_040_000_123_456_789),
            ("1796040000123", 1_796_040_000_123_000_000),
            ("1796040000123.5", 1_796_040_000_123_500_000),
            ("1796040000123456", 1_796_040_000_123_456_000),
            ("1796040000123456789", 1_796_040_000_123_456_789),
            ("1.79604e9", 1_796_040_000_000_000_000),
            (" 18 ", 18_000_000_000),
            ("0", 0),
            ("-1", -1_000_000_000),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(want), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            " ",
            "-",
            ".",
            "soon",
            "1.2.3",
            "1e",
            "2026-13-01T00:00:00Z",
            "12:00",
            "0x10",
            "1e999",
            "99999999999999999999999999999999999999999",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff"), None);
    }
}
