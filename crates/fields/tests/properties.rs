//! Lines that are cut come back byte for byte, whatever they are.

use proptest::collection::vec;
use proptest::prelude::*;
use skald_fields::{Cut, Cutter, Form, LazyColumns, Parts, join, join_some, sift};
use skald_model::{Batch, BatchBuilder, Literal, MetadataColumn};
use std::convert::Infallible;

fn batch(lines: &[Vec<u8>]) -> Batch {
    let mut builder = BatchBuilder::default();
    for (row, line) in lines.iter().enumerate() {
        builder.push(0, row as i64, line, std::iter::empty());
    }
    builder.finish()
}

fn joined(cut: &Cut, batch: &Batch) -> Vec<u8> {
    let columns: Vec<MetadataColumn> = cut
        .columns
        .iter()
        .map(|column| column.values.clone())
        .collect();
    let whole: Vec<u8> = (0..batch.len() as u32)
        .filter(|row| cut.rows[*row as usize] == 0)
        .flat_map(|row| batch.line(row).to_vec())
        .collect();
    let parts = Parts {
        skeletons: &cut.skeletons,
        rows: &cut.rows,
        columns: &columns,
        whole: &whole,
    };
    let mut lines = Vec::new();
    join(&parts, &batch.line_ends, &mut lines).expect("the parts are of these lines");
    lines
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        any::<i32>().prop_map(|n| n.to_string()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just(r#"say \"hi\" \u00e9"#.to_owned()),
        Just("é\u{fffd}".to_owned()),
        Just("[1, \"]\", {\"a\": 2}]".to_owned()),
        Just("{\"in\": {\"deep\": 7, \"er\": \"x\"}, \"b\": null}".to_owned()),
    ]
}

fn json_line() -> impl Strategy<Value = Vec<u8>> {
    vec(("[a-c .]{0,3}", value(), any::<bool>()), 0..5).prop_map(|pairs| {
        let pairs = pairs.iter().map(|(key, value, quoted)| {
            let quote = if *quoted && !value.contains('{') && !value.contains('[') {
                "\""
            } else {
                ""
            };
            format!("\"{key}\": {quote}{value}{quote}")
        });
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(", ")).into_bytes()
    })
}

fn logfmt_line() -> impl Strategy<Value = Vec<u8>> {
    vec(("[a-c.]{1,2}", value(), any::<bool>(), any::<bool>()), 0..5).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(key, value, pair, quoted)| match (pair, quoted) {
                (false, _) => key.clone(),
                (true, false) => format!("{key}={value}"),
                (true, true) => format!("{key}=\"{value}\""),
            });
        pairs.collect::<Vec<_>>().join(" ").into_bytes()
    })
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = prop_oneof![8 => json_line(), 8 => logfmt_line(), 1 => vec(any::<u8>(), 0..12)];
    let alike =
        vec(json_line(), 1..4).prop_flat_map(|kinds| vec(prop::sample::select(kinds), 24..80));
    prop_oneof![vec(line, 24..80), alike, vec(logfmt_line(), 24..80)]
}

