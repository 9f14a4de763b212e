//! Content indexes: any bytes give an error or an answer, and no block is left out that has what is
//! asked for.

use skald_index::content::FORMAT_VERSION;
use skald_index::{ContentIndex, ContentIndexBuilder};
use skald_model::{BatchBuilder, ContentQuery, Literal};

/// Bytes of version and checksum at the front of an index.
const CHECKED_FROM: usize = 5;

/// The first byte tells whether bytes are opened (even) or an index is written first (odd).
pub fn check(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        check_bytes(rest)
    } else {
        check_lines(*kind, rest)
    }
}

/// The bytes with a right checksum, asked for some of their own.
fn check_bytes(input: &[u8]) {
    let mut bytes = input.to_vec();
    if let Some((head, checked)) = bytes.split_at_mut_checked(CHECKED_FROM) {
        head[1..].copy_from_slice(&crc32fast::hash(checked).to_le_bytes());
    }
    let Ok(index) = ContentIndex::open(bytes) else {
        return;
    };
    let literal = |bytes: &[u8]| Literal {
        bytes: bytes.to_vec(),
        ignore_case: bytes.len().is_multiple_of(2),
    };
    let lists = input
        .chunks(12)
        .take(4)
        .map(|chunk| chunk.chunks(7).map(literal).collect())
        .collect();
    let metadata = vec![(
        "trace_id".to_owned(),
        vec![String::from_utf8_lossy(&input[..input.len().min(9)]).into_owned()],
    )];
    let flags = index.candidates(&ContentQuery {
        lines: lists,
        metadata,
        ..ContentQuery::default()
    });
    assert_eq!(flags.len(), index.blocks());
}

/// Two bytes each for the place and the length of what is looked for, then lines; bits of `kind`:
/// how many lines a block has, and whether case is ignored.
fn check_lines(kind: u8, input: &[u8]) {
    let Some(([a, b, c, d], text)) = input.split_first_chunk() else {
        return;
    };
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let blocks: Vec<&[&[u8]]> = lines.chunks(1 + usize::from(kind >> 4)).collect();
    let mut builder = ContentIndexBuilder::default();
    for (block, lines) in blocks.iter().enumerate() {
        let mut batch = BatchBuilder::default();
        for line in *lines {
            batch.push(
                0,
                0,
                line,
                [("trace_id", value_of(block).as_str())].into_iter(),
            );
        }
        builder.add_block(&batch.finish());
    }
    let bytes = builder.finish();
    let (place, len) = (
        usize::from(u16::from_le_bytes([*a, *b])),
        usize::from(u16::from_le_bytes([*c, *d])),
    );
    let line = lines[place % lines.len()];
    let start = place % (line.len() + 1);
    let mut needle = line[start..start + len % (line.len() - start + 1)].to_vec();
    let ignore_case = kind & 2 != 0;
    if ignore_case {
        needle.make_ascii_lowercase();
    }
    // Older versions ask for fewer of the same grams.
    for version in 1..=FORMAT_VERSION {
        let bytes = [&[version][..], &bytes[1..]].concat();
        let index = ContentIndex::open(bytes).expect("was just written");
        assert_eq!(index.blocks(), blocks.len());
        for (block, flag) in index
            .candidates(&query(&needle, ignore_case))
            .into_iter()
            .enumerate()
        {
            assert!(
                flag || !blocks[block]
                    .iter()
                    .any(|line| contains(line, &needle, ignore_case)),
                "block {block}"
            );
        }
        let block = place % blocks.len();
        let by_value = ContentQuery {
            metadata: vec![("trace_id".to_owned(), vec![value_of(block)])],
            ..ContentQuery::default()
        };
        assert!(index.candidates(&by_value)[block], "block {block}");
    }
}

fn value_of(block: usize) -> String {
    format!("id-{block}")
}

fn query(needle: &[u8], ignore_case: bool) -> ContentQuery {
    ContentQuery {
        lines: vec![vec![Literal {
            bytes: needle.to_vec(),
            ignore_case,
        }]],
        ..ContentQuery::default()
    }
}

fn contains(line: &[u8], needle: &[u8], ignore_case: bool) -> bool {
    let is_it = |window: &[u8]| {
        if ignore_case {
            window.eq_ignore_ascii_case(needle)
        } else {
            window == needle
        }
    };
    needle.is_empty() || line.windows(needle.len()).any(is_it)
}
