//! `| logfmt`: `key=value` pairs, values bare or quoted, as labels.
//!
//! Lenient reading passes over pieces that are no pair; strict reading ends at the first of them with a
//! failure. Keys without a value and empty values become labels only when asked for.

use super::json_scan::unescape;
use super::keys::Keys;
use super::labels::LabelSet;
use super::line::Line;
use super::names::{NO_NAME, NameId, StaticNames};
use super::span::{Input, Text};
use super::stage::ParserState;
use crate::ast::Extraction;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// `__error__` of logfmt.
const LOGFMT_ERROR: &str = "LogfmtParserErr";

/// The logfmt parser, with or without expressions.
#[derive(Debug, Clone)]
pub(super) struct LogfmtParser {
    strict: bool,
    keep_empty: bool,
    /// Label and key; empty for all keys.
    expressions: Arc<[(NameId, String)]>,
}

impl LogfmtParser {
    /// Compiles flags and expressions.
    pub(super) fn compile(strict: bool, keep_empty: bool, list: &[Extraction], names: &mut StaticNames) -> LogfmtParser {
        let expressions = list.iter().map(|e| (names.id(&e.label), e.expression.trim_matches('"').to_owned())).collect();
        LogfmtParser { strict, keep_empty, expressions }
    }

    /// Whether the first pair of a name wins, on this line, over all that come later.
    pub(super) fn sets_labels_once(&self) -> bool {
        self.expressions.is_empty()
    }

    /// Extracts labels; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.labels.found_all() {
            return true;
        }
        let error = line.parse(|labels, input, text| {
            if self.expressions.is_empty() {
                state.logfmt.begin_line();
                self.extract_all(&mut state.logfmt, labels, input, text)
            } else {
                self.extract_some(labels, input, text)
            }
        });
        if let Some(error) = error {
            line.labels.set_error(LOGFMT_ERROR, &error.to_string());
        }
        true
    }

    fn extract_all(&self, keys: &mut Keys, labels: &mut LabelSet, input: Input<'_>, text: Text<'_>) -> Option<LogfmtError> {
        let mut scanner = Scanner { line: text.bytes, at: 0 };
        while let Some(pair) = scanner.next() {
            let pair = match pair {
                Ok(pair) => pair,
                Err(error) if self.strict => return Some(error),
                Err(_) => continue,
            };
            let key = keys.get(0, &text.bytes[pair.key.clone()], labels);
            if key.name == NO_NAME {
                continue;
            }
            let Some(name) = labels.admit(input, key.name) else { continue };
            let value = value_of(labels, text, &pair);
            if value.is_empty() && !self.keep_empty {
                continue;
            }
            labels.set_found(input, name, value);
            if labels.found_all() {
                break;
            }
        }
        None
    }

    fn extract_some(&self, labels: &mut LabelSet, input: Input<'_>, text: Text<'_>) -> Option<LogfmtError> {
        let mut scanner = Scanner { line: text.bytes, at: 0 };
        let mut failed = None;
        while let Some(pair) = scanner.next() {
            let pair = match pair {
                Ok(pair) => pair,
                Err(error) if self.strict => {
                    failed = Some(error);
                    break;
                }
                Err(_) => continue,
            };
            for (label, key) in self.expressions.iter() {
                if key.as_bytes() == &text.bytes[pair.key.clone()] {
                    let name = labels.unshadowed(input, *label);
                    let value = value_of(labels, text, &pair);
                    labels.set_parsed(name, value);
                }
            }
        }
        if failed.is_none() {
            for (label, _) in self.expressions.iter() {
                if labels.find(input, *label).is_none() {
                    let nothing = labels.store(b"");
                    labels.set_parsed(*label, nothing);
                }
            }
        }
        failed
    }
}

/// A pair's value as a span; nothing when it is not UTF-8 or can't be unquoted.
fn value_of(labels: &mut LabelSet, text: Text<'_>, pair: &Pair) -> super::span::Span {
    let bytes = &text.bytes[pair.value.clone()];
    if !pair.escaped && text.base.is_some() {
        return labels.part(text, pair.value.start, pair.value.end);
    }
    labels.store_with(|arena| {
        let start = arena.len();
        if pair.escaped {
            // The scanner checked that the escapes are valid.
            let _ = unescape_quoted(bytes, arena);
        } else {
            arena.extend_from_slice(bytes);
        }
        if std::str::from_utf8(&arena[start..]).map_or(true, |text| text.contains('\u{fffd}')) {
            arena.truncate(start);
        }
    })
}

