//! Durations as Prometheus writes them (`1h30m`, `30d1h`, `15000ms`), in nanoseconds.

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
}
