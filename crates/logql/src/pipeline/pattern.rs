//! `| pattern "<ip> - <_>"` makes labels of captures between literals.
//!
//! The literal a pattern starts with must start the line. A later literal that is missing makes the
//! capture before it take the rest of the line, and nothing follows.

use super::StageError;
use super::labels::LabelSet;
use super::line_pattern::{Piece, pieces};
use super::names::{NameId, StaticNames};
use crate::pipeline::current_line::Line;
use memchr::memmem::Finder;
use skald_model::steps;
use std::sync::Arc;

#[derive(Debug, Clone)]
enum Part {
    Literal(Box<Literal>),
    Capture(NameId),
    Unnamed,
}

/// What stands between captures.
#[derive(Debug, Clone)]
struct Literal {
    finder: Finder<'static>,
    /// Its byte, if it is only one.
    byte: Option<u8>,
}

impl Literal {
    fn new(text: &str) -> Literal {
        let byte = if let [byte] = text.as_bytes() {
            Some(*byte)
        } else {
            None
        };
        Literal {
            finder: Finder::new(text.as_bytes()).into_owned(),
            byte,
        }
    }

    fn bytes(&self) -> &[u8] {
        self.finder.needle()
    }

    fn find(&self, text: &[u8]) -> Option<usize> {
        match self.byte {
            Some(byte) => find_near(text, byte),
            None => self.finder.find(text),
        }
    }
}

/// Where a byte stands that most often is near: captures between spaces are short, and two words
/// are looked at in less time than a search takes to begin.
fn find_near(text: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    while at < 16
        && let Some(eight) = text[at..].first_chunk()
    {
        let differing = u64::from_le_bytes(*eight) ^ (u64::from(byte) * ONES);
        // The lowest of these bits is that of the first byte that does not differ.
        let same = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
        if same != 0 {
            return Some(at + same.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr(byte, &text[at..]).map(|found| at + found)
}

/// The pattern parser.
#[derive(Debug, Clone)]
pub(super) struct PatternParser(Arc<[Part]>);

impl PatternParser {
    /// Compiles a pattern with at least one name, none of them twice.
    pub(super) fn compile(
        text: &str,
        names: &mut StaticNames,
    ) -> Result<PatternParser, StageError> {
        let mut seen = Vec::new();
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            parts.push(match piece {
                Piece::Literal(literal) => Part::Literal(Box::new(Literal::new(&literal))),
                Piece::Capture(name) if name == "_" => Part::Unnamed,
                Piece::Capture(name) if seen.contains(&name) => {
                    return Err(StageError(format!(
                        "duplicate capture name ({name}): invalid expression"
                    )));
                }
                Piece::Capture(name) => {
                    let id = names.id(&name);
                    seen.push(name);
                    Part::Capture(id)
                }
            });
        }
        if seen.is_empty() {
            return Err(StageError("at least one capture is required".to_owned()));
        }
        Ok(PatternParser(parts.into()))
    }

    /// Extracts labels; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>) -> bool {
        if line.labels.found_all() {
            return true;
        }
        line.parse(|labels, input, text| {
            let mut at = 0;
            let mut parts = self.0.as_ref();
            if let [Part::Literal(literal), rest @ ..] = parts {
                if !text.bytes.starts_with(literal.bytes()) {
                    return;
                }
                (at, parts) = (literal.bytes().len(), rest);
            }
            while let [capture, rest @ ..] = parts {
                let before = at;
                let (end, next, found) = match rest {
                    [Part::Literal(literal), ..] => match literal.find(&text.bytes[at..]) {
                        Some(length) => (at + length, at + length + literal.bytes().len(), true),
                        None => (text.bytes.len(), text.bytes.len(), false),
                    },
                    _ => (text.bytes.len(), text.bytes.len(), false),
                };
                steps::count(1 + next - before);
                if let Part::Capture(name) = capture {
                    extract(labels, input, *name, text, at, end);
                }
                if !found || labels.found_all() {
                    return;
                }
                (at, parts) = (next, &rest[1..]);
            }
        });
        true
    }
}

fn extract(
    labels: &mut LabelSet,
    input: super::span::Input<'_>,
    name: NameId,
    text: super::span::Text<'_>,
    start: usize,
    end: usize,
) {
    if let Some(name) = labels.admit(input, name) {
        labels.set_part(input, name, text, start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for len in 0..40 {
            for at in 0..len {
                let mut text = vec![b' ' + 1; len];
                text[at] = b' ';
                text[at + 1..].fill(0x80 | b' ');
                assert_eq!(find_near(&text, b' '), Some(at), "{at} of {len}");
                text[at] = 0xff;
                assert_eq!(find_near(&text, b' '), None, "{at} of {len}");
            }
        }
    }
}
