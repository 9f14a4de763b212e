//! Durations are read as queries write them, in Prometheus' form (`1h30m`, `1d`, `2w`), to
//! nanoseconds.
//!
//! Queries and settings are read in Prometheus' form first and then in Go's; ranges are Prometheus'
//! alone.

use skald_template::go;
use skald_template::go::quote::quoted;

pub use skald_template::go::duration::{format as format_go, parse as parse_go};

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;

/// Units of Prometheus' form, largest first, in nanoseconds.
const PROMETHEUS_UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000 * MILLI),
    ("w", 7 * 86_400_000 * MILLI),
    ("d", 86_400_000 * MILLI),
    ("h", 3_600_000 * MILLI),
    ("m", 60_000 * MILLI),
    ("s", 1_000 * MILLI),
    ("ms", MILLI),
];

/// Reads a duration as queries and settings write it.
pub fn parse(text: &str) -> Option<i64> {
    parse_prometheus(text)
        .or_else(|_| go::duration::parse(text))
        .ok()
}

/// Reads Prometheus' form; the error is its text.
pub fn parse_prometheus(text: &str) -> Result<i64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let (mut rest, mut total, mut next_unit) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        if letters == 0 {
            return Err(invalid());
        }
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let Some(index) = PROMETHEUS_UNITS.iter().position(|(name, _)| *name == unit) else {
            let (unit, text) = (quoted(unit), quoted(text));
            return Err(format!("unknown unit {unit} in duration {text}"));
        };
        if index < next_unit {
            return Err(invalid());
        }
        next_unit = index + 1;
        total = value
            .checked_mul(PROMETHEUS_UNITS[index].1)
            .and_then(|nanos| total.checked_add(nanos))
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(|| "duration out of range".to_owned())?;
    }
    i64::try_from(total).map_err(|_| "duration out of range".to_owned())
}

/// Writes Prometheus' form; what is below a millisecond is cut.
pub fn format_prometheus(nanos: i64) -> String {
    let mut rest = nanos.unsigned_abs() / MILLI * MILLI;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, scale) in PROMETHEUS_UNITS {
        // Years and weeks only where they come out even: 90d is easier to read than 12w6d.
        let exact = matches!(unit, "y" | "w");
        if rest >= scale && (!exact || rest.is_multiple_of(scale)) {
            out.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_units_go_from_large_to_small() {
        let minute = 60_000_000_000;
        for (text, want) in [
            ("5m", 5 * minute),
            ("1h30m", 90 * minute),
            ("1d", 1440 * minute),
            ("0", 0),
            ("1500ms", 1_500_000_000),
        ] {
            assert_eq!(parse_prometheus(text), Ok(want), "{text}");
        }
        for (text, want) in [
            ("", "empty duration string"),
            ("5", r#"not a valid duration string: "5""#),
            ("-5m", r#"not a valid duration string: "-5m""#),
            (" 5m ", r#"not a valid duration string: " 5m ""#),
            ("1m1h", r#"not a valid duration string: "1m1h""#),
            ("1.5h", r#"unknown unit "." in duration "1.5h""#),
            (
                "5minutes",
                r#"unknown unit "minutes" in duration "5minutes""#,
            ),
            ("300y", "duration out of range"),
        ] {
            assert_eq!(parse_prometheus(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn weeks_and_years_are_written_only_where_they_come_out_even() {
        for (nanos, want) in [
            (0, "0s"),
            (90 * 60_000_000_000, "1h30m"),
            (86_400_000_000_000, "1d"),
            (7 * 86_400_000_000_000, "1w"),
            (90 * 86_400_000_000_000, "90d"),
            (1_500_000_000, "1s500ms"),
            (1_500_000, "1ms"),
        ] {
            assert_eq!(format_prometheus(nanos), want);
        }
    }
}
