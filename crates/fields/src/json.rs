//! The JSON scanner finds where values begin and end, and unescapes strings, as Loki does.
//!
//! This is not a validator: it accepts what Loki's scanner accepts and fails where that fails,
//! because the failure's text and the labels found before it can be seen in answers. Memory and
//! depth are bounded by the line.

use memchr::memchr2;
use skald_model::steps;

/// Deepest nesting that is flattened; objects further down are passed over. Each level is scanned
/// twice, so the bound also keeps the time for a hostile line linear in its length.
pub const DEPTH_MAX: usize = 64;

/// Words that [`string_end`] looks at itself.
const SHORT_WORDS: usize = 4;

/// Why an object can't be read; the texts are those Loki puts into `__error_details__`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// No object, or one that does not close.
    #[error("Value looks like object, but can't find closing '}}' symbol")]
    Object,
    /// An array or the list of keys does not close.
    #[error("Value is array, but can't find closing ']' symbol")]
    Array,
    /// A string does not close.
    #[error("Value is string, but can't find closing '\"' symbol")]
    String,
    /// A key without value and the like.
    #[error("Malformed JSON error")]
    Malformed,
    /// A word that is no value.
    #[error("Unknown value type")]
    UnknownValue,
    /// A bad escape in a key.
    #[error("Encountered an invalid escape sequence in a string")]
    Escape,
}

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string; the range is without quotes.
    String,
    /// A number, unchecked.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
    /// An object with its braces.
    Object,
    /// An array with its brackets.
    Array,
}

/// A value: where its text is and where to go on.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// First byte of its text.
    pub start: usize,
    /// First byte after its text.
    pub end: usize,
    /// First byte after the value.
    pub next: usize,
    /// Whether a string has escapes.
    pub escaped: bool,
}

/// The first byte at or after `at` that is no white space.
pub fn skip_space(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        steps::count(1);
        match data.get(at)? {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            _ => return Some(at),
        }
    }
}

/// The closing quote of a string whose text starts at `at`, and whether the text has escapes.
#[inline]
pub fn string_end(data: &[u8], at: usize) -> Option<(usize, bool)> {
    // Most keys and values are short: a few words are looked at before a search is set up.
    let mut from = at;
    for word in data.get(at..)?.chunks_exact(8).take(SHORT_WORDS) {
        let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
        let hits = zero_bytes(word ^ repeated(b'"')) | zero_bytes(word ^ repeated(b'\\'));
        steps::count(8);
        if hits != 0 {
            let found = from + hits.trailing_zeros() as usize / 8;
            return if data[found] == b'"' {
                Some((found, false))
            } else {
                long_string_end(data, found)
            };
        }
        from += 8;
    }
    long_string_end(data, from)
}

