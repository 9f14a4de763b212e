//! Labels hold the sorted pairs of a stream in one allocation.
//!
//! Invariants: names are unique, sorted by bytes and not empty; values are not empty (an empty
//! value is an absent label). The canonical bytes are `varint(len) name varint(len) value` for each
//! pair in order; stream identity is a hash of them, so this layout is part of the on-disk
//! contract.

use std::fmt;
use std::sync::Arc;

/// Labels of one stream, cheap to clone and compare.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// The label set without labels.
    pub fn empty() -> Labels {
        Labels(Arc::from([]))
    }

    /// Sorts pairs by name, drops empty values; of equal names the last one given stays.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Takes canonical bytes as [`Labels::as_bytes`] gave them; `None` if they are not in that
    /// form.
    pub fn from_bytes(bytes: &[u8]) -> Option<Labels> {
        let labels = Labels::of_series(bytes)?;
        labels
            .iter()
            .all(|(_, value)| !value.is_empty())
            .then_some(labels)
    }

    /// Like [`Labels::from_bytes`], for a series of an answer: a label that a parser found may be
    /// without a value there. [`Labels::from_pairs`] drops such labels again, so that groups do not
    /// tell empty from absent.
    pub fn of_series(bytes: &[u8]) -> Option<Labels> {
        let mut rest = bytes;
        let mut previous: Option<&str> = None;
        while !rest.is_empty() {
            let name = take_text(&mut rest)?;
            take_text(&mut rest)?;
            if name.is_empty() || previous.is_some_and(|p| p >= name) {
                return None;
            }
            previous = Some(name);
        }
        Some(Labels(Arc::from(bytes)))
    }

    /// The canonical bytes: what is hashed into a [`crate::StreamId`] and stored on disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Name and value pairs in order of names.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.0 }
    }

    /// The pairs in canonical bytes, up to where they are none.
    pub fn pairs_of(bytes: &[u8]) -> LabelsIter<'_> {
        LabelsIter { rest: bytes }
    }

    /// The value of `name`; `None` when the stream lacks it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are no labels at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads one length-prefixed text; `None` when the bytes are cut short or not UTF-8.
fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let mut len = 0usize;
    let mut shift = 0;
    loop {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        len |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
        if shift > 28 {
            return None;
        }
    }
    let text = rest.get(..len)?;
    *rest = &rest[len..];
    std::str::from_utf8(text).ok()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        out.push((len as u8) | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(text.as_bytes());
}

/// Pairs of a [`Labels`] in order of names.
#[derive(Clone)]
pub struct LabelsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        let name = take_text(&mut self.rest)?;
        let value = take_text(&mut self.rest)?;
        Some((name, value))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

/// `{a="b", c="d"}`, values quoted as Go's `%q` would for plain text: the form Loki's messages use.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}=")?;
            write_quoted(f, value)?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes `text` between double quotes with Go's `%q` escapes.
pub fn write_quoted(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{07}' => f.write_str("\\a")?,
            '\u{08}' => f.write_str("\\b")?,
            '\u{0c}' => f.write_str("\\f")?,
            '\u{0b}' => f.write_str("\\v")?,
            c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(f, "\\x{:02x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// Collects pairs in any order.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Sets `name`, replacing an earlier value; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.pairs.iter_mut().find(|(n, _)| n == name) {
            Some(pair) => pair.1 = value.to_owned(),
            None => self.pairs.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The labels without those whose value is empty.
    pub fn build(mut self) -> Labels {
        self.pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut bytes = Vec::new();
        for (name, value) in &self.pairs {
            if !name.is_empty() && !value.is_empty() {
                put_text(&mut bytes, name);
                put_text(&mut bytes, value);
            }
        }
        Labels(Arc::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_sorted_without_empty_values() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("e", ""), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("e"), None);
        assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
    }

    #[test]
    fn labels_of_series_may_be_without_a_value() {
        let bytes = [1, b'a', 0, 1, b'b', 1, b'2'];
        let series = Labels::of_series(&bytes).expect("names are sorted");
        assert_eq!(series.get("a"), Some(""));
        assert_eq!(Labels::from_bytes(&bytes), None);
        assert_eq!(
            Labels::from_pairs(series.iter()),
            Labels::from_pairs([("b", "2")])
        );
    }

    #[test]
    fn bytes_that_are_cut_or_unsorted_are_refused() {
        let labels = Labels::from_pairs([("a", "1"), ("b", "2")]);
        let bytes = labels.as_bytes();
        assert_eq!(Labels::from_bytes(&bytes[..bytes.len() - 1]), None);
        let swapped: Vec<u8> = bytes[4..].iter().chain(&bytes[..4]).copied().collect();
        assert_eq!(Labels::from_bytes(&swapped), None);
    }
}
