//! The texts of required names, for finding whether a key of a line can be one of them without
//! looking at all.

use crate::pipeline::names::{EXTRACTED_SUFFIX, NameId, NameTable};
use skald_model::steps;

/// Texts in order.
#[derive(Debug, Default)]
pub(super) struct RequiredTexts {
    /// Those of required names.
    names: Vec<Box<str>>,
    /// What parsers find under the name `a` may become `a_extracted`: the `a` of such names.
    twins: Vec<Box<str>>,
}

impl RequiredTexts {
    /// Those of the names that `required` marks.
    pub(super) fn of(names: &NameTable, required: &[bool]) -> RequiredTexts {
        let ids = (0..required.len()).filter(|id| required[*id]);
        let mut texts = RequiredTexts::default();
        for text in ids.map(|id| names.text(id as NameId)) {
            texts.names.push(text.into());
            texts
                .twins
                .extend(text.strip_suffix(EXTRACTED_SUFFIX).map(Box::from));
        }
        texts.names.sort_unstable();
        texts.twins.sort_unstable();
        texts
    }

    /// Whether a name, or its `_extracted` twin, is required.
    pub(super) fn wants(&self, name: &str) -> bool {
        steps::count(name.len());
        let is_in = |texts: &[Box<str>]| texts.binary_search_by(|text| (**text).cmp(name)).is_ok();
        is_in(&self.names) || is_in(&self.twins)
    }

    /// Whether a required name starts with `prefix`.
    pub(super) fn wants_prefix(&self, prefix: &str) -> bool {
        steps::count(prefix.len());
        let at = self.names.partition_point(|text| **text < *prefix);
        self.names
            .get(at)
            .is_some_and(|text| text.starts_with(prefix))
    }
}
