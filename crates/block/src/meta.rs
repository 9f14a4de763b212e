//! The directory entry of a block: runs, columns and statistics, without any line.

use crate::anchors::{Anchor, Anchors};
use crate::codecs::varint;
use crate::columns::lines::{FIELD_ESCAPED, LINES_TAIL, is_cut, lines_encoding};
use crate::{BLOCK_BYTES_MAX, BLOCK_ROWS_MAX, BlockError, FORMAT_VERSION};
use skald_fields::Form;
use std::ops::Range;
use std::sync::Arc;

/// The first version whose entries have anchors.
const WITH_ANCHORS: u8 = 2;

/// Fewest bytes a run takes in a directory entry; bounds how many a damaged count may ask for.
const RUN_BYTES_MIN: usize = 6;
/// Fewest bytes a column takes in a directory entry.
const COLUMN_BYTES_MIN: usize = 7;
/// Fewest bytes a level count takes.
const LEVEL_BYTES_MIN: usize = 2;

/// A run as the directory describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// Stream number within the part.
    pub stream: u32,
    /// Rows.
    pub rows: u32,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Bytes of its lines.
    pub line_bytes: u64,
    /// Bytes of its metadata (names and values).
    pub metadata_bytes: u64,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Time of each row.
    Times,
    /// Length of each line.
    Lengths,
    /// The bytes of the lines; of the older ones where the newest are apart.
    Lines,
    /// The bytes of the newest lines of each run: [`BlockMeta::tails`] tells which these are.
    Newest,
    /// The structured metadata of this name.
    Metadata(Arc<str>),
    /// Values cut out of lines, which become the label of this name; without a name they become none.
    Field(Arc<str>),
}

/// Where a column lies and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMeta {
    /// What it holds.
    pub kind: ColumnKind,
    /// How its values are written; README.md lists the tags of each kind.
    pub encoding: u8,
    /// First byte, from the start of the block.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// CRC-32 of those bytes.
    pub crc: u32,
    /// Smallest and largest value when every value is an integer.
    pub range: Option<(i64, i64)>,
}

impl ColumnMeta {
    /// Its bytes within the block.
    pub fn bytes(&self) -> Range<u64> {
        self.offset..self.offset + self.len
    }
}

/// What a part's directory keeps of a block: enough to decide whether, and which bytes, to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockMeta {
    /// Rows of all runs.
    pub rows: u32,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Bytes of all lines.
    pub line_bytes: u64,
    /// Runs in order.
    pub runs: Vec<RunMeta>,
    /// Columns in order of their bytes, without gaps.
    pub columns: Vec<ColumnMeta>,
    /// Rows by value of `detected_level`, in order of first use; empty when it has very many values.
    pub levels: Vec<(String, u32)>,
    /// Times and bytes at some rows of long runs.
    pub anchors: Anchors,
}

/// Where the newest rows of a run begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The first of them, counted from the first of the block.
    pub row: u32,
    /// Its time; those of the run before it are not later.
    pub time: i64,
    /// Bytes of the run's lines before it.
    pub line_bytes: u64,
}

/// Fewest rows that are the newest of a run; a run that has not many more is the newest as a whole.
pub const TAIL_ROWS_MIN: u32 = 128;
/// The newest rows are kept apart when the others have at least one in so many bytes of a block's lines.
const OLDER_SHARE_MIN: u64 = 4;

/// Of which lines of a block columns have the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldsAnswer {
    /// Of none: lines have to be read.
    None,
    /// Of all but those that [`crate::rows_apart`] names.
    Some,
    /// Of all.
    All,
}

impl BlockMeta {
    /// Bytes of the whole block.
    pub fn block_bytes(&self) -> u64 {
        self.columns.iter().map(|c| c.len).sum()
    }

