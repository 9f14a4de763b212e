//! Lines that are cut: they come back, and no line is left out that holds what is looked for.

use skald_fields::{Cutter, LazyColumns, Parts, join, join_some, sift};
use skald_model::{BatchBuilder, Literal, MetadataColumn};
use std::convert::Infallible;

/// Rows of a block; lines repeat until there are so many, as few are not cut.
const ROWS: usize = 32;

/// Three bytes, the place and the length of what is looked for and whether case is ignored (odd), then lines.
pub fn check(input: &[u8]) {
    let Some(([place, len, ignore_case], text)) = input.split_first_chunk() else {
        return;
    };
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let written = lines.len();
    lines.extend(
        (written..ROWS)
            .map(|row| lines[row % written])
            .collect::<Vec<_>>(),
    );
    let mut builder = BatchBuilder::default();
    for (row, line) in lines.iter().enumerate() {
        builder.push(0, row as i64, line, std::iter::empty());
    }
    let batch = builder.finish();
    let Some(cut) = Cutter::default().cut(&batch) else {
        return;
    };
    let mut columns = Columns(
        cut.columns
            .iter()
            .map(|column| column.values.clone())
            .collect(),
    );
    let whole: Vec<u8> = lines
        .iter()
        .zip(&cut.rows)
        .filter(|(_, cut)| **cut == 0)
        .flat_map(|(line, _)| line.to_vec())
        .collect();
    let mut joined = Vec::new();
    join(
        &Parts {
            skeletons: &cut.skeletons,
            rows: &cut.rows,
            columns: &columns.0,
            whole: &whole,
        },
        &batch.line_ends,
        &mut joined,
    )
    .expect("the parts are of these lines");
    assert_eq!(joined, batch.lines);

    let fold = |bytes: &[u8]| {
        if ignore_case % 2 == 1 {
            bytes.to_ascii_lowercase()
        } else {
            bytes.to_vec()
        }
    };
    let line = lines[usize::from(*place) % written];
    let start = usize::from(*place) % (line.len() + 1);
    let needle = fold(&line[start..line.len().min(start + usize::from(*len))]);
    if needle.is_empty() {
        return;
    }
    let literal = Literal {
        bytes: needle.clone(),
        ignore_case: ignore_case % 2 == 1,
    };
    let Ok(kept) = sift(&cut.skeletons, &cut.rows, &mut columns, &[vec![literal]]);
    let rows: Vec<u32> = (0..lines.len() as u32)
        .filter(|row| kept[*row as usize])
        .collect();
    let (mut ends, mut joined) = (batch.line_ends.clone(), Vec::new());
    let parts = Parts {
        skeletons: &cut.skeletons,
        rows: &cut.rows,
        columns: &columns.0,
        whole: &whole,
    };
    join_some(&parts, &rows, &mut ends, &mut joined).expect("the parts are of these lines");
    let mut from = 0;
    for ((line, kept), end) in lines.iter().zip(kept).zip(ends) {
        assert!(
            kept || !fold(line)
                .windows(needle.len())
                .any(|window| window == needle),
            "a line was left out"
        );
        assert_eq!(
            &joined[from..end as usize],
            if kept { line } else { &[][..] }
        );
        from = end as usize;
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
