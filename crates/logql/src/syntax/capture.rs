//! Capture checks refuse `regexp` and `pattern` stages without a named capture, as Loki does.

use skald_model::re2;
use std::collections::HashSet;

/// Why a regexp or pattern stage extracts nothing useful.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CaptureError {
    /// No named group in a regexp.
    #[error("at least one named capture must be supplied")]
    NoGroup,
    /// No named capture in a pattern.
    #[error("at least one capture is required")]
    NoCapture,
    /// One group name twice.
    #[error("duplicate extracted label name '{0}'")]
    DuplicateGroup(String),
    /// One capture name twice.
    #[error("duplicate capture name ({0}): invalid expression")]
    DuplicateCapture(String),
    /// Two captures with nothing between them.
    #[error("found consecutive capture '{0}': invalid expression")]
    Consecutive(String),
    /// A regex that can't be read.
    #[error(transparent)]
    Regex(#[from] re2::RegexError),
}

impl CaptureError {
    /// What to do about it; may be empty.
    pub(super) fn help(&self) -> &'static str {
        match self {
            CaptureError::NoGroup => r"name a group after the label it becomes: (?P<status>\d+)",
            CaptureError::NoCapture => {
                "a capture is a label's name between < and >, and nothing else: <status>"
            }
            CaptureError::Consecutive(_) => "put the text that stands between them between the two",
            CaptureError::DuplicateGroup(_) | CaptureError::DuplicateCapture(_) => {
                "each name may stand once; <_> or a group without a name takes no label"
            }
            CaptureError::Regex(_) => "",
        }
    }
}

/// Checks the expression of a regexp stage.
pub(super) fn check_regexp(text: &str) -> Result<(), CaptureError> {
    let regex = re2::search(text).map_err(|error| {
        // The engine refuses a repeated name in words of its own; Go takes it and Loki refuses it.
        match first_duplicate(&group_names(text)) {
            Some(name) => CaptureError::DuplicateGroup(name.to_owned()),
            None => CaptureError::Regex(error),
        }
    })?;
    if regex.capture_names().flatten().next().is_none() {
        Err(CaptureError::NoGroup)
    } else {
        Ok(())
    }
}

/// Names of groups as they are written, `(?P<name>` or `(?<name>`, outside of escapes and classes.
fn group_names(regex: &str) -> Vec<&str> {
    let (mut names, mut in_class) = (Vec::new(), false);
    let mut at = 0;
    while let Some(c) = regex[at..].chars().next() {
        let rest = &regex[at..];
        let opened = ["(?P<", "(?<"]
            .iter()
            .find_map(|open| rest.strip_prefix(open).filter(|_| !in_class));
        if let Some(name) = opened {
            names.extend(name.split_once('>').map(|(name, _)| name));
        }
        match c {
            '\\' => at += rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        at += c.len_utf8();
    }
    names
}

/// Checks the expression of a pattern stage.
pub(super) fn check_pattern(text: &str) -> Result<(), CaptureError> {
    let mut names = Vec::new();
    let mut rest = text;
    let mut previous: Option<&str> = None;
    while !rest.is_empty() {
        let Some(len) = capture_len(rest) else {
            rest = &rest[rest.chars().next().map_or(1, char::len_utf8)..];
            previous = None;
            continue;
        };
        let capture = &rest[..len];
        if let Some(previous) = previous {
            return Err(CaptureError::Consecutive(format!("{previous}{capture}")));
        }
        if capture != "<_>" {
            names.push(&capture[1..len - 1]);
        }
        previous = Some(capture);
        rest = &rest[len..];
    }
    if names.is_empty() {
        return Err(CaptureError::NoCapture);
    }
    match first_duplicate(&names) {
        Some(duplicate) => Err(CaptureError::DuplicateCapture(duplicate.to_owned())),
        None => Ok(()),
    }
}

/// Bytes of the `<name>` at the start of `text`, if one is there.
fn capture_len(text: &str) -> Option<usize> {
    let name = text.strip_prefix('<')?;
    let len = name.find(|c: char| c != '_' && !c.is_ascii_alphanumeric())?;
    let legal =
        len > 0 && !name.starts_with(|c: char| c.is_ascii_digit()) && name[len..].starts_with('>');
    legal.then_some(len + 2)
}

/// The first name that has come before; a pattern may hold tens of thousands, so they are looked
/// up.
fn first_duplicate<'a>(names: &[&'a str]) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.iter().copied().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_need_captures_that_stand_apart() {
        for (text, want) in [
            ("<ip> - <_>", ""),
            ("a <b c> <d>", ""),
            ("<_> x", "at least one capture is required"),
            ("", "at least one capture is required"),
            (
                "<a><b>",
                "found consecutive capture '<a><b>': invalid expression",
            ),
            (
                "<a><_>",
                "found consecutive capture '<a><_>': invalid expression",
            ),
            ("<a> <a>", "duplicate capture name (a): invalid expression"),
        ] {
            assert_eq!(
                check_pattern(text).map_or_else(|e| e.to_string(), |()| String::new()),
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn regexps_need_a_named_group() {
        assert_eq!(check_regexp("(?P<a>x)"), Ok(()));
        assert_eq!(check_regexp("(x)"), Err(CaptureError::NoGroup));
        for text in ["(?P<x>.)(?P<x>.)", "(?<x>.)[(?P<y>](?P<x>.)"] {
            assert_eq!(
                check_regexp(text),
                Err(CaptureError::DuplicateGroup("x".to_owned())),
                "{text}"
            );
        }
        for text in [r"(?P<x>[(?P<x>])", r"\\(?P<x>\(?P<x>)", "[(?P<x>]"] {
            assert!(
                !matches!(check_regexp(text), Err(CaptureError::DuplicateGroup(_))),
                "{text}"
            );
        }
    }
}
