//! Which entries of what lies in a store nobody may see: deleted, or expired.
//!
//! From the view of a tenant ([`Hiding`]) to a part or chunk ([`SourceHiding`]) to a stream of it
//! ([`StreamHiding`]) to a run ([`Seen`]): each step drops what can't matter, so that untouched runs cost nothing.

use crate::deletes::Deletion;
use crate::part::PartMeta;
use crate::retention::Expiry;
use hashbrown::HashMap;
use skald_model::{Batch, Columns, Labels, MetadataWanted};
use std::ops::Range;
use std::sync::Arc;

/// What hides entries of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Hiding {
    pub(crate) deletions: Vec<Arc<Deletion>>,
    pub(crate) expiry: Expiry,
}

impl Hiding {
    /// What may touch a part.
    pub(crate) fn of_part(&self, part: &PartMeta) -> SourceHiding<'_> {
        let deletions = self
            .deletions
            .iter()
            .filter(|d| d.record.may_touch(part))
            .collect();
        SourceHiding {
            deletions,
            expiry: self.expiry.may_touch(part.min_time).then_some(&self.expiry),
        }
    }

    /// What may touch a chunk of the head.
    pub(crate) fn of_chunk(&self, sequence: u64, min_time: i64, max_time: i64) -> SourceHiding<'_> {
        let touches = |d: &&Arc<Deletion>| {
            d.record.is_after(sequence) && d.record.range().overlaps(min_time, max_time)
        };
        let deletions = self.deletions.iter().filter(touches).collect();
        SourceHiding {
            deletions,
            expiry: self.expiry.may_touch(min_time).then_some(&self.expiry),
        }
    }
}

/// What may hide entries of one part or chunk.
#[derive(Debug)]
pub(crate) struct SourceHiding<'a> {
    deletions: Vec<&'a Arc<Deletion>>,
    expiry: Option<&'a Expiry>,
}

impl SourceHiding<'_> {
    /// Whether nothing does.
    pub(crate) fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.expiry.is_none()
    }

    /// What may hide entries of a stream of it.
    pub(crate) fn of_stream(&self, labels: &Labels) -> StreamHiding {
        let matches = |d: &&&Arc<Deletion>| {
            crate::head::stream_registry::labels_match(labels, d.predicate.matchers())
        };
        let deletions = self
            .deletions
            .iter()
            .filter(matches)
            .map(|d| (*d).clone())
            .collect();
        let bound = self.expiry.map_or(i64::MIN, |expiry| expiry.bound(labels));
        StreamHiding {
            labels: labels.clone(),
            bound,
            deletions,
        }
    }
}

/// Looks at the runs of one part or chunk; what it found for a stream it keeps.
#[derive(Debug)]
pub(crate) struct Sight<'a> {
    hiding: SourceHiding<'a>,
    streams: HashMap<u32, StreamHiding>,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(hiding: SourceHiding<'a>) -> Sight<'a> {
        Sight {
            hiding,
            streams: HashMap::new(),
        }
    }

    /// What is to be seen of a run of stream `stream` with first and last of its times.
    pub(crate) fn of_run(
        &mut self,
        stream: u32,
        labels: impl FnOnce() -> Labels,
        (min_time, max_time): (i64, i64),
    ) -> Seen {
        if self.hiding.is_empty() {
            return Seen::All;
        }
        let hiding = &self.hiding;
        self.streams
            .entry(stream)
            .or_insert_with(|| hiding.of_stream(&labels()))
            .of_run(min_time, max_time)
    }

    /// Whether something is.
    pub(crate) fn sees(
        &mut self,
        stream: u32,
        labels: impl FnOnce() -> Labels,
        times: (i64, i64),
    ) -> bool {
        !matches!(self.of_run(stream, labels, times), Seen::None)
    }
}

/// What may hide entries of a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamHiding {
    labels: Labels,
    /// Earlier entries have expired.
    bound: i64,
    deletions: Vec<Arc<Deletion>>,
}

/// What is to be seen of a run.
#[derive(Debug)]
pub(crate) enum Seen {
    /// All of it.
    All,
    /// What this leaves.
    Some(Arc<StreamHiding>),
    /// None of it.
    None,
}

/// Entries that were left out, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) expired: u64,
    pub(crate) expired_bytes: u64,
    pub(crate) deleted: u64,
}

impl StreamHiding {
    /// Whether it hides nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.bound == i64::MIN
    }

    /// What is left of a run of these times.
    pub(crate) fn of_run(&self, min_time: i64, max_time: i64) -> Seen {
        let whole = |d: &Arc<Deletion>| {
            d.predicate.columns().is_none() && d.record.range().covers(min_time, max_time)
        };
        if max_time < self.bound || self.deletions.iter().any(whole) {
            return Seen::None;
        }
        let touches = |d: &&Arc<Deletion>| d.record.range().overlaps(min_time, max_time);
        let deletions: Vec<Arc<Deletion>> =
            self.deletions.iter().filter(touches).cloned().collect();
        if deletions.is_empty() && min_time >= self.bound {
            return Seen::All;
        }
        Seen::Some(Arc::new(StreamHiding {
            labels: self.labels.clone(),
            bound: self.bound,
            deletions,
        }))
    }

    /// Adds the columns it reads.
    pub(crate) fn widen(&self, columns: &mut Columns) {
        for wanted in self.deletions.iter().filter_map(|d| d.predicate.columns()) {
            columns.lines |= wanted.lines;
            columns.line_lengths |= wanted.line_lengths;
            match (&mut columns.metadata, &wanted.metadata) {
                (MetadataWanted::All, _) | (_, MetadataWanted::None) => {}
                (MetadataWanted::Names(have), MetadataWanted::Names(more)) => {
                    have.extend(more.iter().cloned())
                }
                (have, more) => *have = more.clone(),
            }
        }
    }

    /// The rows of a run that it leaves, in stretches; also how many it hides.
    pub(crate) fn visible(
        &self,
        batch: &Batch,
        rows: Range<u32>,
        mut each: impl FnMut(Range<u32>),
    ) -> Left {
        let deleted = self.deleted(batch, rows.clone());
        let mut deleted = deleted.iter().peekable();
        let mut left = Left::default();
        let mut start = rows.start;
        for row in rows.clone() {
            while deleted.next_if(|d| **d < row).is_some() {}
            let expired = batch.timestamps[row as usize] < self.bound;
            if !expired && deleted.peek() != Some(&&row) {
                continue;
            }
            if expired {
                left.expired += 1;
                left.expired_bytes += if batch.lines.is_empty() {
                    0
                } else {
                    batch.line_range(row).len() as u64
                };
            } else {
                left.deleted += 1;
            }
            if start < row {
                each(start..row);
            }
            start = row + 1;
        }
        if start < rows.end {
            each(start..rows.end);
        }
        left
    }

    /// Rows that some request matches, ascending.
    fn deleted(&self, batch: &Batch, rows: Range<u32>) -> Vec<u32> {
        let mut all = Vec::new();
        for deletion in &self.deletions {
            let range = deletion.record.range();
            let in_range = |row: &u32| range.contains(batch.timestamps[*row as usize]);
            match deletion.predicate.columns() {
                None => all.extend(rows.clone().filter(in_range)),
                Some(_) => {
                    all.extend(
                        deletion
                            .predicate
                            .matching(&self.labels, batch, rows.clone())
                            .into_iter()
                            .filter(in_range),
                    );
                }
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}
