//! `| json` makes a label of every scalar in an object; keys of nested objects are joined by `_`.
//!
//! Arrays and nulls are passed over. The first key of a name wins. Labels found before a failure
//! stay.

use super::keys::{Keys, PrefixId};
use super::labels::LabelSet;
use super::names::NO_NAME;
use super::span::{Input, Span, Text};
use super::stage::ParserState;
use crate::pipeline::current_line::Line;
use skald_fields::json::{DEPTH_MAX, JsonError, Kind, Step, Value, unescape, walk_object};

/// `__error__` of json and unpack.
pub(super) const JSON_ERROR: &str = "JSONParserErr";

/// The json parser without expressions.
#[derive(Debug, Clone)]
pub(super) struct JsonParser;

impl JsonParser {
    /// Extracts labels; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.labels.found_all() {
            return true;
        }
        state.json.begin_line(line.labels);
        line.parse(|labels, input, text| {
            let mut walk = Walk {
                keys: &mut state.json,
                labels,
                input,
                text,
            };
            if let Err(error) = walk.object(text.bytes, 0, 0, 0) {
                labels.set_error(JSON_ERROR, &error.to_string());
            }
        });
        true
    }
}

struct Walk<'w> {
    keys: &'w mut Keys,
    labels: &'w mut LabelSet,
    input: Input<'w>,
    text: Text<'w>,
}

impl Walk<'_> {
    /// Extracts the object at or after `at`; `data` ends where the object may end.
    fn object(
        &mut self,
        data: &[u8],
        at: usize,
        prefix: PrefixId,
        depth: usize,
    ) -> Result<Step, JsonError> {
        walk_object(data, at, |(start, end, escaped), value| {
            let key = if escaped {
                let mut raw = Vec::new();
                unescape(&data[start..end], &mut raw).ok_or(JsonError::Escape)?;
                self.keys.get(prefix, &raw, self.labels)
            } else {
                self.keys.get(prefix, &data[start..end], self.labels)
            };
            match value.kind {
                Kind::Object if key.descend && depth < DEPTH_MAX => {
                    self.object(&data[..value.end], value.start, key.child, depth + 1)
                }
                Kind::String | Kind::Number | Kind::Bool if key.name != NO_NAME => {
                    if let Some(name) = self.labels.admit(self.input, key.name) {
                        let span = scalar(self.labels, self.text, value);
                        self.labels.set_found(self.input, name, span);
                    }
                    Ok(if self.labels.found_all() {
                        Step::Done
                    } else {
                        Step::Next
                    })
                }
                _ => Ok(Step::Next),
            }
        })
    }
}

/// The text of a scalar: strings without escapes, with a space for what is not UTF-8; others as
/// written.
pub(super) fn scalar(labels: &mut LabelSet, text: Text<'_>, value: Value) -> Span {
    if value.kind != Kind::String || (!value.escaped && text.base.is_some()) {
        return labels.part(text, value.start, value.end);
    }
    let bytes = &text.bytes[value.start..value.end];
    labels.store_with(bytes.len(), |arena| {
        let start = arena.len();
        if value.escaped {
            if unescape(bytes, arena).is_none() {
                return;
            }
        } else {
            arena.extend_from_slice(bytes);
        }
        blank_replacements(arena, start);
    })
}

/// Puts a space for each character from `start` that is U+FFFD or not UTF-8.
fn blank_replacements(arena: &mut Vec<u8>, start: usize) {
    if arena[start..].is_ascii() {
        return;
    }
    let text = String::from_utf8_lossy(&arena[start..]);
    if text.contains('\u{fffd}') {
        let blanked = text.replace('\u{fffd}', " ");
        arena.truncate(start);
        arena.extend_from_slice(blanked.as_bytes());
    }
}
