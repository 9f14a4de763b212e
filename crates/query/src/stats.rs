//! What a query cost, in the terms of Loki's `stats` block.

/// Counts of one query; the server adds times and shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Bytes of lines that were looked at.
    pub bytes_processed: u64,
    /// Bytes of metadata that were looked at.
    pub metadata_bytes_processed: u64,
    /// Lines that were looked at.
    pub lines_processed: u64,
    /// Lines left after filters.
    pub lines_matched: u64,
    /// Entries or points returned.
    pub entries_returned: u64,
    /// Pieces read: blocks and head chunks.
    pub blocks_read: u64,
    /// Blocks the content index ruled out.
    pub blocks_pruned: u64,
    /// Bytes and lines of the head that were looked at.
    pub head_bytes: u64,
    /// Lines of the head that were looked at.
    pub head_lines: u64,
    /// Streams the selector matched.
    pub streams: u64,
    /// Seconds the query waited for a thread.
    pub queue_seconds: f64,
    /// Seconds it ran.
    pub exec_seconds: f64,
}
