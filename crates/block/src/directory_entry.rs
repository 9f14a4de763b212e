//! Directory entries encode block metadata for the directory of a part. README.md has the layout.

use crate::anchors::{Anchor, Anchors};
use crate::codecs::varint;
use crate::error::BlockError;
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_ROWS_MAX, FORMAT_VERSION};
use crate::meta::{BlockMeta, ColumnKind, ColumnMeta, RunMeta};
use std::sync::Arc;

/// The first version whose entries have anchors.
const WITH_ANCHORS: u8 = 2;

/// Fewest bytes a run takes in a directory entry; bounds the runs that a damaged count may ask for.
const RUN_BYTES_MIN: usize = 6;
/// Fewest bytes a column takes in a directory entry.
const COLUMN_BYTES_MIN: usize = 7;
/// Fewest bytes a level count takes.
const LEVEL_BYTES_MIN: usize = 2;

/// Fewest rows between anchors that are believed: a smaller number would let a directory claim more
/// of them than rows.
const ANCHOR_ROWS_MIN: u64 = 64;

const KIND_TIMES: u8 = 0;
const KIND_LENGTHS: u8 = 1;
const KIND_LINES: u8 = 2;
const KIND_METADATA: u8 = 3;
const KIND_FIELD: u8 = 4;
const KIND_NEWEST: u8 = 5;
/// Set in the kind byte when a range follows.
const HAS_RANGE: u8 = 0x80;

impl BlockMeta {
    /// Appends the directory entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORMAT_VERSION);
        varint::put(out, u64::from(self.rows));
        out.extend_from_slice(&self.min_time.to_le_bytes());
        varint::put(out, self.max_time.wrapping_sub(self.min_time) as u64);
        varint::put(out, self.line_bytes);
        varint::put(out, self.runs.len() as u64);
        let mut stream = 0u32;
        for run in &self.runs {
            varint::put(out, u64::from(run.stream.wrapping_sub(stream)));
            varint::put(out, u64::from(run.rows));
            varint::put(out, run.min_time.wrapping_sub(self.min_time) as u64);
            varint::put(out, run.max_time.wrapping_sub(run.min_time) as u64);
            varint::put(out, run.line_bytes);
            varint::put(out, run.metadata_bytes);
            stream = run.stream;
        }
        varint::put(out, self.columns.len() as u64);
        for column in &self.columns {
            column.encode(out);
        }
        varint::put(out, self.levels.len() as u64);
        for (level, rows) in &self.levels {
            varint::put_bytes(out, level.as_bytes());
            varint::put(out, u64::from(*rows));
        }
        encode_anchors(&self.anchors, &self.runs, out);
    }

    /// Reads a directory entry from the front of `bytes` and advances it.
    pub fn decode(bytes: &mut &[u8]) -> Result<BlockMeta, BlockError> {
        let version = varint::get_u8(bytes)?;
        if !(1..=FORMAT_VERSION).contains(&version) {
            return Err(BlockError::Damaged(format!(
                "format version {version} is not known"
            )));
        }
        let rows = get_rows(bytes)?;
        let min_time = get_i64(bytes)?;
        let max_time = min_time.wrapping_add(varint::get(bytes)? as i64);
        let line_bytes = varint::get_at_most(bytes, BLOCK_BYTES_MAX as u64, "bytes of lines")?;
        let mut meta = BlockMeta {
            rows,
            min_time,
            max_time,
            line_bytes,
            ..BlockMeta::default()
        };
        meta.decode_runs(bytes)?;
        let columns = get_count(bytes, COLUMN_BYTES_MIN)?;
        meta.columns.reserve_exact(columns);
        let mut offset = 0;
        for _ in 0..columns {
            let column = ColumnMeta::decode(bytes, offset)?;
            offset += column.len;
            meta.columns.push(column);
        }
        for _ in 0..get_count(bytes, LEVEL_BYTES_MIN)? {
            let level = get_text(bytes)?.to_owned();
            meta.levels.push((level, get_rows(bytes)?));
        }
        if version >= WITH_ANCHORS {
            meta.anchors = decode_anchors(bytes, &meta.runs)?;
        }
        meta.check()?;
        Ok(meta)
    }

    /// What must hold between the figures.
    fn check(&self) -> Result<(), BlockError> {
        let rows: u64 = self.runs.iter().map(|r| u64::from(r.rows)).sum();
        if rows != u64::from(self.rows) {
            return Err(BlockError::Damaged(format!(
                "runs have {rows} rows, the block has {}",
                self.rows
            )));
        }
        Ok(())
    }

    fn decode_runs(&mut self, bytes: &mut &[u8]) -> Result<(), BlockError> {
        let runs = get_count(bytes, RUN_BYTES_MIN)?;
        self.runs.reserve_exact(runs);
        let mut stream = 0u32;
        for _ in 0..runs {
            stream = stream.wrapping_add(get_u32(bytes)?);
            let rows = get_rows(bytes)?;
            let run_min = self.min_time.wrapping_add(varint::get(bytes)? as i64);
            let max_time = run_min.wrapping_add(varint::get(bytes)? as i64);
            let (line_bytes, metadata_bytes) = (varint::get(bytes)?, varint::get(bytes)?);
            self.runs.push(RunMeta {
                stream,
                rows,
                min_time: run_min,
                max_time,
                line_bytes,
                metadata_bytes,
            });
        }
        Ok(())
    }
}

