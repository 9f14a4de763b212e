//! `| regexp "(?P<name>…)"` makes labels of the named groups of the first match.

use super::StageError;
use super::names::{NameId, StaticNames};
use super::stage::ParserState;
use crate::pipeline::current_line::Line;
use regex::bytes::{CaptureLocations, Regex};
use skald_model::re2;
use skald_model::steps;
use std::sync::Arc;

/// The regexp parser.
#[derive(Debug, Clone)]
pub(super) struct RegexpParser {
    regex: Regex,
    /// Group and its label.
    groups: Arc<[(usize, NameId)]>,
    /// Which of the pipeline's regexp stages this is.
    number: usize,
}

/// Where groups matched; reused between lines.
#[derive(Debug, Default)]
pub(super) struct CaptureState(Vec<Option<CaptureLocations>>);

impl CaptureState {
    /// Forgets all; needed before another pipeline's lines.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn of(&mut self, parser: &RegexpParser) -> &mut CaptureLocations {
        if self.0.len() <= parser.number {
            self.0.resize(parser.number + 1, None);
        }
        self.0[parser.number].get_or_insert_with(|| parser.regex.capture_locations())
    }
}

impl RegexpParser {
    /// Compiles a regex with at least one named group, no name twice.
    pub(super) fn compile(
        pattern: &str,
        number: usize,
        names: &mut StaticNames,
    ) -> Result<RegexpParser, StageError> {
        let regex = re2::search(pattern).map_err(|e| StageError(e.to_string()))?;
        let mut groups: Vec<(usize, NameId)> = Vec::new();
        for (group, name) in regex.capture_names().enumerate() {
            let Some(name) = name else { continue };
            let id = names.id(name);
            if groups.iter().any(|(_, other)| *other == id) {
                return Err(StageError(format!(
                    "duplicate extracted label name '{name}'"
                )));
            }
            groups.push((group, id));
        }
        if groups.is_empty() {
            return Err(StageError(
                "at least one named capture must be supplied".to_owned(),
            ));
        }
        Ok(RegexpParser {
            regex,
            groups: groups.into(),
            number,
        })
    }

    /// Extracts labels of a line that matches; never drops the line.
    pub(super) fn apply(&self, line: &mut Line<'_>, state: &mut ParserState) -> bool {
        if line.labels.found_all() {
            return true;
        }
        let captures = state.captures.of(self);
        line.parse(|labels, input, text| {
            steps::count(text.bytes.len() + self.groups.len());
            if self.regex.captures_read(captures, text.bytes).is_none() {
                return;
            }
            for (group, name) in self.groups.iter() {
                if let Some(name) = labels.admit(input, *name) {
                    let (start, end) = captures.get(*group).unwrap_or((0, 0));
                    labels.set_part(input, name, text, start, end);
                }
            }
        });
        true
    }
}
