//! Reads logfmt lines: where keys and values are, and where a line stops being logfmt.
//!
//! Accepts what Loki's decoder accepts and fails where that fails: the failure's text can be seen
//! in answers.

use crate::json::unescape;
use skald_model::steps;
use std::fmt;
use std::ops::Range;

/// Replaces JSON's escapes and `\'` in a quoted value; `None` when one is not valid.
pub fn unescape_quoted(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    steps::count(text.len());
    if !text.windows(2).any(|pair| pair == b"\\'") {
        return unescape(text, out);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after.first()) {
            (b'\\', Some(b'\'')) => (plain.push(b'\''), rest = &after[1..]).1,
            (b'\\', Some(next)) => (plain.extend([b'\\', *next]), rest = &after[1..]).1,
            _ => (plain.push(*byte), rest = after).1,
        }
    }
    unescape(&plain, out)
}

/// One pair of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: Range<usize>,
    /// The value, without quotes; empty when there is none.
    pub value: Range<usize>,
    /// Whether the value has escapes, all of them valid.
    pub escaped: bool,
}

/// Where a line stops being logfmt; positions count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogfmtError {
    /// A byte that can't stand there.
    Unexpected(usize, u8),
    /// What is wrong.
    Syntax(usize, &'static str),
}

impl fmt::Display for LogfmtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogfmtError::Unexpected(at, byte) => {
                write!(
                    f,
                    "logfmt syntax error at pos {at} : unexpected '{}'",
                    char::from(*byte)
                )
            }
            LogfmtError::Syntax(at, what) => write!(f, "logfmt syntax error at pos {at} : {what}"),
        }
    }
}

/// Bytes that end a key or a bare value.
pub(crate) const ENDS_WORD: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        ends[byte] = byte <= b' ' as usize || byte == b'=' as usize || byte == b'"' as usize;
        byte += 1;
    }
    ends
};

/// Reads pairs from left to right; after a failure it goes on after the next space.
#[derive(Debug)]
pub struct Scanner<'s> {
    line: &'s [u8],
    at: usize,
}

impl<'s> Scanner<'s> {
    /// Starts at the front of a line.
    pub fn new(line: &'s [u8]) -> Scanner<'s> {
        Scanner { line, at: 0 }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Result<Pair, LogfmtError>;

    fn next(&mut self) -> Option<Result<Pair, LogfmtError>> {
        let before = self.at;
        self.at += self.line[self.at..].iter().position(|b| *b > b' ')?;
        let pair = self.pair();
        steps::count(self.at - before);
        Some(pair)
    }
}

impl Scanner<'_> {
    fn pair(&mut self) -> Result<Pair, LogfmtError> {
        let start = self.at;
        let rest = &self.line[start..];
        let length = rest
            .iter()
            .position(|b| ENDS_WORD[usize::from(*b)])
            .unwrap_or(rest.len());
        let key = start..start + length;
        self.at = key.end;
        match rest.get(length) {
            Some(b'"') => return self.unexpected(b'"'),
            Some(b'=') if length == 0 => return self.unexpected(b'='),
            _ => {}
        }
        if !rest[..length].is_ascii() && not_text(&rest[..length]) {
            let at = self.at + 1;
            self.skip_word();
            return Err(LogfmtError::Syntax(at, "invalid key"));
        }
        if rest.get(length) != Some(&b'=') {
            return Ok(Pair {
                key,
                value: self.at..self.at,
                escaped: false,
            });
        }
        self.at += 1;
        match self.line.get(self.at) {
            Some(b'"') => self.quoted(key),
            _ => self.bare(key),
        }
    }

    fn bare(&mut self, key: Range<usize>) -> Result<Pair, LogfmtError> {
        let rest = &self.line[self.at..];
        let length = rest
            .iter()
            .position(|b| ENDS_WORD[usize::from(*b)])
            .unwrap_or(rest.len());
        let value = self.at..self.at + length;
        self.at = value.end;
        match rest.get(length) {
            Some(byte @ (b'=' | b'"')) => self.unexpected(*byte),
            _ => Ok(Pair {
                key,
                value,
                escaped: false,
            }),
        }
    }

    fn quoted(&mut self, key: Range<usize>) -> Result<Pair, LogfmtError> {
        let start = self.at + 1;
        let Some((end, escaped)) = crate::json::string_end(self.line, start) else {
            self.at = self.line.len();
            return Err(LogfmtError::Syntax(
                self.at + 1,
                "unterminated quoted value",
            ));
        };
        self.at = end + 1;
        if escaped && unescape_quoted(&self.line[start..end], &mut Vec::new()).is_none() {
            return Err(LogfmtError::Syntax(self.at + 1, "invalid quoted value"));
        }
        Ok(Pair {
            key,
            value: start..end,
            escaped,
        })
    }

    fn unexpected(&mut self, byte: u8) -> Result<Pair, LogfmtError> {
        let at = self.at + 1;
        self.skip_word();
        Err(LogfmtError::Unexpected(at, byte))
    }

    fn skip_word(&mut self) {
        let rest = &self.line[self.at..];
        self.at += rest.iter().position(|b| *b <= b' ').unwrap_or(rest.len());
    }
}

/// Whether bytes are not UTF-8 or hold the character that stands for such bytes.
fn not_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or(true, |text| text.contains('\u{fffd}'))
}