impl ColumnMeta {
    fn encode(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            ColumnKind::Times => KIND_TIMES,
            ColumnKind::Lengths => KIND_LENGTHS,
            ColumnKind::Lines => KIND_LINES,
            ColumnKind::Metadata(_) => KIND_METADATA,
            ColumnKind::Field(_) => KIND_FIELD,
            ColumnKind::Newest => KIND_NEWEST,
        };
        out.push(kind | if self.range.is_some() { HAS_RANGE } else { 0 });
        if let ColumnKind::Metadata(name) | ColumnKind::Field(name) = &self.kind {
            varint::put_bytes(out, name.as_bytes());
        }
        out.push(self.encoding);
        varint::put(out, self.len);
        out.extend_from_slice(&self.crc.to_le_bytes());
        if let Some((min, max)) = self.range {
            out.extend_from_slice(&min.to_le_bytes());
            varint::put(out, max.wrapping_sub(min) as u64);
        }
    }

    fn decode(bytes: &mut &[u8], offset: u64) -> Result<ColumnMeta, BlockError> {
        let tag = varint::get_u8(bytes)?;
        let kind = match tag & !HAS_RANGE {
            KIND_TIMES => ColumnKind::Times,
            KIND_LENGTHS => ColumnKind::Lengths,
            KIND_LINES => ColumnKind::Lines,
            KIND_METADATA => ColumnKind::Metadata(Arc::from(get_text(bytes)?)),
            KIND_FIELD => ColumnKind::Field(Arc::from(get_text(bytes)?)),
            KIND_NEWEST => ColumnKind::Newest,
            kind => {
                return Err(BlockError::Damaged(format!(
                    "column kind {kind} is not known"
                )));
            }
        };
        let encoding = varint::get_u8(bytes)?;
        let len = varint::get_at_most(bytes, BLOCK_BYTES_MAX as u64, "bytes of a column")?;
        let crc = u32::from_le_bytes(
            *varint::get_slice(bytes, 4)?
                .first_chunk()
                .expect("four bytes were read"),
        );
        let range = if tag & HAS_RANGE == 0 {
            None
        } else {
            let min = get_i64(bytes)?;
            Some((min, min.wrapping_add(varint::get(bytes)? as i64)))
        };
        Ok(ColumnMeta {
            kind,
            encoding,
            offset,
            len,
            crc,
            range,
        })
    }
}

