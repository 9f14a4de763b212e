//! Counters of one push: filled without locks while validating, added to the metrics once.

use crate::rejection::{Dropped, Reason};
use std::collections::BTreeMap;

/// Upper bounds of the buckets of `loki_bytes_per_line`, in bytes; powers of eight. The last bucket
/// is open.
pub(crate) const LINE_BUCKETS: [u64; 8] = [1, 8, 64, 512, 4096, 32_768, 262_144, 2_097_152];

/// Counts of one push.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushCounters {
    /// Entries taken.
    pub(crate) lines: u64,
    /// Bytes of their lines.
    pub(crate) line_bytes: u64,
    /// Bytes of their metadata as it came.
    pub(crate) metadata_bytes: u64,
    /// Entries whose line was truncated.
    pub(crate) truncated: u64,
    /// Metadata pairs without a usable name.
    pub(crate) dropped_names: u64,
    /// Lines by the first bucket that holds them.
    pub(crate) line_sizes: [u64; LINE_BUCKETS.len() + 1],
    /// Entries and bytes of lines refused.
    pub(crate) discarded: BTreeMap<Reason, (u64, u64)>,
    /// What was left out on purpose.
    pub(crate) dropped: Dropped,
}

impl PushCounters {
    /// Counts an entry that was taken.
    pub(crate) fn count_accepted(&mut self, line_bytes: usize, metadata_bytes: usize) {
        self.lines += 1;
        self.line_bytes += line_bytes as u64;
        self.metadata_bytes += metadata_bytes as u64;
        let bucket = LINE_BUCKETS
            .iter()
            .position(|bound| line_bytes as u64 <= *bound)
            .unwrap_or(LINE_BUCKETS.len());
        self.line_sizes[bucket] += 1;
    }

    /// Counts entries that were refused.
    pub(crate) fn count_discarded(&mut self, reason: Reason, samples: u64, bytes: u64) {
        let discarded = self.discarded.entry(reason).or_default();
        discarded.0 += samples;
        discarded.1 += bytes;
    }
}
