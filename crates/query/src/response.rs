//! Response building groups found entries by labels, and points by series, into an answer.

use crate::answer::{
    Answer, Data, EntryResult, MatrixSeries, Page, PageEntry, StreamResult, VectorSample,
    pairs_bytes,
};
use crate::cursor::Cursor;
use crate::error::{QueryError, series_warning};
use crate::exec::log::entry::{Entry, OutputLabels};
use crate::exec::{log, metric};
use crate::limits::QueryLimits;
use crate::request::Labelling;
use crate::stats::Stats;
use hashbrown::{HashMap, HashSet, HashTable};
use skald_logql::metric::{Evaluated, Matrix, Steps};
use skald_model::{Charge, Labels};
use std::hash::BuildHasher;
use std::sync::Arc;

type Pairs = Vec<(String, String)>;

/// The answer of a log query; `sorted` when its order is that of `| sort by`.
pub(crate) fn streams(
    mut found: log::rounds::Found,
    cursor: Option<Cursor>,
    labelling: Labelling,
    sorted: bool,
    limits: &QueryLimits,
) -> Result<Answer, QueryError> {
    if found.shortened {
        // A client that shows no warning would take the part for the whole.
        if !limits.partial {
            return Err(QueryError::Memory(limits.query_memory));
        }
        let count = found.entries.len();
        found.warnings.push(format!(
            "the answer was shortened to {count} entries to stay within the query's memory"
        ));
    }
    let mut charge = found.charge;
    let streams = grouped(found.entries, labelling, sorted, &mut charge)?;
    charge.cover(streams.iter().map(stream_bytes).sum())?;
    Ok(Answer {
        charge,
        ..answer(Data::Streams(streams), found.stats, found.warnings, cursor)
    })
}

fn stream_bytes(stream: &StreamResult) -> usize {
    let entries = stream.entries.iter().map(EntryResult::memory_bytes);
    size_of::<StreamResult>() + pairs_bytes(&stream.labels) + entries.sum::<usize>()
}

/// A page of a log query.
pub(crate) fn page(found: log::rounds::Found, cursor: Option<Cursor>) -> Result<Page, QueryError> {
    let mut charge = found.charge;
    let mut entries = Vec::with_capacity(found.entries.len());
    for entry in found.entries {
        charge.add(size_of::<PageEntry>() + entry.labels.bytes)?;
        entries.push(PageEntry::new(entry.timestamp, entry.line, &entry.labels));
    }
    Ok(Page {
        entries,
        stats: found.stats,
        warnings: found.warnings,
        cursor,
        charge,
    })
}

/// Puts an answer together; threads that met the same limit say so once.
fn answer(data: Data, stats: Stats, warnings: Vec<String>, cursor: Option<Cursor>) -> Answer {
    let mut seen = HashSet::new();
    let once = warnings
        .into_iter()
        .filter(|warning| seen.insert(warning.clone()));
    Answer {
        data,
        stats,
        warnings: once.collect(),
        cursor,
        charge: Charge::default(),
    }
}

