//! A shredded block with what a reader has of it, checked against its lines. The fuzz target
//! includes this file.

use skald_fields::{Assembler, LazyColumns, Shredded, Shredder, prefilter};
use skald_model::{Batch, Literal, MetadataColumn};
use std::convert::Infallible;

/// A shredded block, its columns and the lines that stayed whole.
pub(crate) struct Block<'a> {
    batch: &'a Batch,
    pub(crate) shredded: Shredded,
    columns: Columns,
    whole: Vec<u8>,
}

impl<'a> Block<'a> {
    /// Shreds a batch; `None` when it stays as it is.
    pub(crate) fn shred(batch: &'a Batch) -> Option<Block<'a>> {
        let shredded = Shredder::default().shred(batch)?;
        let values = shredded.columns.iter().map(|column| column.values.clone());
        let rows = (0..batch.len() as u32).zip(&shredded.skeleton_codes);
        let whole = rows.filter(|(_, code)| **code == 0);
        Some(Block {
            batch,
            columns: Columns(values.collect()),
            whole: whole
                .flat_map(|(row, _)| batch.line(row).to_vec())
                .collect(),
            shredded,
        })
    }

    /// What gives the lines back.
    pub(crate) fn assembler(&self) -> Assembler<'_> {
        Assembler {
            skeletons: &self.shredded.skeletons,
            skeleton_codes: &self.shredded.skeleton_codes,
            columns: &self.columns.0,
            whole: &self.whole,
        }
    }

    /// Asserts that all lines come back byte for byte.
    pub(crate) fn check_lines(&self) {
        let mut lines = Vec::new();
        self.assembler()
            .assemble(&self.batch.line_ends, &mut lines)
            .expect("the columns are of these lines");
        assert_eq!(lines, self.batch.lines);
    }

    /// For each row whether its line may hold the text.
    pub(crate) fn prefilter(&mut self, text: &Literal) -> Vec<bool> {
        let Shredded {
            skeletons,
            skeleton_codes,
            ..
        } = &self.shredded;
        let clauses = [vec![text.clone()]];
        let Ok(kept) = prefilter(skeletons, skeleton_codes, &mut self.columns, &clauses);
        kept
    }

    /// Asserts that the prefilter keeps all lines that hold a text, and that those it keeps, and no
    /// others, are assembled.
    pub(crate) fn check_prefilter(&mut self, text: &Literal) {
        let kept = self.prefilter(text);
        let wanted: Vec<u32> = (0..)
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(row, _)| row)
            .collect();
        let (mut ends, mut lines) = (self.batch.line_ends.clone(), Vec::new());
        self.assembler()
            .assemble_rows(&wanted, &mut ends, &mut lines)
            .expect("the columns are of these lines");
        let mut start = 0;
        for ((row, kept), end) in (0..).zip(kept).zip(ends) {
            let line = self.batch.line(row);
            assert!(
                kept || !holds(line, text),
                "{:?} in {:?} was left out",
                String::from_utf8_lossy(&text.bytes),
                String::from_utf8_lossy(line)
            );
            let expected = if kept { line } else { b"" };
            assert_eq!(&lines[start..end as usize], expected);
            start = end as usize;
        }
    }
}

fn holds(line: &[u8], text: &Literal) -> bool {
    let found = |line: &[u8]| {
        line.windows(text.bytes.len())
            .any(|window| window == text.bytes)
    };
    if text.ignore_case {
        found(&line.to_ascii_lowercase())
    } else {
        found(line)
    }
}

/// Columns that say exactly which bytes they have.
struct Columns(Vec<MetadataColumn>);

impl LazyColumns for Columns {
    type Error = Infallible;

    fn may_hold(&self, column: usize, byte: u8) -> bool {
        self.0[column]
            .values
            .iter()
            .any(|b| *b == byte || b.to_ascii_lowercase() == byte)
    }

    fn get(&mut self, column: usize) -> Result<&MetadataColumn, Infallible> {
        Ok(&self.0[column])
    }
}
