//! Times as senders write them: RFC 3339 with or without a zone, and numbers since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Whole digits of the largest number that is taken for seconds; more are milli-, micro- and
/// nanoseconds, three digits a step.
const SECONDS_DIGITS_MAX: usize = 11;

/// Nanoseconds since 1970; times without a zone are UTC. `None` for what is no time.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return epoch(text);
    }
    let nanoseconds = match text.parse::<Timestamp>() {
        Ok(time) => time.as_nanosecond(),
        Err(_) => {
            let civil: DateTime = text.parse().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()?.as_nanosecond()
        }
    };
    i64::try_from(nanoseconds).ok()
}

/// A number since 1970, whose unit its length shows. Digits are counted, not computed, so that none
/// is lost.
fn epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.contains('.') {
        return None;
    }
    let steps = whole.len().saturating_sub(SECONDS_DIGITS_MAX).div_ceil(3);
    let digits = 9usize.checked_sub(3 * steps)?;
    let fraction = &fraction[..fraction.len().min(digits)];
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let noon = 1_796_040_000_000_000_000;
        for (text, expected) in [
            ("2026-11-30T12:00:00Z", Some(noon)),
            ("2026-11-30T12:00:00.123456789Z", Some(noon + 123_456_789)),
            ("2026-11-30T13:00:00+01:00", Some(noon)),
            ("2026-11-30 12:00:00.5", Some(noon + 500_000_000)),
            ("2026-11-30T12:00:00", Some(noon)),
            ("1796040000", Some(noon)),
            ("1796040000.123456789", Some(noon + 123_456_789)),
            ("1796040000.5", Some(noon + 500_000_000)),
            ("1796040000000", Some(noon)),
            ("1796040000123.25", Some(noon + 123_250_000)),
            ("1796040000123456", Some(noon + 123_456_000)),
            ("1796040000123456789", Some(noon + 123_456_789)),
            ("0", Some(0)),
            ("99999999999999999999", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("noon", None),
            ("2026-13-01T00:00:00Z", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
