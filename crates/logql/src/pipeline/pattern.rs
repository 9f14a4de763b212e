//! `| pattern "<ip> - <_>"`: captures between literals as labels.
//!
//! The literal a pattern starts with must start the line. A later literal that is missing makes the capture
//! before it take the rest of the line, and nothing follows.

use super::StageError;
use super::labels::LabelSet;
use super::line::Line;
use super::line_pattern::{Piece, pieces};
use super::names::{NameId, StaticNames};
use memchr::memmem::Finder;
use std::sync::Arc;

#[derive(Debug, Clone)]
enum Part {
    Literal(Box<Finder<'static>>),
    Capture(NameId),
    Unnamed,
}

/// The pattern parser.
#[derive(Debug, Clone)]
pub(super) struct PatternParser(Arc<[Part]>);

impl PatternParser {
    /// Compiles a pattern with at least one name, none of them twice.
    pub(super) fn compile(text: &str, names: &mut StaticNames) -> Result<PatternParser, StageError> {
        let mut seen = Vec::new();
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            parts.push(match piece {
                Piece::Literal(literal) => Part::Literal(Box::new(Finder::new(literal.as_bytes()).into_owned())),
                Piece::Capture(name) if name == "_" => Part::Unnamed,
                Piece::Capture(name) if seen.contains(&name) => {
                    return Err(StageError(format!("duplicate capture name ({name}): invalid expression")));
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
                if !text.bytes.starts_with(literal.needle()) {
                    return;
                }
                (at, parts) = (literal.needle().len(), rest);
            }
            while let [capture, rest @ ..] = parts {
                let (end, next, found) = match rest {
                    [Part::Literal(literal), ..] => match literal.find(&text.bytes[at..]) {
                        Some(length) => (at + length, at + length + literal.needle().len(), true),
                        None => (text.bytes.len(), text.bytes.len(), false),
                    },
                    _ => (text.bytes.len(), text.bytes.len(), false),
                };
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
