//! Settings by name: texts (labels, headers), and settings that have names of their own.

use crate::config::setting::{Setting, scalar};
use crate::config::{keys, yaml};
use serde_yaml_ng::{Mapping, Value};
use std::collections::BTreeMap;

/// Texts by name, as the labels of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub BTreeMap<String, String>);

/// Settings by name, as clients of remote write by their id.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<S>(pub BTreeMap<String, S>);

impl<S> Default for Named<S> {
    fn default() -> Self {
        Named(BTreeMap::new())
    }
}

/// A setting of several parts, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Single<S>(pub Option<S>);

impl<S> Default for Single<S> {
    fn default() -> Self {
        Single(None)
    }
}

/// A mapping, which a variable or a flag holds as YAML. Nothing is an empty one.
fn mapping_of(value: &Value) -> Result<Mapping, String> {
    let parsed = match value {
        Value::String(text) => {
            yaml::parse(text).map_err(|error| format!("expected names with values: {error}"))?
        }
        other => other.clone(),
    };
    match parsed {
        Value::Null => Ok(Mapping::new()),
        Value::Mapping(fields) => Ok(fields),
        _ => Err("expected names with values".to_owned()),
    }
}

impl Setting for Texts {
    fn read(value: &Value) -> Result<Self, String> {
        let mut texts = BTreeMap::new();
        for (name, value) in &mapping_of(value)? {
            let name = keys::text(name);
            let text = scalar(value).map_err(|error| format!("{name}: {error}"))?;
            texts.insert(name, text);
        }
        Ok(Texts(texts))
    }

    fn show(&self) -> Value {
        let pairs = self.0.iter();
        let shown =
            pairs.map(|(name, text)| (Value::from(name.as_str()), Value::from(text.as_str())));
        Value::Mapping(shown.collect())
    }
}

impl<S: Setting> Setting for Named<S> {
    fn read(value: &Value) -> Result<Self, String> {
        let mut settings = BTreeMap::new();
        for (name, value) in &mapping_of(value)? {
            let name = keys::text(name);
            let setting = S::read(value).map_err(|error| format!("{name}: {error}"))?;
            settings.insert(name, setting);
        }
        Ok(Named(settings))
    }

    fn show(&self) -> Value {
        let pairs = self.0.iter();
        let shown = pairs.map(|(name, setting)| (Value::from(name.as_str()), setting.show()));
        Value::Mapping(shown.collect())
    }
}

impl<S: Setting> Setting for Single<S> {
    fn read(value: &Value) -> Result<Self, String> {
        let fields = mapping_of(value)?;
        if fields.is_empty() {
            return Ok(Single(None));
        }
        S::read(&Value::Mapping(fields)).map(|setting| Single(Some(setting)))
    }

    fn show(&self) -> Value {
        let shown = self.0.as_ref().map(Setting::show);
        shown.unwrap_or_else(|| Value::Mapping(Mapping::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_by_name_come_as_yaml_too() {
        let texts = Texts::read(&Value::from("{cluster: eu, shard: 0123}")).expect("valid");
        assert_eq!(texts.0["shard"], "0123");
        assert_eq!(Texts::read(&texts.show()), Ok(texts));
        assert_eq!(Texts::read(&Value::Null), Ok(Texts::default()));
        let refused = Texts::read(&Value::from("[a]"));
        assert_eq!(refused, Err("expected names with values".to_owned()));
        let refused = Texts::read(&Value::from("{a: [b]}"));
        assert_eq!(refused, Err("a: expected a single value".to_owned()));
    }
}