/// Appends anchors as differences, from the run's first time on.
fn encode_anchors(anchors: &Anchors, runs: &[RunMeta], out: &mut Vec<u8>) {
    varint::put(out, u64::from(anchors.every));
    let mut all = anchors.all.iter();
    for run in runs {
        let mut before = Anchor {
            time: run.min_time,
            line_bytes: 0,
        };
        for anchor in all.by_ref().take(anchors.of_rows(run.rows)) {
            varint::put(out, anchor.time.wrapping_sub(before.time) as u64);
            varint::put(out, anchor.line_bytes.wrapping_sub(before.line_bytes));
            before = *anchor;
        }
    }
}

/// Reads what [`encode_anchors`] wrote.
fn decode_anchors(bytes: &mut &[u8], runs: &[RunMeta]) -> Result<Anchors, BlockError> {
    let every = varint::get_at_most(bytes, BLOCK_ROWS_MAX as u64, "the distance of anchors")?;
    if (1..ANCHOR_ROWS_MIN).contains(&every) {
        return Err(BlockError::Damaged(format!(
            "anchors every {every} rows, at least {ANCHOR_ROWS_MIN} can be"
        )));
    }
    let mut anchors = Anchors {
        every: every as u32,
        all: Vec::new(),
    };
    for run in runs {
        let mut anchor = Anchor {
            time: run.min_time,
            line_bytes: 0,
        };
        for _ in 0..anchors.of_rows(run.rows) {
            anchor.time = anchor.time.wrapping_add(varint::get(bytes)? as i64);
            anchor.line_bytes = anchor.line_bytes.wrapping_add(varint::get(bytes)?);
            anchors.all.push(anchor);
        }
    }
    Ok(anchors)
}

fn get_i64(bytes: &mut &[u8]) -> Result<i64, BlockError> {
    let taken = varint::get_slice(bytes, 8)?;
    Ok(i64::from_le_bytes(
        *taken.first_chunk().expect("eight bytes were read"),
    ))
}

fn get_u32(bytes: &mut &[u8]) -> Result<u32, BlockError> {
    Ok(varint::get_at_most(bytes, u64::from(u32::MAX), "a stream number")? as u32)
}

fn get_rows(bytes: &mut &[u8]) -> Result<u32, BlockError> {
    Ok(varint::get_at_most(bytes, BLOCK_ROWS_MAX as u64, "a row count")? as u32)
}

/// Reads a count of things that take at least `each` bytes.
fn get_count(bytes: &mut &[u8], each: usize) -> Result<usize, BlockError> {
    let count = varint::get(bytes)?;
    if count > (bytes.len() / each) as u64 {
        return Err(BlockError::truncated());
    }
    Ok(count as usize)
}

fn get_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, BlockError> {
    std::str::from_utf8(varint::get_bytes(bytes)?)
        .map_err(|_| BlockError::damaged("a name is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BlockMeta {
        let run = |stream, rows, min_time| RunMeta {
            stream,
            rows,
            min_time,
            max_time: min_time + 5,
            line_bytes: 100,
            metadata_bytes: 7,
        };
        let column = |kind, offset, range| ColumnMeta {
            kind,
            encoding: 1,
            offset,
            len: 40,
            crc: 0xdead_beef,
            range,
        };
        BlockMeta {
            rows: 12,
            min_time: -3,
            max_time: 1_700_000_000_000_000_000,
            line_bytes: 200,
            runs: vec![run(3, 5, -3), run(9, 7, 44)],
            columns: vec![
                column(ColumnKind::Times, 0, None),
                column(ColumnKind::Metadata("a".into()), 40, Some((-1, 9))),
            ],
            levels: vec![("info".into(), 5)],
            anchors: Anchors::default(),
        }
    }

    #[test]
    fn entries_come_back() {
        let mut out = Vec::new();
        sample().encode(&mut out);
        out.push(99);
        let mut rest = &out[..];
        assert_eq!(
            BlockMeta::decode(&mut rest).expect("was just written"),
            sample()
        );
        assert_eq!(rest, [99]);
    }

    #[test]
    fn truncated_entries_are_refused() {
        let mut out = Vec::new();
        sample().encode(&mut out);
        for len in 0..out.len() {
            assert!(BlockMeta::decode(&mut &out[..len]).is_err(), "{len} bytes");
        }
    }
}
