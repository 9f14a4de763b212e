//! Variables in a file: `${VAR}`, `${VAR:-default}` and the other forms that Loki's
//! `-config.expand-env` knows.

use super::file::FileError;
use std::collections::BTreeSet;

/// A text whose variables have their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Variables that are not set and have no default, which count as nothing.
    pub unset: BTreeSet<String>,
}

/// Replaces `${…}`; `$$` is a dollar sign. What a comment holds is neither checked nor missed.
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Expanded, FileError> {
    let mut out = Expanded::default();
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('#') {
            out.text.push_str(line);
            continue;
        }
        let mut variables = Variables {
            lookup: &lookup,
            unset: &mut out.unset,
        };
        let expanded = variables.expand(line)?;
        out.text.push_str(&expanded);
    }
    Ok(out)
}

/// `${A}, ${B} are not set`
pub fn are_not_set(names: &BTreeSet<String>) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("${{{name}}}")).collect();
    let are = if names.len() > 1 { "are" } else { "is" };
    format!("{} {are} not set", shown.join(", "))
}

/// Whether a text has a variable to expand, outside of comments.
pub fn has_variables(text: &str) -> bool {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    text.lines()
        .filter(|line| !is_comment(line))
        .any(|line| line.contains("${"))
}

struct Variables<'a, L> {
    lookup: &'a L,
    unset: &'a mut BTreeSet<String>,
}

impl<L: Fn(&str) -> Option<String>> Variables<'_, L> {
    fn expand(&mut self, text: &str) -> Result<String, FileError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("$$") {
                out.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("${") {
                let end = closing_brace(after).ok_or(FileError::Brace)?;
                out.push_str(&self.value(&after[..end])?);
                rest = &after[end + 1..];
            } else {
                out.push('$');
                rest = &rest[1..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The value of what stands between the braces.
    fn value(&mut self, inside: &str) -> Result<String, FileError> {
        if let Some(name) = inside.strip_prefix('#') {
            return Ok(self.of(name).len().to_string());
        }
        let name_end = inside
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(inside.len());
        let (name, operation) = inside.split_at(name_end);
        if name.is_empty() {
            return Err(FileError::Variable(inside.to_owned()));
        }
        if let Some(default) = default_of(operation) {
            return match self.known(name) {
                Some(value) => Ok(value),
                None => self.expand(default),
            };
        }
        let value = self.of(name);
        apply(&value, &self.expand(operation)?)
            .ok_or_else(|| FileError::Variable(inside.to_owned()))
    }

    /// A variable's value, if it has one that is not empty.
    fn known(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A variable's value; nothing when it is not set, which is noted.
    fn of(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.insert(name.to_owned());
            String::new()
        })
    }
}

/// Where the brace ends that is open at the beginning; others may be open within.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The default in `:-default`, `-default`, `:=default`, `=default`, `:?…`, `:+…` (which Loki takes
/// for defaults too) and `:default`, but not in `:1:2`, which is a part of the value.
fn default_of(operation: &str) -> Option<&str> {
    if let Some(rest) = operation.strip_prefix(':') {
        let is_part = rest.split_once(':').is_some_and(|(at, length)| {
            at.parse::<usize>().is_ok() && length.parse::<usize>().is_ok()
        });
        return (!is_part).then(|| rest.strip_prefix(['-', '=', '?', '+']).unwrap_or(rest));
    }
    operation.strip_prefix(['-', '='])
}

/// What an operation makes of a value; `None` when there is no such operation.
fn apply(value: &str, operation: &str) -> Option<String> {
    let first = |change: fn(char) -> String| {
        let mut rest = value.chars();
        rest.next().map(change).unwrap_or_default() + rest.as_str()
    };
    Some(match operation {
        "" => value.to_owned(),
        "^^" => value.to_uppercase(),
        ",," => value.to_lowercase(),
        "^" => first(|c| c.to_uppercase().collect()),
        "," => first(|c| c.to_lowercase().collect()),
        _ => match operation.strip_prefix(':') {
            Some(part) => part_of(value, part)?,
            None => replaced(value, operation.strip_prefix('/')?),
        },
    })
}

/// `at:length`, in letters.
fn part_of(value: &str, part: &str) -> Option<String> {
    let (at, length) = part.split_once(':')?;
    let (at, length) = (at.parse().ok()?, length.parse().ok()?);
    Some(value.chars().skip(at).take(length).collect())
}

/// `old/new` for the first, `/old/new` for all, `#old/new` at the beginning, `%old/new` at the end.
fn replaced(value: &str, operation: &str) -> String {
    let (kind, pair) = match operation.strip_prefix(['/', '#', '%']) {
        Some(pair) => (&operation[..1], pair),
        None => ("", operation),
    };
    let (old, new) = pair.split_once('/').unwrap_or((pair, ""));
    let joined = |rest: Option<String>| rest.unwrap_or_else(|| value.to_owned());
    match kind {
        "/" => value.replace(old, new),
        "#" => joined(value.strip_prefix(old).map(|rest| format!("{new}{rest}"))),
        "%" => joined(value.strip_suffix(old).map(|rest| format!("{rest}{new}"))),
        _ => value.replacen(old, new, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "PORT" => Some("3200".to_owned()),
            "NAME" => Some("abcDEF".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn check(text: &str, expected: Result<&str, FileError>) {
        let expanded = expand(text, lookup).map(|e| e.text);
        assert_eq!(expanded, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn variables_have_their_values_or_defaults() {
        check("a ${PORT} b", Ok("a 3200 b"));
        check(
            "${X:-y} ${X:y} ${X-y} ${X=y} ${X:=y} ${EMPTY:-y}",
            Ok("y y y y y y"),
        );
        check("${PORT:-1} ${PORT:1} ${PORT-1}", Ok("3200 3200 3200"));
        check("${X:-http://${Y:-h}:${PORT}/}", Ok("http://h:3200/"));
        check("${X:-z:1} ${X:-}.", Ok("z:1 ."));
        check("$PORT $1 $$ $${PORT} $$$$", Ok("$PORT $1 $ ${PORT} $$"));
        check("${X", Err(FileError::Brace));
        check("${}", Err(FileError::Variable(String::new())));
        check("${PORT~}", Err(FileError::Variable("PORT~".to_owned())));
    }

    #[test]
    fn a_value_can_be_changed_as_in_a_shell() {
        for (text, expected) in [
            (
                "${NAME^^} ${NAME,,} ${NAME^} ${NAME,}",
                "ABCDEF abcdef AbcDEF abcDEF",
            ),
            ("${#NAME}", "6"),
            (
                "${NAME:1:2} ${NAME:4:9} ${NAME:9:1}. ${NAME:-2:9}",
                "bc EF . abcDEF",
            ),
            (
                "${NAME/c/x} ${NAME//D/y} ${NAME/#ab/} ${NAME/%EF/z} ${NAME/q/r}",
                "abxDEF abcyEF cDEF abcDz abcDEF",
            ),
        ] {
            check(text, Ok(expected));
        }
    }

    #[test]
    fn what_is_not_set_is_noted_unless_it_has_a_default_or_is_a_comment() {
        let text = "a: ${X}\n  # ${Y and ${Z}\nb: ${W:-1}${EMPTY}${X}\n";
        let expanded = expand(text, lookup).expect("a valid text");
        assert_eq!(expanded.text, "a: \n  # ${Y and ${Z}\nb: 1\n");
        assert_eq!(expanded.unset.into_iter().collect::<Vec<_>>(), ["X"]);
        assert!(has_variables(text));
        assert!(!has_variables("# ${X}\na: $X\n"));
    }
}
