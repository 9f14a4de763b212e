//! A number of bytes in all the forms Loki's files have it: `64M`, `10240MB`, `1.5 GiB`, plain.

use super::bounds::Amount;
use super::number;
use super::setting::{Setting, scalar};
use serde_yaml_ng::Value;
use std::fmt;

/// A number of bytes; units are powers of 1024 as in Loki.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// Largest size: what is written larger counts as this, so that sums of a few never overflow 64
/// bits.
const BYTES_MAX: u64 = 1 << 60;

/// The power of two of an upper-case unit: `K`, `KB`, `KI`, `KIB`, `KILO` and `KILOBYTES`, and so
/// on.
fn shift_of(unit: &str) -> Option<u32> {
    const UNITS: [(&str, &str, u32); 6] = [
        ("K", "KILO", 10),
        ("M", "MEGA", 20),
        ("G", "GIGA", 30),
        ("T", "TERA", 40),
        ("P", "PETA", 50),
        ("E", "EXA", 60),
    ];
    if matches!(unit, "" | "B" | "BYTE" | "BYTES") {
        return Some(0);
    }
    UNITS.iter().find_map(|(short, long, shift)| {
        let rest = unit.strip_prefix(long).or(unit.strip_prefix(short))?;
        matches!(rest, "" | "B" | "I" | "IB" | "BYTE" | "BYTES").then_some(*shift)
    })
}

fn parse(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = shift_of(&upper[digits.len()..])?;
    let bytes = match number::whole(digits) {
        Some(number) => u128::try_from(number).ok()?.saturating_mul(1 << shift),
        None => (number::real(digits).filter(|n| *n >= 0.0)? * (1u64 << shift) as f64) as u128,
    };
    Some(u64::try_from(bytes).map_or(BYTES_MAX, |bytes| bytes.min(BYTES_MAX)))
}

impl Setting for ByteSize {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        parse(&text)
            .map(ByteSize)
            .ok_or_else(|| format!("expected a size such as 256KB or 3MB, found {text:?}"))
    }

    fn show(&self) -> Value {
        Value::from(self.to_string())
    }

    fn amount(&self) -> Option<Amount> {
        Some(Amount::Bytes(self.0))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("GB", 30), ("MB", 20), ("KB", 10)] {
            if self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift) {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        let read = ByteSize::read(&Value::from(text)).ok();
        assert_eq!(read.map(|size| size.0), expected, "{text}");
    }

    #[test]
    fn every_form_of_a_size_is_read() {
        for text in [
            "64M",
            "64m",
            "64MB",
            "64mb",
            "64Mb",
            "64Mi",
            "64MiB",
            "64mib",
            "64 MB",
            " 64 m ",
            "64mega",
            "64megabyte",
            "64 Megabytes",
            "65536K",
            "65536kB",
            "67108864",
            "67108864B",
            "67108864 bytes",
            "67_108_864",
            "0.0625G",
            "6.7108864e7",
            "0x4000000",
        ] {
            check(text, Some(64 << 20));
        }
        for (unit, shift) in [("K", 10), ("M", 20), ("G", 30), ("T", 40), ("P", 50)] {
            check(&format!("2{unit}"), Some(2 << shift));
            check(&format!("2{unit}B"), Some(2 << shift));
            check(&format!("2{}ib", unit.to_lowercase()), Some(2 << shift));
        }
        check("10240MB", Some(10 << 30));
        check("1E", Some(1 << 60));
        check("1e3", Some(1000));
        check("1.5G", Some(3 << 29));
        check("0", Some(0));
    }

    #[test]
    fn absurd_sizes_are_bounded_and_nonsense_is_refused() {
        for text in [
            "9E",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "99999999P",
        ] {
            check(text, Some(BYTES_MAX));
        }
        for text in [
            "", "x", "M", "-1", "-1MB", "1.2.3", "5Q", "5MBB", "5M5", "nan", "inf", "1 2",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn sizes_are_shown_in_their_largest_whole_unit() {
        for (bytes, shown) in [
            (262_144, "256KB"),
            (3 << 20, "3MB"),
            (1500, "1500B"),
            (0, "0B"),
        ] {
            assert_eq!(ByteSize(bytes).show(), Value::from(shown));
        }
    }
}
