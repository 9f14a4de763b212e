//! The line detector finds the level in a line: a JSON key, a logfmt key, or the first level word.
//!
//! Most lines hold no level key at all, so a vectorised search for one byte that all keys share
//! decides whether JSON or logfmt is worth reading. The word search tests sixteen places at once
//! and looks closer only where a word begins that could be a level.

use super::known;
use crate::decode::json_reader::Scanner;
use crate::limits::IngestLimits;

/// Finds levels in lines; made once from the limits.
#[derive(Clone, Debug)]
pub(crate) struct LineDetector {
    /// Keys that tell a level, first ones first.
    fields: Vec<Vec<u8>>,
    /// A byte that occurs in every key whatever its case, in lower and upper case; `None` when
    /// there is none.
    anchor: Option<(u8, u8)>,
    /// The keys without regard to case, each with the place of its first anchor.
    anchored: Vec<(usize, Vec<u8>)>,
    /// JSON objects deeper than this are not searched; 0 is no limit.
    json_depth_max: usize,
}

impl LineDetector {
    pub(crate) fn new(limits: &IngestLimits) -> LineDetector {
        let fields: Vec<Vec<u8>> = limits
            .log_level_fields
            .iter()
            .map(|f| f.clone().into_bytes())
            .collect();
        let anchor = rarest_shared_byte(&fields);
        let mut anchored: Vec<(usize, Vec<u8>)> = Vec::new();
        for lower in fields.iter().map(|field| field.to_ascii_lowercase()) {
            let offset = lower
                .iter()
                .position(|b| anchor.is_some_and(|(anchor, _)| *b == anchor));
            if let Some(offset) =
                offset.filter(|_| anchored.iter().all(|(_, known)| *known != lower))
            {
                anchored.push((offset, lower));
            }
        }
        LineDetector {
            fields,
            anchor,
            anchored,
            json_depth_max: limits.log_level_from_json_max_depth,
        }
    }

    /// The level of a line; `None` when it tells none.
    pub(crate) fn detect(&self, line: &[u8]) -> Option<&'static str> {
        if self.may_hold_field(line) {
            let value = match is_object(line) {
                true => self.find_in_json(line),
                false => self.find_in_logfmt(line),
            };
            if let Some(level) = value.and_then(known) {
                return Some(level);
            }
        }
        first_word(line)
    }

    /// Whether some key stands in the line where a key can stand; never wrong when it says no.
    fn may_hold_field(&self, line: &[u8]) -> bool {
        let Some((lower, upper)) = self.anchor else {
            return true;
        };
        memchr::memchr2_iter(lower, upper, line).any(|at| {
            self.anchored
                .iter()
                .any(|(offset, field)| stands_at(field, line, at.checked_sub(*offset)))
        })
    }

    /// The value of the first allowed key in the order of the text.
    fn find_in_json<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        let mut scanner = Scanner::new(line);
        // For each open object whether its next member is the first.
        let mut open = vec![true];
        scanner.expect(b'{').ok()?;
        while let Some(first) = open.last_mut() {
            let Some(key) = scanner.key(first).ok()? else {
                open.pop();
                continue;
            };
            match scanner.peek()? {
                b'"' => {
                    let (value, _) = scanner.raw_string().ok()?;
                    if self.fields.iter().any(|field| *field == *key) {
                        return Some(value);
                    }
                }
                b'{' if self.json_depth_max == 0 || open.len() < self.json_depth_max => {
                    scanner.expect(b'{').ok()?;
                    open.push(true);
                }
                _ => drop(scanner.value().ok()?),
            }
        }
        None
    }

    /// The value of the key that is earliest in the list; reading ends where the line is no logfmt.
    fn find_in_logfmt<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        memchr::memchr(b'=', line)?;
        let mut best = self.fields.len();
        let mut found = None;
        let mut rest = line;
        while let Some((key, value, tail)) = next_logfmt(rest) {
            rest = tail;
            if let Some(rank) = self.fields[..best]
                .iter()
                .position(|field| key.eq_ignore_ascii_case(field))
            {
                (best, found) = (rank, value);
                if rank == 0 {
                    break;
                }
            }
        }
        found
    }
}

/// The byte, in lower and upper case, that all keys share and that is rarest in text.
fn rarest_shared_byte(fields: &[Vec<u8>]) -> Option<(u8, u8)> {
    const RARE_FIRST: &[u8] = b"zqxjkvbpygfwmucldrhsnioate";
    let shared = |byte: &u8| {
        !fields.is_empty()
            && fields
                .iter()
                .all(|f| f.iter().any(|b| b.to_ascii_lowercase() == *byte))
    };
    RARE_FIRST
        .iter()
        .copied()
        .find(shared)
        .map(|byte| (byte, byte.to_ascii_uppercase()))
}

/// Whether `field` lies in the line from `start` on, with ends like those of a key.
fn stands_at(field: &[u8], line: &[u8], start: Option<usize>) -> bool {
    let Some(start) = start else { return false };
    let end = start + field.len();
    let before_fits = start == 0 || matches!(line[start - 1], 0..=b' ' | b'"');
    let after_fits = || {
        line.get(end)
            .is_none_or(|b| matches!(b, 0..=b' ' | b'"' | b'='))
    };
    before_fits
        && line
            .get(start..end)
            .is_some_and(|l| l.eq_ignore_ascii_case(field))
        && after_fits()
}

