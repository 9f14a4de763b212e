//! Patterns: templates of a part's lines, mined when the head is flushed and carried over when
//! parts are merged.
//!
//! Of a part with many rows a bounded number of each block is looked at, spread over its runs, and
//! each stands for its neighbours: mining costs a flush the same millisecond a megabyte whatever
//! the lines are like.

use skald_model::Batch;
use skald_patterns::{Pattern, StreamMiner, StreamPatterns};
use std::collections::BTreeMap;

/// Rows of a block that are looked at: a line costs up to three microseconds, so a block costs a
/// third of what encoding it does at most (`benches/patterns`).
const SAMPLED_ROWS: u32 = 512;

/// Rows of a part that are all looked at: what is small is mined whole, in some 60 milliseconds.
const WHOLE_ROWS: u64 = 20_000;

/// Patterns kept of one stream: far more than anyone looks through.
const STREAM_PATTERNS_MAX: usize = 200;

/// Patterns kept in a part: bounds the section to a few megabytes.
const PART_PATTERNS_MAX: usize = 20_000;

/// Bytes of a section, decompressed: what a damaged length may make a reader take.
pub(crate) const SECTION_BYTES_MAX: u64 = 256 << 20;

/// Mines the blocks of a part as they are written; streams come one after the other.
pub(crate) struct PartMiner {
    /// Looking at one in `stride` rows of the part would make [`WHOLE_ROWS`].
    stride: u32,
    stream: u32,
    miner: StreamMiner,
    done: Vec<StreamPatterns>,
    count: usize,
}

impl PartMiner {
    /// For the blocks of a part of `rows` rows.
    pub(crate) fn of_rows(rows: u64) -> PartMiner {
        let stride = u32::try_from(rows.div_ceil(WHOLE_ROWS))
            .unwrap_or(u32::MAX)
            .max(1);
        PartMiner {
            stride,
            stream: 0,
            miner: StreamMiner::default(),
            done: Vec::new(),
            count: 0,
        }
    }

    /// Looks at a block.
    pub(crate) fn block(&mut self, batch: &Batch) {
        let stride = stride(batch.len() as u32).min(self.stride);
        for run in &batch.runs {
            if run.stream != self.stream {
                self.end_stream();
                self.stream = run.stream;
            }
            sample(&mut self.miner, batch, run.rows.clone(), stride);
        }
    }

    fn end_stream(&mut self) {
        let patterns = std::mem::take(&mut self.miner).finish();
        self.add(self.stream, patterns);
    }

    fn add(&mut self, stream: u32, mut patterns: Vec<Pattern>) {
        patterns.truncate(STREAM_PATTERNS_MAX.min(PART_PATTERNS_MAX - self.count));
        self.count += patterns.len();
        if !patterns.is_empty() {
            self.done.push(StreamPatterns { stream, patterns });
        }
    }

    /// What there is to store.
    pub(crate) fn finish(mut self) -> Vec<StreamPatterns> {
        self.end_stream();
        self.done
    }
}

/// One in this many rows of a block is looked at.
pub(crate) fn stride(rows: u32) -> u32 {
    rows.div_ceil(SAMPLED_ROWS).max(1)
}

/// Looks at one in `stride` of the rows; each stands for those up to the next.
pub(crate) fn sample(
    miner: &mut StreamMiner,
    batch: &Batch,
    rows: std::ops::Range<u32>,
    stride: u32,
) {
    let level = batch
        .metadata
        .iter()
        .find(|column| &*column.name == "detected_level");
    for row in rows.clone().step_by(stride as usize) {
        let second = batch.timestamps[row as usize].div_euclid(1_000_000_000);
        let level = level.and_then(|column| column.get(row)).unwrap_or_default();
        miner.add(
            second,
            level,
            batch.line(row),
            u64::from(stride.min(rows.end - row)),
        );
    }
}

