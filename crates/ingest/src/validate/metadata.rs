//! Structured metadata as it is stored: clean values, sorted by name, each name once.

use crate::decode::push::Text;
use crate::label_name::{sanitize_name, sort_and_unite};
use std::borrow::Cow;

/// Appends the metadata of one entry to that of a batch; gives how many pairs had no usable name.
pub(crate) fn append<'d>(
    metadata: &mut Vec<(Cow<'d, str>, Cow<'d, str>)>,
    pairs: &'d [(Text<'d>, Text<'d>)],
) -> u64 {
    let first = metadata.len();
    for (name, value) in pairs {
        if let Some(name) = sanitize_name(name) {
            metadata.push((name, sanitize_value(value)));
        }
    }
    let nameless = pairs.len() - (metadata.len() - first);
    sort_and_unite(metadata, first);
    nameless as u64
}

/// A value with a space for every U+FFFD and every byte that is no UTF-8.
fn sanitize_value(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() || !text.contains('\u{fffd}') => Cow::Borrowed(text),
        Ok(text) => Cow::Owned(text.replace('\u{fffd}', " ")),
        Err(_) => {
            let mut out = String::with_capacity(value.len());
            for chunk in value.utf8_chunks() {
                out.push_str(&chunk.valid().replace('\u{fffd}', " "));
                out.extend(chunk.invalid().iter().map(|_| ' '));
            }
            Cow::Owned(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_what_is_no_text() {
        assert_eq!(sanitize_value("a\u{fffd}b\u{e9}".as_bytes()), "a b\u{e9}");
        assert_eq!(sanitize_value(b"a\xff\xfeb"), "a  b");
        assert!(matches!(sanitize_value(b"plain"), Cow::Borrowed("plain")));
    }
}
