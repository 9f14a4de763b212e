//! Leaving out what is deleted or expired when parts are rewritten.

use crate::deletes::Deletion;
use crate::deletes::visibility::{Hiding, Left, StreamHiding};
use crate::part::Part;
use crate::retention::Expiry;
use skald_model::{Batch, BatchBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a rewrite leaves out.
#[derive(Debug)]
pub(crate) struct Dropping {
    hiding: Hiding,
    counts: LeftOut,
}

/// Entries left out, counted by whoever rewrites.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    expired: AtomicU64,
    expired_bytes: AtomicU64,
    deleted: AtomicU64,
}

impl LeftOut {
    pub(crate) fn add(&self, left: Left) {
        self.expired.fetch_add(left.expired, Ordering::Relaxed);
        self.expired_bytes
            .fetch_add(left.expired_bytes, Ordering::Relaxed);
        self.deleted.fetch_add(left.deleted, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Left {
        Left {
            expired: self.expired.load(Ordering::Relaxed),
            expired_bytes: self.expired_bytes.load(Ordering::Relaxed),
            deleted: self.deleted.load(Ordering::Relaxed),
        }
    }
}

impl Dropping {
    /// Leaves out what requests that are due match, and what has expired.
    pub(crate) fn new(due: Vec<Arc<Deletion>>, expiry: Expiry) -> Dropping {
        Dropping {
            hiding: Hiding {
                deletions: due,
                expiry,
            },
            counts: LeftOut::default(),
        }
    }

    /// The requests it leaves nothing of.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.hiding.deletions.iter().map(|d| d.record.id).collect()
    }

    /// How much it left out so far.
    pub(crate) fn left_out(&self) -> Left {
        self.counts.get()
    }

    /// What it leaves out of a part; `None` when that is nothing.
    pub(crate) fn of_part(&self, part: &Part) -> Option<PartDropping<'_>> {
        let source = self.hiding.of_part(&part.meta);
        if source.is_empty() {
            return None;
        }
        let of_stream = |stream| {
            Some(source.of_stream(&part.table.labels(stream))).filter(|hiding| !hiding.is_empty())
        };
        let streams: Vec<Option<StreamHiding>> =
            (0..part.table.len() as u32).map(of_stream).collect();
        streams.iter().any(Option::is_some).then_some(PartDropping {
            streams,
            counts: &self.counts,
        })
    }
}

/// What is left out of one part.
#[derive(Debug)]
pub(crate) struct PartDropping<'a> {
    /// By the part's stream numbers.
    streams: Vec<Option<StreamHiding>>,
    counts: &'a LeftOut,
}

impl PartDropping<'_> {
    /// A block of the part without it.
    pub(crate) fn keep(&self, batch: Batch) -> Batch {
        if batch
            .runs
            .iter()
            .all(|run| self.streams[run.stream as usize].is_none())
        {
            return batch;
        }
        let mut kept = BatchBuilder::with_capacity(batch.len(), batch.lines.len());
        let mut left = Left::default();
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
                Some(hiding) => {
                    let more = hiding.visible(&batch, run.rows.clone(), &mut keep);
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
