//! Regexes that stand in a template are compiled once.

use std::collections::HashMap;

/// Compiled regexes by their text, or why they can't be.
pub(crate) type Regexes = HashMap<Vec<u8>, Result<regex::bytes::Regex, String>>;

/// Compiles each of them.
pub(crate) fn compiled(patterns: Vec<Vec<u8>>) -> Regexes {
    let with_regex = |pattern: Vec<u8>| {
        let regex = compile(&pattern);
        (pattern, regex)
    };
    patterns.into_iter().map(with_regex).collect()
}

/// A regex in RE2's syntax, or Go's words why it is none.
pub(crate) fn compile(pattern: &[u8]) -> Result<regex::bytes::Regex, String> {
    let pattern = std::str::from_utf8(pattern)
        .map_err(|_| "error parsing regexp: invalid UTF-8".to_owned())?;
    skald_model::re2::search(pattern).map_err(|e| e.to_string())
}
