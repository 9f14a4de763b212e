//! A relabeling rule as it is configured, checked when it is read.

use regex::Regex;
use serde::Deserialize;

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sets a label to an expansion of the match.
    #[default]
    Replace,
    /// Keeps what matches.
    Keep,
    /// Drops what matches.
    Drop,
    /// Keeps what has the value in the target label.
    KeepEqual,
    /// Drops what has the value in the target label.
    DropEqual,
    /// Sets a label to a hash of the value, modulo a number.
    HashMod,
    /// Copies labels whose names match to other names.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names don't match.
    LabelKeep,
    /// Sets a label to the value in small letters.
    Lowercase,
    /// Sets a label to the value in capital letters.
    Uppercase,
}

/// One rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct RelabelRule {
    pub(super) source_labels: Vec<String>,
    pub(super) separator: String,
    /// Matches all of a text.
    pub(super) regex: Regex,
    pub(super) pattern: String,
    pub(super) modulus: u64,
    pub(super) target_label: String,
    pub(super) replacement: String,
    pub(super) action: Action,
}

impl PartialEq for RelabelRule {
    fn eq(&self, other: &RelabelRule) -> bool {
        let parts = |rule: &RelabelRule| {
            let texts = (
                rule.separator.clone(),
                rule.pattern.clone(),
                rule.target_label.clone(),
            );
            (
                rule.source_labels.clone(),
                texts,
                rule.modulus,
                rule.replacement.clone(),
                rule.action,
            )
        };
        parts(self) == parts(other)
    }
}

/// The regex of a rule that names none.
pub(super) const ANY: &str = "(.*)";
const SEPARATOR: &str = ";";
const REPLACEMENT: &str = "$1";

/// A rule as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    source_labels: Vec<String>,
    separator: Option<String>,
    regex: Option<String>,
    modulus: Option<u64>,
    #[serde(default)]
    target_label: String,
    replacement: Option<String>,
    #[serde(default)]
    action: ActionName,
}

/// An action in any mixture of letters, as Prometheus takes it.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct ActionName(Action);

impl TryFrom<String> for ActionName {
    type Error = String;

    fn try_from(text: String) -> Result<ActionName, String> {
        let name = text.to_ascii_lowercase();
        let from = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&name);
        let action = Action::deserialize(from);
        action
            .map(ActionName)
            .map_err(|_| format!("unknown relabel action {text:?}"))
    }
}

impl TryFrom<Written> for RelabelRule {
    type Error = String;

    fn try_from(written: Written) -> Result<RelabelRule, String> {
        written.check()?;
        let pattern = written.regex.unwrap_or_else(|| ANY.to_owned());
        let regex = skald_model::re2::anchored(&pattern).map_err(|error| error.to_string())?;
        Ok(RelabelRule {
            source_labels: written.source_labels,
            separator: written.separator.unwrap_or_else(|| SEPARATOR.to_owned()),
            regex,
            pattern,
            modulus: written.modulus.unwrap_or(0),
            target_label: written.target_label,
            replacement: written
                .replacement
                .unwrap_or_else(|| REPLACEMENT.to_owned()),
            action: written.action.0,
        })
    }
}

impl Written {
    /// Whether the rule has the label that it sets or compares with.
    fn check_target(&self, name: &str) -> Result<(), String> {
        use Action::{DropEqual, HashMod, KeepEqual, Lowercase, Replace, Uppercase};
        let (action, target) = (self.action.0, &self.target_label);
        let has_modulus = self.modulus.is_some_and(|modulus| modulus != 0);
        if action == HashMod && !has_modulus {
            return Err("relabel configuration for hashmod requires non-zero modulus".to_owned());
        }
        let needs_target = matches!(
            action,
            Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual
        );
        if needs_target && target.is_empty() {
            return Err(format!(
                "relabel configuration for {name} action requires 'target_label' value"
            ));
        }
        let is_target_bad = match action {
            Replace => !target.contains('$') && !is_label_name(target),
            HashMod | Lowercase | Uppercase | KeepEqual | DropEqual => !is_label_name(target),
            _ => false,
        };
        if is_target_bad {
            return Err(format!(
                "{target:?} is invalid 'target_label' for {name} action"
            ));
        }
        Ok(())
    }

    /// What does not belong together, in Prometheus' words.
    fn check(&self) -> Result<(), String> {
        use Action::{DropEqual, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Uppercase};
        let action = self.action.0;
        let name = action_name(action);
        let is_regex_default = self.regex.as_deref().is_none_or(|regex| regex == ANY);
        let is_separator_default = self
            .separator
            .as_deref()
            .is_none_or(|text| text == SEPARATOR);
        let is_replacement_default = self
            .replacement
            .as_deref()
            .is_none_or(|text| text == REPLACEMENT);
        let has_modulus = self.modulus.is_some_and(|modulus| modulus != 0);
        let target = &self.target_label;
        self.check_target(&name)?;
        if matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual)
            && !is_replacement_default
        {
            return Err(format!("'replacement' can not be set for {name} action"));
        }
        if action == LabelMap
            && self
                .replacement
                .as_deref()
                .is_some_and(|text| !text.contains('$') && !is_label_name(text))
        {
            let text = self.replacement.as_deref().unwrap_or_default();
            return Err(format!(
                "{text:?} is invalid 'replacement' for {name} action"
            ));
        }
        if matches!(action, KeepEqual | DropEqual)
            && !(is_regex_default && is_separator_default && !has_modulus)
        {
            return Err(format!(
                "{name} action requires only 'source_labels' and 'target_label', and no other fields"
            ));
        }
        let has_more = !self.source_labels.is_empty()
            || !target.is_empty()
            || has_modulus
            || !is_separator_default
            || !is_replacement_default;
        match matches!(action, LabelDrop | LabelKeep) && has_more {
            true => Err(format!(
                "{name} action requires only 'regex', and no other fields"
            )),
            false => Ok(()),
        }
    }
}

fn action_name(action: Action) -> String {
    format!("{action:?}").to_lowercase()
}

/// Whether a text is a label name of Prometheus' older, stricter kind, which every receiver takes.
pub(super) fn is_label_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
