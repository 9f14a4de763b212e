//! Blocks: parts of a file whose keys are known by the code that reads them, as `remote_write` of Prometheus.
//!
//! Here scalars are texts, as the file has them ([`crate::config::yaml`]); a block's fields say what
//! each is to be read as.

use crate::config::setting::Setting;
use crate::config::yaml;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, Visitor};
use serde_yaml_ng::{Mapping, Value};
use std::str::FromStr;

/// A block as it was read, and as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block<T> {
    /// What it means.
    pub read: T,
    written: Value,
}

impl<T: DeserializeOwned> Setting for Block<T> {
    fn read(value: &Value) -> Result<Self, String> {
        // A variable or a flag holds it as YAML.
        let written = match value {
            Value::String(text) => {
                yaml::parse(text).map_err(|error| format!("expected YAML: {error}"))?
            }
            other => other.clone(),
        };
        let read = T::deserialize(AsText(written.clone()));
        let read = read.map_err(|error| error.to_string())?;
        Ok(Block { read, written })
    }

    fn show(&self) -> Value {
        hidden(&self.written)
    }
}

/// A list of blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks<T>(pub Vec<Block<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Blocks(Vec::new())
    }
}

impl<T: Clone> Blocks<T> {
    /// What they mean.
    pub fn read(&self) -> Vec<T> {
        self.0.iter().map(|block| block.read.clone()).collect()
    }
}

impl<T: DeserializeOwned> Setting for Blocks<T> {
    fn read(value: &Value) -> Result<Self, String> {
        let parsed = match value {
            Value::String(text) => {
                yaml::parse(text).map_err(|error| format!("expected a list: {error}"))?
            }
            other => other.clone(),
        };
        match parsed {
            Value::Null => Ok(Blocks::default()),
            Value::Sequence(items) => {
                let blocks = items.iter().map(Setting::read);
                blocks.collect::<Result<_, _>>().map(Blocks)
            }
            _ => Err("expected a list".to_owned()),
        }
    }

    fn show(&self) -> Value {
        Value::Sequence(self.0.iter().map(Setting::show).collect())
    }
}

/// Keys whose values are never shown.
const SECRETS: [&str; 6] = [
    "password",
    "credentials",
    "bearer_token",
    "client_secret",
    "key",
    "secret_key",
];

/// Keys all of whose values may be secrets.
const SECRET_SECTIONS: [&str; 3] = ["headers", "http_headers", "endpoint_params"];

/// A block with stars in the place of secrets.
fn hidden(value: &Value) -> Value {
    let stars = || Value::from("********");
    let of_field = |name: &Value, value: &Value| {
        let name = name.as_str().unwrap_or_default();
        match value {
            Value::String(_) if SECRETS.contains(&name) => stars(),
            Value::Mapping(fields) if SECRET_SECTIONS.contains(&name) => {
                let hidden: Mapping = fields.keys().map(|name| (name.clone(), stars())).collect();
                Value::Mapping(hidden)
            }
            Value::String(text) if name == "url" => Value::from(without_user(text)),
            other => hidden(other),
        }
    };
    match value {
        Value::Mapping(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), of_field(name, value)));
            Value::Mapping(fields.collect())
        }
        Value::Sequence(items) => Value::Sequence(items.iter().map(hidden).collect()),
        other => other.clone(),
    }
}

/// A URL without user and password.
pub(super) fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://********@{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Reads texts as what they are to be.
struct AsText(Value);

type YamlError = serde_yaml_ng::Error;

impl AsText {
    fn scalar<T: FromStr>(&self, expected: &str) -> Result<T, YamlError> {
        let text = self
            .0
            .as_str()
            .ok_or_else(|| YamlError::custom(format_args!("expected {expected}")))?;
        text.trim()
            .parse()
            .map_err(|_| YamlError::custom(format_args!("expected {expected}, found {text:?}")))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty: $expected:literal),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
            visitor.$visit(self.scalar::<$type>($expected)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for AsText {
    type Error = YamlError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Sequence(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(AsText)))
            }
            Value::Mapping(fields) => {
                // A name without a value is as if it were not there.
                let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
                let fields = fields.map(|(name, value)| (AsText(name), AsText(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_bool(bool::read(&self.0).map_err(YamlError::custom)?)
    }

    numbers! {
        deserialize_i64 visit_i64 i64: "a whole number",
        deserialize_i32 visit_i32 i32: "a whole number",
        deserialize_u64 visit_u64 u64: "a whole number",
        deserialize_u32 visit_u32 u32: "a whole number",
        deserialize_u16 visit_u16 u16: "a whole number",
        deserialize_f64 visit_f64 f64: "a number",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        let word = self.scalar::<String>("a word")?;
        visitor.visit_enum(word.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 u8 f32 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, YamlError> for AsText {
    type Deserializer = AsText;

    fn into_deserializer(self) -> AsText {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        url: String,
        count: u64,
        on: Option<bool>,
        headers: BTreeMap<String, String>,
        password: String,
        list: Vec<Sample>,
        word: Word,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    enum Word {
        #[default]
        First,
        Second,
    }

    #[test]
    fn texts_are_read_as_their_fields_need() {
        let yaml = "{url: 'http://a:b@c/d', count: 5, on: yes, headers: {a: 0123}, password: 123, \
                    list: [{count: 1, word: Second}, {}], word: }";
        let block = Block::<Sample>::read(&Value::from(yaml)).expect("valid");
        let read = &block.read;
        assert_eq!(
            (read.count, read.on, read.password.as_str()),
            (5, Some(true), "123")
        );
        assert_eq!(read.headers["a"], "0123");
        assert_eq!((read.list.len(), &read.list[0].word), (2, &Word::Second));
        let shown = serde_yaml_ng::to_string(&block.show()).expect("shown");
        assert!(shown.contains("url: http://********@c/d\n"), "{shown}");
        assert!(!shown.contains("123"), "{shown}");
    }

    #[test]
    fn what_can_not_be_read_says_where() {
        let check = |yaml: &str, expected: &str| {
            let found = Block::<Sample>::read(&Value::from(yaml)).expect_err(yaml);
            assert!(found.contains(expected), "{yaml}: {found}");
        };
        check("{count: x}", "expected a whole number, found \"x\"");
        check("{counts: 1}", "unknown field `counts`");
        check(
            "{list: [{on: perhaps}]}",
            "expected true or false, found \"perhaps\"",
        );
        check("{word: Third}", "unknown variant `Third`");
    }
}
