//! `| unpack` makes labels of a packed line's string fields, and the line of its `_entry`.
//!
//! Names are made of keys as by `json`. Of repeated keys the last counts; keys that leave no name
//! are passed over.

use super::json::{JSON_ERROR, scalar};
use super::stage::ParserState;
use crate::pipeline::current_line::Line;
use skald_fields::json::{JsonError, Kind, Step, unescape, walk_object};
use skald_fields::label_name;

/// The field that holds the line.
const ENTRY: &[u8] = b"_entry";

/// What Loki says of a line that is no object.
const NO_OBJECT: &str = "expecting json object(6), but it is not";

/// The unpack stage.
#[derive(Debug, Clone)]
pub(super) struct UnpackParser;

impl UnpackParser {
    /// Unpacks; labels are set only when there was an entry. Never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.bytes().is_empty() {
            return true;
        }
        if line.bytes()[0] != b'{' {
            line.labels.set_error(JSON_ERROR, NO_OBJECT);
            return true;
        }
        let mut output = std::mem::take(line.output);
        output.clear();
        let (entry, fields) = (&mut output, &mut state.unpacked);
        fields.clear();
        let packed = line.parse(|labels, input, text| {
            let mut packed = false;
            let walked = walk_object(text.bytes, 0, |(start, end, escaped), value| {
                let mut raw = Vec::new();
                let mut key = &text.bytes[start..end];
                if escaped {
                    unescape(key, &mut raw).ok_or(JsonError::Escape)?;
                    key = &raw;
                }
                if value.kind != Kind::String {
                    return Ok(Step::Next);
                }
                if key == ENTRY {
                    entry.clear();
                    let bytes = &text.bytes[value.start..value.end];
                    unescape(bytes, entry).ok_or(JsonError::Escape)?;
                    packed = true;
                } else {
                    let name = label_name("", &String::from_utf8_lossy(key));
                    let name = (!name.is_empty()).then(|| labels.intern(&name));
                    // Asked before any field is set, so that of repeated keys the last one counts.
                    if let Some(name) = name.and_then(|name| labels.admit(input, name)) {
                        let span = scalar(labels, text, value);
                        fields.push((name, span));
                    }
                }
                Ok(Step::Next)
            });
            if let Err(error) = walked {
                labels.set_error(JSON_ERROR, &error.to_string());
                return false;
            }
            packed
        });
        *line.output = output;
        if packed {
            for (name, span) in &state.unpacked {
                line.labels.set_parsed(*name, *span);
            }
            line.take_output();
        }
        true
    }
}
