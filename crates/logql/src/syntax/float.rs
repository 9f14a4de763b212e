//! Numbers as Go reads and writes them.

/// Reads a float as Go's `strconv.ParseFloat` does; the error is its text.
pub fn parse(text: &str) -> Result<f64, String> {
    let fail = |why: &str| format!("strconv.ParseFloat: parsing {}: {why}", super::quote::quoted(text));
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex(hex).ok_or_else(|| fail("invalid syntax"))?;
        return Ok(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().map_err(|_| fail("invalid syntax"))?;
    let spelled_infinite = unsigned.starts_with(['i', 'I']);
    if value.is_infinite() && !spelled_infinite {
        return Err(fail("value out of range"));
    }
    Ok(value)
}

/// `1.8p4` after `0x`; the exponent is required.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(value * 2f64.powi(shift))
}

/// Writes the shortest decimal that reads back as `value`, without an exponent (Go's `'f', -1`).
pub fn format_plain(value: f64) -> String {
    match special(value) {
        Some(text) => text.to_owned(),
        None => format!("{value}"),
    }
}

/// Writes a float as Go's `%v`: an exponent from 1e+06 up and below 1e-04.
pub fn format_short(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return format!("{value}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_needs_an_exponent_and_overflow_is_refused() {
        assert_eq!(parse("0x1p4"), Ok(16.0));
        assert_eq!(parse("-0x1.8p1"), Ok(-3.0));
        assert_eq!(parse("0x10"), Err(r#"strconv.ParseFloat: parsing "0x10": invalid syntax"#.to_owned()));
        assert_eq!(parse("1e999"), Err(r#"strconv.ParseFloat: parsing "1e999": value out of range"#.to_owned()));
        assert_eq!(parse("010"), Ok(10.0));
        assert_eq!(parse("1_000"), Err(r#"strconv.ParseFloat: parsing "1_000": invalid syntax"#.to_owned()));
    }

    #[test]
    fn short_form_turns_to_exponents_where_go_does() {
        for (value, want) in [
            (3.0, "3"),
            (0.5, "0.5"),
            (123456.0, "123456"),
            (1e6, "1e+06"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (-1.25e-7, "-1.25e-07"),
        ] {
            assert_eq!(format_short(value), want);
        }
        assert_eq!(format_plain(1e21), "1000000000000000000000");
    }
}