/// Whether the line begins and ends like a JSON object.
fn is_object(line: &[u8]) -> bool {
    let trimmed = line.trim_ascii();
    trimmed.len() > 1 && trimmed[0] == b'{' && trimmed[trimmed.len() - 1] == b'}'
}

/// A key of logfmt, its value if it has one, and the text after them.
type LogfmtStep<'l> = (&'l [u8], Option<&'l [u8]>, &'l [u8]);

/// The next key; `None` at the end or where the text is no logfmt.
fn next_logfmt(line: &[u8]) -> Option<LogfmtStep<'_>> {
    let start = line.iter().position(|b| *b > b' ')?;
    let line = &line[start..];
    let key_end = line
        .iter()
        .position(|b| matches!(b, 0..=b' ' | b'=' | b'"'))
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(key_end);
    match rest.first() {
        Some(b'"') => return None,
        Some(b'=') if key.is_empty() => return None,
        Some(b'=') => {}
        _ => return Some((key, None, rest)),
    }
    let rest = &rest[1..];
    if rest.first() == Some(&b'"') {
        let end = quoted_end(&rest[1..])?;
        return Some((key, Some(&rest[1..1 + end]), &rest[end + 2..]));
    }
    let value_end = rest
        .iter()
        .position(|b| matches!(b, 0..=b' ' | b'=' | b'"'))
        .unwrap_or(rest.len());
    match rest.get(value_end) {
        Some(b'=' | b'"') => None,
        _ => Some((key, Some(&rest[..value_end]), &rest[value_end..])),
    }
}

/// Where the closing quote is.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Words searched for in lines without a level key, longer ones before those they begin with.
const LINE_WORDS: [(&[u8], &str); 9] = [
    (b"trace", "trace"),
    (b"debug", "debug"),
    (b"fatal", "fatal"),
    (b"critical", "critical"),
    (b"error", "error"),
    (b"err", "error"),
    (b"warning", "warn"),
    (b"warn", "warn"),
    (b"info", "info"),
];

/// Places tested at once; a constant, so that the test compiles to vector instructions.
const LANES: usize = 16;

/// The level word that stands first in the line between boundaries.
fn first_word(line: &[u8]) -> Option<&'static str> {
    if let Some(level) = word_at(line, 0) {
        return Some(level);
    }
    // Place `at` is a boundary and the word begins after it.
    let mut at = 0;
    while let Some(window) = line.get(at..at + LANES + 2) {
        let window: &[u8; LANES + 2] = window
            .try_into()
            .expect("the slice has the length of a window");
        if may_begin_word(window)
            && let Some(level) = (at..at + LANES).find_map(|place| word_after(line, place))
        {
            return Some(level);
        }
        at += LANES;
    }
    (at..line.len()).find_map(|place| word_after(line, place))
}

/// Whether a byte that is neither letter nor digit is followed by the first two letters of a level
/// word.
fn may_begin_word(window: &[u8; LANES + 2]) -> bool {
    let mut any = 0u8;
    for i in 0..LANES {
        let (letter, digit) = (
            (window[i] | 0x20).wrapping_sub(b'a') < 26,
            window[i].wrapping_sub(b'0') < 10,
        );
        let (first, second) = (window[i + 1] | 0x20, window[i + 2] | 0x20);
        let pair = ((first == b't') & (second == b'r'))
            | ((first == b'd') & (second == b'e'))
            | ((first == b'f') & (second == b'a'))
            | ((first == b'c') & (second == b'r'))
            | ((first == b'e') & (second == b'r'))
            | ((first == b'w') & (second == b'a'))
            | ((first == b'i') & (second == b'n'));
        any |= u8::from(!letter & !digit & pair);
    }
    any != 0
}

fn word_after(line: &[u8], boundary: usize) -> Option<&'static str> {
    matches!(
        line[boundary],
        b' ' | b'\t' | b'\n' | b'[' | b'(' | b'{' | b'"' | b'\'' | b'=' | b'|'
    )
    .then(|| word_at(line, boundary + 1))
    .flatten()
}

fn word_at(line: &[u8], start: usize) -> Option<&'static str> {
    let rest = line.get(start..)?;
    if !matches!(
        rest.first()? | 0x20,
        b't' | b'd' | b'f' | b'c' | b'e' | b'w' | b'i'
    ) {
        return None;
    }
    LINE_WORDS
        .iter()
        .find(|(word, _)| starts_with_word(rest, word))
        .map(|(_, level)| *level)
}