/// The patterns of parts that become one: a list for each part, and the numbers its streams have in
/// the merged part.
pub(crate) fn merge(parts: Vec<Vec<StreamPatterns>>, numbers: &[Vec<u32>]) -> Vec<StreamPatterns> {
    let mut streams: BTreeMap<u32, Vec<Vec<Pattern>>> = BTreeMap::new();
    for (of_part, numbers) in parts.into_iter().zip(numbers) {
        for StreamPatterns { stream, patterns } in of_part {
            streams
                .entry(numbers[stream as usize])
                .or_default()
                .push(patterns);
        }
    }
    let mut merged = PartMiner::of_rows(0);
    for (stream, mut of_parts) in streams {
        let patterns = if of_parts.len() == 1 {
            of_parts.remove(0)
        } else {
            let mut miner = StreamMiner::default();
            of_parts
                .iter()
                .flatten()
                .for_each(|pattern| miner.absorb(pattern));
            miner.finish()
        };
        merged.add(stream, patterns);
    }
    merged.done
}

/// Where a part's patterns lie: after its content index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PatternsAt {
    /// As stored; none have no bytes.
    pub(crate) bytes: u64,
    /// Decompressed.
    pub(crate) plain: u64,
    /// CRC of the stored bytes.
    pub(crate) crc: u32,
}

/// Level of the section's zstd frame: it is small and mostly text.
const SECTION_LEVEL: i32 = 3;

/// The stored bytes of a section, and what the directory says of them.
pub(crate) fn seal(patterns: &[StreamPatterns]) -> std::io::Result<(Vec<u8>, PatternsAt)> {
    if patterns.is_empty() {
        return Ok((Vec::new(), PatternsAt::default()));
    }
    let plain = skald_patterns::encode(patterns);
    let stored = zstd::bulk::compress(&plain, SECTION_LEVEL)?;
    let at = PatternsAt {
        bytes: stored.len() as u64,
        plain: plain.len() as u64,
        crc: crc32fast::hash(&stored),
    };
    Ok((stored, at))
}

/// Reads what [`seal`] made; streams are below `streams`.
pub(crate) fn open(
    stored: &[u8],
    at: &PatternsAt,
    streams: usize,
) -> Result<Vec<StreamPatterns>, String> {
    if crc32fast::hash(stored) != at.crc || at.plain > SECTION_BYTES_MAX {
        return Err("its checksum is wrong".to_owned());
    }
    let plain =
        zstd::bulk::decompress(stored, at.plain as usize).map_err(|error| error.to_string())?;
    let patterns = skald_patterns::decode(&plain)
        .filter(|all| all.iter().all(|s| (s.stream as usize) < streams));
    patterns.ok_or_else(|| "it is not in the layout of its version".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::BatchBuilder;

    fn letter(stream: usize) -> char {
        char::from(b'a' + stream as u8)
    }

    fn batch(streams: u32, lines: u32) -> Batch {
        let mut builder = BatchBuilder::default();
        for stream in 0..streams {
            for i in 0..lines {
                let line = format!(
                    "request {i} of host {} took {i} ms",
                    letter(stream as usize)
                );
                builder.push(
                    stream,
                    i64::from(i) * 1_000_000_000,
                    line.as_bytes(),
                    [("detected_level", "info")].into_iter(),
                );
            }
        }
        builder.finish()
    }

    #[test]
    fn every_line_is_counted_however_few_are_looked_at() {
        for (rows, streams, lines) in [
            (10, 1, 10),
            (u64::MAX, 1, 50_000),
            (400_000, 3, 4_000),
            (50_000, 3, 4_000),
        ] {
            let mut miner = PartMiner::of_rows(rows);
            miner.block(&batch(streams, lines));
            let found = miner.finish();
            assert_eq!(found.len(), streams as usize);
            for (number, stream) in found.iter().enumerate() {
                assert_eq!(stream.stream, number as u32);
                let counts: Vec<_> = stream
                    .patterns
                    .iter()
                    .map(|p| (p.template.render(), p.count()))
                    .collect();
                assert_eq!(
                    counts,
                    [(
                        format!("request <_> of host {} took <_> ms", letter(number)),
                        u64::from(lines)
                    )]
                );
            }
        }
    }

    #[test]
    fn a_sealed_section_opens_and_a_damaged_one_does_not() {
        let mut miner = PartMiner::of_rows(0);
        miner.block(&batch(2, 40));
        let patterns = miner.finish();
        let (stored, at) = seal(&patterns).expect("compresses");
        assert_eq!(open(&stored, &at, 2), Ok(patterns));
        assert!(open(&stored, &at, 1).is_err());
        for byte in 0..stored.len() {
            let mut bytes = stored.clone();
            bytes[byte] ^= 1;
            assert!(open(&bytes, &at, 2).is_err(), "byte {byte}");
        }
    }
}
