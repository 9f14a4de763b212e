//! Block metadata describes the runs, columns and statistics of a block without any line.
//!
//! A part's directory keeps a [`BlockMeta`] of each block; readers decide by it whether, and which
//! bytes, to read.

use crate::anchors::{Anchor, Anchors};
use crate::encoding::{self, FIELD_ESCAPED, LINES_OLDER_NEWEST};
use crate::error::BlockError;
use skald_fields::Form;
use std::ops::Range;
use std::sync::Arc;

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
    /// The bytes of the lines; of the older ones where the newest are a column of their own.
    Lines,
    /// The bytes of the newest lines of each run: [`BlockMeta::newest_rows`] tells which these are.
    Newest,
    /// The structured metadata of this name.
    Metadata(Arc<str>),
    /// Values of shredded lines, which become the label of this name; without a name they become
    /// none.
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
    /// Rows by value of `detected_level`, in order of first use; empty when it has very many
    /// values.
    pub levels: Vec<(String, u32)>,
    /// Times and bytes at some rows of long runs.
    pub anchors: Anchors,
}

/// Where the newest rows of a run begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestRows {
    /// The first of them, counted from the first row of the block.
    pub first: u32,
    /// Time of that row; those of the run before it are not later.
    pub time: i64,
    /// Bytes of the run's lines before that row.
    pub older_bytes: u64,
}

/// Fewest rows that are the newest of a run; all rows of a run that has not many more are its
/// newest.
pub const NEWEST_ROWS_MIN: u32 = 128;
/// The newest lines get a column of their own when the others have at least one in this many bytes
/// of a block's lines.
const OLDER_SHARE_MIN: u64 = 4;

/// How many lines of a block have their values in fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldCoverage {
    /// None: lines have to be read.
    None,
    /// All but the rows that [`crate::residual_rows`] names.
    Some,
    /// All.
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

    /// Where the newest rows of each run begin; `None` when the older ones have too few bytes to be
    /// worth a column of their own. Part of the format: a reader finds the lines of
    /// [`ColumnKind::Newest`] by it.
    pub fn newest_rows(&self) -> Option<Vec<NewestRows>> {
        let (mut newest, mut start, mut anchors) = (
            Vec::with_capacity(self.runs.len()),
            0,
            &self.anchors.all[..],
        );
        for run in &self.runs {
            let (own, rest) = anchors.split_at_checked(self.anchors.of_rows(run.rows))?;
            let enough = |(number, _): &(u32, &Anchor)| {
                run.rows >= (number + 1) * self.anchors.every + NEWEST_ROWS_MIN
            };
            newest.push(match (0..).zip(own).take_while(enough).last() {
                Some((number, anchor)) => NewestRows {
                    first: start + (number + 1) * self.anchors.every,
                    time: anchor.time,
                    older_bytes: anchor.line_bytes,
                },
                None => NewestRows {
                    first: start,
                    time: run.min_time,
                    older_bytes: 0,
                },
            });
            (start, anchors) = (start + run.rows, rest);
        }
        let older: u64 = newest
            .iter()
            .fold(0, |sum, newest| newest.older_bytes.saturating_add(sum));
        (older > 0 && older >= self.line_bytes / OLDER_SHARE_MIN).then_some(newest)
    }

    /// Where the newest rows of each run begin, if their lines can be read without the others.
    pub fn separate_newest_rows(&self) -> Option<Vec<NewestRows>> {
        let in_one_column = |column: &ColumnMeta| {
            column.kind == ColumnKind::Lines && column.encoding == LINES_OLDER_NEWEST
        };
        let separate =
            self.has_newest() || self.runs.len() == 1 && self.columns.iter().any(in_one_column);
        if separate { self.newest_rows() } else { None }
    }

    /// Whether the newest lines are a column of their own.
    pub(crate) fn has_newest(&self) -> bool {
        !self.lines_are_shredded()
            && self
                .columns
                .iter()
                .any(|column| column.kind == ColumnKind::Newest)
    }

    /// Whether lines are assembled from columns; some may be whole.
    pub fn lines_are_shredded(&self) -> bool {
        self.columns.iter().any(|column| {
            column.kind == ColumnKind::Lines && encoding::is_shredded(column.encoding)
        })
    }

    /// Whether every line is assembled from columns.
    pub(crate) fn all_lines_are_shredded(&self) -> bool {
        let all = [Form::Json, Form::Logfmt].map(|form| encoding::shredded(Some(form)));
        self.columns
            .iter()
            .any(|column| column.kind == ColumnKind::Lines && all.contains(&column.encoding))
    }

    /// How many lines have the values that a parser of this form finds for some labels in fields.
    /// None where a label may come from metadata as well, or is written with escapes.
    pub fn field_coverage(&self, form: Form, labels: &[String]) -> FieldCoverage {
        let lines = self
            .columns
            .iter()
            .find(|column| column.kind == ColumnKind::Lines);
        let coverage = match lines.map(|column| column.encoding) {
            Some(tag) if tag == encoding::shredded(Some(form)) => FieldCoverage::All,
            Some(tag) if tag == encoding::shredded(None) => FieldCoverage::Some,
            _ => return FieldCoverage::None,
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
            FieldCoverage::None
        } else {
            coverage
        }
    }
}
