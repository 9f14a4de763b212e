//! One setting: read from YAML, an environment variable or a flag, and shown again.
//!
//! Text and YAML meet in [`Value`]: a variable or flag is a `Value::String`, so each type reads
//! both.

pub use super::size::ByteSize;

use super::bounds::Amount;
use crate::duration;
use serde_yaml_ng::Value;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A type a setting can have.
pub trait Setting: Sized {
    /// Reads it; the error says what was expected.
    fn read(value: &Value) -> Result<Self, String>;
    /// The form it has in a file.
    fn show(&self) -> Value;
    /// What it amounts to, when it is a number, a size or a time.
    fn amount(&self) -> Option<Amount> {
        None
    }
}

/// The text of a scalar; `null` is the empty text.
pub(super) fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(b) => Ok(b.to_string()),
        Value::Number(n) => Ok(n.to_string()),
        Value::String(s) => Ok(s.clone()),
        _ => Err("expected a single value".to_owned()),
    }
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, String> {
        let text = scalar(value)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "t" | "1" => Ok(true),
            "false" | "no" | "off" | "n" | "f" | "0" => Ok(false),
            _ => Err(format!("expected true or false, found {text:?}")),
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
        let text = text.trim();
        let nanoseconds = duration::parse_setting(text)
            .ok_or_else(|| format!("expected a duration such as 30s or 1h, found {text:?}"))?;
        Ok(Duration::from_nanos(nanoseconds as u64))
    }

    fn show(&self) -> Value {
        Value::from(duration::show(
            i64::try_from(self.as_nanos()).unwrap_or(i64::MAX),
        ))
    }

    fn amount(&self) -> Option<Amount> {
        Some(Amount::Time(*self))
    }
}

/// A setting with a closed set of words; the first of several for a value is the one that is shown.
macro_rules! word_setting {
    ($type:ty { $($word:literal $(| $older:literal)* => $value:path),* $(,)? }) => {
        impl $crate::config::setting::Setting for $type {
            fn read(value: &serde_yaml_ng::Value) -> Result<Self, String> {
                let text = <String as $crate::config::setting::Setting>::read(value)?;
                $(if [$word $(, $older)*].iter().any(|word| text.trim().eq_ignore_ascii_case(word)) {
                    return Ok($value);
                })*
                Err(format!("expected one of {}, found {text:?}", [$($word),*].join(", ")))
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
    fn durations_lists_and_words_come_back_as_written() {
        check("30d1h", Some(Duration::from_secs(721 * 3600)), "30d1h");
        check("a, b", Some(vec!["a".to_owned(), "b".to_owned()]), "[a, b]");
        check("hidden", Some(Secret("hidden".to_owned())), "'********'");
        check("true", Some(true), "true");
        check("1.5h", Some(Duration::from_secs(5400)), "1h30m");
        check::<Duration>("30", None, "");
        check::<Duration>("-1s", None, "");
    }

    #[test]
    fn booleans_are_those_of_yaml_1_1() {
        for word in ["true", "True", "YES", "yes", "On", "y", "Y", "t", "1"] {
            check(word, Some(true), "true");
        }
        for word in [
            "false", "FALSE", "No", "no", "OFF", "off", "n", "N", "f", "0",
        ] {
            check(word, Some(false), "false");
        }
        for word in ["", "maybe", "2", "yess"] {
            check::<bool>(word, None, "");
        }
    }
}
