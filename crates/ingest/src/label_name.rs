//! Label names are checked here, repaired where the protocol allows it, and made unique.

use std::borrow::Cow;

/// Whether a text is a label name: letters, digits and underscores, not beginning with a digit.
pub(crate) fn is_label_name(name: &[u8]) -> bool {
    match name {
        [first, rest @ ..] => {
            is_name_start(*first)
                && rest
                    .iter()
                    .all(|byte| is_name_start(*byte) || byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// Whether a label name can begin with this byte.
pub(crate) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// A name as Prometheus's translator for OTLP makes it: letters, digits and single underscores,
/// never beginning with a digit; `__x__` keeps its underscores. `None` when nothing is left but
/// underscores.
pub(crate) fn sanitize_name(name: &[u8]) -> Option<Cow<'_, str>> {
    if is_clean(name) {
        return std::str::from_utf8(name).ok().map(Cow::Borrowed);
    }
    let inner = name
        .strip_prefix(b"__")
        .and_then(|rest| rest.strip_suffix(b"__"))
        .filter(|inner| !inner.is_empty());
    let mut out = String::with_capacity(name.len() + 4);
    out.push_str(if inner.is_some() { "__" } else { "" });
    for character in String::from_utf8_lossy(inner.unwrap_or(name)).chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    if inner.is_some() {
        out.truncate(out.trim_end_matches('_').len());
        out.push_str("__");
    }
    if out.bytes().all(|b| b == b'_') {
        return None;
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(0, "key_");
    }
    Some(Cow::Owned(out))
}

/// Whether a name needs no change.
fn is_clean(name: &[u8]) -> bool {
    let mut before = b' ';
    let mut letters = false;
    for &byte in name {
        if !(byte.is_ascii_alphanumeric() || byte == b'_') || (byte == b'_' && before == b'_') {
            return false;
        }
        letters |= byte != b'_';
        before = byte;
    }
    letters && !name[0].is_ascii_digit()
}

/// Sorts pairs by name and leaves the last one given of equal names, from `start` on.
pub(crate) fn sort_and_unite<N: Ord, V>(pairs: &mut Vec<(N, V)>, start: usize) {
    if pairs[start..].is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    pairs[start..].sort_by(|a, b| a.0.cmp(&b.0));
    let mut last = start;
    for at in start + 1..pairs.len() {
        last += usize::from(pairs[at].0 != pairs[last].0);
        pairs.swap(last, at);
    }
    pairs.truncate(last + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_label_names() {
        for (name, want) in [
            ("trace_id", Some("trace_id")),
            ("k8s.pod.name", Some("k8s_pod_name")),
            ("1st", Some("key_1st")),
            ("a..b", Some("a_b")),
            ("a__b", Some("a_b")),
            ("_a", Some("_a")),
            ("__x.y__", Some("__x_y__")),
            ("\u{e9}t\u{e9}", Some("_t_")),
            ("", None),
            ("___", None),
            ("..", None),
        ] {
            assert_eq!(sanitize_name(name.as_bytes()).as_deref(), want, "{name}");
        }
    }

    #[test]
    fn the_last_of_equal_names_stays() {
        let mut pairs = vec![("z", 0), ("b", 1), ("a", 2), ("b", 3), ("b", 4)];
        sort_and_unite(&mut pairs, 1);
        assert_eq!(pairs, [("z", 0), ("a", 2), ("b", 4)]);
    }
}
