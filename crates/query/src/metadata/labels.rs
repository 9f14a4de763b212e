//! Label questions (names, values, series, detected labels) are answered from indexes.

use crate::error::QueryError;
use crate::multi_tenant::Source;
use crate::request::{MetadataRequest, SeriesRequest};
use skald_logql::ast::{MatcherExpr, Selector};
use skald_model::{Labels, Matcher, TimeRange};
use std::collections::{BTreeMap, BTreeSet};

/// `start..=end` as a half-open range.
pub(crate) fn inclusive(start: i64, end: i64) -> TimeRange {
    TimeRange {
        start,
        end: end.saturating_add(1),
    }
}

/// The matchers of a selector in text; none for an empty text.
pub(crate) fn matchers(query: &str) -> Result<Vec<Matcher>, QueryError> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let selector = skald_logql::parse_selector(query).map_err(|e| QueryError::Bad(e.message))?;
    compiled(&selector)
}

/// The matchers of a parsed selector.
pub(crate) fn compiled(selector: &Selector) -> Result<Vec<Matcher>, QueryError> {
    let matcher = |m: &MatcherExpr| Matcher::new(&m.name, m.op, &m.value);
    let matchers: Result<Vec<_>, _> = selector.matchers.iter().map(matcher).collect();
    matchers.map_err(|e| QueryError::Bad(format!("parse error : {e}")))
}

/// `labels`
pub(crate) fn label_names(
    source: Source<'_>,
    request: &MetadataRequest,
) -> Result<Vec<String>, QueryError> {
    let matchers = matchers(&request.query)?;
    Ok(source.names(&matchers, inclusive(request.start, request.end))?)
}

/// `label/{name}/values`
pub(crate) fn label_values(
    source: Source<'_>,
    name: &str,
    request: &MetadataRequest,
) -> Result<Vec<String>, QueryError> {
    let matchers = matchers(&request.query)?;
    Ok(source.values(name, &matchers, inclusive(request.start, request.end))?)
}

/// `series`
pub(crate) fn series(
    source: Source<'_>,
    request: &SeriesRequest,
) -> Result<Vec<Labels>, QueryError> {
    let mut groups = Vec::new();
    for text in &request.groups {
        let selector = skald_logql::parse_selector(text).map_err(|e| QueryError::Bad(e.message))?;
        if selector.matchers.is_empty() && request.groups.len() > 1 {
            return Err(QueryError::Bad(format!("0 matchers in group: {text}")));
        }
        groups.push(compiled(&selector)?);
    }
    Ok(source.streams(&groups, inclusive(request.start, request.end))?)
}

/// Labels always worth showing in Drilldown, whatever their values look like; Loki's list.
const ALWAYS_DETECTED: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

/// `detected_labels`
pub(crate) fn detected_labels(
    source: Source<'_>,
    request: &MetadataRequest,
) -> Result<Vec<(String, u64)>, QueryError> {
    let matchers = matchers(&request.query)?;
    let streams = source.streams(&[matchers], inclusive(request.start, request.end))?;
    let mut values: BTreeMap<String, BTreeSet<String>> = Default::default();
    for labels in &streams {
        for (name, value) in labels {
            let set = values.entry(name.to_owned()).or_default();
            if !set.contains(value) {
                set.insert(value.to_owned());
            }
        }
    }
    let shown = |name: &str, set: &BTreeSet<String>| {
        let flags = set.len() <= 2 && set.iter().all(|v| v == "0" || v == "1");
        ALWAYS_DETECTED.contains(&name)
            || flags
            || !set.iter().all(|v| v.parse::<f64>().is_ok() || is_uuid(v))
    };
    Ok(values
        .iter()
        .filter(|(n, s)| shown(n, s))
        .map(|(n, s)| (n.clone(), s.len() as u64))
        .collect())
}

/// `8-4-4-4-12` hex digits.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_told_from_words() {
        assert!(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
        assert!(!is_uuid("123e4567-e89b-12d3-a456") && !is_uuid("prod"));
    }
}
