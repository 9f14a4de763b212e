//! Tokens: splits a line into words by the format of its stream.

use crate::template::{Format, PLACEHOLDER};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Longer lines are not looked at, Loki's figure.
const LINE_BYTES_MAX: usize = 3000;

/// Tokens a line must have: fewer say nothing, more make no template. Loki's figures.
const TOKENS_MIN: usize = 4;
const TOKENS_MAX: usize = 80;

/// Splits of one line at most, Loki's figure.
const SPLITS_MAX: usize = 127;

/// Keys of JSON lines that hold the message, first come first served. Loki's list.
const MESSAGE_KEYS: [&str; 6] = ["log", "message", "msg", "msg_", "_msg", "content"];

/// The words of one line.
#[derive(Default)]
pub(crate) struct Tokens<'a> {
    pub(crate) words: Vec<&'a str>,
    pub(crate) spaces: Vec<u8>,
}

/// The format of a stream, judged by one of its lines.
pub(crate) fn format_of(line: &str) -> Format {
    let line = line.trim();
    if line.starts_with('{') && line.ends_with('}') {
        Format::Json
    } else if pairs(line).is_some() {
        Format::Logfmt
    } else {
        Format::Text
    }
}

/// What of a line templates are made of; `None` when that is nothing.
pub(crate) fn text(format: Format, line: &str) -> Option<Cow<'_, str>> {
    match format {
        _ if line.len() > LINE_BYTES_MAX => None,
        Format::Text | Format::Logfmt => Some(Cow::Borrowed(line)),
        Format::Json => message(line).map(Cow::Owned),
    }
}

/// The tokens of such a text; `None` when no template can be made of it.
pub(crate) fn tokens(format: Format, text: &str) -> Option<Tokens<'_>> {
    let tokens = match format {
        Format::Text | Format::Json => words(text),
        Format::Logfmt => logfmt(text)?,
    };
    (TOKENS_MIN..=TOKENS_MAX)
        .contains(&tokens.words.len())
        .then_some(tokens)
}

fn words(text: &str) -> Tokens<'_> {
    let mut tokens = Tokens::default();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if tokens.words.len() >= SPLITS_MAX {
            break;
        }
        if stays(c) {
            continue;
        }
        if at > start {
            tokens.push(&text[start..at]);
        }
        if c == ' ' {
            if let Some(spaces) = tokens.spaces.last_mut() {
                *spaces = spaces.saturating_add(1);
            }
        } else {
            tokens.push(&text[at..at + c.len_utf8()]);
        }
        start = at + c.len_utf8();
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

/// Whether a character is part of a word: anything but spaces and punctuation, and some of that.
fn stays(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c.is_ascii_control() || "_-.:/+<>|$^~`".contains(c);
    }
    // Punctuation beyond ASCII that logs have; symbols and letters stay.
    !matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '、'..='〃' | '〈'..='】')
}

impl<'a> Tokens<'a> {
    fn push(&mut self, word: &'a str) {
        self.words.push(word);
        self.spaces.push(0);
    }
}

/// The message of an object: the first text under one of the keys.
fn message(line: &str) -> Option<String> {
    let Messages(found) = serde_json::from_str(line.trim()).ok()?;
    found
        .into_iter()
        .flatten()
        .find_map(|raw| serde_json::from_str(raw.get()).ok())
}

/// The values under [`MESSAGE_KEYS`]; others are passed over.
struct Messages<'a>([Option<&'a RawValue>; MESSAGE_KEYS.len()]);

impl<'de> serde::Deserialize<'de> for Messages<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MessagesVisitor)
    }
}

struct MessagesVisitor;

impl<'de> Visitor<'de> for MessagesVisitor {
    type Value = Messages<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; MESSAGE_KEYS.len()];
        while let Some(Key(place)) = object.next_key()? {
            match place {
                Some(place) => found[place] = Some(object.next_value()?),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Messages(found))
    }
}

/// A key by its place among [`MESSAGE_KEYS`].
struct Key(Option<usize>);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(Key(MESSAGE_KEYS.iter().position(|known| *known == key)))
    }
}

