//! Rows of metric queries that must not count twice: equal entries of one stream in two pieces.
//!
//! A part holds no repeats, so only runs that overlap in time with another piece (or lie unsorted in the
//! head) are looked at; and of these, lines are read only where two times are equal.

use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::row_range;
use hashbrown::{HashMap, HashSet};
use skald_model::{Columns, TimeRange};
use skald_store::Piece;

/// Rows to leave out, by piece.
pub(crate) type Repeats = HashMap<usize, Vec<u32>>;

/// A run by number: piece, run of the piece.
type RunAt = (usize, usize);

/// Finds the rows to leave out: of equal entries the one that arrived first stays.
pub(crate) fn find(
    pieces: &[Piece],
    range: &TimeRange,
    context: &Context,
) -> Result<Repeats, QueryError> {
    let mut by_stream: HashMap<u32, Vec<RunAt>> = HashMap::new();
    for (p, piece) in pieces.iter().enumerate() {
        for (r, run) in piece.runs.iter().enumerate() {
            if range.overlaps(run.min_time, run.max_time) {
                by_stream.entry(run.stream).or_default().push((p, r));
            }
        }
    }
    let mut suspects = Vec::new();
    for runs in by_stream.values_mut() {
        suspects.extend(overlapping(pieces, runs));
    }
    let mut repeats = Repeats::new();
    for group in suspects {
        for (piece, row) in repeated(pieces, &group, range, context)? {
            repeats.entry(piece).or_default().push(row);
        }
    }
    Ok(repeats)
}

/// Groups of runs of one stream whose times touch. A run alone is a group when it lies in the head.
fn overlapping(pieces: &[Piece], runs: &mut [RunAt]) -> Vec<Vec<RunAt>> {
    let run = |(p, r): RunAt| &pieces[p].runs[r];
    runs.sort_unstable_by_key(|at| (run(*at).min_time, run(*at).max_time));
    let mut groups: Vec<Vec<RunAt>> = Vec::new();
    let mut last = i64::MIN;
    for at in runs.iter() {
        match groups.last_mut() {
            Some(group) if run(*at).min_time <= last => group.push(*at),
            _ => groups.push(vec![*at]),
        }
        last = last.max(run(*at).max_time);
    }
    groups.retain(|group| {
        group.len() > 1
            || group
                .iter()
                .any(|(p, r)| !pieces[*p].sorted && run((*p, *r)).entries() > 1)
    });
    groups
}

/// Rows of a group that repeat an earlier arrival.
fn repeated(
    pieces: &[Piece],
    group: &[RunAt],
    range: &TimeRange,
    context: &Context,
) -> Result<Vec<(usize, u32)>, QueryError> {
    let mut times: Vec<(i64, u64, u32, usize)> = Vec::new();
    for (p, r) in group {
        context.check()?;
        let piece = &pieces[*p];
        let Some(read) = row_range::read(piece, &Columns::TIMES)? else {
            continue;
        };
        for run in read.runs.iter().filter(|run| run.run == *r) {
            for row in row_range::run_rows(&read.batch.timestamps, &run.rows, piece.sorted, range) {
                let time = read.batch.timestamps[row as usize];
                if range.contains(time) {
                    times.push((time, piece.sequence, row, *p));
                }
            }
        }
    }
    times.sort_unstable();
    let equal: Vec<&[(i64, u64, u32, usize)]> = times
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|c| c.len() > 1)
        .collect();
    if equal.is_empty() {
        return Ok(Vec::new());
    }
    let mut contents: HashMap<(usize, u32), u64> = HashMap::new();
    let touched: HashSet<usize> = equal.iter().flat_map(|c| c.iter().map(|e| e.3)).collect();
    for p in touched {
        context.check()?;
        let Some(read) = row_range::read(&pieces[p], &Columns::ALL)? else {
            continue;
        };
        for (_, _, row, _) in equal.iter().flat_map(|c| c.iter()).filter(|e| e.3 == p) {
            contents.insert((p, *row), row_range::content_hash(&read.batch, *row));
        }
    }
    let mut out = Vec::new();
    for same_time in equal {
        let mut seen = HashSet::new();
        for (_, _, row, p) in same_time {
            if contents
                .get(&(*p, *row))
                .is_some_and(|content| !seen.insert(*content))
            {
                out.push((*p, *row));
            }
        }
    }
    Ok(out)
}