fn long_string_end(data: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        let rest = data.get(at..)?;
        let found = memchr2(b'"', b'\\', rest);
        steps::count(found.unwrap_or(rest.len()) + 1);
        at += found?;
        if data[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// A byte in all places of a word.
const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The top bit of the lowest byte that is zero, and of none below it; of bytes above it some more.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

/// The value that starts at or after `at`.
pub fn value_at(data: &[u8], at: usize) -> Result<Value, JsonError> {
    let start = skip_space(data, at).ok_or(JsonError::Malformed)?;
    let whole = |kind, end| {
        Ok(Value {
            kind,
            start,
            end,
            next: end,
            escaped: false,
        })
    };
    match data[start] {
        b'"' => {
            let (end, escaped) = string_end(data, start + 1).ok_or(JsonError::String)?;
            Ok(Value {
                kind: Kind::String,
                start: start + 1,
                end,
                next: end + 1,
                escaped,
            })
        }
        b'[' => whole(
            Kind::Array,
            block_end(data, start, b'[', b']').ok_or(JsonError::Array)?,
        ),
        b'{' => whole(
            Kind::Object,
            block_end(data, start, b'{', b'}').ok_or(JsonError::Object)?,
        ),
        first => {
            let ends = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'}' | b']');
            let end = data[start..]
                .iter()
                .position(ends)
                .map_or(data.len(), |length| start + length);
            steps::count(end - start);
            let kind = match (first, &data[start..end]) {
                (_, b"true" | b"false") => Kind::Bool,
                (_, b"null") => Kind::Null,
                (b'0'..=b'9' | b'-', _) => Kind::Number,
                _ => return Err(JsonError::UnknownValue),
            };
            whole(kind, end)
        }
    }
}

/// The byte after the bracket that closes the one at `start`; other brackets are not looked at.
pub fn block_end(data: &[u8], start: usize, open: u8, close: u8) -> Option<usize> {
    let (mut at, mut level) = (start, 0usize);
    loop {
        steps::count(1);
        match *data.get(at)? {
            b'"' => at = string_end(data, at + 1)?.0,
            byte if byte == open => level += 1,
            byte if byte == close => {
                level -= 1;
                if level == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Steps of [`walk_object`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read on.
    Next,
    /// Nothing more is needed.
    Done,
}

/// Calls `found` with each key and value of the object at or after `at`; keys come as start, end
/// and whether they have escapes. `Ok(Step::Done)` when `found` ended it.
pub fn walk_object(
    data: &[u8],
    at: usize,
    mut found: impl FnMut((usize, usize, bool), Value) -> Result<Step, JsonError>,
) -> Result<Step, JsonError> {
    let open = skip_space(data, at)
        .filter(|at| data[*at] == b'{')
        .ok_or(JsonError::Object)?;
    let mut at = skip_space(data, open + 1).ok_or(JsonError::Malformed)?;
    if data[at] == b'}' {
        return Ok(Step::Next);
    }
    loop {
        match data[at] {
            b'"' => at += 1,
            b'}' => return Ok(Step::Next),
            _ => return Err(JsonError::Object),
        }
        let (key_end, escaped) = string_end(data, at).ok_or(JsonError::Malformed)?;
        let key = (at, key_end, escaped);
        at = skip_space(data, key_end + 1)
            .filter(|at| data[*at] == b':')
            .ok_or(JsonError::Malformed)?
            + 1;
        let value = value_at(data, at)?;
        if found(key, value)? == Step::Done {
            return Ok(Step::Done);
        }
        at = skip_space(data, value.next).ok_or(JsonError::Array)?;
        match data[at] {
            b'}' => return Ok(Step::Next),
            b',' => at = skip_space(data, at + 1).ok_or(JsonError::Array)?,
            _ => return Err(JsonError::Object),
        }
    }
}

/// Appends a string's text without its escapes; `None` (and nothing appended) when one is bad.
pub fn unescape(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    steps::count(text.len());
    let before = out.len();
    let done = unescape_onto(text, out);
    if done.is_none() {
        out.truncate(before);
    }
    done
}

fn unescape_onto(mut text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', text) {
        out.extend_from_slice(&text[..at]);
        text = &text[at + 1..];
        let plain = match *text.first()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (c, length) = unicode_escape(&text[1..])?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                text = &text[1 + length..];
                continue;
            }
            _ => return None,
        };
        out.push(plain);
        text = &text[1..];
    }
    out.extend_from_slice(text);
    Some(())
}

/// The character of the hexadecimal digits after `\u`, and of the surrogate that follows if it is
/// one. Half of a pair is no character and stands for U+FFFD, so that one broken escape does not
/// cost the rest of the text.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let high = hex4(text)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, 4));
    }
    let low = text[4..].strip_prefix(b"\\u").and_then(hex4);
    let pair = low.filter(|low| (0xdc00..=0xdfff).contains(low) && high < 0xdc00);
    let c = pair.and_then(|low| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
    Some(c.map_or((char::REPLACEMENT_CHARACTER, 4), |c| (c, 10)))
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + (*digit as char).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let mut out = b"kept".to_vec();
        let done = unescape(text.as_bytes(), &mut out);
        assert_eq!(
            done.map(|()| String::from_utf8_lossy(&out[4..]).into_owned())
                .as_deref(),
            expected,
            "{text}"
        );
        assert!(done.is_some() || out == b"kept");
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        check(r#"a\"b\\c\/d"#, Some("a\"b\\c/d"));
        check(r"tab\there\n", Some("tab\there\n"));
        check(r"na\u00efve \u2615", Some("naïve ☕"));
        check(r"\ud83d\ude80", Some("🚀"));
    }

    #[test]
    fn half_a_pair_of_surrogates_is_one_replacement() {
        check(r"a\ud83d", Some("a\u{fffd}"));
        check(r"\udc00b", Some("\u{fffd}b"));
        check(r"\ud83d\u0041", Some("\u{fffd}A"));
        check(r"\ud83d\ud83d\ude80", Some("\u{fffd}🚀"));
        check(r"\ude80\ud83d", Some("\u{fffd}\u{fffd}"));
        check(r"\ud83d\n", Some("\u{fffd}\n"));
    }

    #[test]
    fn strings_end_at_their_quote_however_long_they_are() {
        for length in 0..80 {
            let plain = format!("{}\"rest\"", "x".repeat(length));
            assert_eq!(
                string_end(plain.as_bytes(), 0),
                Some((length, false)),
                "{plain}"
            );
            assert_eq!(string_end(&plain.as_bytes()[..length], 0), None, "{plain}");
            for at in 0..length {
                let mut escaped = plain.clone();
                escaped.insert_str(at, "\\\"");
                assert_eq!(
                    string_end(escaped.as_bytes(), 0),
                    Some((length + 2, true)),
                    "{escaped}"
                );
            }
        }
        assert_eq!(
            string_end(b"\x23\x21\x5d\x5b\xa2\xdc\x22\x00", 0),
            Some((6, false)),
            "bytes near those looked for"
        );
        assert_eq!(string_end(b"abc\\", 0), None);
        assert_eq!(string_end(b"", 1), None);
    }

    #[test]
    fn bad_escapes_give_nothing() {
        for text in [r"\x", r"\u12", r"\ud83d\u00", "\\"] {
            check(text, None);
        }
    }
}
