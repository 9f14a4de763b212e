//! Sizes as text: `20MB`, `1.5KiB`; decimal for kB and MB, binary for KiB and MiB.

/// Units in lower case with their size; the empty unit is bytes.
const UNITS: [(&str, f64); 26] = [
    ("b", 1.0),
    ("", 1.0),
    ("kib", 1024.0),
    ("kb", 1e3),
    ("ki", 1024.0),
    ("k", 1e3),
    ("mib", 1048576.0),
    ("mb", 1e6),
    ("mi", 1048576.0),
    ("m", 1e6),
    ("gib", 1073741824.0),
    ("gb", 1e9),
    ("gi", 1073741824.0),
    ("g", 1e9),
    ("tib", 1099511627776.0),
    ("tb", 1e12),
    ("ti", 1099511627776.0),
    ("t", 1e12),
    ("pib", 1125899906842624.0),
    ("pb", 1e15),
    ("pi", 1125899906842624.0),
    ("p", 1e15),
    ("eib", 1152921504606846976.0),
    ("eb", 1e18),
    ("ei", 1152921504606846976.0),
    ("e", 1e18),
];

/// Reads a size; the error is the text Go's humanize package gives.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(text.len());
    let number = text[..digits].replace(',', "");
    let invalid = || format!("strconv.ParseFloat: parsing {}: invalid syntax", super::quote::quoted(&number));
    // Rust reads a lone dot as no number just as Go does.
    let value: f64 = number.parse().map_err(|_| invalid())?;
    let unit = text[digits..].trim().to_lowercase();
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("unhandled size name: {unit}"));
    };
    let bytes = value * scale;
    if bytes >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(bytes as u64)
}

/// Writes a size with two significant digits and a decimal unit as Go's humanize package does, without
/// its space, where that reads back as the same size; else the number of bytes.
pub fn format(bytes: u64) -> String {
    let rounded = format_rounded(bytes);
    if parse(&rounded) == Ok(bytes) { rounded } else { format!("{bytes}B") }
}

fn format_rounded(bytes: u64) -> String {
    if bytes < 10 {
        return format!("{bytes}B");
    }
    let exponent = (bytes as f64).log10() as u32 / 3;
    let unit = ["B", "kB", "MB", "GB", "TB", "PB", "EB"][exponent.min(6) as usize];
    let value = (bytes as f64 / 1000f64.powi(exponent as i32) * 10.0 + 0.5).floor() / 10.0;
    if value < 10.0 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_differ() {
        for (text, want) in
            [("20MB", 20_000_000), ("1.5KiB", 1536), ("1kB", 1000), ("20k", 20_000), ("0B", 0), ("3 MiB", 3 << 20)]
        {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
        assert_eq!(parse("20XB"), Err("unhandled size name: xb".to_owned()));
        assert_eq!(parse("x"), Err(r#"strconv.ParseFloat: parsing "": invalid syntax"#.to_owned()));
        assert_eq!(parse("99EB"), Err("too large: 99EB".to_owned()));
    }

    #[test]
    fn sizes_are_rounded_only_when_nothing_is_lost() {
        for (bytes, want) in [(0, "0B"), (5, "5B"), (42, "42B"), (1000, "1.0kB"), (20_000_000, "20MB"), (1536, "1536B")] {
            assert_eq!(format(bytes), want);
        }
    }
}
