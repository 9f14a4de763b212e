//! What regexp and pattern expressions must name: checked while parsing, as Loki does.

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

/// Checks the expression of a regexp stage.
pub(super) fn check_regexp(text: &str) -> Result<(), CaptureError> {
    let regex = re2::search(text)?;
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    if let Some(duplicate) = first_duplicate(&names) {
        return Err(CaptureError::DuplicateGroup(duplicate.to_owned()));
    }
    if names.is_empty() {
        Err(CaptureError::NoGroup)
    } else {
        Ok(())
    }
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

/// The first name that has come before; a pattern may hold tens of thousands, so they are looked up.
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
    }
}
