//! Sizes as Go's humanize package reads and writes them: `20MB`, `1.5KiB`; decimal for kB and MB,
//! binary for KiB and MiB.

use super::float;

/// Byte sizes as people write them: `20MB`, `1.5 KiB`, `1,024`, decimal for MB and binary for MiB.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text
        .bytes()
        .take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
        .count();
    let number = &text[..digits];
    let value = if number.contains(',') {
        float::parse(&number.replace(',', ""))?
    } else {
        float::parse(number)?
    };
    let unit = text[digits..].trim().to_lowercase();
    let scale = unit_bytes(&unit).ok_or_else(|| format!("unhandled size name: {unit}"))?;
    let bytes = value * scale;
    if bytes >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(bytes as u64)
}

fn unit_bytes(unit: &str) -> Option<f64> {
    let (letter, base) = match unit.as_bytes() {
        [] | [b'b'] => return Some(1.0),
        [letter] | [letter, b'b'] => (*letter, 1000f64),
        [letter, b'i'] | [letter, b'i', b'b'] => (*letter, 1024f64),
        _ => return None,
    };
    let power = b"kmgtpe".iter().position(|l| *l == letter)?;
    Some(base.powi(power as i32 + 1))
}

/// Writes a size with two significant digits and a decimal unit as Go's humanize package does,
/// without its space, where that reads back as the same size; else the number of bytes.
pub fn format(bytes: u64) -> String {
    let rounded = format_rounded(bytes);
    if parse(&rounded) == Ok(bytes) {
        rounded
    } else {
        format!("{bytes}B")
    }
}

fn format_rounded(bytes: u64) -> String {
    if bytes < 10 {
        return format!("{bytes}B");
    }
    let exponent = (bytes as f64).log10() as u32 / 3;
    let unit = ["B", "kB", "MB", "GB", "TB", "PB", "EB"][exponent.min(6) as usize];
    let value = (bytes as f64 / 1000f64.powi(exponent as i32) * 10.0 + 0.5).floor() / 10.0;
    if value < 10.0 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary_by_their_unit() {
        let check = |text: &str, expected: u64| assert_eq!(parse(text), Ok(expected), "{text}");
        check("166B", 166);
        check("1.5KiB", 1536);
        check("26.3KB", 26_300);
        check("3 MiB", 3 << 20);
        check("1,024", 1024);
        check("20mb", 20_000_000);
        check("20k", 20_000);
        check("0B", 0);
        assert_eq!(
            parse("12 parsecs"),
            Err("unhandled size name: parsecs".to_owned())
        );
        assert_eq!(parse("20XB"), Err("unhandled size name: xb".to_owned()));
        assert_eq!(parse("99999EB"), Err("too large: 99999EB".to_owned()));
        assert_eq!(
            parse("x"),
            Err(r#"strconv.ParseFloat: parsing "": invalid syntax"#.to_owned())
        );
    }

    #[test]
    fn sizes_are_rounded_only_when_nothing_is_lost() {
        for (bytes, want) in [
            (0, "0B"),
            (5, "5B"),
            (42, "42B"),
            (1000, "1.0kB"),
            (20_000_000, "20MB"),
            (1536, "1536B"),
        ] {
            assert_eq!(format(bytes), want);
        }
    }
}
