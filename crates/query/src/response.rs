//! What was found → the shapes of an answer: entries grouped by labels, points grouped by series.

use crate::answer::{Data, EntryResult, MatrixSeries, PageEntry, StreamResult, VectorSample};
use crate::error::QueryError;
use crate::exec::context::series_warning;
use crate::exec::top_k::{Entry, OutputLabels};
use crate::limits::QueryLimits;
use hashbrown::{HashMap, HashTable};
use skald_logql::metric::{Evaluated, Matrix, Steps};
use skald_model::Labels;
use std::hash::BuildHasher;
use std::sync::Arc;

type Pairs = Vec<(String, String)>;

/// Groups entries by the labels they show; the order of entries stays. Groups are sorted by labels, or with
/// `in_order` stand as their first entries do.
pub(crate) fn streams(entries: Vec<Entry>, categorize: bool, in_order: bool) -> Vec<StreamResult> {
    let mut groups: Vec<StreamResult> = Vec::new();
    let mut by_labels: HashTable<usize> = HashTable::new();
    let mut by_pointer: HashMap<*const OutputLabels, (usize, Arc<OutputLabels>)> = HashMap::new();
    let hasher = foldhash::fast::RandomState::default();
    for entry in entries {
        let Entry {
            timestamp,
            line,
            labels,
            ..
        } = entry;
        let at = Arc::as_ptr(&labels);
        if let Some((group, labels)) = by_pointer.get(&at) {
            groups[*group]
                .entries
                .push(result(timestamp, line, labels, categorize));
            continue;
        }
        let result = result(timestamp, line, &labels, categorize);
        // Labels that no other entry has are moved into the answer.
        let (shown, shared) = match Arc::try_unwrap(labels) {
            Ok(labels) => (all_shown(labels, categorize), None),
            Err(labels) => (shown(&labels, categorize), Some(labels)),
        };
        let hash = hasher.hash_one(&shown);
        let group = match by_labels.find(hash, |group| groups[*group].labels == shown) {
            Some(group) => *group,
            None => {
                groups.push(StreamResult {
                    labels: shown,
                    entries: Vec::new(),
                });
                by_labels.insert_unique(hash, groups.len() - 1, |group| {
                    hasher.hash_one(&groups[*group].labels)
                });
                groups.len() - 1
            }
        };
        groups[group].entries.push(result);
        by_pointer.extend(shared.map(|labels| (at, (group, labels))));
    }
    if !in_order {
        groups.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    groups
}

impl PageEntry {
    pub(crate) fn new(timestamp: i64, line: Vec<u8>, labels: &OutputLabels) -> PageEntry {
        PageEntry {
            labels: labels.stream.clone(),
            entry: result(timestamp, line, labels, true),
        }
    }
}

/// One entry with its labels, as a tail sends it.
pub(crate) fn single(
    timestamp: i64,
    line: Vec<u8>,
    labels: &OutputLabels,
    categorize: bool,
) -> (Pairs, EntryResult) {
    (
        shown(labels, categorize),
        result(timestamp, line, labels, categorize),
    )
}

fn shown(labels: &OutputLabels, categorize: bool) -> Pairs {
    let OutputLabels {
        stream,
        metadata,
        parsed,
    } = labels;
    match categorize {
        true => stream.clone(),
        false => all_sorted([stream.clone(), metadata.clone(), parsed.clone()]),
    }
}

/// [`shown`] of labels that are no longer needed.
fn all_shown(labels: OutputLabels, categorize: bool) -> Pairs {
    let OutputLabels {
        stream,
        metadata,
        parsed,
    } = labels;
    if categorize {
        stream
    } else {
        all_sorted([stream, metadata, parsed])
    }
}

fn all_sorted(lists: [Pairs; 3]) -> Pairs {
    let mut pairs: Pairs = lists.into_iter().flatten().collect();
    pairs.sort();
    pairs
}

fn result(timestamp: i64, line: Vec<u8>, labels: &OutputLabels, categorize: bool) -> EntryResult {
    let (metadata, parsed) = if categorize {
        (labels.metadata.clone(), labels.parsed.clone())
    } else {
        (Vec::new(), Vec::new())
    };
    EntryResult {
        timestamp,
        line,
        metadata,
        parsed,
    }
}

/// A metric query's value over a range.
pub(crate) fn matrix(
    value: Evaluated,
    steps: &Steps,
    limits: &QueryLimits,
    warnings: &mut Vec<String>,
) -> Result<Data, QueryError> {
    let matrix = match value {
        Evaluated::Scalar(value) => {
            let points = (0..steps.count).map(|i| (steps.at(i), value)).collect();
            return Ok(Data::Matrix(vec![MatrixSeries {
                labels: Labels::empty(),
                points,
            }]));
        }
        Evaluated::Matrix(matrix) => matrix,
    };
    let mut series: Vec<MatrixSeries> = matrix
        .series
        .into_iter()
        .map(|s| MatrixSeries {
            labels: s.labels,
            points: s
                .points
                .into_iter()
                .enumerate()
                .filter_map(|(i, p)| p.map(|v| (steps.at(i), v)))
                .collect(),
        })
        .filter(|s| !s.points.is_empty())
        .collect();
    let within = within(series.len(), limits, warnings)?;
    series.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
    series.truncate(within);
    Ok(Data::Matrix(series))
}

/// A metric query's value at one instant.
pub(crate) fn vector(
    value: Evaluated,
    time: i64,
    limits: &QueryLimits,
    warnings: &mut Vec<String>,
) -> Result<Data, QueryError> {
    let Matrix { series, ordered } = match value {
        Evaluated::Scalar(value) => return Ok(Data::Scalar(time, value)),
        Evaluated::Matrix(matrix) => matrix,
    };
    let mut samples: Vec<VectorSample> = series
        .into_iter()
        .filter_map(|s| {
            Some(VectorSample {
                value: s.points.first().copied().flatten()?,
                labels: s.labels,
                timestamp: time,
            })
        })
        .collect();
    let within = within(samples.len(), limits, warnings)?;
    if !ordered {
        samples.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
    }
    samples.truncate(within);
    Ok(Data::Vector(samples))
}

/// How many of so many series are answered.
fn within(
    count: usize,
    limits: &QueryLimits,
    warnings: &mut Vec<String>,
) -> Result<usize, QueryError> {
    let max = limits.max_query_series;
    if count <= max {
        return Ok(count);
    }
    if !limits.partial {
        return Err(QueryError::Series(max));
    }
    warnings.push(series_warning(max));
    Ok(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp: i64, parsed: &str) -> Entry {
        let labels = OutputLabels {
            stream: vec![("app".into(), "x".into())],
            metadata: vec![("trace".into(), "t".into())],
            parsed: vec![("level".into(), parsed.into())],
        };
        let id = skald_model::StreamId(0);
        Entry {
            timestamp,
            sequence: 0,
            row: 0,
            id,
            content: 0,
            labels: Arc::new(labels),
            line: b"l".to_vec(),
        }
    }

    #[test]
    fn categories_decide_what_groups_entries() {
        let merged = streams(vec![entry(2, "b"), entry(1, "a")], false, false);
        assert_eq!(
            merged.iter().map(|s| s.labels.len()).collect::<Vec<_>>(),
            [3, 3]
        );
        assert_eq!(merged[0].labels[1], ("level".to_owned(), "a".to_owned()));
        let apart = streams(vec![entry(2, "b"), entry(1, "a")], true, false);
        assert_eq!(apart.len(), 1);
        assert_eq!(
            apart[0]
                .entries
                .iter()
                .map(|e| e.timestamp)
                .collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(
            apart[0].entries[0].parsed,
            [("level".to_owned(), "b".to_owned())]
        );
    }
}
