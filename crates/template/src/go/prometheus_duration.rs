//! Durations in Prometheus' form: `1h30m`, `1d`, `2w`, units from years to milliseconds, in
//! nanoseconds.

use super::quote::quoted;

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;

/// Units, largest first, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000 * MILLI),
    ("w", 7 * 86_400_000 * MILLI),
    ("d", 86_400_000 * MILLI),
    ("h", 3_600_000 * MILLI),
    ("m", 60_000 * MILLI),
    ("s", 1_000 * MILLI),
    ("ms", MILLI),
];

/// Reads Prometheus' form; the error is its text.
pub fn parse(text: &str) -> Result<i64, String> {
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
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            let (unit, text) = (quoted(unit), quoted(text));
            return Err(format!("unknown unit {unit} in duration {text}"));
        };
        if index < next_unit {
            return Err(invalid());
        }
        next_unit = index + 1;
        total = value
            .checked_mul(UNITS[index].1)
            .and_then(|nanos| total.checked_add(nanos))
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(|| "duration out of range".to_owned())?;
    }
    i64::try_from(total).map_err(|_| "duration out of range".to_owned())
}

/// Writes Prometheus' form; what is below a millisecond is cut.
pub fn format(nanos: i64) -> String {
    let mut rest = nanos.unsigned_abs() / MILLI * MILLI;
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, scale) in UNITS {
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
            assert_eq!(parse(text), Ok(want), "{text}");
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
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
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
            assert_eq!(format(nanos), want);
        }
    }
}