/// Groups entries by the labels they show; the order of entries stays. Groups are sorted by labels,
/// or with `sorted` stand as their first entries do. `charge` has the entries, and is added to where
/// labels are copied.
fn grouped(
    entries: Vec<Entry>,
    labelling: Labelling,
    sorted: bool,
    charge: &mut Charge,
) -> Result<Vec<StreamResult>, QueryError> {
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
        let copied = match labelling {
            Labelling::Categorized => labels.bytes,
            Labelling::Merged => 0,
        };
        charge.add(copied)?;
        if let Some((group, labels)) = by_pointer.get(&at) {
            groups[*group]
                .entries
                .push(result(timestamp, line, labels, labelling));
            continue;
        }
        let result = result(timestamp, line, &labels, labelling);
        // Labels that no other entry has are moved into the answer.
        let (shown, shared) = match Arc::try_unwrap(labels) {
            Ok(labels) => (all_shown(labels, labelling), None),
            Err(labels) => {
                charge.add(labels.bytes)?;
                (shown(&labels, labelling), Some(labels))
            }
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
    if !sorted {
        groups.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    Ok(groups)
}

impl PageEntry {
    pub(crate) fn new(timestamp: i64, line: Vec<u8>, labels: &OutputLabels) -> PageEntry {
        PageEntry {
            labels: labels.stream.clone(),
            entry: result(timestamp, line, labels, Labelling::Categorized),
        }
    }
}

/// One entry with its labels, as a tail sends it.
pub(crate) fn single(
    timestamp: i64,
    line: Vec<u8>,
    labels: &OutputLabels,
    labelling: Labelling,
) -> (Pairs, EntryResult) {
    (
        shown(labels, labelling),
        result(timestamp, line, labels, labelling),
    )
}

fn shown(labels: &OutputLabels, labelling: Labelling) -> Pairs {
    let OutputLabels {
        stream,
        metadata,
        parsed,
        ..
    } = labels;
    match labelling {
        Labelling::Categorized => stream.clone(),
        Labelling::Merged => all_sorted([stream.clone(), metadata.clone(), parsed.clone()]),
    }
}

/// Does what [`shown`] does with labels that are no longer needed.
fn all_shown(labels: OutputLabels, labelling: Labelling) -> Pairs {
    let OutputLabels {
        stream,
        metadata,
        parsed,
        ..
    } = labels;
    match labelling {
        Labelling::Categorized => stream,
        Labelling::Merged => all_sorted([stream, metadata, parsed]),
    }
}

fn all_sorted(lists: [Pairs; 3]) -> Pairs {
    let mut pairs: Pairs = lists.into_iter().flatten().collect();
    pairs.sort();
    pairs
}

fn result(
    timestamp: i64,
    line: Vec<u8>,
    labels: &OutputLabels,
    labelling: Labelling,
) -> EntryResult {
    let (metadata, parsed) = match labelling {
        Labelling::Categorized => (labels.metadata.clone(), labels.parsed.clone()),
        Labelling::Merged => (Vec::new(), Vec::new()),
    };
    EntryResult {
        timestamp,
        line,
        metadata,
        parsed,
    }
}

/// The answer of a metric query over a range.
pub(crate) fn matrix(
    mut found: metric::query::Found,
    steps: &Steps,
    limits: &QueryLimits,
) -> Result<Answer, QueryError> {
    let data = match found.value {
        Evaluated::Scalar(value) => {
            let points = (0..steps.count).map(|i| (steps.at(i), value)).collect();
            Data::Matrix(vec![MatrixSeries {
                labels: Labels::empty(),
                points,
            }])
        }
        Evaluated::Matrix(matrix) => {
            let mut series = series_with_points(matrix, steps);
            let most = most_series(series.len(), limits, &mut found.warnings)?;
            series.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
            series.truncate(most);
            Data::Matrix(series)
        }
    };
    Ok(Answer {
        charge: found.charge,
        ..answer(data, found.stats, found.warnings, None)
    })
}

fn series_with_points(matrix: Matrix, steps: &Steps) -> Vec<MatrixSeries> {
    let series = matrix.series.into_iter().map(|s| MatrixSeries {
        labels: s.labels,
        points: s
            .points
            .into_iter()
            .enumerate()
            .filter_map(|(i, p)| p.map(|v| (steps.at(i), v)))
            .collect(),
    });
    series.filter(|s| !s.points.is_empty()).collect()
}

/// The answer of a metric query at one instant.
pub(crate) fn vector(
    mut found: metric::query::Found,
    time: i64,
    limits: &QueryLimits,
) -> Result<Answer, QueryError> {
    let data = match found.value {
        Evaluated::Scalar(value) => Data::Scalar(time, value),
        Evaluated::Matrix(Matrix { series, ordered }) => {
            let samples = series.into_iter().filter_map(|s| {
                Some(VectorSample {
                    value: s.points.first().copied().flatten()?,
                    labels: s.labels,
                    timestamp: time,
                })
            });
            let mut samples: Vec<VectorSample> = samples.collect();
            let most = most_series(samples.len(), limits, &mut found.warnings)?;
            if !ordered {
                samples.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
            }
            samples.truncate(most);
            Data::Vector(samples)
        }
    };
    Ok(Answer {
        charge: found.charge,
        ..answer(data, found.stats, found.warnings, None)
    })
}

/// How many of `count` series are answered.
fn most_series(
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
            bytes: 0,
        };
        Entry {
            labels: Arc::new(labels),
            ..Entry::at(timestamp, b"l")
        }
    }

    fn grouped(entries: Vec<Entry>, labelling: Labelling) -> Vec<StreamResult> {
        super::grouped(entries, labelling, false, &mut Charge::default()).expect("no limit")
    }

    #[test]
    fn categories_decide_what_groups_entries() {
        let merged = grouped(vec![entry(2, "b"), entry(1, "a")], Labelling::Merged);
        assert_eq!(
            merged.iter().map(|s| s.labels.len()).collect::<Vec<_>>(),
            [3, 3]
        );
        assert_eq!(merged[0].labels[1], ("level".to_owned(), "a".to_owned()));
        let categorized = grouped(vec![entry(2, "b"), entry(1, "a")], Labelling::Categorized);
        assert_eq!(categorized.len(), 1);
        assert_eq!(
            categorized[0]
                .entries
                .iter()
                .map(|e| e.timestamp)
                .collect::<Vec<_>>(),
            [2, 1]
        );
        assert_eq!(
            categorized[0].entries[0].parsed,
            [("level".to_owned(), "b".to_owned())]
        );
    }
}
