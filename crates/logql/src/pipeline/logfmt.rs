//! `| logfmt` makes labels of `key=value` pairs, whose values are bare or quoted.
//!
//! Lenient reading passes over pieces that are no pair; strict reading ends at the first of them
//! with a failure. Keys without a value and empty values become labels only when asked for.
//! Expressions name a key by the label it becomes (`a_b` for `a.b=1`) or as it is written.

use super::keys::Keys;
use super::labels::LabelSet;
use super::names::{NO_NAME, NameId, StaticNames};
use super::span::{Input, Text};
use super::stage::ParserState;
use crate::ast::Extraction;
use crate::pipeline::current_line::Line;
use hashbrown::HashMap;
use skald_fields::label_name;
use skald_fields::logfmt::{LogfmtError, Pair, Scanner, unescape_quoted};
use skald_model::steps;
use std::sync::Arc;

/// `__error__` of logfmt.
const LOGFMT_ERROR: &str = "LogfmtParserErr";

/// The logfmt parser, with or without expressions.
#[derive(Debug, Clone)]
pub(super) struct LogfmtParser {
    strict: bool,
    keep_empty: bool,
    /// Labels; empty for all keys.
    expressions: Arc<[NameId]>,
    /// Which expressions ask for a key.
    by_key: Arc<HashMap<Vec<u8>, Vec<usize>>>,
}

impl LogfmtParser {
    /// Compiles flags and expressions.
    pub(super) fn compile(
        strict: bool,
        keep_empty: bool,
        list: &[Extraction],
        names: &mut StaticNames,
    ) -> LogfmtParser {
        let mut by_key: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (at, expression) in list.iter().enumerate() {
            let key = expression.expression.trim_matches('"').as_bytes();
            by_key.entry(key.to_vec()).or_default().push(at);
        }
        LogfmtParser {
            strict,
            keep_empty,
            expressions: list.iter().map(|e| names.id(&e.label)).collect(),
            by_key: Arc::new(by_key),
        }
    }

    /// Whether the first pair of a name wins, on this line, over all that come later.
    pub(super) fn sets_labels_once(&self) -> bool {
        self.expressions.is_empty()
    }

    /// Extracts labels; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        // Expressions take their label over from an earlier parser, so that they are done only
        // without readers.
        if line.labels.wants_none() || (self.expressions.is_empty() && line.labels.found_all()) {
            return true;
        }
        let error = line.parse(|labels, input, text| {
            if self.expressions.is_empty() {
                state.logfmt.begin_line(labels);
                self.extract_all(&mut state.logfmt, labels, input, text)
            } else {
                self.extract_some(&mut state.found, labels, input, text)
            }
        });
        if let Some(error) = error {
            line.labels.set_error(LOGFMT_ERROR, &error.to_string());
        }
        true
    }

    fn extract_all(
        &self,
        keys: &mut Keys,
        labels: &mut LabelSet,
        input: Input<'_>,
        text: Text<'_>,
    ) -> Option<LogfmtError> {
        for pair in Scanner::new(text.bytes) {
            let pair = match pair {
                Ok(pair) => pair,
                Err(error) if self.strict => return Some(error),
                Err(_) => continue,
            };
            let key = keys.get(0, &text.bytes[pair.key.clone()], labels);
            if key.name == NO_NAME {
                continue;
            }
            let Some(name) = labels.admit(input, key.name) else {
                continue;
            };
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

    /// Looks for the keys of the expressions. The last match counts, or the first where the stream
    /// or the metadata has the label; once every label that somebody reads is found, the rest is
    /// not read.
    fn extract_some(
        &self,
        found: &mut Vec<bool>,
        labels: &mut LabelSet,
        input: Input<'_>,
        text: Text<'_>,
    ) -> Option<LogfmtError> {
        let mut failed = None;
        let mut missing = self.expressions.len();
        found.clear();
        found.resize(missing, false);
        for pair in Scanner::new(text.bytes) {
            let pair = match pair {
                Ok(pair) => pair,
                Err(error) if self.strict => {
                    failed = Some(error);
                    break;
                }
                Err(_) => continue,
            };
            let raw = &text.bytes[pair.key.clone()];
            let sanitised = sanitised(raw);
            let keys = [Some(raw), sanitised.as_ref().map(String::as_bytes)];
            let asking = keys
                .into_iter()
                .flatten()
                .filter_map(|key| self.by_key.get(key));
            for at in asking.flatten() {
                steps::count(1);
                let label = self.expressions[*at];
                let name = labels.unshadowed(input, label);
                if name != label && labels.is_extracted(name) {
                    continue;
                }
                let value = value_of(labels, text, &pair);
                labels.set_parsed(name, value);
                missing -= usize::from(!std::mem::replace(&mut found[*at], true));
            }
            if missing == 0 && labels.found_all() {
                break;
            }
        }
        for label in self.expressions.iter() {
            if labels.find(input, *label).is_none() {
                let nothing = labels.store(b"");
                labels.set_parsed(*label, nothing);
            }
        }
        failed
    }
}

/// The label name of a key, where it is not the key itself.
fn sanitised(key: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let is_name = key.iter().all(plain) && !key.first().is_some_and(u8::is_ascii_digit);
    (!is_name).then(|| label_name("", &String::from_utf8_lossy(key)))
}

/// A pair's value as a span; nothing when it is not UTF-8 or can't be unquoted.
fn value_of(labels: &mut LabelSet, text: Text<'_>, pair: &Pair) -> super::span::Span {
    let bytes = &text.bytes[pair.value.clone()];
    if !pair.escaped && text.base.is_some() {
        return labels.part(text, pair.value.start, pair.value.end);
    }
    labels.store_with(bytes.len(), |arena| {
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
