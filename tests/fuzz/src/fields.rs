//! Shreds lines: they come back, and the prefilter leaves out none that holds a text.

#[path = "../../../crates/fields/tests/it/block.rs"]
mod block;

use block::Block;
use skald_model::{BatchBuilder, Literal};

/// Rows of a block; lines repeat until there are as many, since few are not shredded.
const ROWS: usize = 32;

/// Three bytes, the place and the length of the text and whether case is ignored (odd), then lines.
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
    let Some(mut block) = Block::shred(&batch) else {
        return;
    };
    block.check_lines();
    let ignore_case = ignore_case % 2 == 1;
    let line = lines[usize::from(*place) % written];
    let start = usize::from(*place) % (line.len() + 1);
    let mut text = line[start..line.len().min(start + usize::from(*len))].to_vec();
    if ignore_case {
        text.make_ascii_lowercase();
    }
    if !text.is_empty() {
        block.check_prefilter(&Literal {
            bytes: text,
            ignore_case,
        });
    }
}