fn starts_with_word(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
        && text.get(word.len()).is_none_or(|after| {
            matches!(
                after,
                b' ' | b'\t'
                    | b'\n'
                    | b'['
                    | b']'
                    | b'('
                    | b')'
                    | b'{'
                    | b'}'
                    | b':'
                    | b','
                    | b'!'
                    | b'"'
                    | b'\''
                    | b'='
                    | b'|'
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Option<&str>) {
        let detector = LineDetector::new(&IngestLimits::default());
        assert_eq!(detector.detect(line.as_bytes()), want, "{line}");
    }

    #[test]
    fn json_lines_tell_their_level_by_key() {
        check(r#"{"msg":"an error","level":"info"}"#, Some("info"));
        check(r#" {"Level":"WARN"} "#, Some("warn"));
        check(r#"{"log":{"level":"debug"}}"#, Some("debug"));
        check(r#"{"a":{"level":"dbg"}}"#, Some("debug"));
        check(r#"{"a":{"b":{"level":"dbg"}}}"#, None);
        check(r#"{"log.level":"fatal"}"#, Some("fatal"));
        check(r#"{"level":5,"severity":"error"}"#, Some("error"));
        check(r#"{"levels":["error"],"lvl":"trc"}"#, Some("trace"));
        check(r#"{"level":"notice","msg":"error"}"#, Some("error"));
        check(r#"{"level":"notice","msg":"fine"}"#, None);
        check(r#"{"lEvEl":"crit"}"#, None);
        check(r#"{"msg":"x","level":"info""#, Some("info"));
        check(r#"{"level":info}"#, None);
    }

    #[test]
    fn logfmt_lines_tell_their_level_by_key() {
        check(r#"ts=1 msg="an error" level=warn"#, Some("warn"));
        check("severity=error level=info", Some("info"));
        check("LEVEL=DBG", Some("debug"));
        check(r#"msg="a\"b"level=trace"#, Some("trace"));
        check("lvl=odd msg=error", Some("error"));
        check("xlevel=warn", Some("warn"));
        check("a b c=d log.level=critical", Some("critical"));
        check(r#"level="err" x=info"#, Some("error"));
    }

    #[test]
    fn the_first_bounded_word_tells_the_level_of_plain_lines() {
        check("2026-01-01 ERROR something with info", Some("error"));
        check("[warn] x", Some("warn"));
        check("info", Some("info"));
        check("an information", None);
        check("terror errors", None);
        check("a (Warning): y", Some("warn"));
        check("x|err|", Some("error"));
        check("x-err y", None);
        check("level:info", None);
        check("", None);
        check(
            "a very long line that ends in a level word after many vector widths FATAL",
            Some("fatal"),
        );
        check("critical!", Some("critical"));
        check("erro error.", None);
        check("\tinfo\u{a0}", None);
    }

    #[test]
    fn words_are_found_at_every_offset() {
        for lead in 0..70 {
            for tail in 0..20 {
                let line = format!("{} Debug {}", "x".repeat(lead), "y".repeat(tail));
                check(&line, Some("debug"));
            }
        }
    }

    #[test]
    fn a_prefilter_without_shared_byte_changes_nothing() {
        let limits = IngestLimits {
            log_level_fields: vec!["sev".into(), "kind".into()],
            ..IngestLimits::default()
        };
        let detector = LineDetector::new(&limits);
        assert_eq!(detector.anchor, None);
        assert_eq!(detector.detect(b"a=info kind=warn"), Some("warn"));
    }

    /// The word search as it is described, without any shortcut.
    fn first_word_slowly(line: &[u8]) -> Option<&'static str> {
        let is_left = |b: u8| b" \t\n[({\"'=|".contains(&b);
        let is_right = |b: u8| b" \t\n[](){}:,!\"'=|".contains(&b);
        (0..line.len()).find_map(|start| {
            let fits = |(word, _): &&(&[u8], &str)| {
                let end = start + word.len();
                (start == 0 || is_left(line[start - 1]))
                    && line
                        .get(start..end)
                        .is_some_and(|l| l.eq_ignore_ascii_case(word))
                    && line.get(end).is_none_or(|b| is_right(*b))
            };
            LINE_WORDS.iter().find(fits).map(|(_, level)| *level)
        })
    }

    proptest::proptest! {
        #[test]
        fn the_fast_word_search_finds_what_the_slow_one_finds(
            pieces in proptest::collection::vec("(?i:trace|debug|fatal|critical|error|err|warning|warn|info)|[ -~\t\n]{0,6}|[a-z]{0,20}", 0..12),
        ) {
            let line = pieces.concat();
            proptest::prop_assert_eq!(first_word(line.as_bytes()), first_word_slowly(line.as_bytes()));
        }

        #[test]
        fn skipping_lines_without_level_keys_changes_nothing(
            pieces in proptest::collection::vec("(?i:level|lvl|severity|log\\.level|info|err)|[={}\", :]|[a-z ]{0,4}", 0..14),
        ) {
            let line = pieces.concat();
            let detector = LineDetector::new(&IngestLimits::default());
            let thorough = LineDetector { anchor: None, ..detector.clone() };
            proptest::prop_assert_eq!(detector.detect(line.as_bytes()), thorough.detect(line.as_bytes()));
        }

        #[test]
        fn any_bytes_have_some_level(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            LineDetector::new(&IngestLimits::default()).detect(&line);
        }
    }
}
