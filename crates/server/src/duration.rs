//! Durations in nanoseconds, read and written as Prometheus and as Go do (`1h30m`, `1h30m0s`).

/// Units from the largest down; they must come in this order in a text.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Reads one; `None` when it is no duration or too long for 64 bits. `0` needs no unit.
pub(crate) fn parse(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut next_unit = 0;
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .filter(|n| *n > 0)?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = next_unit
            + UNITS[next_unit..]
                .iter()
                .position(|(name, _)| *name == &rest[..letters])?;
        total = total.checked_add(number.checked_mul(UNITS[unit].1)?)?;
        next_unit = unit + 1;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(total)
}

/// Writes one in the fewest units, as Prometheus does; what is below a millisecond is left out.
pub(crate) fn show(nanoseconds: i64) -> String {
    let mut out = String::new();
    let mut rest = nanoseconds;
    for (name, size) in UNITS {
        // Years and weeks stand only for whole durations, so that 400 days stay `400d`.
        let whole = !matches!(name, "y" | "w") || rest % size == 0;
        if rest >= size && whole {
            out.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Writes one as Go's `time.Duration` does (`1h1m0s`, `90.5s` as `1m30.5s`, `2ms`); not negative.
pub(crate) fn show_go(nanoseconds: i64) -> String {
    let (unit, name): (i64, _) = match nanoseconds {
        0 => return "0s".to_owned(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let decimals = |value: i64| {
        let digits = unit.ilog10() as usize;
        let fraction = format!("{:0digits$}", value % unit);
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{}{dot}{fraction}{name}", value / unit)
    };
    const MINUTE: i64 = 60_000_000_000;
    let seconds = decimals(nanoseconds % MINUTE);
    match (nanoseconds / MINUTE / 60, nanoseconds / MINUTE % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_prometheus_does() {
        assert_eq!(parse("1h30m"), Some(5_400_000_000_000));
        assert_eq!(parse("15000ms"), Some(15_000_000_000));
        assert_eq!(parse("0"), Some(0));
        for bad in [
            "",
            "1.5h",
            "10us",
            "5",
            "m",
            "30m1h",
            "1h1h",
            "-1s",
            "99999999999y",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_written_as_prometheus_does() {
        for text in ["30d1h", "1w", "1m", "10m", "400d", "1y", "1s500ms", "2h"] {
            assert_eq!(show(parse(text).expect("valid")), text);
        }
        assert_eq!(show(0), "0s");
    }

    #[test]
    fn durations_are_written_as_go_does() {
        let check = |nanoseconds, expected| assert_eq!(show_go(nanoseconds), expected);
        check(0, "0s");
        check(1, "1ns");
        check(1_500, "1.5µs");
        check(250_000_000, "250ms");
        check(1_000_000_000, "1s");
        check(90_500_000_000, "1m30.5s");
        check(60_000_000_000, "1m0s");
        check(3_660_000_000_000, "1h1m0s");
        check(744 * 3_600_000_000_000 - 1_000_000, "743h59m59.999s");
    }
}