proptest! {
    #[test]
    fn lines_come_back(lines in lines()) {
        let batch = batch(&lines);
        if let Some(cut) = Cutter::default().cut(&batch) {
            prop_assert_eq!(joined(&cut, &batch), batch.lines);
        }
    }

    /// Parts of one block with the lengths of another: an error or lines of those lengths, never a panic.
    #[test]
    fn parts_that_do_not_fit_are_refused(lines in lines(), other in lines(), number in any::<u32>(), at in any::<prop::sample::Index>()) {
        let (batch, other) = (batch(&lines), batch(&other));
        let Some(mut cut) = Cutter::default().cut(&batch) else { return Ok(()) };
        let at = at.index(cut.rows.len());
        cut.rows[at] = number % 5;
        let columns: Vec<MetadataColumn> = cut.columns.iter().map(|column| column.values.clone()).collect();
        let parts = Parts { skeletons: &cut.skeletons, rows: &cut.rows, columns: &columns, whole: b"rest" };
        let mut out = Vec::new();
        if join(&parts, &other.line_ends, &mut out).is_ok() {
            prop_assert_eq!(out.len(), other.lines.len());
        }
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

proptest! {
    /// A text cut from anywhere in a line, and the same in another case: the line is kept, and put together.
    #[test]
    fn lines_that_hold_a_text_are_kept(
        lines in lines(),
        cuts in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..12usize), 1..12),
        ignore_case in any::<bool>(),
    ) {
        let batch = batch(&lines);
        let Some(cut) = Cutter::default().cut(&batch) else { return Ok(()) };
        let mut columns = Columns(cut.columns.iter().map(|column| column.values.clone()).collect());
        for (line, at, length) in cuts {
            let line = &lines[line.index(lines.len())];
            if line.is_empty() {
                continue;
            }
            let at = at.index(line.len());
            let text = &line[at..(at + length).min(line.len())];
            let fold = |bytes: &[u8]| if ignore_case { bytes.to_ascii_lowercase() } else { bytes.to_vec() };
            let literal = Literal { bytes: fold(text), ignore_case };
            let holds = |line: &[u8]| fold(line).windows(text.len()).any(|window| window == literal.bytes);
            let Ok(kept) = sift(&cut.skeletons, &cut.rows, &mut columns, &[vec![literal.clone()]]);
            let rows: Vec<u32> = (0..lines.len() as u32).filter(|row| kept[*row as usize]).collect();
            let whole: Vec<u8> = lines.iter().zip(&cut.rows).filter(|(_, cut)| **cut == 0).flat_map(|(line, _)| line.clone()).collect();
            let parts = Parts { skeletons: &cut.skeletons, rows: &cut.rows, columns: &columns.0, whole: &whole };
            let (mut ends, mut joined) = (batch.line_ends.clone(), Vec::new());
            join_some(&parts, &rows, &mut ends, &mut joined).expect("the parts are of these lines");
            for (row, line) in lines.iter().enumerate() {
                prop_assert!(kept[row] || !holds(line), "{:?} in {:?}", String::from_utf8_lossy(&literal.bytes), String::from_utf8_lossy(line));
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                prop_assert_eq!(&joined[start..ends[row] as usize], if kept[row] { &line[..] } else { b"" });
            }
        }
    }
}

