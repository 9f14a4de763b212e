//! Properties hold for any bytes: no stage panics, and prefilters and pruning change no answer.

use super::{Shown, batch_of, run, stages_of};
use crate::pipeline::*;
use proptest::prelude::*;
use skald_model::{Direction, Labels, Literal};

/// Lines that look a little like what parsers read.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"{\"a\":".to_vec()),
        Just(b"\"x\"".to_vec()),
        Just(b"{\"a\":\"\\u0078\",\"b\": 1}".to_vec()),
        Just(b"a=\"\\u0065rror\"".to_vec()),
        Just(b"}".to_vec()),
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just(b",".to_vec()),
        Just(b"\"b\":1".to_vec()),
        Just(b"\\u12".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"a=".to_vec()),
        Just(b" k=\"v\\\"\" ".to_vec()),
        Just(b"=".to_vec()),
        Just(b" ".to_vec()),
        Just(b"error".to_vec()),
        Just(b"ERROR".to_vec()),
        Just(b"10.0.0.1".to_vec()),
        Just(b"::1".to_vec()),
        Just(b"\x1b[3".to_vec()),
        Just(b"m".to_vec()),
        Just("é\u{fffd}".as_bytes().to_vec()),
        Just(b"_entry\":\"q\"".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const STAGES: [&str; 32] = [
    "| json",
    r#"| json a="a", b="a[0].b", c="[\"a\"]""#,
    "| logfmt",
    "| logfmt --strict --keep-empty",
    r#"| logfmt a, z="k""#,
    r#"| regexp "(?P<w>\\w+).(?P<n>[0-9]+)?""#,
    r#"| pattern "<a> <b>=<_>""#,
    "| unpack | logfmt",
    "| decolorize",
    "| json | a > 5 | b < 3s | c >= 1KB",
    r#"| json | logfmt | keep a, k=~"v.*""#,
    r#"| json | drop a, b="1" | line_format "{{.b}}""#,
    r#"| logfmt | label_format a=k, app="{{.a}}""#,
    r#"|= ip("10.0.0.0/8")"#,
    r#"|> "<_>a<_>""#,
    r#"|~ "(?i)error|k=.\"v""#,
    r#"|= "a" != "error" | json"#,
    r#"!~ "e.*r" or "é" |= "x" or "1""#,
    r#"| id="7""#,
    r#"| id!="7" | json"#,
    r#"| json | id="7" or b="1""#,
    r#"| json | id=~"7|" | a="x""#,
    r#"| logfmt | a!="" | k!="v" | json | a=~"x|1""#,
    r#"| json | logfmt a, z="k" | a="1" | z!="v""#,
    r#"| json | label_format a=b | a="1" | b="""#,
    r#"| json | drop id | id="" | a>0"#,
    r#"| json | keep a | id="" | a="x""#,
    r#"| json | a>5 or b<3 | b>0 | id=7"#,
    r#"| pattern "<a> <b>" | a="error" | app="x""#,
    r#"| regexp "(?P<id>[a-z]+)" | id_extracted="error" or id="error""#,
    r#"| unpack | a="x" | logfmt | k="v""#,
    r#"| logfmt | app="y" | json"#,
];

const METADATA: [&[(&str, &str)]; 5] = [
    &[],
    &[("id", "7")],
    &[("id", "8")],
    &[("a", "x"), ("id", "7")],
    &[("app", "y"), ("id", "")],
];

const FILTERS: [&str; 16] = [
    r#"|= "error""#,
    r#"|= "a" or "::1""#,
    r#"|~ "(?i)error""#,
    r#"|~ "a.*k|x""#,
    r#"|~ "(a=|k).?\"v""#,
    r#"|> "a<_>k<_>""#,
    r#"|~ "10\\.0" |= "a""#,
    r#"|~ "(?i)k=""#,
    r#"|~ "[eE]rror+""#,
    r#"|~ "(error){2}|::1?""#,
    r#"| json | a="x""#,
    r#"| json | a="x" or a="error" | b="1""#,
    r#"| json | logfmt | a="error""#,
    r#"| logfmt --strict --keep-empty | k="v\"""#,
    r#"| logfmt | a="10.0.0.1" or a="m""#,
    r#"| json | b="1" and a=" x""#,
];

fn contains(line: &[u8], literal: &Literal) -> bool {
    let same = |window: &[u8]| match literal.ignore_case {
        true => window.eq_ignore_ascii_case(&literal.bytes),
        false => window == literal.bytes,
    };
    line.windows(literal.bytes.len()).any(same)
}

/// Whether a line passes, and whether it has what indexes are asked for.
fn passes_and_found(stages: &str, line: &[u8]) -> (bool, bool) {
    let pipeline =
        Pipeline::compile(&stages_of(stages), &RequiredLabels::All).expect("stages are valid");
    let query = pipeline.content_query_for(|name| name == "app");
    let in_line = |literals: &[Literal]| literals.iter().any(|literal| contains(line, literal));
    let found = query.lines.iter().all(|any| in_line(any))
        && query.either.iter().all(|either| in_line(&either.literals));
    (!run(stages, &[(&[], line)]).is_empty(), found)
}

#[test]
fn values_are_found_however_they_are_written() {
    for line in [
        r#"{"a":"1x"}"#,
        r#"{"a": "1\u0078"}"#,
        r#"{"a":"\u00311\u0078", "a":"\u0031x"}"#,
        r#"{"b":{"a":2}, "a":"1x"}"#,
    ] {
        let passes = line != r#"{"a":"\u00311\u0078", "a":"\u0031x"}"#;
        assert_eq!(
            passes_and_found(r#"| json | a="1x""#, line.as_bytes()),
            (passes, true),
            "{line}"
        );
    }
    for line in [r#"{"a":48213}"#, "{\"a\":\t48213}", r#"{"a":"48213"}"#] {
        assert_eq!(
            passes_and_found(r#"| json | a="48213""#, line.as_bytes()),
            (true, true),
            "{line}"
        );
    }
    for line in ["a=48213 b", r#"b a="48213""#, r#"a="\u00348213""#] {
        assert_eq!(
            passes_and_found(r#"| logfmt | a="48213""#, line.as_bytes()),
            (true, true),
            "{line}"
        );
    }
    assert_eq!(
        passes_and_found(r#"| json | a="x y""#, b"{\"a\":\"x\xffy\"}"),
        (true, true)
    );
    assert_eq!(
        passes_and_found(r#"| json | a="x""#, br#"{"a":"y"}"#),
        (false, false)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_go_through_every_stage(lines in prop::collection::vec((line(), 0..METADATA.len()), 1..40)) {
        let entries: Vec<_> = lines.iter().map(|(line, metadata)| (METADATA[*metadata], line.as_slice())).collect();
        for stages in STAGES {
            run(stages, &entries);
        }
    }

    #[test]
    fn a_line_that_passes_has_what_the_index_is_asked_for(line in line()) {
        for stages in FILTERS {
            let (passes, found) = passes_and_found(stages, &line);
            prop_assert!(found || !passes, "{} on {:?}", stages, String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn backward_is_forward_reversed(lines in prop::collection::vec(line(), 1..100)) {
        let entries: Vec<_> = lines.iter().map(|line| (&[][..], line.as_slice())).collect();
        let (batch, stream) = (batch_of(&entries), Labels::from_pairs([("app", "x")]));
        let pipeline = Pipeline::compile(&stages_of(r#"|~ "a|e" | logfmt"#), &RequiredLabels::All).expect("stages are valid");
        let mut scratch = Scratch::default();
        let mut rows = |direction| {
            let mut rows = Rows::default();
            let selection = Selection::all(batch.len());
            let run = StreamRows { batch: &batch, rows: 0..batch.len() as u32, stream: &stream, selection: &selection };
            let ran = pipeline.run(&run, direction, &mut scratch, &mut rows);
            assert!(ran.is_ok());
            rows.0
        };
        let (forward, mut backward) = (rows(Direction::Forward), rows(Direction::Backward));
        backward.reverse();
        prop_assert_eq!(forward, backward);
    }
}

#[derive(Default)]
struct Rows(Vec<u32>);

impl RowSink for Rows {
    fn row(&mut self, row: &Row<'_>) -> std::ops::ControlFlow<()> {
        self.0.push(row.row);
        Shown::default().row(row)
    }
}

#[test]
fn deep_nesting_ends() {
    let deep = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    let open = "{\"a\":[".repeat(50_000);
    for stages in ["| json", r#"| json x="a.a""#, "| unpack"] {
        run(stages, &[(&[], deep.as_bytes()), (&[], open.as_bytes())]);
    }
}
