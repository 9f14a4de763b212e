//! Query statistics count what a query cost, by the names of Loki's `stats` block.

use skald_model::Batch;
use skald_store::{Piece, PieceRun};

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
    /// Blocks whose samples an earlier query may have cached.
    pub results_asked: u64,
    /// Those of them whose samples were cached: they were not read.
    pub results_found: u64,
    /// Bytes of these samples.
    pub results_bytes: u64,
    /// Blocks whose samples were cached for later queries.
    pub results_cached: u64,
    /// Bytes of these samples.
    pub results_bytes_cached: u64,
    /// Seconds the query waited for a thread.
    pub queue_seconds: f64,
    /// Seconds it ran.
    pub exec_seconds: f64,
}

impl Stats {
    /// Adds what another thread counted.
    pub(crate) fn merge(&mut self, other: &Stats) {
        self.bytes_processed += other.bytes_processed;
        self.metadata_bytes_processed += other.metadata_bytes_processed;
        self.lines_processed += other.lines_processed;
        self.lines_matched += other.lines_matched;
        self.entries_returned += other.entries_returned;
        self.blocks_read += other.blocks_read;
        self.blocks_pruned += other.blocks_pruned;
        self.head_bytes += other.head_bytes;
        self.head_lines += other.head_lines;
        self.results_asked += other.results_asked;
        self.results_found += other.results_found;
        self.results_bytes += other.results_bytes;
        self.results_cached += other.results_cached;
        self.results_bytes_cached += other.results_bytes_cached;
        self.streams = self.streams.max(other.streams);
    }

    /// Counts a piece of which `rows` rows were looked at.
    pub(crate) fn count_piece(&mut self, piece: &Piece, batch: &Batch, rows: u64) {
        let lines: u64 = piece.runs.iter().map(PieceRun::entries).sum();
        let share = |bytes: u64| {
            if lines == 0 {
                0
            } else {
                (bytes as u128 * rows as u128 / lines as u128) as u64
            }
        };
        let bytes = share(piece.runs.iter().map(|r| r.line_bytes).sum());
        self.bytes_processed += bytes;
        self.metadata_bytes_processed += share(piece.runs.iter().map(|r| r.metadata_bytes).sum());
        self.lines_processed += rows;
        self.blocks_read += 1;
        if piece.in_head() {
            self.head_bytes += batch.lines.len() as u64;
            self.head_lines += rows;
        }
    }
}
