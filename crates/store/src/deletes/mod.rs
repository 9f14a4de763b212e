//! Deletes: records delete requests and compiles their queries into predicates.
//!
//! A request is for entries that had arrived when it was made, and have times in its range. Its
//! text means nothing to the store: a [`DeleteCompiler`] turns it into a [`DeletePredicate`].
//! Requests stand in the tenant's manifest. Because making one seals the head, a part or a chunk of
//! the head holds either only entries that arrived before it, or only later ones, and its sequence
//! says which.
//!
//! [`visibility`] hides what they match, [`drop_filter`] drops it when parts are rewritten,
//! [`requests`] makes, lists, cancels and ends them.

pub(crate) mod drop_filter;
pub(crate) mod requests;
pub(crate) mod visibility;

use crate::part::{Part, PartMeta};
use crate::sequence::Sequence;
use serde::{Deserialize, Serialize};
use skald_model::{Batch, Columns, ContentQuery, Labels, Matcher, TimeRange};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Which entries of which streams a request is for.
pub trait DeletePredicate: Send + Sync + fmt::Debug {
    /// The streams.
    fn matchers(&self) -> &[Matcher];
    /// What [`DeletePredicate::matching`] reads; `None` when every entry of the streams is meant.
    fn columns(&self) -> Option<&Columns>;
    /// What lines and metadata of entries it matches have, for leaving blocks alone that have none.
    fn content(&self) -> &ContentQuery;
    /// Of some rows of a stream those it matches, ascending.
    fn matching(&self, labels: &Labels, batch: &Batch, rows: Range<u32>) -> Vec<u32>;
}

/// Compiles the text of a request; the error is for the user.
#[derive(Clone)]
pub struct DeleteCompiler(Arc<Compile>);

type Compile = dyn Fn(&str) -> Result<Arc<dyn DeletePredicate>, String> + Send + Sync;

impl DeleteCompiler {
    /// Compiles with `compile`.
    pub fn new(
        compile: impl Fn(&str) -> Result<Arc<dyn DeletePredicate>, String> + Send + Sync + 'static,
    ) -> DeleteCompiler {
        DeleteCompiler(Arc::new(compile))
    }

    /// Compiles a text.
    pub fn compile(&self, text: &str) -> Result<Arc<dyn DeletePredicate>, String> {
        (self.0)(text)
    }
}

impl Default for DeleteCompiler {
    /// Knows no text, so that there are no requests.
    fn default() -> DeleteCompiler {
        DeleteCompiler::new(|_| Err("deletes are not available".to_owned()))
    }
}

impl fmt::Debug for DeleteCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeleteCompiler")
    }
}

/// A request as a tenant sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// 8 hex digits.
    pub id: String,
    /// As it was given.
    pub query: String,
    /// First time it is for, in nanoseconds.
    pub start: i64,
    /// Last time it is for.
    pub end: i64,
    /// When it was made.
    pub created: i64,
    /// How far it is.
    pub progress: Progress,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// What it matches is hidden, and can still be had back.
    Received,
    /// Parts are being rewritten; percent of those that had to be looked at.
    Working(u8),
    /// What it matched is gone.
    Processed,
}

/// A request was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeleteError {
    /// Its text can't be compiled.
    #[error("{0}")]
    Query(String),
    /// The tenant has as many as there may be.
    #[error("there are already {0} delete requests that are not processed")]
    TooMany(usize),
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

/// A request was not cancelled.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CancelError {
    /// There is none of this id.
    #[error("could not find delete request with given id")]
    NotFound,
    /// What it matched is gone.
    #[error("deletion of request which is in process or already processed is not allowed")]
    Processed,
    /// It is too late to get back everything.
    #[error("deletion of request past the deadline of {0:?} since its creation is not allowed")]
    TooLate(Duration),
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] crate::StoreError),
}

/// A request as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeleteRecord {
    pub(crate) id: u32,
    pub(crate) query: String,
    /// First and last nanosecond.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) created: i64,
    /// The tenant's highest WAL sequence number when it was made: later entries are not meant.
    pub(crate) arrived: u64,
    /// Parts of earlier entries that hold nothing it matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) clean: Vec<u64>,
    /// When all parts had been rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processed: Option<i64>,
}

impl DeleteRecord {
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange {
            start: self.start,
            end: self.end.saturating_add(1),
        }
    }

    /// Whether a part or chunk of this sequence arrived before it was made.
    pub(crate) fn is_after(&self, sequence: Sequence) -> bool {
        sequence.record() <= self.arrived
    }

    /// Whether it was made after the first chunk of a head and before a record.
    pub(crate) fn is_between(&self, first_chunk: Sequence, record: u64) -> bool {
        self.is_after(first_chunk) && self.arrived < record
    }

    /// Whether a part may hold entries it matches, by times and arrival.
    pub(crate) fn may_touch(&self, part: &PartMeta) -> bool {
        self.processed.is_none()
            && self.is_after(part.sequence)
            && self.range().overlaps(part.min_time, part.max_time)
            && !self.clean.contains(&part.id)
    }

    /// Whether parts may be rewritten for it.
    pub(crate) fn is_due(&self, now: i64, cancel_period: Duration) -> bool {
        let period = i64::try_from(cancel_period.as_nanos()).unwrap_or(i64::MAX);
        self.processed.is_none() && now >= self.created.saturating_add(period)
    }
}

/// A request in force.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub(crate) record: DeleteRecord,
    pub(crate) predicate: Arc<dyn DeletePredicate>,
}

impl Deletion {
    /// Whether a part may hold entries it matches, by its directory and content index.
    pub(crate) fn may_match(
        &self,
        part: &Arc<Part>,
        cache: &crate::cache::index_cache::IndexCache,
    ) -> bool {
        if !self.record.may_touch(&part.meta) {
            return false;
        }
        let matching = part.table.matching(self.predicate.matchers());
        if !matching.contains(&true) {
            return false;
        }
        let content = self.predicate.content();
        // An index that can't be read rules nothing out.
        let candidates = if content.is_empty() {
            None
        } else {
            cache.get(part).ok().map(|index| index.candidates(content))
        };
        let range = self.record.range();
        part.blocks.iter().enumerate().any(|(block, at)| {
            let candidate = candidates.as_ref().and_then(|c| c.get(block)) != Some(&false);
            let touched = |run: &skald_block::RunMeta| {
                matching[run.stream as usize] && range.overlaps(run.min_time, run.max_time)
            };
            candidate && at.meta.runs.iter().any(touched)
        })
    }
}
