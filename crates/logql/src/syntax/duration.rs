//! Durations as text: Prometheus' form (`1h30m`, `1d`, `2w`) and Go's (`1.5h`, `1h30m0s`, `250µs`).
//!
//! Both directions of both forms, in nanoseconds. Queries are read in Prometheus' form first and then in
//! Go's; ranges are Prometheus' alone, values of labels Go's alone.

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

/// Units of Go's form in nanoseconds; the micro sign and the Greek letter both stand for micro.
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", MILLI),
    ("s", 1_000 * MILLI),
    ("m", 60_000 * MILLI),
    ("h", 3_600_000 * MILLI),
];

/// Reads a duration as queries write it.
pub fn parse(text: &str) -> Option<i64> {
    parse_prometheus(text).or_else(|_| parse_go(text)).ok()
}

/// Reads Prometheus' form; the error is its text.
pub fn parse_prometheus(text: &str) -> Result<i64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", super::quote::quoted(text));
    let (mut rest, mut total, mut next_unit) = (text, 0u64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let value: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        if letters == 0 {
            return Err(invalid());
        }
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let Some(index) = PROMETHEUS_UNITS.iter().position(|(name, _)| *name == unit) else {
            let (unit, text) = (super::quote::quoted(unit), super::quote::quoted(text));
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

/// Reads Go's form; the error is the text of `time.ParseDuration`.
pub fn parse_go(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", super::quote::quoted(text));
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
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole = &rest[..whole_len];
        rest = &rest[whole_len..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let len = after.bytes().take_while(u8::is_ascii_digit).count();
            fraction = &after[..len];
            rest = &after[len..];
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_len = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        if unit_len == 0 {
            return Err(format!("time: missing unit in duration {}", super::quote::quoted(text)));
        }
        let unit = &rest[..unit_len];
        rest = &rest[unit_len..];
        let Some((_, scale)) = GO_UNITS.iter().find(|(name, _)| *name == unit) else {
            let (unit, text) = (super::quote::quoted(unit), super::quote::quoted(text));
            return Err(format!("time: unknown unit {unit} in duration {text}"));
        };
        let nanos = go_term(whole, fraction, *scale).ok_or_else(invalid)?;
        total = total.checked_add(nanos).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
    }
    match (i64::try_from(total), negative) {
        (Ok(nanos), false) => Ok(nanos),
        (Ok(nanos), true) => Ok(-nanos),
        (Err(_), true) => Ok(i64::MIN),
        (Err(_), false) => Err(invalid()),
    }
}

/// `whole.fraction` units of `scale` nanoseconds; `None` when that is out of range.
fn go_term(whole: &str, fraction: &str, scale: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(scale).filter(|nanos| *nanos <= 1 << 63)?;
    let (mut digits, mut divisor) = (0u64, 1f64);
    for digit in fraction.bytes() {
        let Some(longer) = digits.checked_mul(10).and_then(|d| d.checked_add(u64::from(digit - b'0'))) else { break };
        digits = longer;
        divisor *= 10.0;
    }
    if digits > 0 {
        nanos = nanos.checked_add((digits as f64 * (scale as f64 / divisor)) as u64).filter(|nanos| *nanos <= 1 << 63)?;
    }
    Some(nanos)
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

/// Writes Go's form (`time.Duration.String`).
pub fn format_go(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let body = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(total, MILLI)),
        _ => {
            let seconds = total / (1_000 * MILLI);
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let tail = format!("{}s", decimal(total % (60_000 * MILLI), 1_000 * MILLI));
            match (hours, minutes) {
                (0, 0) => tail,
                (0, _) => format!("{minutes}m{tail}"),
                _ => format!("{hours}h{minutes}m{tail}"),
            }
        }
    };
    format!("{sign}{body}")
}

/// `value / scale` in decimal without trailing zeros; `scale` is a power of ten.
fn decimal(value: u64, scale: u64) -> String {
    let fraction = value % scale;
    if fraction == 0 {
        return (value / scale).to_string();
    }
    let digits = format!("{:0width$}", fraction, width = scale.ilog10() as usize);
    format!("{}.{}", value / scale, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_units_go_from_large_to_small() {
        let minute = 60_000_000_000;
        for (text, want) in
            [("5m", 5 * minute), ("1h30m", 90 * minute), ("1d", 1440 * minute), ("0", 0), ("1500ms", 1_500_000_000)]
        {
            assert_eq!(parse_prometheus(text), Ok(want), "{text}");
        }
        for (text, want) in [
            ("", "empty duration string"),
            ("5", r#"not a valid duration string: "5""#),
            ("-5m", r#"not a valid duration string: "-5m""#),
            (" 5m ", r#"not a valid duration string: " 5m ""#),
            ("1m1h", r#"not a valid duration string: "1m1h""#),
            ("1.5h", r#"unknown unit "." in duration "1.5h""#),
            ("5minutes", r#"unknown unit "minutes" in duration "5minutes""#),
            ("300y", "duration out of range"),
        ] {
            assert_eq!(parse_prometheus(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn go_units_take_fractions_and_signs() {
        for (text, want) in [("1.5h", 5_400_000_000_000), ("-1m", -60_000_000_000), ("2µs", 2_000), ("1h1.5m", 3_690_000_000_000)]
        {
            assert_eq!(parse_go(text), Ok(want), "{text}");
        }
        for (text, want) in [
            ("abc", r#"time: invalid duration "abc""#),
            ("5", r#"time: missing unit in duration "5""#),
            ("5d", r#"time: unknown unit "d" in duration "5d""#),
            ("", r#"time: invalid duration """#),
            ("99999999999h", r#"time: invalid duration "99999999999h""#),
        ] {
            assert_eq!(parse_go(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn both_forms_are_written_as_their_owners_write_them() {
        for (nanos, prometheus, go) in [
            (0, "0s", "0s"),
            (90 * 60_000_000_000, "1h30m", "1h30m0s"),
            (86_400_000_000_000, "1d", "24h0m0s"),
            (7 * 86_400_000_000_000, "1w", "168h0m0s"),
            (90 * 86_400_000_000_000, "90d", "2160h0m0s"),
            (1_500_000_000, "1s500ms", "1.5s"),
            (1_500_000, "1ms", "1.5ms"),
        ] {
            assert_eq!(format_prometheus(nanos), prometheus);
            assert_eq!(format_go(nanos), go);
        }
    }
}
