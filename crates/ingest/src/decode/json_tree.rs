//! A JSON document as a tree that keeps the order of members and every repeated one.
//!
//! For messages that are small beside their lines; what is hot is read with `json_reader`. Strings
//! borrow from the text unless they hold escapes. Nesting is bounded by the parser.

use crate::rejection::BodyError;
use crate::room::Room;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    /// Names with their values, in the order of the text.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
}

impl Node<'_> {
    /// What the value is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::Text(_) => "a string",
            Node::List(_) => "an array",
            Node::Object(_) => "an object",
        }
    }
}

/// Lists are up to twice as long as what they hold.
const LIST_SLACK: usize = 2;

/// Reads a whole text, taking room for the tree as it grows; trailing bytes are an error.
pub(crate) fn parse<'t>(text: &'t [u8], room: &mut Room) -> Result<Node<'t>, BodyError> {
    let growth = Growth {
        room: RefCell::new(room),
        refused: RefCell::default(),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let tree = growth.deserialize(&mut deserializer);
    let tree = tree.and_then(|tree| deserializer.end().map(|()| tree));
    tree.map_err(|error| match growth.refused.take() {
        Some(refused) => refused,
        None => BodyError::Malformed(format!("json: {error}")),
    })
}

/// A tree that grows, within the room of its push.
struct Growth<'r> {
    room: RefCell<&'r mut Room>,
    /// Why it may not grow further.
    refused: RefCell<Option<BodyError>>,
}

impl Growth<'_> {
    fn by<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let taken = self.room.borrow_mut().take(bytes);
        taken.map_err(|refused| {
            let error = E::custom(&refused);
            *self.refused.borrow_mut() = Some(refused);
            error
        })
    }
}

impl<'t> DeserializeSeed<'t> for &Growth<'_> {
    type Value = Node<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Node<'t>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for &Growth<'_> {
    type Value = Node<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'t>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node<'t>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'t>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'t>, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'t>, E> {
        Number::from_f64(value)
            .map(Node::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'t str) -> Result<Node<'t>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node<'t>, E> {
        self.by(value.len())?;
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node<'t>, E> {
        self.by(value.len())?;
        Ok(Node::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Node<'t>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            self.by(LIST_SLACK * size_of::<Node<'_>>())?;
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Node<'t>, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = members.next_key_seed(self)? {
            let Node::Text(name) = name else {
                return Err(A::Error::custom("a name has to be a string"));
            };
            self.by(LIST_SLACK * size_of::<(Cow<'_, str>, Node<'_>)>())?;
            object.push((name, members.next_value_seed(self)?));
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repeated_members_are_kept() {
        let text = br#"{"b":[1,-2,1.5,true,null],"a":"x\n","b":{}}"#;
        let number = |n: i64| Node::Number(n.into());
        let half = Number::from_f64(1.5).expect("1.5 is finite");
        let list = vec![
            number(1),
            number(-2),
            Node::Number(half),
            Node::Bool(true),
            Node::Null,
        ];
        let members = vec![
            ("b".into(), Node::List(list)),
            ("a".into(), Node::Text("x\n".into())),
            ("b".into(), Node::Object(Vec::new())),
        ];
        assert_eq!(
            parse(text, &mut Room::default()).expect("text is JSON"),
            Node::Object(members)
        );
    }

    #[test]
    fn strings_without_escapes_borrow() {
        let parsed = parse(br#"{"name":"value"}"#, &mut Room::default()).expect("text is JSON");
        let Node::Object(members) = parsed else {
            panic!("the text is an object")
        };
        assert!(matches!(
            members.as_slice(),
            [(Cow::Borrowed("name"), Node::Text(Cow::Borrowed("value")))]
        ));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "{", "{} {}", "[1,]", "nul", "{1:2}", "1e999"] {
            assert!(
                parse(text.as_bytes(), &mut Room::default()).is_err(),
                "{text}"
            );
        }
        assert!(parse(&b"[".repeat(1 << 20), &mut Room::default()).is_err());
    }
}
