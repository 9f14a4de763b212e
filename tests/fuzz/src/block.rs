//! Blocks: any bytes give an error or rows that can be read, and what is written comes back.
//!
//! Checksums are made right before decoding, as otherwise nothing would get past them.

use skald_block::{
    BlockError, BlockMeta, ColumnKind, Count, Encoder, ReadSpec, RunCounter, decode, verify,
};
use skald_model::{Batch, BatchBuilder, Columns, Literal, MetadataWanted};

/// Bytes of a text that is looked for: some lie within a value, some across its edge.
const TEXT_BYTES: usize = 6;

/// Columns that are decoded: all, and parts of them.
fn wanted() -> [Columns; 3] {
    let names = MetadataWanted::Names(vec!["detected_level".to_owned()]);
    [
        Columns::ALL,
        Columns::TIMES,
        Columns {
            lines: false,
            line_lengths: true,
            metadata: names,
        },
    ]
}

/// The first byte tells whether bytes are decoded as they are (even) or rows are written first
/// (odd).
pub fn check(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        check_bytes(rest)
    } else {
        check_rows(rest)
    }
}

/// The directory entry, then the block.
fn check_bytes(mut bytes: &[u8]) {
    let Ok(meta) = BlockMeta::decode(&mut bytes) else {
        return;
    };
    let mut again = Vec::new();
    meta.encode(&mut again);
    assert_eq!(
        BlockMeta::decode(&mut &again[..]).as_ref().ok(),
        Some(&meta)
    );
    check_decode(meta, bytes);
}

/// One byte with the number of damages, three bytes for each, then rows: flags, step, lengths of
/// line and value, line, value.
fn check_rows(input: &[u8]) {
    let Some((&damages, rest)) = input.split_first() else {
        return;
    };
    let Some((damages, mut rest)) = rest.split_at_checked(usize::from(damages % 8) * 3) else {
        return;
    };
    let mut builder = BatchBuilder::default();
    let (mut stream, mut time) = (0, 0i64);
    while let Some(([flags, step, line, value], after)) = rest.split_first_chunk() {
        let (line, after) = after.split_at(usize::from(*line).min(after.len()));
        let (value, after) = after.split_at(usize::from(*value).min(after.len()));
        rest = after;
        if flags & 1 == 1 {
            stream += 1;
            time = i64::from(*step) << (flags >> 2);
        } else {
            time = time.saturating_add(i64::from(*step) << (flags >> 4));
        }
        let value = String::from_utf8_lossy(value);
        let metadata = [("detected_level", &*value), ("x", "1")];
        builder.push(
            stream,
            time,
            line,
            metadata.into_iter().skip(usize::from(flags >> 1 & 1)),
        );
    }
    let batch = builder.finish();
    let mut bytes = Vec::new();
    let meta = Encoder::default()
        .encode(&batch, &mut bytes)
        .expect("the batch is well formed");
    assert_same(
        &read(&meta, &ReadSpec::all(&Columns::ALL), &bytes).expect("was just written"),
        &batch,
    );
    verify(&meta, &batch).expect("the entry describes its rows");
    check_counts(&meta, &bytes, &batch);
    check_lines_with_a_text(&meta, &bytes, &batch);
    for damage in damages.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([damage[0], damage[1]]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= damage[2];
        }
    }
    check_decode(meta, &bytes);
}

/// Counts before a time in the middle of each run are those of the rows.
fn check_counts(meta: &BlockMeta, bytes: &[u8], batch: &Batch) {
    let mut counter = RunCounter::new(meta, Count::RowsAndBytes);
    for (number, run) in batch.runs.iter().enumerate() {
        let edge = middle(meta, number);
        let earlier = || {
            run.rows
                .clone()
                .filter(|row| batch.timestamps[*row as usize] < edge)
        };
        let expected = (
            earlier().count() as u64,
            earlier().map(|row| batch.line(row).len() as u64).sum(),
        );
        let found = counter
            .before(number, edge, &mut reader(bytes))
            .expect("was just written");
        assert_eq!((found.rows, found.line_bytes), expected);
    }
}

/// Lines with a text that some line has are those of the rows.
fn check_lines_with_a_text(meta: &BlockMeta, bytes: &[u8], batch: &Batch) {
    let literal = text_of(batch);
    let holds = |line: &[u8]| {
        literal.bytes.is_empty()
            || line
                .windows(literal.bytes.len())
                .any(|text| text == literal.bytes)
    };
    let must_contain = [vec![literal.clone()]];
    let spec = ReadSpec {
        must_contain: &must_contain,
        ..ReadSpec::all(&Columns::ALL)
    };
    let found = read(meta, &spec, bytes).expect("was just written");
    for row in 0..batch.len() as u32 {
        let (line, found) = (batch.line(row), found.line(row));
        assert!(
            found == line || (found.is_empty() && !holds(line)),
            "row {row}"
        );
    }
}

