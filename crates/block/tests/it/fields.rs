//! Fields answer for the lines they come from, and residual rows are named.

use crate::support::{decoded, encoded, reader};
use skald_block::{BlockError, FieldCoverage, ReadSpec, decode, residual_rows};
use skald_fields::Form;
use skald_model::{Batch, BatchBuilder, Columns, MetadataWanted};

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
    let mut read = reader(&bytes);
    let mut residual = |form| residual_rows(&meta, form, &mut read).expect("was just written");
    let of = |rests: &[u32]| {
        (0..2000)
            .filter(|row| rests.contains(&(row % 50)))
            .collect::<Vec<u32>>()
    };
    assert_eq!(
        meta.field_coverage(Form::Json, &["status".to_owned()]),
        FieldCoverage::Some
    );
    assert_eq!(residual(Form::Json), of(&[7, 9]));
    let logfmt = residual(Form::Logfmt);
    assert!(of(&[9]).iter().all(|row| !logfmt.contains(row)) && logfmt.len() == 2000 - 40);
    let cut_short = residual_rows(&meta, Form::Json, &mut |range| {
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
    let answers = |form, names: &[&str]| meta.field_coverage(form, &labels(names));
    assert_eq!(
        answers(Form::Json, &["status", "in_took", "nothing"]),
        FieldCoverage::All
    );
    assert_eq!(
        answers(Form::Logfmt, &["status"]),
        FieldCoverage::None,
        "the lines are not logfmt"
    );
    assert_eq!(
        answers(Form::Json, &["msg"]),
        FieldCoverage::None,
        "the text of a label differs from what is written"
    );
    assert_eq!(
        answers(Form::Json, &["pod"]),
        FieldCoverage::None,
        "there is metadata of the name"
    );
    let columns = Columns {
        lines: false,
        line_lengths: false,
        metadata: MetadataWanted::Names(labels(&["status", "in_took"])),
    };
    let mut fetched = 0;
    let read = decode(
        &meta,
        &ReadSpec {
            fields: true,
            ..ReadSpec::all(&columns)
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
