//! Drop filter: removes deleted and expired entries while a part is rewritten.

use crate::deletes::Deletion;
use crate::deletes::visibility::{Dropped, StreamVisibility, Visibility};
use crate::part::Part;
use crate::retention::Expiry;
use skald_model::{Batch, BatchBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a rewrite leaves out.
#[derive(Debug)]
pub(crate) struct DropFilter {
    visibility: Visibility,
    counts: DroppedCounters,
}

/// Counters of the entries dropped.
#[derive(Debug, Default)]
pub(crate) struct DroppedCounters {
    expired: AtomicU64,
    expired_bytes: AtomicU64,
    deleted: AtomicU64,
}

impl DroppedCounters {
    pub(crate) fn add(&self, left: Dropped) {
        self.expired.fetch_add(left.expired, Ordering::Relaxed);
        self.expired_bytes
            .fetch_add(left.expired_bytes, Ordering::Relaxed);
        self.deleted.fetch_add(left.deleted, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Dropped {
        Dropped {
            expired: self.expired.load(Ordering::Relaxed),
            expired_bytes: self.expired_bytes.load(Ordering::Relaxed),
            deleted: self.deleted.load(Ordering::Relaxed),
        }
    }
}

impl DropFilter {
    /// Leaves out what requests that are due match, and what has expired.
    pub(crate) fn new(due: Vec<Arc<Deletion>>, expiry: Expiry) -> DropFilter {
        DropFilter {
            visibility: Visibility {
                deletions: due,
                expiry,
            },
            counts: DroppedCounters::default(),
        }
    }

    /// The requests it leaves nothing of.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.visibility
            .deletions
            .iter()
            .map(|d| d.record.id)
            .collect()
    }

    /// How much it left out so far.
    pub(crate) fn dropped(&self) -> Dropped {
        self.counts.get()
    }

    /// What it leaves out of a part; `None` when that is nothing.
    pub(crate) fn of_part(&self, part: &Part) -> Option<PartDropFilter<'_>> {
        let source = self.visibility.of_part(&part.meta);
        if source.is_empty() {
            return None;
        }
        let of_stream = |stream| {
            Some(source.of_stream(&part.table.labels(stream)))
                .filter(|visibility| !visibility.is_empty())
        };
        let streams: Vec<Option<StreamVisibility>> =
            (0..part.table.len() as u32).map(of_stream).collect();
        streams
            .iter()
            .any(Option::is_some)
            .then_some(PartDropFilter {
                streams,
                counts: &self.counts,
            })
    }
}

/// What is left out of one part.
#[derive(Debug)]
pub(crate) struct PartDropFilter<'a> {
    /// By the part's stream numbers.
    streams: Vec<Option<StreamVisibility>>,
    counts: &'a DroppedCounters,
}

impl PartDropFilter<'_> {
    /// A block of the part without it.
    pub(crate) fn apply(&self, batch: Batch) -> Batch {
        if batch
            .runs
            .iter()
            .all(|run| self.streams[run.stream as usize].is_none())
        {
            return batch;
        }
        let mut kept = BatchBuilder::with_capacity(batch.len(), batch.lines.len());
        let mut left = Dropped::default();
        for run in &batch.runs {
            let mut keep = |rows: std::ops::Range<u32>| {
                for row in rows {
                    let line = &batch.lines[batch.line_range(row)];
                    kept.push(
                        run.stream,
                        batch.timestamps[row as usize],
                        line,
                        batch.metadata_of(row),
                    );
                }
            };
            match &self.streams[run.stream as usize] {
                None => keep(run.rows.clone()),
                Some(visibility) => {
                    let more = visibility.visible(&batch, run.rows.clone(), &mut keep);
                    left.expired += more.expired;
                    left.expired_bytes += more.expired_bytes;
                    left.deleted += more.deleted;
                }
            }
        }
        self.counts.add(left);
        kept.finish()
    }
}
