//! Terms of the stream index: a label's name, or its name and value.

use tantivy::schema::IndexRecordOption;

/// Longest term, in bytes. Longer pairs are truncated, and streams found through a truncated term
/// are compared whole.
pub(super) const TERM_BYTES_MAX: usize = 8 * 1024;

/// Separates the name of a label from its value in a term. Label names hold no NUL.
const SEPARATOR: u8 = 0;

/// Terms carry documents and nothing else.
pub(super) const POSTINGS: IndexRecordOption = IndexRecordOption::Basic;

/// The term of a label pair: `name NUL value`.
pub(super) fn pair_term(name: &str, value: &str) -> Vec<u8> {
    let mut term = Vec::with_capacity(name.len() + 1 + value.len());
    term.extend_from_slice(name.as_bytes());
    term.push(SEPARATOR);
    term.extend_from_slice(value.as_bytes());
    term
}

/// The term as it is indexed.
pub(super) fn truncate(term: &[u8]) -> &[u8] {
    &term[..term.len().min(TERM_BYTES_MAX)]
}