/// A few bytes of the row in the middle.
fn text_of(batch: &Batch) -> Literal {
    let line = if batch.is_empty() {
        &[][..]
    } else {
        batch.line(batch.len() as u32 / 2)
    };
    Literal {
        bytes: line[line.len() / 3..]
            .iter()
            .take(TEXT_BYTES)
            .copied()
            .collect(),
        ignore_case: false,
    }
}

fn middle(meta: &BlockMeta, run: usize) -> i64 {
    let run = &meta.runs[run];
    run.min_time
        .wrapping_add((run.max_time.wrapping_sub(run.min_time) as u64 / 2) as i64)
}

fn check_decode(mut meta: BlockMeta, bytes: &[u8]) {
    for column in &mut meta.columns {
        let range = column.offset as usize..(column.offset + column.len) as usize;
        column.crc = bytes.get(range).map_or(0, crc32fast::hash);
    }
    let mut counter = RunCounter::new(&meta, Count::RowsAndBytes);
    for run in 0..meta.runs.len() {
        let _ = counter.before(run, middle(&meta, run), &mut reader(bytes));
    }
    for columns in wanted() {
        let Ok(batch) = read(&meta, &ReadSpec::all(&columns), bytes) else {
            continue;
        };
        assert_eq!(batch.len(), meta.rows as usize);
        if columns == Columns::ALL {
            let _ = verify(&meta, &batch);
        }
        for row in 0..batch.len() as u32 {
            let _ = batch.line(row).len()
                + batch
                    .metadata_of(row)
                    .map(|(name, value)| name.len() + value.len())
                    .sum::<usize>();
        }
    }
    check_some(&meta, bytes);
}

/// Lines of some rows are those of all, picked rows are whole, and lines with a text and fields as
/// metadata can be read.
fn check_some(meta: &BlockMeta, bytes: &[u8]) {
    let read = |spec: &ReadSpec<'_>| read(meta, spec, bytes);
    let all = read(&ReadSpec::all(&Columns::ALL));
    let rows: Vec<u32> = (0..meta.rows).step_by(3).collect();
    let some = read(&ReadSpec {
        rows: Some(&rows),
        ..ReadSpec::all(&Columns::ALL)
    });
    if let (Ok(all), Ok(some)) = (&all, &some) {
        assert!(rows.iter().all(|row| all.line(*row) == some.line(*row)));
    }
    let mut last: Vec<u32> = (0..meta.rows).rev().step_by(5).take(40).collect();
    last.reverse();
    let pick = |_: &[i64]| last.clone();
    let picked = read(&ReadSpec {
        pick: Some(&pick),
        ..ReadSpec::all(&Columns::ALL)
    });
    if let (Ok(all), Ok(some)) = (&all, &picked) {
        for &row in &last {
            assert_eq!(all.line(row), some.line(row));
            assert!(
                all.metadata_of(row).eq(some.metadata_of(row)),
                "metadata of row {row}"
            );
        }
    }
    let must_contain = [vec![
        all.as_ref()
            .map_or_else(|_| text_of(&Batch::default()), text_of),
    ]];
    let names = meta.columns.iter().filter_map(|column| match &column.kind {
        ColumnKind::Field(name) => Some(name.to_string()),
        _ => None,
    });
    let columns = Columns {
        lines: true,
        line_lengths: true,
        metadata: MetadataWanted::Names(names.collect()),
    };
    for spec in [
        ReadSpec {
            must_contain: &must_contain,
            rows: Some(&rows),
            ..ReadSpec::all(&columns)
        },
        ReadSpec {
            must_contain: &must_contain,
            fields: true,
            ..ReadSpec::all(&columns)
        },
    ] {
        let Ok(batch) = read(&spec) else { continue };
        for row in 0..batch.len() as u32 {
            let _ = batch.line(row).len()
                + batch
                    .metadata_of(row)
                    .map(|(name, value)| name.len() + value.len())
                    .sum::<usize>();
        }
    }
}

fn read(meta: &BlockMeta, spec: &ReadSpec<'_>, bytes: &[u8]) -> Result<Batch, BlockError> {
    decode(meta, spec, Batch::default(), &mut reader(bytes))
}

fn reader(bytes: &[u8]) -> impl FnMut(std::ops::Range<u64>) -> std::io::Result<Vec<u8>> + '_ {
    |range| {
        let slice = bytes.get(range.start as usize..range.end as usize);
        slice
            .map(<[u8]>::to_vec)
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

fn assert_same(a: &Batch, b: &Batch) {
    assert_eq!(
        (&a.timestamps, &a.line_ends, &a.lines),
        (&b.timestamps, &b.line_ends, &b.lines)
    );
    let runs = |batch: &Batch| {
        batch
            .runs
            .iter()
            .map(|r| (r.stream, r.rows.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(runs(a), runs(b));
    for row in 0..a.len() as u32 {
        assert!(
            a.metadata_of(row).eq(b.metadata_of(row)),
            "metadata of row {row}"
        );
    }
}
