//! Batches of every shape, and their blocks.

use proptest::collection::vec;
use proptest::prelude::*;
use skald_block::{BlockError, BlockMeta, Encoder, ReadSpec, decode};
use skald_model::{Batch, BatchBuilder, Columns};
use std::ops::Range;

/// One entry: step in time, line, metadata.
pub(crate) type Row = (u32, Vec<u8>, Vec<(u8, String)>);

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        any::<i64>().prop_map(|n| n.to_string()),
        (any::<i32>(), 0..9usize)
            .prop_map(|(n, places)| format!("{:.places$}", f64::from(n) / 1000.0)),
        any::<u32>().prop_map(|n| std::net::Ipv4Addr::from(n).to_string()),
        any::<u64>().prop_map(|n| format!("{n:016x}")),
        Just("info".to_owned()),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    (
        prop_oneof![Just(0), Just(1_000_000), any::<u32>()],
        vec(any::<u8>(), 0..20),
        vec((0..4u8, value()), 0..3),
    )
}

pub(crate) fn batch_of(runs: &[(i64, Vec<Row>)]) -> Batch {
    let mut builder = BatchBuilder::default();
    for (stream, (start, rows)) in runs.iter().enumerate() {
        let mut time = *start;
        for (step, line, pairs) in rows {
            time += i64::from(*step);
            let mut pairs: Vec<(String, &str)> = pairs
                .iter()
                .map(|(k, v)| (format!("key{k}"), v.as_str()))
                .collect();
            pairs.sort_unstable();
            pairs.dedup_by(|a, b| a.0 == b.0);
            builder.push(
                stream as u32,
                time,
                line,
                pairs.iter().map(|(k, v)| (k.as_str(), *v)),
            );
        }
    }
    builder.finish()
}

pub(crate) fn batches() -> impl Strategy<Value = Batch> {
    let any_lines =
        vec((-1i64 << 60..1 << 60, vec(row(), 1..40)), 0..6).prop_map(|runs| batch_of(&runs));
    prop_oneof![3 => any_lines, 1 => lines_with_fields(), 1 => long_runs()]
}

/// Runs of which some are so long that their newest lines get a column of their own, if lines are
/// not shredded.
fn long_runs() -> impl Strategy<Value = Batch> {
    let run = (
        -1i64 << 60..1 << 60,
        prop_oneof![1..700usize, 1..4usize, Just(0)],
        0..300usize,
    );
    (vec(run, 1..5), any::<bool>()).prop_map(|(runs, json)| {
        let mut builder = BatchBuilder::default();
        for (stream, (start, rows, width)) in runs.iter().enumerate() {
            for row in 0..*rows {
                let number = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let line = match json {
                    true => format!(r#"{{"at":{row},"id":"{number:016x}","level":"info"}}"#),
                    false => format!("{number:.<width$}"),
                };
                let level = ["info", "warn", "error"][number as usize % 3];
                builder.push(
                    stream as u32,
                    start + row as i64 * 7,
                    line.as_bytes(),
                    [("level", level)].into_iter(),
                );
            }
        }
        builder.finish()
    })
}

/// JSON or logfmt lines of one program, a few other lines among them.
fn lines_with_fields() -> impl Strategy<Value = Batch> {
    let line = (value(), value(), value(), any::<u16>(), 0..40u8);
    (any::<bool>(), vec(line, 24..90)).prop_map(|(json, lines)| {
        let rows = lines.into_iter().map(|(a, b, c, n, kind)| {
            let line = match (kind, json) {
                (0, _) => format!("{a} {b}"),
                (1, true) => format!(r#"{{"a":"{a}","n":{n},"more":{{"b":"{b}"}}}}"#),
                (1, false) => format!("a={a} n={n} more b={b}"),
                (_, true) => {
                    format!(r#"{{"a":"{a}","level":"{b}","took":"{n}ms","c":[{n}],"d":"{c}"}}"#)
                }
                (_, false) => format!(r#"a={a} level="{b}" took={n}ms d={c}"#),
            };
            (u32::from(n), line.into_bytes(), vec![(kind % 4, c)])
        });
        batch_of(&[(0, rows.collect())])
    })
}

pub(crate) fn encoded(batch: &Batch) -> (BlockMeta, Vec<u8>) {
    let mut bytes = b"another block before".to_vec();
    let before = bytes.len();
    let meta = Encoder::default()
        .encode(batch, &mut bytes)
        .expect("the batch is well formed");
    (meta, bytes.split_off(before))
}

pub(crate) fn decoded(
    meta: &BlockMeta,
    columns: &Columns,
    bytes: &[u8],
) -> Result<Batch, BlockError> {
    let spec = ReadSpec::all(columns);
    decode(meta, &spec, Batch::default(), &mut reader(bytes))
}

/// Fetches bytes of a block.
pub(crate) fn reader(bytes: &[u8]) -> impl FnMut(Range<u64>) -> std::io::Result<Vec<u8>> + '_ {
    |range| {
        let slice = bytes.get(range.start as usize..range.end as usize);
        slice
            .map(<[u8]>::to_vec)
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

pub(crate) fn assert_same(a: &Batch, b: &Batch) {
    assert_eq!(a.timestamps, b.timestamps);
    assert_eq!(a.line_ends, b.line_ends);
    assert_eq!(a.lines, b.lines);
    assert_eq!(
        a.runs
            .iter()
            .map(|r| (r.stream, r.rows.clone()))
            .collect::<Vec<_>>(),
        b.runs
            .iter()
            .map(|r| (r.stream, r.rows.clone()))
            .collect::<Vec<_>>()
    );
    for row in 0..a.len() as u32 {
        assert!(
            a.metadata_of(row).eq(b.metadata_of(row)),
            "metadata of row {row}"
        );
    }
}
