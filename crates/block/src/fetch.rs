//! Fetches the bytes of columns, those that lie near each other in one read.

use crate::error::BlockError;
use crate::meta::{BlockMeta, ColumnKind, ColumnMeta};
use std::ops::Range;

/// Columns nearer than this many bytes are fetched in one read, with what lies between.
const READ_GAP: u64 = 8 << 10;

/// Fetches byte ranges of a block.
pub type ReadRange<'a> = &'a mut dyn FnMut(Range<u64>) -> std::io::Result<Vec<u8>>;

/// A column and its bytes as they were fetched.
#[derive(Clone, Copy)]
pub(crate) struct FetchedColumn<'a> {
    pub(crate) meta: &'a ColumnMeta,
    bytes: &'a [u8],
}

impl<'a> FetchedColumn<'a> {
    /// Its bytes, once they are checked.
    pub(crate) fn checked(&self) -> Result<&'a [u8], BlockError> {
        self.meta.check(self.bytes)?;
        Ok(self.bytes)
    }

    /// Its bytes, which may be damaged.
    pub(crate) fn unchecked(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Columns of a block that were fetched.
pub(crate) struct Fetched<'a> {
    columns: Vec<&'a ColumnMeta>,
    /// Where each read begins in the block, and what it gave.
    reads: Vec<(u64, Vec<u8>)>,
}

impl<'a> Fetched<'a> {
    /// Fetches columns, which are in order of their bytes.
    pub(crate) fn read(
        columns: Vec<&'a ColumnMeta>,
        read: ReadRange<'_>,
    ) -> Result<Fetched<'a>, BlockError> {
        let mut reads = Vec::new();
        let mut rest = &columns[..];
        while let Some(first) = rest.first() {
            let together = rest
                .windows(2)
                .take_while(|pair| is_near(pair[0], pair[1]))
                .count()
                + 1;
            let (group, later) = rest.split_at(together);
            let range = first.offset..group[together - 1].bytes().end;
            let bytes = read(range.clone())?;
            if bytes.len() as u64 != range.end - range.start {
                return Err(BlockError::truncated());
            }
            reads.push((range.start, bytes));
            rest = later;
        }
        Ok(Fetched { columns, reads })
    }

    /// All columns that were fetched, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Result<FetchedColumn<'_>, BlockError>> {
        self.columns.iter().map(|meta| {
            let bytes = self.bytes_of(meta)?;
            Ok(FetchedColumn { meta, bytes })
        })
    }

    /// The one column of this kind, if it was fetched.
    pub(crate) fn one(&self, kind: &ColumnKind) -> Result<Option<FetchedColumn<'_>>, BlockError> {
        let mut found = self.columns.iter().filter(|column| column.kind == *kind);
        let Some(meta) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(BlockError::Damaged(format!(
                "the block has two columns of {kind}"
            )));
        }
        let bytes = self.bytes_of(meta)?;
        Ok(Some(FetchedColumn { meta, bytes }))
    }

    fn bytes_of(&self, column: &ColumnMeta) -> Result<&[u8], BlockError> {
        let within = |(start, bytes): &(u64, Vec<u8>)| {
            *start <= column.offset && column.offset - start <= bytes.len() as u64
        };
        let (start, bytes) = self
            .reads
            .iter()
            .rfind(|read| within(read))
            .ok_or_else(BlockError::truncated)?;
        let from = (column.offset - start) as usize;
        bytes
            .get(from..from + column.len as usize)
            .ok_or_else(BlockError::truncated)
    }
}

/// Fetches one column of a block; gives its checked bytes.
pub(crate) fn fetch_one(
    meta: &BlockMeta,
    kind: &ColumnKind,
    read: ReadRange<'_>,
) -> Result<Vec<u8>, BlockError> {
    let column = meta.columns.iter().find(|column| column.kind == *kind);
    let column: &ColumnMeta =
        column.ok_or_else(|| BlockError::Damaged(format!("the block has no {kind}")))?;
    let bytes = read(column.bytes())?;
    column.check(&bytes)?;
    Ok(bytes)
}

/// Whether one read should fetch both; false when they do not follow one another.
fn is_near(first: &ColumnMeta, second: &ColumnMeta) -> bool {
    second
        .offset
        .checked_sub(first.bytes().end)
        .is_some_and(|gap| gap <= READ_GAP)
}
