//! Floats as text in the forms of Go's `strconv.FormatFloat`.

/// The form of a printed float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `%e`
    Exponent,
    /// `%E`
    ExponentUpper,
    /// `%f`
    Fixed,
    /// `%g` and `%v`
    General,
    /// `%G`
    GeneralUpper,
    /// `%x`
    Hex,
    /// `%X`
    HexUpper,
    /// `%b`
    Binary,
}

/// Digits after the point beyond which every float has only zeros.
const DIGITS_MAX: usize = 1100;

/// `value` without its sign; no precision means the fewest digits that give the same float again.
pub fn format(value: f64, style: Style, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let value = value.abs();
    if value.is_infinite() {
        return "Inf".to_owned();
    }
    match style {
        Style::Exponent => exponent(value, precision),
        Style::ExponentUpper => exponent(value, precision).to_uppercase(),
        Style::Fixed => fixed(value, precision),
        Style::General => general(value, precision),
        Style::GeneralUpper => general(value, precision).to_uppercase(),
        Style::Hex => hex(value, precision),
        Style::HexUpper => hex(value, precision).to_uppercase(),
        Style::Binary => {
            let (mantissa, power) = parts(value);
            format!("{mantissa}p{power:+}")
        }
    }
}

/// The shortest text that reads back as `value`, without an exponent (`FormatFloat` with `'f',
/// -1`).
pub fn format_plain(value: f64) -> String {
    signed(value, Style::Fixed)
}

/// `%v`: the shortest text, with an exponent from 1e+06 up and below 1e-04.
pub fn format_short(value: f64) -> String {
    signed(value, Style::General)
}

fn signed(value: f64, style: Style) -> String {
    let sign = match value {
        f64::INFINITY => "+",
        v if v.is_sign_negative() && !v.is_nan() => "-",
        _ => "",
    };
    format!("{sign}{}", format(value, style, None))
}

/// The significant digits of `value` and the power of ten of the first.
fn digits(value: f64, count: Option<usize>) -> (String, i32) {
    let text = match count {
        Some(count) => format!("{value:.*e}", (count - 1).min(DIGITS_MAX)),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), power.parse().unwrap_or(0))
}

fn exponent(value: f64, precision: Option<usize>) -> String {
    let (digits, power) = digits(value, precision.map(|p| p + 1));
    join_exponent(&digits, power, precision.unwrap_or(digits.len() - 1))
}

fn join_exponent(digits: &str, power: i32, fraction: usize) -> String {
    let mut out = digits[..1].to_owned();
    if fraction > 0 {
        out.push('.');
        out.push_str(&digits[1..]);
        out.extend(std::iter::repeat_n(
            '0',
            (fraction + 1).saturating_sub(digits.len()),
        ));
    }
    out.push_str(&format!(
        "e{}{:02}",
        if power < 0 { '-' } else { '+' },
        power.abs()
    ));
    out
}

fn fixed(value: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else {
        return format!("{value}");
    };
    let mut out = format!("{value:.*}", precision.min(DIGITS_MAX));
    out.extend(std::iter::repeat_n(
        '0',
        precision.saturating_sub(DIGITS_MAX),
    ));
    out
}

fn general(value: f64, precision: Option<usize>) -> String {
    let (all, power) = digits(value, precision.map(|p| p.max(1)));
    let trimmed = all.trim_end_matches('0');
    let digits = if trimmed.is_empty() { "0" } else { trimmed };
    let power = if value == 0.0 { 0 } else { power };
    // The power of ten from which an exponent is written.
    let threshold = match precision {
        None => 6,
        Some(p) if p > digits.len() && digits.len() as i32 > power => digits.len() as i32,
        Some(p) => p.max(1) as i32,
    };
    if power < -4 || power >= threshold {
        return join_exponent(digits, power, digits.len() - 1);
    }
    if power < 0 {
        return format!("0.{}{digits}", "0".repeat((-power - 1) as usize));
    }
    let whole = power as usize + 1;
    if digits.len() <= whole {
        return format!("{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{}.{}", &digits[..whole], &digits[whole..])
}

/// Mantissa and power of two.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52 & 0x7ff) as i32 {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased - 1075),
    }
}

fn hex(value: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut power) = parts(value);
    if mantissa == 0 {
        power = 0;
    } else {
        power += 52;
        while mantissa >> 52 == 0 {
            mantissa <<= 1;
            power -= 1;
        }
    }
    if let Some(places) = precision.filter(|p| *p < 13) {
        let drop = 52 - 4 * places as u32;
        let (half, rest) = (1u64 << (drop - 1), mantissa & ((1 << drop) - 1));
        mantissa >>= drop;
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let fraction = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(places) => format!("{fraction:0<places$}")[..places].to_owned(),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!(
        "0x{}{point}{fraction}p{}{:02}",
        mantissa >> 52,
        if power < 0 { '-' } else { '+' },
        power.abs()
    )
}

/// `number` with a decimal point and, but for fixed digits after it, with trailing zeros.
pub fn with_point(number: &str, style: Style, precision: Option<usize>) -> String {
    let exponent: &[char] = match style {
        Style::Binary => return number.to_owned(),
        Style::Hex | Style::HexUpper => &['p', 'P'],
        _ => &['e', 'E'],
    };
    let wanted = match style {
        Style::General | Style::GeneralUpper | Style::Hex => precision.unwrap_or(6),
        _ => 0,
    };
    let (digits, tail) = number.split_at(number.find(exponent).unwrap_or(number.len()));
    // Go counts every character from the first that is no zero, the `x` of a prefix too.
    let leading = digits
        .bytes()
        .filter(|b| *b != b'.')
        .take_while(|b| *b == b'0')
        .count();
    let counted = digits.bytes().filter(|b| *b != b'.').count();
    let significant = if digits == "0" { 1 } else { counted - leading };
    let point = if digits.contains('.') { "" } else { "." };
    format!(
        "{digits}{point}{}{tail}",
        "0".repeat(wanted.saturating_sub(significant))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_form_turns_to_exponents_where_go_does() {
        for (value, want) in [
            (3.0, "3"),
            (0.5, "0.5"),
            (123456.0, "123456"),
            (1e6, "1e+06"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
            (-0.0, "-0"),
            (-1.25e-7, "-1.25e-07"),
        ] {
            assert_eq!(format_short(value), want);
        }
        assert_eq!(format_plain(1e21), "1000000000000000000000");
    }
}