fn logfmt(line: &str) -> Option<Tokens<'_>> {
    let mut tokens = Tokens::default();
    for (key, value) in pairs(line.trim())? {
        tokens.push(key);
        tokens.push(if is_time(key) { PLACEHOLDER } else { value });
        if let Some(spaces) = tokens.spaces.last_mut() {
            *spaces = 1;
        }
    }
    if let Some(spaces) = tokens.spaces.last_mut() {
        *spaces = 0;
    }
    Some(tokens)
}

/// Keys whose values differ in each line.
fn is_time(key: &str) -> bool {
    key == "t"
        || ["ts", "traceid", "time", "timestamp"]
            .iter()
            .any(|name| key.eq_ignore_ascii_case(name))
}

/// The pairs of a line that is nothing but `key=value` and `key="value"`, single spaces between;
/// values with their quotes.
fn pairs(line: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        if key.is_empty()
            || key
                .bytes()
                .any(|b| !b.is_ascii_alphanumeric() && !b"_-.".contains(&b))
        {
            return None;
        }
        let end = if after.starts_with('"') {
            quoted_end(after)?
        } else {
            after.find(' ').unwrap_or(after.len())
        };
        if !after.starts_with('"') && after[..end].contains(['"', '=']) {
            return None;
        }
        found.push((key, &after[..end]));
        rest = match after[end..].strip_prefix(' ') {
            Some(rest) => rest,
            None if end == after.len() => "",
            None => return None,
        };
    }
    (!found.is_empty()).then_some(found)
}

/// Behind the closing quote.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, format: Format, expected: &[&str]) {
        assert_eq!(format_of(line), format, "{line}");
        let text = text(format, line).unwrap_or_default();
        let words = tokens(format, &text).map(|t| t.words).unwrap_or_default();
        assert_eq!(words, expected, "{line}");
    }

    #[test]
    fn words_keep_what_makes_names_and_numbers() {
        check(
            "GET /api/v1/item/7 took 21ms",
            Format::Text,
            &["GET", "/api/v1/item/7", "took", "21ms"],
        );
        check(
            "a=1, b(c) x",
            Format::Text,
            &["a", "=", "1", ",", "b", "(", "c", ")", "x"],
        );
        check(
            "[10:00] größe «x» now",
            Format::Text,
            &["[", "10:00", "]", "größe", "«", "x", "»", "now"],
        );
    }

    #[test]
    fn pairs_are_keys_and_values_in_turn_and_times_vary() {
        check(
            "ts=2024 level=info msg=\"a \\\" b\" n=1",
            Format::Logfmt,
            &[
                "ts",
                "<_>",
                "level",
                "info",
                "msg",
                "\"a \\\" b\"",
                "n",
                "1",
            ],
        );
        check(
            "level=info  msg=x y z",
            Format::Text,
            &["level", "=", "info", "msg", "=", "x", "y", "z"],
        );
    }

    #[test]
    fn json_lines_are_their_message() {
        check(
            "{\"level\":\"info\",\"msg\":\"processed 7 items in \\\"a\\\"\",\"t\":7}",
            Format::Json,
            &["processed", "7", "items", "in", "\"", "a", "\""],
        );
        check(
            r#"{"msg":7,"content":"as good as any text","MSG":{}}"#,
            Format::Json,
            &["as", "good", "as", "any", "text"],
        );
        check(
            r#"{"msg":"one two three four","m\u0073g":"the last of them counts"}"#,
            Format::Json,
            &["the", "last", "of", "them", "counts"],
        );
        check("{\"msg\":\"one two three four\"} }", Format::Json, &[]);
        check("{\"level\":\"info\"}", Format::Json, &[]);
        check("{broken}", Format::Json, &[]);
    }

    #[test]
    fn lines_too_short_too_long_or_too_many_words_make_no_template() {
        check("a b c", Format::Text, &[]);
        check(&"a ".repeat(81), Format::Text, &[]);
        check(&"a".repeat(3001), Format::Text, &[]);
    }
}
