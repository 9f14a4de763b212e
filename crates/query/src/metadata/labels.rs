//! Labels, series, statistics: answered from indexes and directories, no line is read.

use crate::answer::IndexStats;
use crate::engine::Engine;
use crate::error::QueryError;
use crate::exec::row_range;
use crate::request::{MetadataRequest, SeriesRequest};
use skald_logql::ast::Selector;
use skald_model::{Columns, ContentQuery, Labels, Matcher, MetadataWanted, TenantId, TimeRange};
use skald_store::{Piece, PieceRun, Select};

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

fn compiled(selector: &Selector) -> Result<Vec<Matcher>, QueryError> {
    let matcher = |m: &skald_logql::ast::MatcherExpr| Matcher::new(&m.name, m.op, &m.value);
    let matchers: Result<Vec<_>, _> = selector.matchers.iter().map(matcher).collect();
    matchers.map_err(|e| QueryError::Bad(format!("parse error : {e}")))
}

pub(crate) fn label_names(
    engine: &Engine,
    request: &MetadataRequest,
) -> Result<Vec<String>, QueryError> {
    let matchers = matchers(&request.query)?;
    Ok(engine.names(
        &request.tenant,
        &matchers,
        inclusive(request.start, request.end),
    )?)
}

pub(crate) fn label_values(
    engine: &Engine,
    name: &str,
    request: &MetadataRequest,
) -> Result<Vec<String>, QueryError> {
    let matchers = matchers(&request.query)?;
    Ok(engine.values(
        &request.tenant,
        name,
        &matchers,
        inclusive(request.start, request.end),
    )?)
}

pub(crate) fn series(engine: &Engine, request: &SeriesRequest) -> Result<Vec<Labels>, QueryError> {
    let mut groups = Vec::new();
    for text in &request.groups {
        let selector = skald_logql::parse_selector(text).map_err(|e| QueryError::Bad(e.message))?;
        if selector.matchers.is_empty() && request.groups.len() > 1 {
            return Err(QueryError::Bad(format!("0 matchers in group: {text}")));
        }
        groups.push(compiled(&selector)?);
    }
    Ok(engine.streams(
        &request.tenant,
        &groups,
        inclusive(request.start, request.end),
    )?)
}

/// Pieces of matching streams, for what their directory entries say.
pub(crate) fn pieces(
    engine: &Engine,
    tenant: &TenantId,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<skald_store::Selected, QueryError> {
    Ok(engine.select(
        tenant,
        &Select {
            matchers,
            range,
            content: &ContentQuery::default(),
        },
    )?)
}

/// The share of `amount`, spread evenly over a time of which first and last nanosecond are given, that
/// lies in `range`.
pub(crate) fn share((min_time, max_time): (i64, i64), range: &TimeRange, amount: u64) -> u64 {
    if !range.overlaps(min_time, max_time) {
        return 0;
    }
    if range.covers(min_time, max_time) {
        return amount;
    }
    let whole = i128::from(max_time) - i128::from(min_time) + 1;
    let first = i128::from(min_time.max(range.start));
    let last = i128::from(max_time.min(range.end - 1));
    (i128::from(amount) * (last - first + 1) / whole) as u64
}

pub(crate) fn index_stats(
    engine: &Engine,
    request: &MetadataRequest,
) -> Result<IndexStats, QueryError> {
    let matchers = matchers(&request.query)?;
    let range = inclusive(request.start, request.end);
    let selected = pieces(engine, &request.tenant, &matchers, range)?;
    let mut stats = IndexStats::default();
    let mut seen = vec![false; selected.streams.len()];
    for piece in &selected.pieces {
        stats.chunks += 1;
        for run in seen_runs(piece)? {
            if !range.overlaps(run.times.0, run.times.1) {
                continue;
            }
            stats.entries += share(run.times, &range, run.entries);
            stats.bytes += share(run.times, &range, run.bytes);
            seen[run.stream as usize] = true;
        }
    }
    stats.streams = seen.iter().filter(|s| **s).count() as u64;
    Ok(stats)
}

/// Labels always worth showing in Drilldown, whatever their values look like; Loki's list.
const ALWAYS_DETECTED: [&str; 4] = ["cluster", "namespace", "instance", "pod"];

pub(crate) fn detected_labels(
    engine: &Engine,
    request: &MetadataRequest,
) -> Result<Vec<(String, u64)>, QueryError> {
    let matchers = matchers(&request.query)?;
    let streams = engine.streams(
        &request.tenant,
        &[matchers],
        inclusive(request.start, request.end),
    )?;
    let mut values: std::collections::BTreeMap<String, std::collections::BTreeSet<String>> =
        Default::default();
    for labels in &streams {
        for (name, value) in labels {
            let set = values.entry(name.to_owned()).or_default();
            if !set.contains(value) {
                set.insert(value.to_owned());
            }
        }
    }
    let shown = |name: &str, set: &std::collections::BTreeSet<String>| {
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

/// What of a run is to be seen.
pub(crate) struct SeenRun {
    pub(crate) stream: u32,
    /// First and last.
    pub(crate) times: (i64, i64),
    pub(crate) entries: u64,
    /// Of lines and metadata.
    pub(crate) bytes: u64,
}

/// The runs of a piece by its directory entry; those with hidden entries by reading them.
pub(crate) fn seen_runs(piece: &Piece) -> Result<Vec<SeenRun>, QueryError> {
    let of_directory = |run: &PieceRun| SeenRun {
        stream: run.stream,
        times: (run.min_time, run.max_time),
        entries: run.entries(),
        bytes: run.line_bytes + run.metadata_bytes,
    };
    let mut seen: Vec<SeenRun> = piece
        .runs
        .iter()
        .filter(|run| run.whole)
        .map(of_directory)
        .collect();
    if seen.len() == piece.runs.len() {
        return Ok(seen);
    }
    let columns = Columns {
        lines: false,
        line_lengths: true,
        metadata: MetadataWanted::All,
    };
    // What can't be read is not there to be counted.
    let Some(read) = row_range::read(piece, &columns)? else {
        return Ok(seen);
    };
    for run in read.runs.iter().filter(|run| !piece.runs[run.run].whole) {
        let times = &read.batch.timestamps[run.rows.start as usize..run.rows.end as usize];
        let bounds = times
            .iter()
            .fold((i64::MAX, i64::MIN), |(low, high), time| {
                (low.min(*time), high.max(*time))
            });
        let metadata = |row| {
            read.batch
                .metadata_of(row)
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
        };
        let bytes = run
            .rows
            .clone()
            .map(|row| read.batch.line_range(row).len() + metadata(row))
            .sum::<usize>();
        seen.push(SeenRun {
            stream: run.stream,
            times: bounds,
            entries: times.len() as u64,
            bytes: bytes as u64,
        });
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shared_by_time() {
        assert_eq!(
            share((100, 199), &TimeRange { start: 0, end: 150 }, 1000),
            500
        );
        assert_eq!(
            share(
                (100, 199),
                &TimeRange {
                    start: 0,
                    end: 1000
                },
                1000
            ),
            1000
        );
        assert_eq!(
            share(
                (100, 199),
                &TimeRange {
                    start: 200,
                    end: 300
                },
                1000
            ),
            0
        );
    }

    #[test]
    fn uuids_are_told_from_words() {
        assert!(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
        assert!(!is_uuid("123e4567-e89b-12d3-a456") && !is_uuid("prod"));
    }
}
