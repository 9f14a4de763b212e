//! Structured metadata as it is stored: valid names, clean values, sorted by name, each name once.
//!
//! Of different names that become one (`a.b`, `a_b`) the first stays, as in Loki; of one name given
//! again the last.

use crate::decode::decoded::Text;
use crate::label_name::sanitize_name;
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
    let added = &mut metadata[first..];
    if !added.is_sorted_by(|a, b| a.0 < b.0) {
        added.sort_by(|a, b| a.0.cmp(&b.0));
        if !added.is_sorted_by(|a, b| a.0 < b.0) {
            metadata.truncate(first);
            append_distinct(metadata, pairs);
        }
    }
    nameless as u64
}

/// Appends pairs some of whose names become one.
fn append_distinct<'d>(
    metadata: &mut Vec<(Cow<'d, str>, Cow<'d, str>)>,
    pairs: &'d [(Text<'d>, Text<'d>)],
) {
    let named = pairs.iter().enumerate();
    let mut named: Vec<(Cow<'d, str>, usize)> = named
        .filter_map(|(at, (name, _))| Some((sanitize_name(name)?, at)))
        .collect();
    named.sort();
    for group in named.chunk_by(|a, b| a.0 == b.0) {
        let (name, first) = &group[0];
        let same_name = |(_, at): &&(_, usize)| pairs[*at].0 == pairs[*first].0;
        let last = group
            .iter()
            .rev()
            .find(same_name)
            .map_or(*first, |(_, at)| *at);
        metadata.push((name.clone(), sanitize_value(&pairs[last].1)));
    }
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

    #[test]
    fn of_names_that_become_one_the_first_stays_and_of_one_name_the_last() {
        for (pairs, want) in [
            (&[("a.b", "y"), ("a_b", "z")][..], "a_b=y"),
            (&[("a_b", "z"), ("a.b", "y")], "a_b=z"),
            (&[("a", "1"), ("a", "2")], "a=2"),
            (
                &[
                    ("z", "0"),
                    ("a.b", "1"),
                    ("a-b", "2"),
                    ("a.b", "3"),
                    ("..", "4"),
                ],
                "a_b=3 z=0",
            ),
            (&[("b", "1"), ("a", "2"), ("c", "3")], "a=2 b=1 c=3"),
        ] {
            let pairs: Vec<(Text<'_>, Text<'_>)> = pairs
                .iter()
                .map(|(n, v)| (n.as_bytes().into(), v.as_bytes().into()))
                .collect();
            let mut metadata = vec![("z".into(), "of another entry".into())];
            let nameless = append(&mut metadata, &pairs);
            assert_eq!(
                nameless,
                u64::from(pairs.iter().any(|(n, _)| &**n == b".."))
            );
            let got: Vec<String> = metadata[1..]
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            assert_eq!(got.join(" "), want);
        }
    }
}
