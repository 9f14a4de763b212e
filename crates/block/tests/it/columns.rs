//! Only the columns and lines that are asked for are read.

use crate::support::{decoded, encoded};
use skald_block::{BlockError, ReadSpec, decode};
use skald_model::{Batch, BatchBuilder, Columns, MetadataWanted};

#[test]
fn only_what_is_asked_for_is_read() {
    let mut builder = BatchBuilder::default();
    for i in 0..2000u64 {
        let noise = format!("{:x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4);
        builder.push(
            0,
            i as i64,
            noise.as_bytes(),
            [("big", noise.as_str()), ("level", "info")].into_iter(),
        );
    }
    let batch = builder.finish();
    let (meta, bytes) = encoded(&batch);
    let read = |columns: &Columns| {
        let mut fetched = 0;
        let spec = ReadSpec::all(columns);
        let batch = decode(&meta, &spec, Batch::default(), &mut |range| {
            fetched += range.end - range.start;
            Ok(bytes[range.start as usize..range.end as usize].to_vec())
        });
        (batch.expect("was just written"), fetched)
    };
    let (times, fetched) = read(&Columns::TIMES);
    assert!(times.line_ends.is_empty() && times.lines.is_empty() && times.metadata.is_empty());
    assert!(fetched < 20, "{fetched} bytes for times");
    let lengths = Columns {
        lines: false,
        line_lengths: true,
        metadata: MetadataWanted::Names(vec!["level".into()]),
    };
    let (lengths, fetched) = read(&lengths);
    assert_eq!(lengths.line_ends, batch.line_ends);
    assert!(lengths.lines.is_empty());
    assert_eq!(
        lengths.metadata_of(77).collect::<Vec<_>>(),
        [("level", "info")]
    );
    assert!(
        fetched < 4000,
        "{fetched} bytes for lengths and one small column"
    );
    let (lines, _) = read(&Columns {
        lines: true,
        line_lengths: false,
        metadata: MetadataWanted::None,
    });
    assert_eq!(lines.line(1234), batch.line(1234));
}

#[test]
fn the_newest_rows_of_runs_are_read_alone() {
    let mut builder = BatchBuilder::default();
    for (stream, rows) in [(0, 2000), (3, 40), (4, 1), (7, 900)] {
        for i in 0..rows as u64 {
            let line = format!(
                "request {:x} done",
                (i + stream).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            );
            builder.push(
                stream as u32,
                i as i64 * 10,
                line.as_bytes(),
                std::iter::empty(),
            );
        }
    }
    let batch = builder.finish();
    let (meta, bytes) = encoded(&batch);
    let first = meta.newest_rows().expect("two runs are long");
    let places: Vec<_> = first
        .iter()
        .map(|newest| (newest.first, newest.time))
        .collect();
    assert_eq!(
        places,
        [(1792, 17_920), (2000, 0), (2040, 0), (2041 + 768, 7680)]
    );
    let newest = || (1792..2041).chain(2041 + 768..2941);
    let older = || (0..1792).chain(2041..2041 + 768);
    let older_at = meta.columns.last().expect("there are columns").offset;
    let check = |only: Vec<u32>, left_out: &dyn Fn(u32) -> bool| {
        let spec = ReadSpec {
            rows: Some(&only),
            ..ReadSpec::all(&Columns::ALL)
        };
        let mut read = |range: std::ops::Range<u64>| {
            assert!(
                range.end <= older_at || !left_out(0),
                "older lines are fetched for {only:?}"
            );
            Ok(bytes[range.start as usize..range.end as usize].to_vec())
        };
        let some = decode(&meta, &spec, Batch::default(), &mut read).expect("was just written");
        for row in 0..2941 {
            assert_eq!(
                some.line(row),
                if left_out(row) { b"" } else { batch.line(row) },
                "row {row} for {only:?}"
            );
        }
    };
    let is_newest = |row: u32| newest().any(|newest| newest == row);
    check(newest().collect(), &|row| !is_newest(row));
    // The newest lines of a long run are a frame, those of short ones share one with the next.
    check(vec![1900], &|row| !(1792..2000).contains(&row));
    check(vec![2040], &|row| row != 2040);
    check(vec![2040, 2940], &|row| row < 2040 || !is_newest(row));
    check(older().collect(), &is_newest);
    check(vec![2100], &is_newest);
    check(vec![], &|_| true);
    check(vec![7, 2030], &|_| false);
    check((0..2941).collect(), &|_| false);
}

#[test]
fn lines_of_runs_without_lengths_are_damaged() {
    let mut builder = BatchBuilder::default();
    (0..2000).for_each(|i| {
        builder.push(
            i / 1000,
            i64::from(i),
            format!("line {i}").as_bytes(),
            std::iter::empty(),
        )
    });
    let (mut meta, bytes) = encoded(&builder.finish());
    meta.columns
        .retain(|column| column.kind != skald_block::ColumnKind::Lengths);
    let read = decoded(&meta, &Columns::ALL, &bytes);
    assert!(matches!(read, Err(BlockError::Damaged(_))));
}
