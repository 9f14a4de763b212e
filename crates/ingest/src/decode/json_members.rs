//! Members of a JSON object one by one, in place; nested values are given as they stand.
//!
//! For events of which a few members become labels and columns. Nothing recurses: what is nested is
//! skipped over by counting brackets, and walked only when a caller asks for it.

use crate::decode::decoded::Text;
use crate::decode::json_reader::{JsonError, Scanner};
use std::borrow::Cow;

/// A value of a member, or of a list's item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// A string, escapes read.
    Text(Text<'a>),
    /// A number or a boolean, as written.
    Word(&'a [u8]),
    /// An object with its braces, as written.
    Object(&'a [u8]),
    /// A list with its brackets, as written.
    List(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The next value of a scanner.
    fn next(scanner: &mut Scanner<'a>) -> Result<Value<'a>, JsonError> {
        match scanner.peek() {
            Some(b'"') => scanner.string().map(Value::Text),
            Some(b'{') => scanner.value().map(Value::Object),
            Some(b'[') => scanner.value().map(Value::List),
            _ => {
                let word = scanner.value()?;
                match word {
                    b"null" => Ok(Value::Null),
                    _ if is_word(word) => Ok(Value::Word(word)),
                    _ => scanner.error(),
                }
            }
        }
    }

    /// The whole text as one value; an error when something follows it.
    pub(crate) fn of(text: &'a [u8]) -> Result<Value<'a>, JsonError> {
        let mut scanner = Scanner::new(text);
        let value = Value::next(&mut scanner)?;
        match scanner.peek() {
            None => Ok(value),
            Some(_) => scanner.error(),
        }
    }

    /// The text of a column: a string's own, anything else as written; `None` for null.
    pub(crate) fn into_text(self) -> Option<Text<'a>> {
        match self {
            Value::Null => None,
            Value::Text(text) => Some(text),
            Value::Word(word) | Value::Object(word) | Value::List(word) => {
                Some(Cow::Borrowed(word))
            }
        }
    }

    /// The text of a string, a number or a boolean.
    pub(crate) fn scalar(self) -> Option<Text<'a>> {
        match self {
            Value::Text(text) => Some(text),
            Value::Word(word) => Some(Cow::Borrowed(word)),
            Value::Null | Value::Object(_) | Value::List(_) => None,
        }
    }

    /// What it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Text(_) => "a string",
            Value::Word(b"true" | b"false") => "a boolean",
            Value::Word(_) => "a number",
            Value::Object(_) => "an object",
            Value::List(_) => "an array",
        }
    }
}

/// Whether a word is a boolean, or begins as a number does.
fn is_word(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false")
        || matches!(word, [b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..])
}

/// Walks the members of an object.
pub(crate) struct Members<'a> {
    scanner: Scanner<'a>,
    first: bool,
}

impl<'a> Members<'a> {
    /// Of a text that begins with a brace.
    pub(crate) fn of(object: &'a [u8]) -> Result<Members<'a>, JsonError> {
        let mut scanner = Scanner::new(object);
        scanner.expect(b'{')?;
        Ok(Members {
            scanner,
            first: true,
        })
    }

    /// The next member; `None` at the end of the object.
    pub(crate) fn next(&mut self) -> Result<Option<(Text<'a>, Value<'a>)>, JsonError> {
        match self.scanner.key(&mut self.first)? {
            Some(name) => Ok(Some((name, Value::next(&mut self.scanner)?))),
            None => Ok(None),
        }
    }
}

/// Walks the items of a list.
pub(crate) struct Items<'a> {
    scanner: Scanner<'a>,
    first: bool,
}

impl<'a> Items<'a> {
    /// Of a text that begins with a bracket.
    pub(crate) fn of(list: &'a [u8]) -> Result<Items<'a>, JsonError> {
        let mut scanner = Scanner::new(list);
        scanner.expect(b'[')?;
        Ok(Items {
            scanner,
            first: true,
        })
    }

    /// The next item; `None` at the end of the list.
    pub(crate) fn next(&mut self) -> Result<Option<Value<'a>>, JsonError> {
        match self.scanner.next_item(b']', &mut self.first)? {
            true => Value::next(&mut self.scanner).map(Some),
            false => Ok(None),
        }
    }

    /// The next item as it stands, whatever it is; `None` at the end of the list.
    pub(crate) fn next_raw(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        match self.scanner.next_item(b']', &mut self.first)? {
            true => self.scanner.value().map(Some),
            false => Ok(None),
        }
    }
}

/// The texts of a list of scalars, joined by commas; other items are left out.
pub(crate) fn joined(list: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    let mut items = Items::of(list)?;
    while let Some(item) = items.next()? {
        if let Some(text) = item.scalar() {
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(&text);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order_with_their_kinds() {
        let object = br#"{"a":"x\n","b":-1.5e3,"c":true,"d":null,"e":{"f":[1]},"g":[2,"3"]}"#;
        let mut members = Members::of(object).expect("an object");
        let mut got = Vec::new();
        while let Some((name, value)) = members.next().expect("text is JSON") {
            let kind = value.kind();
            let text = value.into_text().map(|text| text.into_owned());
            got.push(format!(
                "{} {kind} {}",
                String::from_utf8_lossy(&name),
                String::from_utf8_lossy(&text.unwrap_or_default())
            ));
        }
        assert_eq!(
            got,
            [
                "a a string x\n",
                "b a number -1.5e3",
                "c a boolean true",
                "d null ",
                "e an object {\"f\":[1]}",
                "g an array [2,\"3\"]",
            ]
        );
        assert_eq!(
            joined(br#"[1, "a", null, {"b":1}, true]"#),
            Ok(b"1,a,true".to_vec())
        );
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "nul", "tru", "x", "{} {}", "-", "1 2", "{\"a\":1"] {
            assert!(Value::of(text.as_bytes()).is_err(), "{text}");
        }
        let mut members = Members::of(br#"{"a":x}"#).expect("an object");
        assert!(members.next().is_err());
        assert!(Items::of(b"{}").is_err());
    }
}