/// JSON's escapes and `\'`.
fn unescape_quoted(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
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
struct Pair {
    key: Range<usize>,
    value: Range<usize>,
    escaped: bool,
}

/// Where a line stops being logfmt; positions count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogfmtError {
    Unexpected(usize, u8),
    Syntax(usize, &'static str),
}

impl fmt::Display for LogfmtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogfmtError::Unexpected(at, byte) => {
                write!(f, "logfmt syntax error at pos {at} : unexpected '{}'", char::from(*byte))
            }
            LogfmtError::Syntax(at, what) => write!(f, "logfmt syntax error at pos {at} : {what}"),
        }
    }
}

/// Bytes that end a key or a bare value.
const ENDS_WORD: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        ends[byte] = byte <= b' ' as usize || byte == b'=' as usize || byte == b'"' as usize;
        byte += 1;
    }
    ends
};

/// Reads pairs from left to right; after a failure it goes on behind the next space.
struct Scanner<'s> {
    line: &'s [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<Result<Pair, LogfmtError>> {
        self.at += self.line[self.at..].iter().position(|b| *b > b' ')?;
        Some(self.pair())
    }

    fn pair(&mut self) -> Result<Pair, LogfmtError> {
        let start = self.at;
        let rest = &self.line[start..];
        let length = rest.iter().position(|b| ENDS_WORD[usize::from(*b)]).unwrap_or(rest.len());
        let key = start..start + length;
        self.at = key.end;
        match rest.get(length) {
            Some(b'"') => return self.unexpected(b'"'),
            Some(b'=') if length == 0 => return self.unexpected(b'='),
            _ => {}
        }
        if !rest[..length].is_ascii() && not_text(&rest[..length]) {
            let at = self.at + 1;
            self.skip_piece();
            return Err(LogfmtError::Syntax(at, "invalid key"));
        }
        if rest.get(length) != Some(&b'=') {
            return Ok(Pair { key, value: self.at..self.at, escaped: false });
        }
        self.at += 1;
        match self.line.get(self.at) {
            Some(b'"') => self.quoted(key),
            _ => self.bare(key),
        }
    }

    fn bare(&mut self, key: Range<usize>) -> Result<Pair, LogfmtError> {
        let rest = &self.line[self.at..];
        let length = rest.iter().position(|b| ENDS_WORD[usize::from(*b)]).unwrap_or(rest.len());
        let value = self.at..self.at + length;
        self.at = value.end;
        match rest.get(length) {
            Some(byte @ (b'=' | b'"')) => self.unexpected(*byte),
            _ => Ok(Pair { key, value, escaped: false }),
        }
    }

    fn quoted(&mut self, key: Range<usize>) -> Result<Pair, LogfmtError> {
        let start = self.at + 1;
        let Some((end, escaped)) = super::json_scan::string_end(self.line, start) else {
            self.at = self.line.len();
            return Err(LogfmtError::Syntax(self.at + 1, "unterminated quoted value"));
        };
        self.at = end + 1;
        if escaped && unescape_quoted(&self.line[start..end], &mut Vec::new()).is_none() {
            return Err(LogfmtError::Syntax(self.at + 1, "invalid quoted value"));
        }
        Ok(Pair { key, value: start..end, escaped })
    }

    fn unexpected(&mut self, byte: u8) -> Result<Pair, LogfmtError> {
        let at = self.at + 1;
        self.skip_piece();
        Err(LogfmtError::Unexpected(at, byte))
    }

    fn skip_piece(&mut self) {
        let rest = &self.line[self.at..];
        self.at += rest.iter().position(|b| *b <= b' ').unwrap_or(rest.len());
    }
}

/// Whether bytes are not UTF-8 or hold the character that stands for such bytes.
fn not_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or(true, |text| text.contains('\u{fffd}'))
}
