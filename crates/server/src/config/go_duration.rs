//! Durations as Go writes them (`1.5h`, `1h30m0.5s`, `100us`), which Loki takes in most sections.

/// Units and their nanoseconds, the longer name before one that begins alike.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Nanoseconds; `None` when it is none, is negative, or does not fit in 64 bits.
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, size) = UNITS.iter().find(|(unit, _)| {
            let after = rest.strip_prefix(unit);
            after.is_some_and(|after| after.is_empty() || after.starts_with(is_numeric))
        })?;
        total += number * size;
        rest = &rest[unit.len()..];
    }
    (total < i64::MAX as f64).then_some(total as i64)
}

fn is_numeric(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_go_does() {
        for (text, expected) in [
            ("1.5h", 5_400_000_000_000),
            ("1h30m0.5s", 5_400_500_000_000),
            ("30m1h", 5_400_000_000_000),
            ("100us", 100_000),
            ("1µs2ns", 1_002),
            (".5s", 500_000_000),
            ("+2s", 2_000_000_000),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "1",
            "-1s",
            "1d",
            "s",
            ".s",
            "1.2.3s",
            "1h ",
            "99999999999h",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
