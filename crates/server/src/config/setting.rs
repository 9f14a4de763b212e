//! How one setting is read from YAML, an environment variable or a flag, and shown again.
//!
//! Text and YAML meet in [`Value`]: a variable or flag is a `Value::String`, so each type reads both.

use crate::duration;
use serde_yaml_ng::Value;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A number of bytes, written `256KB`, `3MB` or plain; units are powers of 1024 as in Loki.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// A type a setting can have.
pub trait Setting: Sized {
    /// Reads it; the error says what was expected.
    fn read(value: &Value) -> Result<Self, String>;
    /// The form it has in a file.
    fn show(&self) -> Value;
}

/// The text of a scalar; `null` is the empty text.
fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(b) => Ok(b.to_string()),
        Value::Number(n) => Ok(n.to_string()),
        Value::String(s) => Ok(s.clone()),
        _ => Err("expected a single value".to_owned()),
    }
}

macro_rules! number_setting {
    ($($t:ty),*) => {$(
        impl Setting for $t {
            fn read(value: &Value) -> Result<Self, String> {
                let text = scalar(value)?;
                text.trim().parse().map_err(|_| format!("expected a whole number from 0 to {}, found {text:?}", <$t>::MAX))
            }

            fn show(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}

number_setting!(u16, u32, u64, usize);

impl Setting for f64 {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite() && *n >= 0.0);
        number.ok_or_else(|| format!("expected a number of 0 or more, found {text:?}"))
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, String> {
        match scalar(value)?.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("expected true or false, found {other:?}")),
        }
    }

    fn show(&self) -> Value {
        Value::from(*self)
    }
}

impl Setting for String {
    fn read(value: &Value) -> Result<Self, String> {
        scalar(value)
    }

    fn show(&self) -> Value {
        Value::from(self.clone())
    }
}

/// Text that is never shown again: `/config` has stars in its place, as Loki's does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Setting for Secret {
    fn read(value: &Value) -> Result<Self, String> {
        scalar(value).map(Secret)
    }

    fn show(&self) -> Value {
        Value::from(if self.0.is_empty() { "" } else { "********" })
    }
}

impl Setting for PathBuf {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        if text.is_empty() {
            Err("expected a path, found nothing".to_owned())
        } else {
            Ok(PathBuf::from(text))
        }
    }

    fn show(&self) -> Value {
        Value::from(self.to_string_lossy().into_owned())
    }
}

impl Setting for Vec<String> {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Sequence(items) => items.iter().map(scalar).collect(),
            other => Ok(scalar(other)?
                .split(',')
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect()),
        }
    }

    fn show(&self) -> Value {
        Value::Sequence(self.iter().cloned().map(Value::from).collect())
    }
}

impl Setting for Duration {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        let nanoseconds = duration::parse(text.trim())
            .ok_or_else(|| format!("expected a duration such as 30s or 1h, found {text:?}"))?;
        Ok(Duration::from_nanos(nanoseconds as u64))
    }

    fn show(&self) -> Value {
        Value::from(duration::show(
            i64::try_from(self.as_nanos()).unwrap_or(i64::MAX),
        ))
    }
}

const SIZE_UNITS: [(&str, u32); 10] = [
    ("TIB", 40),
    ("GIB", 30),
    ("MIB", 20),
    ("KIB", 10),
    ("TB", 40),
    ("GB", 30),
    ("MB", 20),
    ("KB", 10),
    ("B", 0),
    ("", 0),
];

impl Setting for ByteSize {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        let upper = text.trim().to_uppercase();
        let (digits, shift) = SIZE_UNITS
            .iter()
            .find_map(|(unit, shift)| Some((upper.strip_suffix(unit)?, *shift)))
            .unwrap_or((&upper, 0));
        let number: f64 = digits
            .trim()
            .parse()
            .map_err(|_| format!("expected a size such as 256KB or 3MB, found {text:?}"))?;
        if !(0.0..=1e18).contains(&number) {
            return Err(format!("expected a size of 0 or more, found {text:?}"));
        }
        Ok(ByteSize((number * (1u64 << shift) as f64) as u64))
    }

    fn show(&self) -> Value {
        for (unit, shift) in [("GB", 30), ("MB", 20), ("KB", 10)] {
            if self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift) {
                return Value::from(format!("{}{unit}", self.0 >> shift));
            }
        }
        Value::from(format!("{}B", self.0))
    }
}

/// A setting with a closed set of words.
macro_rules! word_setting {
    ($type:ty { $($word:literal => $value:path),* $(,)? }) => {
        impl $crate::config::setting::Setting for $type {
            fn read(value: &serde_yaml_ng::Value) -> Result<Self, String> {
                match <String as $crate::config::setting::Setting>::read(value)?.as_str() {
                    $($word => Ok($value),)*
                    other => Err(format!("expected one of {}, found {other:?}", [$($word),*].join(", "))),
                }
            }

            fn show(&self) -> serde_yaml_ng::Value {
                match self {
                    $($value => serde_yaml_ng::Value::from($word),)*
                }
            }
        }
    };
}
pub(crate) use word_setting;

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Setting + PartialEq + std::fmt::Debug>(
        text: &str,
        expected: Option<T>,
        shown: &str,
    ) {
        let read = T::read(&Value::from(text));
        assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text}");
        if let Ok(value) = read {
            assert_eq!(
                value.show(),
                serde_yaml_ng::from_str::<Value>(shown).expect("yaml"),
                "{text}"
            );
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        check("256KB", Some(ByteSize(262_144)), "256KB");
        check("3mb", Some(ByteSize(3 << 20)), "3MB");
        check("1500", Some(ByteSize(1500)), "1500B");
        check::<ByteSize>("x", None, "");
        check::<ByteSize>("-1", None, "");
    }

    #[test]
    fn durations_lists_and_words_come_back_as_written() {
        check("30d1h", Some(Duration::from_secs(721 * 3600)), "30d1h");
        check("a, b", Some(vec!["a".to_owned(), "b".to_owned()]), "[a, b]");
        check("hidden", Some(Secret("hidden".to_owned())), "'********'");
        check("true", Some(true), "true");
        check::<bool>("yes", None, "");
        check::<u16>("70000", None, "");
    }
}