    /// Whether there is a column of this metadata.
    pub fn has_metadata(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(&column.kind, ColumnKind::Metadata(n) if **n == *name))
    }

    /// Where the newest rows of each run begin; `None` where that is so near the front that they are not worth being
    /// kept apart. Part of the format: a reader finds the lines of [`ColumnKind::Newest`] by it.
    pub fn tails(&self) -> Option<Vec<Tail>> {
        let (mut tails, mut start, mut anchors) = (
            Vec::with_capacity(self.runs.len()),
            0,
            &self.anchors.all[..],
        );
        for run in &self.runs {
            let (own, rest) = anchors.split_at_checked(self.anchors.of_rows(run.rows))?;
            let enough = |(number, _): &(u32, &Anchor)| {
                run.rows >= (number + 1) * self.anchors.every + TAIL_ROWS_MIN
            };
            tails.push(match (0..).zip(own).take_while(enough).last() {
                Some((number, anchor)) => Tail {
                    row: start + (number + 1) * self.anchors.every,
                    time: anchor.time,
                    line_bytes: anchor.line_bytes,
                },
                None => Tail {
                    row: start,
                    time: run.min_time,
                    line_bytes: 0,
                },
            });
            (start, anchors) = (start + run.rows, rest);
        }
        let older: u64 = tails
            .iter()
            .fold(0, |sum, tail| tail.line_bytes.saturating_add(sum));
        (older > 0 && older >= self.line_bytes / OLDER_SHARE_MIN).then_some(tails)
    }

    /// Where the newest rows of each run begin, if their lines can be read without the others.
    pub fn newest_apart(&self) -> Option<Vec<Tail>> {
        let in_one_column =
            |column: &ColumnMeta| column.kind == ColumnKind::Lines && column.encoding == LINES_TAIL;
        let apart =
            self.has_newest() || self.runs.len() == 1 && self.columns.iter().any(in_one_column);
        if apart { self.tails() } else { None }
    }

    /// Whether the newest lines are a column of their own.
    pub(crate) fn has_newest(&self) -> bool {
        !self.lines_are_cut()
            && self
                .columns
                .iter()
                .any(|column| column.kind == ColumnKind::Newest)
    }

    /// Whether lines are put together from columns.
    pub fn lines_are_cut(&self) -> bool {
        self.columns
            .iter()
            .any(|column| column.kind == ColumnKind::Lines && is_cut(column.encoding))
    }

    /// Whether that is so of every line.
    pub(crate) fn lines_are_all_cut(&self) -> bool {
        let all = [Form::Json, Form::Logfmt].map(|form| lines_encoding(Some(form)));
        self.columns
            .iter()
            .any(|column| column.kind == ColumnKind::Lines && all.contains(&column.encoding))
    }

    /// Of how many lines of this form columns tell all that they say of some labels. Of none where a label may come
    /// from metadata as well, or is written with escapes.
    pub fn fields_answer(&self, form: Form, labels: &[String]) -> FieldsAnswer {
        let lines = self
            .columns
            .iter()
            .find(|column| column.kind == ColumnKind::Lines);
        let answer = match lines.map(|column| column.encoding) {
            Some(encoding) if encoding == lines_encoding(Some(form)) => FieldsAnswer::All,
            Some(encoding) if encoding == lines_encoding(None) => FieldsAnswer::Some,
            _ => return FieldsAnswer::None,
        };
        let unclear = |column: &ColumnMeta| match &column.kind {
            ColumnKind::Metadata(name) => labels.iter().any(|label| **label == **name),
            ColumnKind::Field(name) => {
                column.encoding & FIELD_ESCAPED != 0 && labels.iter().any(|label| **label == **name)
            }
            ColumnKind::Times | ColumnKind::Lengths | ColumnKind::Lines | ColumnKind::Newest => {
                false
            }
        };
        if self.columns.iter().any(unclear) {
            FieldsAnswer::None
        } else {
            answer
        }
    }

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
        self.anchors.encode(&self.runs, out);
    }

    /// Reads a directory entry from the front of `bytes` and advances it.
    pub fn decode(bytes: &mut &[u8]) -> Result<BlockMeta, BlockError> {
        let version = varint::take_u8(bytes)?;
        if !(1..=FORMAT_VERSION).contains(&version) {
            return Err(BlockError::Damaged(format!(
                "format version {version} is not known"
            )));
        }
        let rows = take_rows(bytes)?;
        let min_time = take_i64(bytes)?;
        let max_time = min_time.wrapping_add(varint::take(bytes)? as i64);
        let line_bytes = varint::take_at_most(bytes, BLOCK_BYTES_MAX as u64, "bytes of lines")?;
        let mut meta = BlockMeta {
            rows,
            min_time,
            max_time,
            line_bytes,
            ..BlockMeta::default()
        };
        let runs = take_count(bytes, RUN_BYTES_MIN)?;
        meta.runs.reserve_exact(runs);
        let mut stream = 0u32;
        for _ in 0..runs {
            stream = stream.wrapping_add(take_u32(bytes)?);
            let rows = take_rows(bytes)?;
            let run_min = min_time.wrapping_add(varint::take(bytes)? as i64);
            let max_time = run_min.wrapping_add(varint::take(bytes)? as i64);
            let (line_bytes, metadata_bytes) = (varint::take(bytes)?, varint::take(bytes)?);
            meta.runs.push(RunMeta {
                stream,
                rows,
                min_time: run_min,
                max_time,
                line_bytes,
                metadata_bytes,
            });
        }
        let columns = take_count(bytes, COLUMN_BYTES_MIN)?;
        meta.columns.reserve_exact(columns);
        let mut offset = 0;
        for _ in 0..columns {
            let column = ColumnMeta::decode(bytes, offset)?;
            offset += column.len;
            meta.columns.push(column);
        }
        for _ in 0..take_count(bytes, LEVEL_BYTES_MIN)? {
            let level = take_text(bytes)?.to_owned();
            meta.levels.push((level, take_rows(bytes)?));
        }
        if version >= WITH_ANCHORS {
            meta.anchors = Anchors::decode(bytes, &meta.runs)?;
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
}

const KIND_TIMES: u8 = 0;
const KIND_LENGTHS: u8 = 1;
const KIND_LINES: u8 = 2;
const KIND_METADATA: u8 = 3;
const KIND_FIELD: u8 = 4;
const KIND_NEWEST: u8 = 5;
/// Set in the kind byte when a range follows.
const HAS_RANGE: u8 = 0x80;

impl ColumnMeta {
    /// Whether these are the bytes that were written.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), BlockError> {
        let found = crc32fast::hash(bytes);
        if found != self.crc || bytes.len() as u64 != self.len {
            let Self { kind, crc, .. } = self;
            return Err(BlockError::Damaged(format!(
                "checksum of column {kind} is {found:#010x}, expected {crc:#010x}"
            )));
        }
        Ok(())
    }

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
        let tag = varint::take_u8(bytes)?;
        let kind = match tag & !HAS_RANGE {
            KIND_TIMES => ColumnKind::Times,
            KIND_LENGTHS => ColumnKind::Lengths,
            KIND_LINES => ColumnKind::Lines,
            KIND_METADATA => ColumnKind::Metadata(Arc::from(take_text(bytes)?)),
            KIND_FIELD => ColumnKind::Field(Arc::from(take_text(bytes)?)),
            KIND_NEWEST => ColumnKind::Newest,
            kind => {
                return Err(BlockError::Damaged(format!(
                    "column kind {kind} is not known"
                )));
            }
        };
        let encoding = varint::take_u8(bytes)?;
        let len = varint::take_at_most(bytes, BLOCK_BYTES_MAX as u64, "bytes of a column")?;
        let crc = u32::from_le_bytes(
            *varint::take_slice(bytes, 4)?
                .first_chunk()
                .expect("four bytes were taken"),
        );
        let range = if tag & HAS_RANGE == 0 {
            None
        } else {
            let min = take_i64(bytes)?;
            Some((min, min.wrapping_add(varint::take(bytes)? as i64)))
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

fn take_i64(bytes: &mut &[u8]) -> Result<i64, BlockError> {
    let taken = varint::take_slice(bytes, 8)?;
    Ok(i64::from_le_bytes(
        *taken.first_chunk().expect("eight bytes were taken"),
    ))
}

fn take_u32(bytes: &mut &[u8]) -> Result<u32, BlockError> {
    Ok(varint::take_at_most(bytes, u64::from(u32::MAX), "a stream number")? as u32)
}

fn take_rows(bytes: &mut &[u8]) -> Result<u32, BlockError> {
    Ok(varint::take_at_most(bytes, BLOCK_ROWS_MAX as u64, "a row count")? as u32)
}

/// Takes a count of things that take at least `each` bytes.
fn take_count(bytes: &mut &[u8], each: usize) -> Result<usize, BlockError> {
    let count = varint::take(bytes)?;
    if count > (bytes.len() / each) as u64 {
        return Err(BlockError::cut_short());
    }
    Ok(count as usize)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, BlockError> {
    std::str::from_utf8(varint::take_bytes(bytes)?)
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
    fn cut_entries_are_refused() {
        let mut out = Vec::new();
        sample().encode(&mut out);
        for len in 0..out.len() {
            assert!(BlockMeta::decode(&mut &out[..len]).is_err(), "{len} bytes");
        }
    }
}
