//! Label questions (names, values, series, detected labels) are answered from indexes.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::request::{MetadataRequest, SeriesRequest};
use skald_logql::ast::{MatcherExpr, Selector};
use skald_model::{Charged, Labels, Matcher, TimeRange};
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
    context: &Context<'_>,
    request: &MetadataRequest,
) -> Result<Charged<Vec<String>>, QueryError> {
    let matchers = matchers(&request.query)?;
    let range = inclusive(request.start, request.end);
    let mut charge = context.charge();
    let value = context.source.names(&matchers, range, &mut charge)?;
    Ok(Charged { value, charge })
}

/// `label/{name}/values`
pub(crate) fn label_values(
    context: &Context<'_>,
    name: &str,
    request: &MetadataRequest,
) -> Result<Charged<Vec<String>>, QueryError> {
    let matchers = matchers(&request.query)?;
    let range = inclusive(request.start, request.end);
    let mut charge = context.charge();
    let source = context.source;
    let value = source.values(name, &matchers, range, &mut charge)?;
    Ok(Charged { value, charge })
}

/// Labels of the streams that match any of the groups.
fn streams(
    context: &Context<'_>,
    groups: &[Vec<Matcher>],
    range: TimeRange,
) -> Result<Charged<Vec<Labels>>, QueryError> {
    let mut charge = context.charge();
    let value = context.source.streams(groups, range, &mut charge)?;
    Ok(Charged { value, charge })
}

/// `series`
pub(crate) fn series(
    context: &Context<'_>,
    request: &SeriesRequest,
) -> Result<Charged<Vec<Labels>>, QueryError> {
    let mut groups = Vec::new();
    for text in &request.groups {
        let selector = skald_logql::parse_selector(text).map_err(|e| QueryError::Bad(e.message))?;
        if selector.matchers.is_empty() && request.groups.len() > 1 {
            return Err(QueryError::Bad(format!("0 matchers in group: {text}")));
        }
        groups.push(compiled(&selector)?);
    }
    streams(context, &groups, inclusive(request.start, request.end))
}

/// Labels always worth showing in Drilldown, whatever their values look like; Loki's list.
const ALWAYS_DETECTED: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

/// `detected_labels`
pub(crate) fn detected_labels(
    context: &Context<'_>,
    request: &MetadataRequest,
) -> Result<Charged<Vec<(String, u64)>>, QueryError> {
    let matchers = matchers(&request.query)?;
    let range = inclusive(request.start, request.end);
    let streams = streams(context, &[matchers], range)?;
    let mut charge = context.charge();
    let mut values: BTreeMap<String, BTreeSet<String>> = Default::default();
    for labels in streams.iter() {
        charge.work(labels.as_bytes().len())?;
        for (name, value) in labels {
            let set = values.entry(name.to_owned()).or_default();
            if !set.contains(value) {
                charge.add(size_of::<String>() + value.len())?;
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
    let found: Vec<(String, u64)> = values
        .iter()
        .filter(|(n, s)| shown(n, s))
        .map(|(n, s)| (n.clone(), s.len() as u64))
        .collect();
    let bytes = found.iter().map(|(name, _)| name.len()).sum();
    context.charged(found, bytes)
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
