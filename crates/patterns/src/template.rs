//! Templates hold the fixed words of similar lines, with `<_>` for the rest; patterns count them.

/// Stands for what varies.
pub(crate) const PLACEHOLDER: &str = "<_>";

/// Seconds of the shortest slot counts are kept in, Loki's.
pub const SLOT_SECONDS: i64 = 10;

/// Samples of one template; beyond, slots become wider.
pub(crate) const SAMPLES_MAX: usize = 1024;

/// How much wider slots become each time.
const WIDEN: i64 = 6;

/// Loki's levels.
const LEVELS: [&str; 8] = [
    "trace", "debug", "info", "warn", "error", "critical", "fatal", UNKNOWN,
];

/// What lines of any other level count as.
const UNKNOWN: &str = "unknown";

/// How the lines of a stream are read, decided by the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Words.
    Text,
    /// `key=value` pairs; tokens are keys and values in turn.
    Logfmt,
    /// A JSON object; tokens are the words of its message.
    Json,
}

/// What lines have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// How lines became tokens.
    pub format: Format,
    /// The words.
    pub tokens: Vec<Box<str>>,
    /// Spaces after each word.
    pub spaces: Vec<u8>,
}

/// A template with its level and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The words.
    pub template: Template,
    /// `detected_level` of the lines, one of Loki's levels or `unknown`.
    pub level: &'static str,
    /// Seconds of a slot.
    pub slot_seconds: i64,
    /// First second of a slot and the lines in it, ascending.
    pub samples: Vec<(i64, u64)>,
}

impl Template {
    /// As Loki shows it: neighbouring placeholders are one.
    pub fn render(&self) -> String {
        let mut out = String::new();
        if self.format == Format::Json {
            out.push_str(PLACEHOLDER);
        }
        for (i, (token, spaces)) in self.tokens.iter().zip(&self.spaces).enumerate() {
            if &**token != PLACEHOLDER || !out.ends_with(PLACEHOLDER) {
                out.push_str(token);
            }
            if self.format == Format::Logfmt && i % 2 == 0 {
                out.push('=');
            }
            out.extend(std::iter::repeat_n(' ', usize::from(*spaces)));
        }
        if self.format == Format::Json && !out.ends_with(PLACEHOLDER) {
            out.push_str(PLACEHOLDER);
        }
        out
    }
}

impl Pattern {
    /// A pattern without lines.
    pub(crate) fn new(template: Template, level: &'static str) -> Pattern {
        Pattern {
            template,
            level,
            slot_seconds: SLOT_SECONDS,
            samples: Vec::new(),
        }
    }

    /// All its lines.
    pub fn count(&self) -> u64 {
        self.samples.iter().map(|(_, count)| count).sum()
    }

    /// Counts lines at a time.
    pub(crate) fn add(&mut self, second: i64, count: u64) {
        let slot = second - second.rem_euclid(self.slot_seconds);
        match self.samples.last_mut() {
            Some((last, sum)) if *last == slot => *sum = sum.saturating_add(count),
            Some((last, _)) if *last > slot => {
                match self.samples.binary_search_by_key(&slot, |(s, _)| *s) {
                    Ok(at) => self.samples[at].1 = self.samples[at].1.saturating_add(count),
                    Err(at) => self.samples.insert(at, (slot, count)),
                }
            }
            _ => self.samples.push((slot, count)),
        }
        while self.samples.len() > SAMPLES_MAX {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.slot_seconds = self.slot_seconds.saturating_mul(WIDEN);
        let samples = std::mem::take(&mut self.samples);
        for (second, count) in samples {
            let slot = second - second.rem_euclid(self.slot_seconds);
            match self.samples.last_mut() {
                Some((last, sum)) if *last == slot => *sum = sum.saturating_add(count),
                _ => self.samples.push((slot, count)),
            }
        }
    }
}

/// The level as it is shown.
pub(crate) fn known_level(level: &str) -> &'static str {
    LEVELS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(level))
        .copied()
        .unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(format: Format, tokens: &[(&str, u8)]) -> Template {
        Template {
            format,
            tokens: tokens.iter().map(|(token, _)| (*token).into()).collect(),
            spaces: tokens.iter().map(|(_, spaces)| *spaces).collect(),
        }
    }

    #[test]
    fn templates_are_shown_as_loki_shows_them() {
        let check = |format, tokens: &[(&str, u8)], expected| {
            assert_eq!(template(format, tokens).render(), expected)
        };
        check(
            Format::Text,
            &[("GET", 1), ("<_>", 0), ("<_>", 1), ("took", 2), ("<_>", 0)],
            "GET <_> took  <_>",
        );
        check(
            Format::Logfmt,
            &[("ts", 0), ("<_>", 1), ("level", 0), ("info", 0)],
            "ts=<_> level=info",
        );
        check(
            Format::Json,
            &[("processed", 1), ("<_>", 0)],
            "<_>processed <_>",
        );
        check(
            Format::Json,
            &[("processed", 1), ("items", 0)],
            "<_>processed items<_>",
        );
    }

    #[test]
    fn samples_stay_few_and_lose_no_line() {
        let mut pattern = Pattern::new(template(Format::Text, &[]), "info");
        for second in (0..1_000_000).rev() {
            pattern.add(second, 1);
        }
        assert_eq!((pattern.count(), pattern.slot_seconds), (1_000_000, 2160));
        assert!(pattern.samples.len() <= SAMPLES_MAX && pattern.samples.is_sorted());
    }
}