#[test]
fn texts_are_found_in_pieces_in_values_and_across_them() {
    let lines: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            format!(
                r#"{{"level":"{}","n":{n},"msg":"job {n} done"}}"#,
                if n % 10 == 3 { "error" } else { "info" }
            )
            .into_bytes()
        })
        .collect();
    let batch = batch(&lines);
    let cut = Cutter::default().cut(&batch).expect("the lines are alike");
    let mut columns = Columns(
        cut.columns
            .iter()
            .map(|column| column.values.clone())
            .collect(),
    );
    let mut check = |text: &str, expected: usize| {
        let literal = Literal {
            bytes: text.as_bytes().to_vec(),
            ignore_case: false,
        };
        let Ok(kept) = sift(&cut.skeletons, &cut.rows, &mut columns, &[vec![literal]]);
        assert_eq!(
            kept.iter().filter(|kept| **kept).count(),
            expected,
            "{text}"
        );
    };
    check("error", 4);
    check(r#""level""#, 40);
    check(r#"el":"err"#, 4);
    check(r#"ror","n":13,"m"#, 4);
    check(r#""n":13,"#, 1);
    check("job 17 d", 1);
    check("nowhere", 0);
    check("done\"}", 40);
}

/// Columns of forty lines made by `line`: name, whether escaped, values of the last row.
fn columns(line: impl Fn(usize) -> String) -> Vec<(String, bool, Option<String>)> {
    let lines: Vec<Vec<u8>> = (0..40).map(|row| line(row).into_bytes()).collect();
    let batch = batch(&lines);
    let Some(cut) = Cutter::default().cut(&batch) else {
        return Vec::new();
    };
    assert_eq!(joined(&cut, &batch), batch.lines);
    cut.columns
        .iter()
        .map(|c| {
            (
                c.values.name.to_string(),
                c.escaped,
                c.values.get(39).map(str::to_owned),
            )
        })
        .collect()
}

fn check(line: impl Fn(usize) -> String, expected: &[(&str, bool, Option<&str>)]) {
    let found = columns(line);
    let found: Vec<_> = found
        .iter()
        .map(|(name, escaped, value)| (name.as_str(), *escaped, value.as_deref()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn values_of_json_lines_are_columns_named_as_labels() {
    check(
        |n| {
            format!(
                r#"{{"level": "info", "n": {n}, "http.req": {{"path": "/a/{n}", "ok": true}}, "tags": [{n}], "no": null}}"#
            )
        },
        &[
            ("level", false, Some("info")),
            ("n", false, Some("39")),
            ("http_req_path", false, Some("/a/39")),
            ("http_req_ok", false, Some("true")),
            ("", false, Some("[39]")),
        ],
    );
}

#[test]
fn the_first_value_of_a_json_name_is_the_label() {
    check(
        |n| format!(r#"{{"a": {n}, "a": "x{n}"}}"#),
        &[("a", false, Some("39")), ("", false, Some("x39"))],
    );
    check(
        |n| format!(r#"{{"a": null, "a": "x{n}"}}"#),
        &[("a", false, Some("x39"))],
    );
}

#[test]
fn escapes_are_noted() {
    check(
        |n| format!(r#"{{"msg": "say \"{n}\"", "n": {n}}}"#),
        &[
            ("msg", true, Some(r#"say \"39\""#)),
            ("n", false, Some("39")),
        ],
    );
    check(
        |n| format!(r#"msg="say \"{n}\"" n={n}"#),
        &[
            ("msg", true, Some(r#"say \"39\""#)),
            ("n", false, Some("39")),
        ],
    );
}

#[test]
fn values_of_logfmt_lines_are_columns() {
    check(
        |n| format!(r#"level=info start user={n} msg="job {n}" empty="#),
        &[
            ("level", false, Some("info")),
            ("user", false, Some("39")),
            ("msg", false, Some("job 39")),
            ("empty", false, Some("")),
        ],
    );
}

#[test]
fn keys_that_come_and_go_share_their_columns() {
    check(
        |n| {
            if n % 2 == 0 {
                format!("a={n} b=x")
            } else {
                format!("b=y a={n} c=z")
            }
        },
        &[
            ("a", false, Some("39")),
            ("b", false, Some("y")),
            ("c", false, Some("z")),
        ],
    );
}

#[test]
fn lines_that_parsers_fail_on_stay_whole() {
    let none: &[(&str, bool, Option<&str>)] = &[];
    check(|n| format!(r#"{{"a": {n}"#), none);
    check(|n| format!(r#"{{"a": {n}, b}}"#), none);
    check(|n| format!("a={n} a=2"), none);
    check(|n| format!("a={n} b=\"x"), none);
    check(|n| format!("line {n} of text"), none);
    check(|n| format!("a={n} word{n} b={n}"), none);
}

#[test]
fn a_few_whole_lines_among_many_are_kept() {
    let lines: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            if n % 13 == 5 {
                b"panic!".to_vec()
            } else {
                format!("a={n} b={n}").into_bytes()
            }
        })
        .collect();
    let batch = batch(&lines);
    let cut = Cutter::default()
        .cut(&batch)
        .expect("most lines can be cut");
    assert_eq!(joined(&cut, &batch), batch.lines);
    assert_eq!((cut.rows[5], cut.form()), (0, None));
    let pure = Cutter::default().cut(&crate::batch(
        &lines[6..]
            .iter()
            .filter(|l| l[0] == b'a')
            .cloned()
            .collect::<Vec<_>>(),
    ));
    assert_eq!(pure.and_then(|cut| cut.form()), Some(Form::Logfmt));
}
