//! Deduplication: finds the rows of metric queries that must not count twice, equal entries in two
//! pieces.
//!
//! A part holds no repeats, so only runs that overlap in time with another piece (or lie unsorted
//! in the head) are looked at; of these, lines are read only where two times are equal; and of
//! these, bytes are compared only where hashes are equal.

use crate::error::QueryError;
use crate::exec::interrupt::Interrupt;
use crate::exec::row_range;
use hashbrown::HashMap;
use skald_model::{Batch, Charge, Columns, EntryHash, TimeRange, entry_eq};
use skald_store::{Piece, PieceRows};
use std::hash::Hash;

/// Rows to leave out, by piece.
pub(crate) type Repeats = HashMap<usize, Vec<u32>>;

/// A run by number: piece, run of the piece.
type RunAt = (usize, usize);

/// A row by number: piece, row of the piece.
type RowAt = (usize, u32);

/// Bytes of a row in the maps of those with equal times and of their hashes.
const HASHED_BYTES: usize = 96;

/// Finds the rows to leave out: of equal entries the one that arrived first stays.
pub(crate) fn find(
    pieces: &[Piece],
    range: &TimeRange,
    interrupt: &Interrupt,
) -> Result<Repeats, QueryError> {
    find_by(pieces, range, interrupt, EntryHash::of_content)
}

