//! Shredded lines come back byte for byte, whatever they are.

use crate::block::Block;
use proptest::collection::vec;
use proptest::prelude::*;
use skald_fields::{Assembler, Form, Shredder};
use skald_model::{Batch, BatchBuilder};

pub(crate) fn batch(lines: &[Vec<u8>]) -> Batch {
    let mut builder = BatchBuilder::default();
    for (row, line) in lines.iter().enumerate() {
        builder.push(0, row as i64, line, std::iter::empty());
    }
    builder.finish()
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

pub(crate) fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = prop_oneof![8 => json_line(), 8 => logfmt_line(), 1 => vec(any::<u8>(), 0..12)];
    let alike =
        vec(json_line(), 1..4).prop_flat_map(|kinds| vec(prop::sample::select(kinds), 24..80));
    prop_oneof![vec(line, 24..80), alike, vec(logfmt_line(), 24..80)]
}

proptest! {
    #[test]
    fn lines_come_back(lines in lines()) {
        let batch = batch(&lines);
        if let Some(block) = Block::shred(&batch) {
            block.check_lines();
        }
    }

    /// Columns of one block with the lengths of another: an error or lines of those lengths, never
    /// a panic.
    #[test]
    fn columns_that_do_not_fit_are_refused(lines in lines(), other in lines(), number in any::<u32>(), at in any::<prop::sample::Index>()) {
        let (batch, other) = (batch(&lines), batch(&other));
        let Some(mut block) = Block::shred(&batch) else { return Ok(()) };
        let at = at.index(block.shredded.skeleton_codes.len());
        block.shredded.skeleton_codes[at] = number % 5;
        let assembler = Assembler { whole: b"rest", ..block.assembler() };
        let mut out = Vec::new();
        if assembler.assemble(&other.line_ends, &mut out).is_ok() {
            prop_assert_eq!(out.len(), other.lines.len());
        }
    }
}

/// Columns of forty lines made by `line`: name, whether escaped, values of the last row.
fn columns(line: impl Fn(usize) -> String) -> Vec<(String, bool, Option<String>)> {
    let lines: Vec<Vec<u8>> = (0..40).map(|row| line(row).into_bytes()).collect();
    let batch = batch(&lines);
    let Some(block) = Block::shred(&batch) else {
        return Vec::new();
    };
    block.check_lines();
    block
        .shredded
        .columns
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
    let block = Block::shred(&batch).expect("most lines can be shredded");
    block.check_lines();
    let shredded = &block.shredded;
    assert_eq!((shredded.skeleton_codes[5], shredded.form()), (0, None));
    let pairs: Vec<_> = lines[6..]
        .iter()
        .filter(|l| l[0] == b'a')
        .cloned()
        .collect();
    let pure = Shredder::default().shred(&crate::shred::batch(&pairs));
    assert_eq!(
        pure.and_then(|shredded| shredded.form()),
        Some(Form::Logfmt)
    );
}
