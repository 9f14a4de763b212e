//! Block builder: gathers entries into blocks; large streams fill blocks alone, small ones share.
//!
//! Used by flush and compaction alike: entries come in order of (stream, time, arrival), blocks go
//! out.

use crate::StoreError;
use skald_block::{BLOCK_LINE_BYTES, BLOCK_METADATA_BYTES, BLOCK_ROWS};
use skald_model::{Batch, BatchBuilder};

/// A stream with at least this many bytes of lines shares no block: what it would share is small
/// against what it fills, and its neighbours stay prunable.
const LARGE_STREAM_BYTES: usize = BLOCK_LINE_BYTES / 2;
/// Metadata cells (columns times rows) after which a block ends: entries that each bring new names
/// must not make it grow with the square of its rows.
const BLOCK_CELLS: usize = 2 << 20;

/// Takes a finished block.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&Batch) -> Result<(), StoreError>;

/// Gathers entries into blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    builder: BatchBuilder,
    metadata_bytes: usize,
    /// Bytes of lines after which the block of the stream at hand ends.
    target: usize,
    /// Whether the stream at hand is large.
    alone: bool,
}

impl BlockBuilder {
    /// The entries that follow are of another stream, with `line_bytes` bytes of lines in all.
    pub(crate) fn begin_stream(
        &mut self,
        line_bytes: usize,
        sink: Sink<'_>,
    ) -> Result<(), StoreError> {
        let large = line_bytes >= LARGE_STREAM_BYTES;
        if large || self.alone {
            self.end_block(sink)?;
        }
        self.alone = large;
        // Blocks of about equal size rather than full ones and a rest.
        let blocks = line_bytes.div_ceil(BLOCK_LINE_BYTES).max(1);
        self.target = if large {
            line_bytes.div_ceil(blocks)
        } else {
            BLOCK_LINE_BYTES
        };
        Ok(())
    }

    /// Adds an entry of the stream at hand.
    pub(crate) fn push<'a>(
        &mut self,
        stream: u32,
        (time, line): (i64, &[u8]),
        metadata: impl Iterator<Item = (&'a str, &'a str)>,
        sink: Sink<'_>,
    ) -> Result<(), StoreError> {
        if self.is_full(line.len()) {
            self.end_block(sink)?;
        }
        let bytes = &mut self.metadata_bytes;
        self.builder.push(
            stream,
            time,
            line,
            metadata.inspect(|(n, v)| *bytes += n.len() + v.len()),
        );
        Ok(())
    }

    fn is_full(&self, line_bytes: usize) -> bool {
        let batch = self.builder.batch();
        let rows = batch.len();
        rows > 0
            && (batch.lines.len() >= self.target
                || batch.lines.len() + line_bytes > BLOCK_LINE_BYTES
                || rows >= BLOCK_ROWS
                || batch.metadata.len() * rows >= BLOCK_CELLS
                || self.metadata_bytes >= BLOCK_METADATA_BYTES)
    }

    /// Whether a block may end here: before a copied one of a stream that shares none, unless that
    /// would leave a small one.
    pub(crate) fn may_end(&self) -> bool {
        let bytes = self.builder.batch().lines.len();
        self.alone && (self.builder.batch().is_empty() || bytes >= LARGE_STREAM_BYTES / 2)
    }

    /// Ends the last block.
    pub(crate) fn finish(mut self, sink: Sink<'_>) -> Result<(), StoreError> {
        self.end_block(sink)
    }

    /// Ends the block at hand, if it has entries.
    pub(crate) fn end_block(&mut self, sink: Sink<'_>) -> Result<(), StoreError> {
        if self.builder.batch().is_empty() {
            return Ok(());
        }
        self.metadata_bytes = 0;
        let batch = std::mem::take(&mut self.builder).finish();
        let taken = sink(&batch);
        self.builder = BatchBuilder::reusing(batch);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams by (line bytes, rows) against the blocks they end up in, by their streams.
    fn check(streams: &[(usize, usize)], expected: &[&[u32]]) {
        let mut blocks: Vec<Vec<u32>> = Vec::new();
        let mut sink = |batch: &Batch| {
            assert!(batch.lines.len() <= BLOCK_LINE_BYTES || batch.len() == 1);
            blocks.push(batch.runs.iter().map(|r| r.stream).collect());
            Ok(())
        };
        let mut builder = BlockBuilder::default();
        for (stream, (bytes, rows)) in streams.iter().enumerate() {
            builder
                .begin_stream(bytes * rows, &mut sink)
                .expect("the sink takes all");
            let line = vec![b'x'; *bytes];
            for row in 0..*rows {
                builder
                    .push(
                        stream as u32,
                        (row as i64, &line),
                        std::iter::empty(),
                        &mut sink,
                    )
                    .expect("the sink takes all");
            }
        }
        builder.finish(&mut sink).expect("the sink takes all");
        assert_eq!(blocks, expected);
    }

    #[test]
    fn small_streams_share_and_large_ones_do_not() {
        check(
            &[(10, 1), (10, 2), (1000, 600), (10, 1), (10, 1)],
            &[&[0, 1], &[2], &[3, 4]],
        );
        check(&[(1000, 1500)], &[&[0], &[0]]);
        check(&[(3 << 20, 1), (5, 1)], &[&[0], &[1]]);
        check(&[(0, 130_000), (0, 2000)], &[&[0, 1], &[1]]);
        check(&[], &[]);
    }
}