/// Finds repeats; `hash` tells most unequal entries of one stream and time from each other.
fn find_by<H: Eq + Hash>(
    pieces: &[Piece],
    range: &TimeRange,
    interrupt: &Interrupt,
    hash: impl Fn(&Batch, u32) -> H,
) -> Result<Repeats, QueryError> {
    let mut by_stream: HashMap<u32, Vec<RunAt>> = HashMap::new();
    for (p, piece) in pieces.iter().enumerate() {
        for (r, run) in piece.runs.iter().enumerate() {
            if range.overlaps(run.min_time, run.max_time) {
                by_stream.entry(run.stream).or_default().push((p, r));
            }
        }
    }
    let mut repeats = Repeats::new();
    let mut held = interrupt.charge();
    for runs in by_stream.values_mut() {
        for group in overlapping(pieces, runs) {
            let equal_times = equal_times(pieces, &group, range, &mut held)?;
            if equal_times.is_empty() {
                continue;
            }
            let mut alike = equal_hashes(pieces, equal_times, &mut held, &hash)?;
            // Once, unless hashes collide: then the rows that differ from the first are compared
            // with each other.
            while !alike.is_empty() {
                alike = split_off_equal(pieces, alike, &mut held, &mut repeats)?;
            }
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

/// Rows of a group that share their time with others: lists of at least two, in order of arrival.
fn equal_times(
    pieces: &[Piece],
    group: &[RunAt],
    range: &TimeRange,
    held: &mut Charge,
) -> Result<Vec<Vec<RowAt>>, QueryError> {
    let mut times: Vec<(i64, u64, u32, usize)> = Vec::new();
    let (mut batch, mut listed) = (held.another(), held.another());
    for (p, r) in group {
        held.check()?;
        let piece = &pieces[*p];
        let Some(read) = row_range::read(piece, &Columns::TIMES, &mut batch)? else {
            continue;
        };
        for run in read.runs.iter().filter(|run| run.run == *r) {
            for row in row_range::run_rows(&read.batch.timestamps, &run.rows, piece.sorted, range) {
                let time = read.batch.timestamps[row as usize];
                if range.contains(time) {
                    listed.reserve(&mut times, 1)?;
                    times.push((time, piece.sequence, row, *p));
                }
            }
        }
    }
    times.sort_unstable();
    let lists = times.chunk_by(|a, b| a.0 == b.0).filter(|c| c.len() > 1);
    let rows: usize = lists.clone().map(<[_]>::len).sum();
    held.cover(rows * HASHED_BYTES)?;
    Ok(lists
        .map(|list| list.iter().map(|(_, _, row, p)| (*p, *row)).collect())
        .collect())
}

/// Of rows of equal time those with equal hashes: lists of at least two, in order of arrival.
fn equal_hashes<H: Eq + Hash>(
    pieces: &[Piece],
    equal_times: Vec<Vec<RowAt>>,
    held: &mut Charge,
    hash: impl Fn(&Batch, u32) -> H,
) -> Result<Vec<Vec<RowAt>>, QueryError> {
    let mut by_piece: HashMap<usize, Vec<u32>> = HashMap::new();
    for (p, row) in equal_times.iter().flatten() {
        by_piece.entry(*p).or_default().push(*row);
    }
    let mut hashes: HashMap<RowAt, H> = HashMap::new();
    let mut batch = held.another();
    for (p, rows) in by_piece {
        held.check()?;
        let Some(read) = row_range::read(&pieces[p], &Columns::ALL, &mut batch)? else {
            continue;
        };
        hashes.extend(rows.iter().map(|row| ((p, *row), hash(&read.batch, *row))));
    }
    let mut alike = Vec::new();
    for rows in equal_times {
        let mut by_hash: HashMap<&H, Vec<RowAt>> = HashMap::new();
        for row in rows {
            if let Some(hash) = hashes.get(&row) {
                by_hash.entry(hash).or_default().push(row);
            }
        }
        alike.extend(by_hash.into_values().filter(|rows| rows.len() > 1));
    }
    Ok(alike)
}

/// Compares the rows of each list with its first, by their bytes. Equal ones are repeats; lists of
/// at least two that are not are left.
fn split_off_equal(
    pieces: &[Piece],
    alike: Vec<Vec<RowAt>>,
    held: &mut Charge,
    repeats: &mut Repeats,
) -> Result<Vec<Vec<RowAt>>, QueryError> {
    let mut pairs: Vec<(RowAt, RowAt, usize)> = Vec::new();
    for (list, rows) in alike.iter().enumerate() {
        pairs.extend(rows[1..].iter().map(|later| (rows[0], *later, list)));
    }
    // By pieces, so that each is read about once.
    pairs.sort_unstable_by_key(|((p, _), (q, _), list)| (*p, *q, *list));
    let mut left: Vec<Vec<RowAt>> = vec![Vec::new(); alike.len()];
    let (mut firsts, mut laters) = (PieceBatch::new(held), PieceBatch::new(held));
    for (first, later, list) in pairs {
        held.check()?;
        let first_batch = firsts.of(pieces, first.0)?;
        let later_batch = match later.0 == first.0 {
            true => first_batch,
            false => laters.of(pieces, later.0)?,
        };
        match (first_batch, later_batch) {
            (Some(a), Some(b)) if entry_eq((a, first.1), (b, later.1)) => {
                repeats.entry(later.0).or_default().push(later.1);
            }
            _ => left[list].push(later),
        }
    }
    left.retain(|rows| rows.len() > 1);
    left.iter_mut()
        .for_each(|rows| rows.sort_unstable_by_key(|(p, row)| (pieces[*p].sequence, *row)));
    Ok(left)
}

/// The piece that was read last.
struct PieceBatch {
    number: Option<usize>,
    read: Option<PieceRows>,
    held: Charge,
}

impl PieceBatch {
    fn new(held: &Charge) -> PieceBatch {
        PieceBatch {
            number: None,
            read: None,
            held: held.another(),
        }
    }

    /// The entries of a piece; `None` when it is damaged.
    fn of(&mut self, pieces: &[Piece], number: usize) -> Result<Option<&Batch>, QueryError> {
        if self.number != Some(number) {
            self.read = row_range::read(&pieces[number], &Columns::ALL, &mut self.held)?;
            self.number = Some(number);
        }
        Ok(self.read.as_ref().map(|read| &*read.batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Cancel, QueryLimits};
    use skald_model::{ContentQuery, Labels, StreamId, TenantId};
    use skald_model::{WriteBatch, WriteEntry, WriteStream};
    use skald_store::{Options, Select, Store};
    use std::sync::mpsc;

    fn push(store: &Store, lines: &[&str]) {
        let labels = Labels::from_pairs([("app", "a")]);
        let entries = lines.iter().map(|line| WriteEntry {
            timestamp: 5,
            line: line.as_bytes(),
            metadata: 0..0,
        });
        let batch = WriteBatch {
            streams: vec![WriteStream {
                id: StreamId::of(&labels),
                labels,
                rows: 0..lines.len() as u32,
            }],
            entries: entries.collect(),
            ..WriteBatch::default()
        };
        let (sender, receiver) = mpsc::channel();
        let done = Box::new(move |result| drop(sender.send(result)));
        store
            .write(&TenantId::fake(), &batch, done)
            .expect("the store takes writes");
        receiver
            .recv()
            .expect("a push is always answered")
            .expect("the disk takes it");
    }

    #[test]
    fn where_hashes_are_equal_bytes_decide() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = Options {
            background: false,
            ..Options::new(folder.path())
        };
        let store = Store::open(options).expect("the directory opens");
        push(&store, &["a", "b", "c"]);
        store.flush().expect("the disk takes it");
        push(&store, &["b", "d", "a", "d", "b"]);
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &ContentQuery::default(),
        };
        let selected = store
            .select(&TenantId::fake(), &select)
            .expect("the store can be read");
        let pieces = &selected.pieces;
        let interrupt = Interrupt::new(store.budget(), &Cancel::default(), &QueryLimits::default());
        let count = |repeats: Repeats| repeats.values().map(Vec::len).sum::<usize>();
        let sorted = |mut repeats: Repeats| {
            repeats.values_mut().for_each(|rows| rows.sort_unstable());
            repeats
        };
        let range = TimeRange::ALL;
        let by_hash = find(pieces, &range, &interrupt).expect("the store can be read");
        let colliding =
            find_by(pieces, &range, &interrupt, |_, _| ()).expect("the store can be read");
        assert_eq!(count(by_hash.clone()), 4);
        assert_eq!(sorted(colliding), sorted(by_hash));
    }
}
