//! The entry sink turns rows that came through the stages into entries, and says when a run has
//! given enough.

use crate::cursor::Place;
use crate::error::QueryError;
use crate::exec::log::entry::{ENTRY_BYTES, Entry, OutputLabels};
use crate::exec::log::frontier::Frontier;
use crate::exec::log::label_sets::LabelSets;
use crate::exec::log::top_k::TopK;
use hashbrown::HashSet;
use skald_logql::pipeline::{Row, RowSink};
use skald_model::{Batch, Charge, EntryHash, StreamId};
use skald_store::Piece;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of entries after which a thread hands them in before the piece is over.
const HANDED_IN_BYTES: usize = 256 << 10;

/// What was found in the piece at hand.
#[derive(Default)]
pub(super) struct Found {
    /// Entries that were not handed in yet.
    pub(super) entries: Vec<Entry>,
    /// How many were found in all, equal ones once.
    pub(super) count: usize,
    /// Those that equal ones may follow.
    seen: HashSet<(i64, StreamId, EntryHash), foldhash::fast::FixedState>,
}

impl Found {
    /// Goes on to the next piece.
    pub(super) fn begin(&mut self) {
        self.entries.clear();
        self.count = 0;
        self.seen.clear();
    }

    /// Takes an entry of a piece in; false when an equal one was found before.
    fn add(&mut self, piece: &Piece, entry: Entry) -> bool {
        let key = (entry.timestamp, entry.stream, entry.hash);
        let is_new = piece.sorted || self.seen.insert(key);
        self.count += usize::from(is_new);
        self.entries.push(entry);
        is_new
    }
}

/// Turns rows that came through the stages into entries.
pub(super) struct EntrySink<'a> {
    pub(super) top: &'a TopK,
    pub(super) frontier: &'a Frontier,
    pub(super) batch: &'a Batch,
    pub(super) piece: &'a Piece,
    pub(super) stream: StreamId,
    /// Whether rows come in the order of the answer.
    pub(super) ordered: bool,
    /// Entries, equal ones once, after which no other of the run counts, but for those of the last
    /// one's time where others may repeat them.
    pub(super) room: usize,
    /// The time of the entry that took the last room.
    pub(super) full_at: Option<i64>,
    /// Whether others may be repeats of entries of this time.
    pub(super) may_repeat: &'a dyn Fn(i64) -> bool,
    pub(super) found: &'a mut Found,
    pub(super) known_labels: &'a mut LabelSets,
    pub(super) held: &'a mut Charge,
    pub(super) matched: u64,
    /// Why the run ended, when that was not the sink's wish.
    pub(super) outcome: Result<(), QueryError>,
}

impl RowSink for EntrySink<'_> {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        let top = self.top;
        if self.frontier.is_beyond(row.timestamp) {
            return if self.ordered && top.run_may_stop() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            };
        }
        if self.full_at.is_some_and(|time| time != row.timestamp) {
            return ControlFlow::Break(());
        }
        let place = top.place(row.timestamp, self.stream);
        if place == Place::Before {
            return ControlFlow::Continue(());
        }
        self.matched += 1;
        let labels = match self.take_in(row) {
            Ok(labels) => labels,
            Err(error) => {
                self.outcome = Err(error);
                return ControlFlow::Break(());
            }
        };
        let entry = Entry {
            timestamp: row.timestamp,
            sequence: self.piece.sequence,
            row: row.row,
            stream: self.stream,
            hash: EntryHash::of_content(self.batch, row.row),
            content: content_hash(self.batch, row.row),
            labels,
            line: row.line.to_vec(),
        };
        if place == Place::Beside {
            self.found.entries.push(entry);
            return ControlFlow::Continue(());
        }
        if self.found.add(self.piece, entry) {
            self.room = self.room.saturating_sub(1);
        }
        if self.room == 0 && self.full_at.is_none() {
            if !(self.may_repeat)(row.timestamp) {
                return ControlFlow::Break(());
            }
            self.full_at = Some(row.timestamp);
        }
        ControlFlow::Continue(())
    }
}

impl EntrySink<'_> {
    /// Charges an entry, handing in those before it when they are many, and gives its labels.
    fn take_in(&mut self, row: &Row<'_>) -> Result<Arc<OutputLabels>, QueryError> {
        if self.held.bytes() > self.known_labels.bytes() + HANDED_IN_BYTES {
            let entries = std::mem::take(&mut self.found.entries);
            self.frontier.absorb(entries)?;
            self.held.cover(self.known_labels.bytes())?;
        }
        self.held.add(ENTRY_BYTES + row.line.len())?;
        self.known_labels.of(row, self.held)
    }
}

/// A hash of line and metadata that is the same in every process: a cursor names an entry by it.
fn content_hash(batch: &Batch, row: u32) -> u64 {
    let mut hash = xxhash_rust::xxh3::xxh3_64(batch.line(row));
    for (name, value) in batch.metadata_of(row) {
        hash = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), hash);
        hash = xxhash_rust::xxh3::xxh3_64_with_seed(value.as_bytes(), hash);
    }
    hash
}
