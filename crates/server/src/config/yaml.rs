//! YAML read as Loki's reader does: the first document, merge keys followed, scalars as they are
//! written.
//!
//! A reader of YAML makes numbers and booleans of plain scalars, and with that `0123`, `1e5` or
//! `yes` lose the text that a name, a key or a duration needs. Here every scalar stays text, and
//! each setting reads it.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml_ng::{Mapping, Value};
use std::fmt;

/// The first document of a text; scalars are texts or null.
pub fn parse(text: &str) -> Result<Value, serde_yaml_ng::Error> {
    let document = || serde_yaml_ng::Deserializer::from_str(text).next();
    let (Some(first), Some(again)) = (document(), document()) else {
        return Ok(Value::Null);
    };
    let shape = Shape::deserialize(first)?;
    let mut root = AsWritten(&shape).deserialize(again)?;
    root.apply_merge()?;
    Ok(root)
}

/// What a document is made of, scalars aside; values of a mapping are in its order.
enum Shape {
    Null,
    Scalar,
    List(Vec<Shape>),
    Mapping(Vec<Shape>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

/// Every kind of scalar is one: numbers of any size are read by the settings they are for.
macro_rules! scalars {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E>(self, _: $type) -> Result<Shape, E> {
            Ok(Shape::Scalar)
        }
    )*};
}

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(shape) = items.next_element()? {
            shapes.push(shape);
        }
        Ok(Shape::List(shapes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some((_, shape)) = map.next_entry::<IgnoredAny, Shape>()? {
            shapes.push(shape);
        }
        Ok(Shape::Mapping(shapes))
    }
}

/// Reads again what has this shape, and keeps the texts of its scalars.
#[derive(Clone, Copy)]
struct AsWritten<'a>(&'a Shape);

impl AsWritten<'_> {
    fn inner(&self) -> &[Shape] {
        match self.0 {
            Shape::List(inner) | Shape::Mapping(inner) => inner,
            Shape::Null | Shape::Scalar => &[],
        }
    }
}

impl<'de> DeserializeSeed<'de> for AsWritten<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            Shape::Mapping(_) => deserializer.deserialize_map(self),
            Shape::List(_) => deserializer.deserialize_seq(self),
            Shape::Scalar => String::deserialize(deserializer).map(Value::String),
            Shape::Null => Value::deserialize(deserializer),
        }
    }
}

impl<'de> Visitor<'de> for AsWritten<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut read = Mapping::new();
        let mut shapes = self.inner().iter();
        while let Some(key) = map.next_key::<String>()? {
            let shape = shapes.next().unwrap_or(&Shape::Null);
            let value = map.next_value_seed(AsWritten(shape))?;
            if read.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{key:?} stands there twice")));
            }
            read.insert(Value::String(key), value);
        }
        Ok(Value::Mapping(read))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        let mut shapes = self.inner().iter();
        loop {
            let shape = shapes.next().unwrap_or(&Shape::Null);
            match items.next_element_seed(AsWritten(shape))? {
                Some(item) => read.push(item),
                None => return Ok(Value::Sequence(read)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = parse(text).map(|value| {
            serde_json::to_string(&value).expect("what was read can be written as JSON")
        });
        assert_eq!(read.expect("valid YAML"), expected, "{text}");
    }

    #[test]
    fn scalars_keep_their_text() {
        check(
            "{a: 0123, b: 1e5, c: yes, d: True, e: 5_000, f: 0x10, g: 1.50, h: '7'}",
            r#"{"a":"0123","b":"1e5","c":"yes","d":"True","e":"5_000","f":"0x10","g":"1.50","h":"7"}"#,
        );
        check(
            "{1: a, 0x10: b, yes: c}",
            r#"{"1":"a","0x10":"b","yes":"c"}"#,
        );
        check(
            "a: [1, {b: 2.0}, ~, x]\nc:\n",
            r#"{"a":["1",{"b":"2.0"},null,"x"],"c":null}"#,
        );
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        check(
            "x: &x {a: 1, b: 2}\ny: *x\nz: {<<: *x, b: 3}\n",
            r#"{"x":{"a":"1","b":"2"},"y":{"a":"1","b":"2"},"z":{"b":"3","a":"1"}}"#,
        );
    }

    #[test]
    fn one_document_is_read() {
        check("---\na: 1\n---\nb: 2\n", r#"{"a":"1"}"#);
        check("a: 1\n...\n", r#"{"a":"1"}"#);
        check("", "null");
        check("# nothing\n", "null");
        assert!(parse("a: 1\na: 2\n").is_err());
        assert!(parse("a: [").is_err());
    }
}
