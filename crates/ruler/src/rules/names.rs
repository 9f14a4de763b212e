//! Names that labels, annotations and series may have.

/// Whether a text may name a label: Prometheus' classic characters.
pub(super) fn is_label_name(name: &str) -> bool {
    is_name(name, |c| c == b'_')
}

/// Whether a text may name a series.
pub(super) fn is_series_name(name: &str) -> bool {
    is_name(name, |c| c == b'_' || c == b':')
}

fn is_name(name: &str, is_mark: impl Fn(u8) -> bool) -> bool {
    let starts = |c: u8| c.is_ascii_alphabetic() || is_mark(c);
    name.bytes().next().is_some_and(starts) && name.bytes().all(|c| starts(c) || c.is_ascii_digit())
}
