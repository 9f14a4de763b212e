//! Detection of an entry's level (`detected_level`) where Loki looks for it, in its order.
//!
//! Stream labels are looked at once a stream, metadata and the line once an entry. Nothing is
//! allocated unless a label or metadata value stays as it is because it is no level we know.

mod line;

use crate::limits::IngestLimits;
use skald_model::Labels;
use std::borrow::Cow;

pub(crate) use line::LineDetector;

/// The metadata name under which the level is stored.
pub(crate) const DETECTED_LEVEL: &str = "detected_level";

/// OTLP's numeric severity among the metadata.
const SEVERITY_NUMBER: &str = "severity_number";

/// The level of an entry that gives none.
pub(crate) const UNKNOWN: &str = "unknown";

/// A level: one of the known words, or what a label said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level(Cow<'static, str>);

impl Level {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A known word, or nothing when it has to be copied.
    pub(crate) fn known(&self) -> Option<&'static str> {
        match &self.0 {
            Cow::Borrowed(word) => Some(word),
            Cow::Owned(_) => None,
        }
    }
}

/// The known level a word stands for, whatever its case.
pub(crate) fn known(word: &[u8]) -> Option<&'static str> {
    const WORDS: [(&[u8], &str); 14] = [
        (b"info", "info"),
        (b"error", "error"),
        (b"warn", "warn"),
        (b"debug", "debug"),
        (b"warning", "warn"),
        (b"err", "error"),
        (b"trace", "trace"),
        (b"fatal", "fatal"),
        (b"critical", "critical"),
        (b"inf", "info"),
        (b"information", "info"),
        (b"dbg", "debug"),
        (b"trc", "trace"),
        (b"wrn", "warn"),
    ];
    WORDS
        .iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known))
        .map(|(_, level)| *level)
}

/// The level a stream's labels give: the first field of the list that is there.
pub(crate) fn of_labels(labels: &Labels, limits: &IngestLimits) -> Option<Level> {
    let value = limits
        .log_level_fields
        .iter()
        .find_map(|field| labels.get(field))?;
    Some(Level(
        known(value.as_bytes()).map_or_else(|| Cow::Owned(value.to_owned()), Cow::Borrowed),
    ))
}

/// The level an entry's metadata gives, its pairs being sorted by name.
pub(crate) fn of_metadata<'m>(
    pairs: &'m [(Cow<'_, str>, Cow<'_, str>)],
    limits: &IngestLimits,
) -> Option<Cow<'m, str>> {
    let get = |name: &str| {
        let at = pairs.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        Some(&*pairs[at].1).filter(|value| !value.is_empty())
    };
    if let Some(value) = limits.log_level_fields.iter().find_map(|field| get(field)) {
        return Some(Cow::Borrowed(known(value.as_bytes()).unwrap_or(value)));
    }
    get(SEVERITY_NUMBER).map(|number| Cow::Borrowed(of_severity_number(number)))
}

/// OTLP's severity number as a word.
fn of_severity_number(number: &str) -> &'static str {
    match number.parse::<i64>() {
        Err(_) => "info",
        Ok(1..=4) => "trace",
        Ok(5..=8) => "debug",
        Ok(9..=12) => "info",
        Ok(13..=16) => "warn",
        Ok(17..=20) => "error",
        Ok(21..=24) => "fatal",
        Ok(_) => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case() {
        for (word, want) in [
            ("TRACE", Some("trace")),
            ("trc", Some("trace")),
            ("Dbg", Some("debug")),
            ("INF", Some("info")),
            ("information", Some("info")),
            ("wrn", Some("warn")),
            ("Warning", Some("warn")),
            ("ERR", Some("error")),
            ("critical", Some("critical")),
            ("fatal", Some("fatal")),
            ("notice", None),
            ("", None),
        ] {
            assert_eq!(known(word.as_bytes()), want, "{word}");
        }
    }

    fn check_metadata(pairs: &[(&str, &str)], want: Option<&str>) {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| (Cow::Borrowed(*n), Cow::Borrowed(*v)))
            .collect();
        assert_eq!(
            of_metadata(&pairs, &IngestLimits::default()).as_deref(),
            want
        );
    }

    #[test]
    fn metadata_gives_a_level_by_name_then_by_number() {
        check_metadata(&[], None);
        check_metadata(&[("level", "WARNING")], Some("warn"));
        check_metadata(&[("level", "loud"), ("severity", "error")], Some("loud"));
        check_metadata(&[("level", ""), ("severity_text", "ERROR")], Some("error"));
        check_metadata(
            &[("severity_number", "3"), ("severity_text", "Info2")],
            Some("Info2"),
        );
        for (number, want) in [
            ("1", "trace"),
            ("8", "debug"),
            ("9", "info"),
            ("16", "warn"),
            ("17", "error"),
            ("24", "fatal"),
        ] {
            check_metadata(&[("severity_number", number)], Some(want));
        }
        check_metadata(&[("severity_number", "0")], Some("unknown"));
        check_metadata(&[("severity_number", "high")], Some("info"));
    }
}
