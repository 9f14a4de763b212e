//! Visibility: which stored entries queries may see, and which are hidden because they are deleted
//! or expired.
//!
//! From a tenant ([`Visibility`]) to a part or chunk ([`SourceVisibility`]) to a stream of it
//! ([`StreamVisibility`]) to a run ([`Visible`]): each step drops what can't matter, so that
//! untouched runs cost nothing.

use crate::deletes::Deletion;
use crate::part::PartMeta;
use crate::retention::Expiry;
use crate::sequence::Sequence;
use hashbrown::HashMap;
use skald_model::{Batch, Columns, Labels, MetadataWanted};
use std::ops::Range;
use std::sync::Arc;

/// Deletions and expiry of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Visibility {
    pub(crate) deletions: Vec<Arc<Deletion>>,
    pub(crate) expiry: Expiry,
}

impl Visibility {
    /// Those that may hide entries of a part.
    pub(crate) fn of_part(&self, part: &PartMeta) -> SourceVisibility<'_> {
        let deletions = self
            .deletions
            .iter()
            .filter(|d| d.record.may_touch(part))
            .collect();
        self.of_source(deletions, part.min_time, part.arrived)
    }

    /// Those that may hide entries of a chunk of the head.
    pub(crate) fn of_chunk(
        &self,
        sequence: Sequence,
        min_time: i64,
        max_time: i64,
    ) -> SourceVisibility<'_> {
        let touches = |d: &&Arc<Deletion>| {
            d.record.is_after(sequence) && d.record.range().overlaps(min_time, max_time)
        };
        let deletions = self.deletions.iter().filter(touches).collect();
        // What is in the head came lately.
        self.of_source(deletions, min_time, Some(i64::MAX))
    }

    fn of_source<'a>(
        &'a self,
        deletions: Vec<&'a Arc<Deletion>>,
        min_time: i64,
        arrived: Option<i64>,
    ) -> SourceVisibility<'a> {
        let touches = self.expiry.may_touch(min_time, arrived);
        SourceVisibility {
            deletions,
            expiry: touches.then_some((&self.expiry, arrived)),
        }
    }
}

/// Deletions and expiry that may hide entries of one part or chunk.
#[derive(Debug)]
pub(crate) struct SourceVisibility<'a> {
    deletions: Vec<&'a Arc<Deletion>>,
    /// With when its entries came, if that counts.
    expiry: Option<(&'a Expiry, Option<i64>)>,
}

impl SourceVisibility<'_> {
    /// Whether all of it is visible.
    pub(crate) fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.expiry.is_none()
    }

    /// Those that may hide entries of a stream of it.
    pub(crate) fn of_stream(&self, labels: &Labels) -> StreamVisibility {
        let matches =
            |d: &&&Arc<Deletion>| crate::label_search::labels_match(labels, d.predicate.matchers());
        let deletions = self
            .deletions
            .iter()
            .filter(matches)
            .map(|d| (*d).clone())
            .collect();
        let bound = self.expiry;
        let bound = bound.map_or(i64::MIN, |(expiry, arrived)| expiry.bound(labels, arrived));
        StreamVisibility {
            labels: labels.clone(),
            bound,
            deletions,
        }
    }
}

/// Answers for the runs of one part or chunk, and remembers what it found for each stream.
#[derive(Debug)]
pub(crate) struct VisibilityCache<'a> {
    visibility: SourceVisibility<'a>,
    streams: HashMap<u32, StreamVisibility>,
}

impl<'a> VisibilityCache<'a> {
    pub(crate) fn new(visibility: SourceVisibility<'a>) -> VisibilityCache<'a> {
        VisibilityCache {
            visibility,
            streams: HashMap::new(),
        }
    }

    /// What is visible of a run of stream `stream`, by its first and last time.
    pub(crate) fn of_run(
        &mut self,
        stream: u32,
        labels: impl FnOnce() -> Labels,
        (min_time, max_time): (i64, i64),
    ) -> Visible {
        if self.visibility.is_empty() {
            return Visible::All;
        }
        let visibility = &self.visibility;
        self.streams
            .entry(stream)
            .or_insert_with(|| visibility.of_stream(&labels()))
            .of_run(min_time, max_time)
    }

    /// Whether anything of a run is visible.
    pub(crate) fn any_visible(
        &mut self,
        stream: u32,
        labels: impl FnOnce() -> Labels,
        times: (i64, i64),
    ) -> bool {
        !matches!(self.of_run(stream, labels, times), Visible::None)
    }
}

/// Deletions and expiry that may hide entries of a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamVisibility {
    labels: Labels,
    /// Earlier entries have expired.
    bound: i64,
    deletions: Vec<Arc<Deletion>>,
}

/// What is visible of a run.
#[derive(Debug)]
pub(crate) enum Visible {
    /// All of it.
    All,
    /// What this one leaves.
    Some(Arc<StreamVisibility>),
    /// None of it.
    None,
}

/// Entries that were left out, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) expired: u64,
    pub(crate) expired_bytes: u64,
    pub(crate) deleted: u64,
}

impl StreamVisibility {
    /// Whether all of it is visible.
    pub(crate) fn is_empty(&self) -> bool {
        self.deletions.is_empty() && self.bound == i64::MIN
    }

    /// What is visible of a run of these times.
    pub(crate) fn of_run(&self, min_time: i64, max_time: i64) -> Visible {
        let whole = |d: &Arc<Deletion>| {
            d.predicate.columns().is_none() && d.record.range().covers(min_time, max_time)
        };
        if max_time < self.bound || self.deletions.iter().any(whole) {
            return Visible::None;
        }
        let touches = |d: &&Arc<Deletion>| d.record.range().overlaps(min_time, max_time);
        let deletions: Vec<Arc<Deletion>> =
            self.deletions.iter().filter(touches).cloned().collect();
        if deletions.is_empty() && min_time >= self.bound {
            return Visible::All;
        }
        Visible::Some(Arc::new(StreamVisibility {
            labels: self.labels.clone(),
            bound: self.bound,
            deletions,
        }))
    }

    /// Adds the columns that its predicates read.
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

    /// The visible rows of a run, in ranges; also how many it hides.
    pub(crate) fn visible(
        &self,
        batch: &Batch,
        rows: Range<u32>,
        mut each: impl FnMut(Range<u32>),
    ) -> Dropped {
        let deleted = self.deleted(batch, rows.clone());
        let mut deleted = deleted.iter().peekable();
        let mut left = Dropped::default();
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
