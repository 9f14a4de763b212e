//! Durations in Go's form: `1.5h`, `1h30m0s`, `250µs`, in nanoseconds.

/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;
/// Nanoseconds of a second.
const SECOND: u64 = 1_000 * MILLI;

/// Largest sum of a duration, which is that of the most negative one.
const DURATION_MAX: u64 = 1 << 63;

/// `time.ParseDuration(text)` in nanoseconds.
pub fn parse(text: &str) -> Result<i64, String> {
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
        let whole: u64 = if whole_digits == 0 {
            0
        } else {
            rest[..whole_digits].parse().map_err(|_| invalid())?
        };
        rest = &rest[whole_digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, rest) = after.split_at(digits);
        }
        if whole_digits == 0 && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_length = rest
            .bytes()
            .take_while(|b| *b != b'.' && !b.is_ascii_digit())
            .count();
        if unit_length == 0 {
            return Err(format!(
                "time: missing unit in duration {}",
                time_quote(text)
            ));
        }
        let (unit, after) = rest.split_at(unit_length);
        let scale = unit_nanos(unit).ok_or_else(|| {
            format!(
                "time: unknown unit {} in duration {}",
                time_quote(unit),
                time_quote(text)
            )
        })?;
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

fn add_units(total: u64, whole: u64, fraction: &str, scale: u64) -> Option<u64> {
    let mut nanos = whole.checked_mul(scale).filter(|n| *n <= DURATION_MAX)?;
    if !fraction.is_empty() {
        let (mut value, mut divisor) = (0u64, 1f64);
        for digit in fraction.bytes() {
            match value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')))
            {
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
        "ms" => MILLI,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        _ => return None,
    })
}

/// `time.Duration(nanos).String()`
pub fn format(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let body = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..MILLI => format!("{}µs", decimal(total, 1_000)),
        MILLI..SECOND => format!("{}ms", decimal(total, MILLI)),
        _ => {
            let seconds = total / SECOND;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let tail = format!("{}s", decimal(total % (60 * SECOND), SECOND));
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
    fn durations_are_read_as_go_reads_them() {
        let check = |text: &str, expected: i64| assert_eq!(parse(text), Ok(expected), "{text}");
        check("0", 0);
        check("461ms", 461_000_000);
        check("1h2m3s", 3_723_000_000_000);
        check("2.60s", 2_600_000_000);
        check("-.5s", -500_000_000);
        check("757µs", 757_000);
        check("9223372036854775807ns", i64::MAX);
        check("-9223372036854775808ns", i64::MIN);
        check("1h1.5m", 3_690_000_000_000);
    }

    #[test]
    fn durations_that_are_none_are_refused_in_gos_words() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text), Err(expected.to_owned()));
        check("400", r#"time: missing unit in duration "400""#);
        check("abc", r#"time: invalid duration "abc""#);
        check("", r#"time: invalid duration """#);
        check("1d", r#"time: unknown unit "d" in duration "1d""#);
        check(
            "naïve \"x\"\t",
            r#"time: invalid duration "na\xc3\xafve \"x\"\x09""#,
        );
        check(
            "9223372036854775808ns",
            r#"time: invalid duration "9223372036854775808ns""#,
        );
        check("99999999999h", r#"time: invalid duration "99999999999h""#);
        check(".s", r#"time: invalid duration ".s""#);
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let check = |nanos: i64, expected: &str| assert_eq!(format(nanos), expected);
        check(0, "0s");
        check(90 * 60_000_000_000, "1h30m0s");
        check(7 * 86_400_000_000_000, "168h0m0s");
        check(1_500_000_000, "1.5s");
        check(1_500_000, "1.5ms");
        check(-2_000, "-2µs");
    }
}
