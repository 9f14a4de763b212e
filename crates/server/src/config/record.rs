//! Records are settings made of lists of rules, each rule a mapping with known keys.

use super::setting::Setting;
use super::{keys, yaml};
use serde_yaml_ng::{Mapping, Value};

/// A list element that is a mapping with known keys.
pub(super) trait Record: Sized {
    /// Keys it may have.
    const KEYS: &'static [&'static str];
    /// Reads one whose keys are known; the error says what is wrong.
    fn read(fields: &Mapping) -> Result<Self, String>;
    /// The form it has in a file.
    fn show(&self) -> Mapping;
}

/// A key's value, if it has one; the error names the key.
pub(super) fn field<T: Setting>(fields: &Mapping, name: &str) -> Result<Option<T>, String> {
    fields
        .get(name)
        .filter(|value| !value.is_null())
        .map(|value| T::read(value).map_err(|error| format!("{name}: {error}")))
        .transpose()
}

/// Values by their keys.
pub(super) fn mapping(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Mapping {
    fields
        .into_iter()
        .map(|(name, value)| (Value::from(name), value))
        .collect()
}

impl<R: Record> Setting for Vec<R> {
    fn read(value: &Value) -> Result<Self, String> {
        // A variable or a flag holds the list as YAML.
        let parsed;
        let value = match value {
            Value::String(text) => {
                parsed = yaml::parse(text).map_err(|error| format!("expected a list: {error}"))?;
                &parsed
            }
            other => other,
        };
        match value {
            Value::Null => Ok(Vec::new()),
            Value::Sequence(items) => items.iter().map(read_record).collect(),
            _ => Err("expected a list".to_owned()),
        }
    }

    fn show(&self) -> Value {
        Value::Sequence(
            self.iter()
                .map(|record| Value::Mapping(record.show()))
                .collect(),
        )
    }
}

pub(super) fn read_record<R: Record>(value: &Value) -> Result<R, String> {
    let fields = value
        .as_mapping()
        .ok_or_else(|| format!("expected a mapping with {}", R::KEYS.join(", ")))?;
    for (name, _) in fields {
        if !name.as_str().is_some_and(|name| R::KEYS.contains(&name)) {
            return Err(format!(
                "expected the keys {}, found {:?}",
                R::KEYS.join(", "),
                keys::text(name)
            ));
        }
    }
    R::read(fields)
}
