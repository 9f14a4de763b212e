//! Numbers as Loki's YAML reader takes them: `5_000`, `0x10`, `010`, `1e5`.

use super::bounds::Amount;
use super::setting::{Setting, scalar};
use serde_yaml_ng::Value;

/// A whole number: decimal, `0x`, `0o`, `0b` or, with a leading zero, octal; a fraction is cut off.
pub(super) fn whole(text: &str) -> Option<i128> {
    let plain = text.trim().replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    let radix = |prefix: &str, radix| {
        let digits = lower.strip_prefix(prefix)?;
        i128::from_str_radix(digits, radix).ok().filter(|n| *n >= 0)
    };
    let number = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0", 8))
        .or_else(|| lower.parse().ok())?;
    Some(if negative { -number } else { number })
}

/// Any finite number.
pub(super) fn real(text: &str) -> Option<f64> {
    let plain = text.trim().replace('_', "");
    let number: Option<f64> = plain.parse().ok();
    number
        .or_else(|| whole(text).map(|n| n as f64))
        .filter(|n| n.is_finite())
}

/// A count: what is negative is 0, as a limit below zero is none, and what is too large is the
/// largest.
fn count(text: &str) -> Option<u64> {
    let number = whole(text).or_else(|| real(text).map(|n| n as i128))?;
    Some(u64::try_from(number.max(0)).unwrap_or(u64::MAX))
}

fn refuse(text: &str, max: impl std::fmt::Display) -> String {
    format!("expected a whole number from 0 to {max}, found {text:?}")
}

macro_rules! count_setting {
    ($($t:ty),*) => {$(
        impl Setting for $t {
            fn read(value: &Value) -> Result<Self, String> {
                let text = scalar(value)?;
                let number = count(&text).ok_or_else(|| refuse(&text, <$t>::MAX))?;
                Ok(<$t>::try_from(number).unwrap_or(<$t>::MAX))
            }

            fn show(&self) -> Value {
                Value::from(*self)
            }

            fn amount(&self) -> Option<Amount> {
                u64::try_from(*self).ok().map(Amount::Count)
            }
        }
    )*};
}

count_setting!(u32, u64, usize);

/// A port or a status: nothing near it would do instead.
impl Setting for u16 {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        let number = whole(&text).or_else(|| real(&text).map(|n| n as i128));
        number
            .and_then(|n| u16::try_from(n).ok())
            .ok_or_else(|| refuse(&text, u16::MAX))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }

    fn amount(&self) -> Option<Amount> {
        Some(Amount::Count(u64::from(*self)))
    }
}

impl Setting for f64 {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        real(&text)
            .filter(|n| *n >= 0.0)
            .ok_or_else(|| format!("expected a number of 0 or more, found {text:?}"))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Setting + PartialEq + std::fmt::Debug>(text: &str, expected: Option<T>) {
        assert_eq!(T::read(&Value::from(text)).ok(), expected, "{text}");
    }

    #[test]
    fn whole_numbers_have_every_form_of_yaml() {
        for text in [
            "5000",
            "5_000",
            "5e3",
            "5E3",
            "5.0e+3",
            "5000.9",
            "+5000",
            "0x1388",
            "0X1388",
            "011610",
            "0o11610",
            "0b1001110001000",
            " 5000 ",
        ] {
            check::<usize>(text, Some(5000));
            check::<u16>(text, Some(5000));
        }
        check::<usize>("089", Some(89));
        check::<usize>("0", Some(0));
    }

    #[test]
    fn absurd_counts_are_bounded_and_ports_are_not_guessed() {
        check::<usize>("-1", Some(0));
        check::<u64>("9223372036854775808", Some(1 << 63));
        check::<u64>("1e300", Some(u64::MAX));
        check::<usize>(
            "99999999999999999999999999999999999999999999",
            Some(usize::MAX),
        );
        check::<u32>("4294967296", Some(u32::MAX));
        for text in ["", "x", "1x", "0x", "--1", "1e", "nan", "inf", ".inf"] {
            check::<usize>(text, None);
            check::<u16>(text, None);
        }
        for text in ["70000", "-1", "1e9"] {
            check::<u16>(text, None);
        }
    }

    #[test]
    fn real_numbers_are_of_0_or_more() {
        for (text, expected) in [
            ("4", 4.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("1_000.5", 1000.5),
            ("0x10", 16.0),
        ] {
            check(text, Some(expected));
        }
        for text in ["-1", "inf", "nan", "x", ""] {
            check::<f64>(text, None);
        }
    }
}
