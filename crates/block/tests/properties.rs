//! What holds for every batch and for every damage to its bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use skald_block::{
    BlockError, BlockMeta, Count, Encoder, FieldsAnswer, RunCounter, Wanted, decode, decode_chosen,
    decode_over, rows_apart, verify,
};
use skald_fields::Form;
use skald_model::{Batch, BatchBuilder, Columns, Literal, MetadataWanted};
use std::collections::BTreeSet;

/// One entry: step in time, line, metadata.
type Row = (u32, Vec<u8>, Vec<(u8, String)>);

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

fn batch_of(runs: &[(i64, Vec<Row>)]) -> Batch {
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

fn batches() -> impl Strategy<Value = Batch> {
    let any_lines =
        vec((-1i64 << 60..1 << 60, vec(row(), 1..40)), 0..6).prop_map(|runs| batch_of(&runs));
    prop_oneof![3 => any_lines, 1 => lines_with_fields(), 1 => long_runs()]
}

/// Runs of which some are so long that their newest lines lie apart, if lines are not cut.
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

fn encoded(batch: &Batch) -> (BlockMeta, Vec<u8>) {
    let mut bytes = b"another block before".to_vec();
    let before = bytes.len();
    let meta = Encoder::default()
        .encode(batch, &mut bytes)
        .expect("the batch is well formed");
    (meta, bytes.split_off(before))
}

fn decoded(meta: &BlockMeta, columns: &Columns, bytes: &[u8]) -> Result<Batch, BlockError> {
    decode(meta, columns, &mut |range| {
        let range = range.start as usize..range.end as usize;
        bytes
            .get(range)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    })
}

fn assert_same(a: &Batch, b: &Batch) {
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

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(batch in batches()) {
        let (meta, bytes) = encoded(&batch);
        assert_eq!(meta.block_bytes(), bytes.len() as u64);
        let mut entry = Vec::new();
        meta.encode(&mut entry);
        let again = BlockMeta::decode(&mut &entry[..]).expect("was just written");
        assert_eq!(again, meta);
        let read = decoded(&again, &Columns::ALL, &bytes).expect("was just written");
        assert_same(&read, &batch);
        verify(&again, &read).expect("the entry describes the rows");
    }

    #[test]
    fn the_batch_read_before_does_not_show(batch in batches(), before in batches()) {
        let (meta, bytes) = encoded(&batch);
        let mut read = |range: std::ops::Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        for columns in [Columns::ALL, Columns::TIMES] {
            let over = decode_over(&meta, &Wanted::all(&columns), before.clone(), &mut read).expect("was just written");
            assert_same(&over, &decoded(&meta, &columns, &bytes).expect("was just written"));
        }
    }

    #[test]
    fn lines_of_some_rows_are_those_of_all(batch in batches(), picks in vec(any::<prop::sample::Index>(), 0..20)) {
        let (meta, bytes) = encoded(&batch);
        let mut read = |range: std::ops::Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        let mut rows: Vec<u32> = picks.iter().filter(|_| !batch.is_empty()).map(|pick| pick.index(batch.len()) as u32).collect();
        rows.sort_unstable();
        rows.dedup();
        let wanted = Wanted { rows: Some(&rows), ..Wanted::all(&Columns::ALL) };
        let some = decode_over(&meta, &wanted, Batch::default(), &mut read).expect("was just written");
        for row in rows {
            prop_assert_eq!(some.line(row), batch.line(row));
        }
    }

    #[test]
    fn rows_chosen_by_their_times_are_whole(
        batch in batches(),
        picks in vec(any::<prop::sample::Index>(), 0..20),
        wanted_too in vec(any::<prop::sample::Index>(), 0..20),
        narrowed in any::<bool>(),
    ) {
        let (meta, bytes) = encoded(&batch);
        let mut read = |range: std::ops::Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        let row = |pick: &prop::sample::Index| pick.index(batch.len()) as u32;
        let of = |picks: &[prop::sample::Index]| picks.iter().filter(|_| !batch.is_empty()).map(row).collect::<BTreeSet<_>>();
        let chosen: Vec<u32> = of(&picks).into_iter().collect();
        let wanted: Vec<u32> = (&of(&picks) | &of(&wanted_too)).into_iter().collect();
        let wanted = Wanted { rows: narrowed.then_some(&wanted[..]), ..Wanted::all(&Columns::ALL) };
        let mut choose = |times: &[i64]| {
            assert_eq!(times, batch.timestamps);
            chosen.clone()
        };
        let some = decode_chosen(&meta, &wanted, Batch::default(), &mut read, Some(&mut choose)).expect("was just written");
        for row in chosen {
            prop_assert_eq!(some.line(row), batch.line(row));
            prop_assert!(some.metadata_of(row).eq(batch.metadata_of(row)), "metadata of row {}", row);
        }
    }

    #[test]
    fn lines_that_contain_a_text_are_those_of_all(batch in batches(), pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        if batch.lines.is_empty() {
            return Ok(());
        }
        let (meta, bytes) = encoded(&batch);
        let line = batch.line(pick.index(batch.len()) as u32);
        let text = &line[at.index(line.len() + 1)..];
        let literal = Literal { bytes: text[..text.len().min(5)].to_vec(), ignore_case: false };
        let containing = [vec![literal.clone()]];
        let wanted = Wanted { containing: &containing, ..Wanted::all(&Columns::ALL) };
        let mut read = |range: std::ops::Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
        let some = decode_over(&meta, &wanted, Batch::default(), &mut read).expect("was just written");
        for row in 0..batch.len() as u32 {
            let line = batch.line(row);
            let holds = literal.bytes.is_empty() || line.windows(literal.bytes.len()).any(|window| window == literal.bytes);
            prop_assert!(some.line(row) == line || (!holds && some.line(row).is_empty()));
        }
    }

    #[test]
    fn figures_of_the_directory_are_those_of_the_rows(batch in batches()) {
        let (meta, _) = encoded(&batch);
        for (run, described) in batch.runs.iter().zip(&meta.runs) {
            let rows = run.rows.clone();
            let lines: usize = rows.clone().map(|row| batch.line(row).len()).sum();
            let metadata: usize = rows.clone().flat_map(|row| batch.metadata_of(row)).map(|(n, v)| n.len() + v.len()).sum();
            assert_eq!((described.rows as usize, described.line_bytes, described.metadata_bytes), (rows.len(), lines as u64, metadata as u64));
            assert_eq!(described.min_time, batch.timestamps[rows.start as usize]);
            assert_eq!(described.max_time, batch.timestamps[rows.end as usize - 1]);
        }
    }

    #[test]
    fn damaged_bytes_are_refused(batch in batches(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (meta, mut bytes) = encoded(&batch);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        assert!(matches!(decoded(&meta, &Columns::ALL, &bytes), Err(BlockError::Damaged(_))));
    }

    /// Checksums catch damage before decoders do; this lets the decoders see it.
    #[test]
    fn decoders_survive_bytes_with_a_right_checksum(batch in batches(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (mut meta, mut bytes) = encoded(&batch);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for column in &mut meta.columns {
            column.crc = crc32fast::hash(&bytes[column.offset as usize..column.bytes().end as usize]);
        }
        if let Ok(read) = decoded(&meta, &Columns::ALL, &bytes) {
            for row in 0..read.len() as u32 {
                let _ = (read.line(row), read.metadata_of(row).count());
            }
        }
    }

    #[test]
    fn damaged_directory_entries_never_panic(batch in batches(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (meta, bytes) = encoded(&batch);
        let mut entry = Vec::new();
        meta.encode(&mut entry);
        for (at, byte) in damage {
            let at = at.index(entry.len());
            entry[at] = byte;
        }
        if let Ok(meta) = BlockMeta::decode(&mut &entry[..]) {
            let _ = decoded(&meta, &Columns::ALL, &bytes).map(|batch| verify(&meta, &batch));
            let mut read = |range: std::ops::Range<u64>| {
                let range = range.start as usize..range.end as usize;
                bytes.get(range).map(<[u8]>::to_vec).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
            };
            let mut counter = RunCounter::new(&meta, Count::RowsAndBytes);
            for (number, run) in meta.runs.iter().enumerate() {
                let _ = counter.before(number, run.min_time.wrapping_add(run.max_time.wrapping_sub(run.min_time) / 2), &mut read);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_reason_to_panic(entry in vec(any::<u8>(), 0..200)) {
        let _ = BlockMeta::decode(&mut &entry[..]);
        let mut versioned = vec![skald_block::FORMAT_VERSION];
        versioned.extend(entry);
        let _ = BlockMeta::decode(&mut &versioned[..]);
    }
}

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
        let batch = decode(&meta, columns, &mut |range| {
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
    let tails = meta.tails().expect("two runs are long");
    let places: Vec<_> = tails.iter().map(|tail| (tail.row, tail.time)).collect();
    assert_eq!(
        places,
        [(1792, 17_920), (2000, 0), (2040, 0), (2041 + 768, 7680)]
    );
    let newest = || (1792..2041).chain(2041 + 768..2941);
    let older = || (0..1792).chain(2041..2041 + 768);
    let older_at = meta.columns.last().expect("there are columns").offset;
    let check = |only: Vec<u32>, left_out: &dyn Fn(u32) -> bool| {
        let wanted = Wanted {
            rows: Some(&only),
            ..Wanted::all(&Columns::ALL)
        };
        let mut read = |range: std::ops::Range<u64>| {
            assert!(
                range.end <= older_at || !left_out(0),
                "older lines are fetched for {only:?}"
            );
            Ok(bytes[range.start as usize..range.end as usize].to_vec())
        };
        let some =
            decode_over(&meta, &wanted, Batch::default(), &mut read).expect("was just written");
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
    let read = decode(&meta, &Columns::ALL, &mut |range| {
        Ok(bytes[range.start as usize..range.end as usize].to_vec())
    });
    assert!(matches!(read, Err(BlockError::Damaged(_))));
}

#[test]
fn rows_that_fields_do_not_answer_for_are_named() {
    let line = |i: u64| match i % 50 {
        7 => format!("no form at all, {i}"),
        9 => format!("level=info took={i}ms status={}", i % 9),
        _ => format!(r#"{{"status":{},"took":"{i}ms"}}"#, 200 + i % 3),
    };
    let mut builder = BatchBuilder::default();
    (0..2000).for_each(|i| builder.push(0, i as i64, line(i).as_bytes(), std::iter::empty()));
    let (meta, bytes) = encoded(&builder.finish());
    let mut read =
        |range: std::ops::Range<u64>| Ok(bytes[range.start as usize..range.end as usize].to_vec());
    let mut apart = |form| rows_apart(&meta, form, &mut read).expect("was just written");
    let of = |rests: &[u32]| {
        (0..2000)
            .filter(|row| rests.contains(&(row % 50)))
            .collect::<Vec<u32>>()
    };
    assert_eq!(
        meta.fields_answer(Form::Json, &["status".to_owned()]),
        FieldsAnswer::Some
    );
    assert_eq!(apart(Form::Json), of(&[7, 9]));
    let logfmt = apart(Form::Logfmt);
    assert!(of(&[9]).iter().all(|row| !logfmt.contains(row)) && logfmt.len() == 2000 - 40);
    let cut_short = rows_apart(&meta, Form::Json, &mut |range| {
        Ok(bytes[range.start as usize..range.end as usize - 1].to_vec())
    });
    assert!(matches!(cut_short, Err(BlockError::Damaged(_))));
}

#[test]
fn fields_of_lines_are_read_without_them() {
    let mut builder = BatchBuilder::default();
    for i in 0..2000u64 {
        let noise = format!("{:x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(4);
        let line = format!(
            r#"{{"status":{},"noise":"{noise}","msg":"say \"{i}\"","in":{{"took":"{}.5ms"}}}}"#,
            200 + i % 3,
            i % 90
        );
        builder.push(0, i as i64, line.as_bytes(), [("pod", "a")].into_iter());
    }
    let batch = builder.finish();
    let (meta, bytes) = encoded(&batch);
    let labels = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let answers = |form, names: &[&str]| meta.fields_answer(form, &labels(names));
    assert_eq!(
        answers(Form::Json, &["status", "in_took", "nothing"]),
        FieldsAnswer::All
    );
    assert_eq!(
        answers(Form::Logfmt, &["status"]),
        FieldsAnswer::None,
        "the lines are not logfmt"
    );
    assert_eq!(
        answers(Form::Json, &["msg"]),
        FieldsAnswer::None,
        "the text of a label differs from what is written"
    );
    assert_eq!(
        answers(Form::Json, &["pod"]),
        FieldsAnswer::None,
        "there is metadata of the name"
    );
    let columns = Columns {
        lines: false,
        line_lengths: false,
        metadata: MetadataWanted::Names(labels(&["status", "in_took"])),
    };
    let mut fetched = 0;
    let read = decode_over(
        &meta,
        &Wanted {
            fields: true,
            ..Wanted::all(&columns)
        },
        Batch::default(),
        &mut |range| {
            fetched += range.end - range.start;
            Ok(bytes[range.start as usize..range.end as usize].to_vec())
        },
    );
    let read = read.expect("was just written");
    assert_eq!(
        read.metadata_of(77).collect::<Vec<_>>(),
        [("in_took", "77.5ms"), ("status", "202")]
    );
    assert!(
        read.lines.is_empty() && fetched < 12_000,
        "{fetched} bytes for two columns"
    );
    let whole = decoded(&meta, &Columns::ALL, &bytes).expect("was just written");
    assert_eq!(whole.metadata_of(77).collect::<Vec<_>>(), [("pod", "a")]);
}

#[test]
fn levels_are_counted_in_the_directory() {
    let mut builder = BatchBuilder::default();
    for (i, level) in ["info", "error", "info", "info"].into_iter().enumerate() {
        builder.push(0, i as i64, b"x", [("detected_level", level)].into_iter());
    }
    builder.push(0, 9, b"x", std::iter::empty());
    let (meta, _) = encoded(&builder.finish());
    assert_eq!(
        meta.levels,
        [("info".to_owned(), 3), ("error".to_owned(), 1)]
    );
}

#[test]
fn malformed_batches_are_refused() {
    let mut batch = batch_of(&[(0, vec![(1, b"line".to_vec(), Vec::new())])]);
    batch.line_ends[0] = 3;
    assert!(matches!(
        Encoder::default().encode(&batch, &mut Vec::new()),
        Err(BlockError::Unencodable(_))
    ));
    batch.line_ends[0] = 4;
    batch.runs.clear();
    assert!(matches!(
        Encoder::default().encode(&batch, &mut Vec::new()),
        Err(BlockError::Unencodable(_))
    ));
}
