//! Index statistics count streams, blocks, entries and bytes by directory entries; no line is read.

use crate::answer::IndexStats;
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::row_range;
use crate::metadata::labels;
use crate::parsed::Parsed;
use crate::request::MetadataRequest;
use skald_model::{Charge, Charged, Columns, ContentQuery, Matcher, MetadataWanted, TimeRange};
use skald_store::{Piece, PieceRun, Select, Selected};

/// Pieces of matching streams, for their directory entries.
pub(crate) fn pieces(
    context: &Context<'_>,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Charged<Selected>, QueryError> {
    context.select(&Select {
        matchers,
        range,
        content: &ContentQuery::default(),
    })
}

/// The share of `amount`, spread evenly over a time of which first and last nanosecond are given,
/// that lies in `range`.
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

/// `index/stats`
pub(crate) fn index_stats(
    context: &Context<'_>,
    request: &MetadataRequest,
) -> Result<IndexStats, QueryError> {
    let matchers = labels::matchers(&request.query)?;
    let range = labels::inclusive(request.start, request.end);
    stats(context, &matchers, range)
}

fn stats(
    context: &Context<'_>,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<IndexStats, QueryError> {
    let selected = pieces(context, matchers, range)?;
    let mut stats = IndexStats::default();
    let mut has_entries = vec![false; selected.streams.len()];
    for piece in &selected.pieces {
        context.interrupt.check()?;
        stats.chunks += 1;
        for run in visible_runs(piece, &mut context.charge())? {
            if !range.overlaps(run.times.0, run.times.1) {
                continue;
            }
            stats.entries += share(run.times, &range, run.entries);
            stats.bytes += share(run.times, &range, run.bytes);
            has_entries[run.stream as usize] = true;
        }
    }
    stats.streams = has_entries.iter().filter(|s| **s).count() as u64;
    Ok(stats)
}

/// Bytes that a query has to look at: those of each of its selectors, over the times that it reads.
pub(crate) fn bytes_to_read(
    context: &Context<'_>,
    query: &Parsed,
    range: TimeRange,
) -> Result<u64, QueryError> {
    let mut bytes = 0u64;
    for read in query.reads() {
        let matchers = labels::compiled(read.selector)?;
        let start = range.start.saturating_sub(read.look_back());
        let stats = stats(context, &matchers, TimeRange { start, ..range })?;
        bytes = bytes.saturating_add(stats.bytes);
    }
    Ok(bytes)
}

/// The visible entries of a run: those that no delete and no expiry hides.
pub(crate) struct VisibleRun {
    pub(crate) stream: u32,
    /// First and last.
    pub(crate) times: (i64, i64),
    pub(crate) entries: u64,
    /// Of lines and metadata.
    pub(crate) bytes: u64,
}

/// The runs of a piece by its directory entry; those with hidden entries by reading them.
pub(crate) fn visible_runs(
    piece: &Piece,
    held: &mut Charge,
) -> Result<Vec<VisibleRun>, QueryError> {
    let of_directory = |run: &PieceRun| VisibleRun {
        stream: run.stream,
        times: (run.min_time, run.max_time),
        entries: run.entries(),
        bytes: run.line_bytes + run.metadata_bytes,
    };
    let mut visible: Vec<VisibleRun> = piece
        .runs
        .iter()
        .filter(|run| run.whole)
        .map(of_directory)
        .collect();
    if visible.len() == piece.runs.len() {
        return Ok(visible);
    }
    let columns = Columns {
        lines: false,
        line_lengths: true,
        metadata: MetadataWanted::All,
    };
    // What can't be read is not there to be counted.
    let Some(read) = row_range::read(piece, &columns, held)? else {
        return Ok(visible);
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
        visible.push(VisibleRun {
            stream: run.stream,
            times: bounds,
            entries: times.len() as u64,
            bytes: bytes as u64,
        });
    }
    Ok(visible)
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
}
