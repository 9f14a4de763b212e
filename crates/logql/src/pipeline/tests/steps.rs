//! Twice the input takes about twice the steps, for every stage and in each direction that an input
//! can grow: names, nesting, pairs, elements, escapes, lines, and the query itself.

use super::*;
use proptest::prelude::*;
use skald_model::steps;

/// A query and the lines it runs over, of a size.
type Sized = (String, Vec<String>);

/// The steps of compiling stages and running them over lines, all of them read to the end.
fn steps_of((text, lines): &Sized) -> u64 {
    let stages = stages_of(text);
    steps::during(|| {
        let pipeline = Pipeline::compile(&stages, &RequiredLabels::All)
            .unwrap_or_else(|e| panic!("{text}: {e}"));
        let entries: Vec<Entry<'_>> = lines.iter().map(|l| (&[][..], l.as_bytes())).collect();
        let batch = batch_of(&entries);
        let stream = Labels::from_pairs([("app", "x")]);
        let run = StreamRows {
            batch: &batch,
            rows: 0..batch.len() as u32,
            stream: &stream,
            selection: &Selection::all(batch.len()),
        };
        let mut scratch = Scratch::default();
        let ran = pipeline.run(&run, Direction::Forward, &mut scratch, &mut Read);
        assert!(ran.is_ok(), "{text}");
    })
}

/// Reads all labels of a row.
struct Read;

impl RowSink for Read {
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        row.labels.for_each(&mut |_, _, _| {});
        ControlFlow::Continue(())
    }
}

/// What grows with `n`.
type Growing = fn(usize, &str) -> Sized;

fn joined(n: usize, each: impl Fn(usize) -> String, with: &str) -> String {
    (0..n).map(each).collect::<Vec<_>>().join(with)
}

fn json_of(n: usize, value: &str) -> String {
    format!("{{{}}}", joined(n, |i| format!("\"k{i}\":{value}"), ","))
}

fn logfmt_of(n: usize, value: &str) -> String {
    joined(n, |i| format!("k{i}={value}"), " ")
}

fn one(query: &str, line: String) -> Sized {
    (query.to_owned(), vec![line])
}

/// Every stage with lines that grow; `v` is a value drawn at random.
const LINES: &[(&str, Growing)] = &[
    ("json, keys", |n, v| {
        one("| json", json_of(n, &format!("\"{v}\"")))
    }),
    ("json, one key again and again", |n, v| {
        one(
            "| json",
            format!("{{{}}}", joined(n, |_| format!("\"k\":\"{v}\""), ",")),
        )
    }),
    ("json, depth", |n, v| {
        one(
            "| json",
            format!("{}\"{v}\"{}", "{\"a\":".repeat(n), "}".repeat(n)),
        )
    }),
    ("json, depth that does not close", |n, _| {
        one("| json", "{\"a\":".repeat(n))
    }),
    ("json, arrays", |n, v| {
        one(
            "| json",
            format!("{{\"a\":{}\"{v}\"{}}}", "[".repeat(n), "]".repeat(n)),
        )
    }),
    ("json, escapes", |n, _| {
        one(
            "| json",
            json_of(1, &format!("\"{}\"", r"\n\u00e9".repeat(n))),
        )
    }),
    ("json, escapes in keys", |n, _| {
        one(
            "| json",
            format!("{{{}}}", joined(n, |i| format!("\"k\\n{i}\":1"), ",")),
        )
    }),
    ("json, space", |n, v| {
        one(
            "| json",
            format!("{}{}", " ".repeat(n), json_of(3, &format!("\"{v}\""))),
        )
    }),
    ("json, lines", |n, v| {
        (
            "| json".to_owned(),
            (0..n).map(|i| format!("{{\"k{i}\":\"{v}\"}}")).collect(),
        )
    }),
    ("json paths, keys", |n, v| {
        one(
            "| json a=\"k1.b\", b=\"z\"",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("json paths, elements", |n, v| {
        one(
            "| json a=\"a[1].b\"",
            format!("{{\"a\":[{}]}}", joined(n, |_| format!("\"{v}\""), ",")),
        )
    }),
    ("json paths, depth", |n, _| {
        one("| json a=\"a.a.a\", b=\"z\"", "{\"a\":".repeat(n))
    }),
    ("json paths, brackets", |n, _| {
        one("| json a=\"a[9][1]\"", format!("{{\"a\":{}", "[".repeat(n)))
    }),
    ("logfmt, pairs", |n, v| one("| logfmt", logfmt_of(n, v))),
    ("logfmt, quoted", |n, v| {
        one("| logfmt", logfmt_of(n, &format!("\"{v}\\n\"")))
    }),
    ("logfmt, quotes that do not close", |n, _| {
        one("| logfmt", "a=\"\\\" ".repeat(n))
    }),
    ("logfmt, what is none", |n, _| {
        one("| logfmt --keep-empty", "=\"= \"a\"= ".repeat(n))
    }),
    ("logfmt, expressions", |n, v| {
        one("| logfmt a=\"k1\", b=\"z\"", logfmt_of(n, v))
    }),
    ("regexp", |n, v| {
        one(r#"| regexp "(?P<a>x+)(?P<b>y*)""#, v.repeat(n))
    }),
    ("pattern", |n, v| {
        one("| pattern \"<a> <b> <_>x\"", format!("{v} ").repeat(n))
    }),
    ("unpack, fields", |n, v| {
        one(
            "| unpack",
            format!(
                "{{{},\"_entry\":\"e\"}}",
                joined(n, |i| format!("\"k{i}\":\"{v}\""), ",")
            ),
        )
    }),
    ("unpack, entry", |n, v| {
        one("| unpack", format!("{{\"_entry\":\"{}\"}}", v.repeat(n)))
    }),
    ("line_format, labels", |n, v| {
        one(
            "| json | line_format `{{range $k, $v := .}}{{$v}}{{end}}{{.k1}}`",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("line_format, line", |n, v| {
        one(
            "| line_format `{{__line__ | upper | replace \"A\" \"b\" | trim}}`",
            v.repeat(n),
        )
    }),
    ("label_format", |n, v| {
        one(
            "| json | label_format a=k1, b=`{{.a}}{{.k2}}`",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("decolorize, colours", |n, v| {
        one("| decolorize", format!("\x1b[31m{v}").repeat(n))
    }),
    ("decolorize, titles", |n, v| {
        one("| decolorize", format!("\x1b]0;{v}\x07").repeat(n))
    }),
    ("decolorize, titles that do not end", |n, _| {
        one("| decolorize", "\x1b]".repeat(n))
    }),
    (
        "decolorize, one that ends before those that do not",
        |n, _| one("| decolorize", format!("\x1b]x\x07{}", "\x1b]".repeat(n))),
    ),
    ("decolorize, a bell far behind", |n, _| {
        one("| decolorize", format!("{}\x07", "\x1b]".repeat(n)))
    }),
    ("decolorize, parameters", |n, _| {
        one("| decolorize", format!("\x1b[{}", "0;".repeat(n)).repeat(2))
    }),
    ("decolorize, escapes", |n, _| {
        one("| decolorize", "\x1b".repeat(n))
    }),
    ("drop", |n, v| {
        one(
            "| json | drop k1, k2=\"x\"",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("keep", |n, v| {
        one(
            "| json | keep k1, k2=\"x\"",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("label filters", |n, v| {
        one(
            "| json | k1!=\"zz\" | k2=~\".*\" | k3>=0 or k4!=\"\"",
            json_of(n, &format!("\"{v}\"")),
        )
    }),
    ("ip of a label, digits", |n, _| {
        one(
            "| json | k0=ip(\"10.0.0.0/8\")",
            json_of(1, &format!("\"{}\"", "1.2.3.".repeat(n))),
        )
    }),
    ("ip of a label, colons", |n, _| {
        one(
            "| json | k0=ip(\"::1\")",
            json_of(1, &format!("\"{}\"", "a:::".repeat(n))),
        )
    }),
    ("ip of the line", |n, _| {
        one("|= ip(\"10.0.0.0/8\")", "1.1 12.1: f:1 ".repeat(n))
    }),
    ("line filters", |n, v| {
        one("|= \"zzz\" or \"q\" |~ \"x+y\" != \"b\"", v.repeat(n))
    }),
    ("line pattern", |n, v| {
        one("|> \"<_> <_>x<_>y\"", format!("{v} ").repeat(n))
    }),
    ("any case", |n, _| {
        one("|~ \"(?i)aaaaaaaab\"", "a".repeat(n))
    }),
];

/// Every stage whose list grows, over one line.
const QUERIES: &[(&str, Growing)] = &[
    ("json paths", |n, v| {
        one(
            &format!("| json {}", joined(n, |i| format!("a{i}=\"k{i}\""), ", ")),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
    ("logfmt expressions", |n, v| {
        one(
            &format!("| logfmt {}", joined(n, |i| format!("a{i}=\"k{i}\""), ", ")),
            logfmt_of(9, v),
        )
    }),
    ("regexp, groups", |n, v| {
        one(
            &format!(
                "| regexp \"{}\"",
                joined(n, |i| format!("(?P<a{i}>x?)"), "")
            ),
            v.to_owned(),
        )
    }),
    ("pattern, captures", |n, v| {
        one(
            &format!("| pattern \"{}\"", joined(n, |i| format!("<a{i}>"), " ")),
            format!("{v} ").repeat(9),
        )
    }),
    ("label_format", |n, v| {
        one(
            &format!(
                "| json | label_format {}",
                joined(n, |i| format!("a{i}=k{i}"), ", ")
            ),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
    ("drop", |n, v| {
        one(
            &format!("| json | drop {}", joined(n, |i| format!("k{i}"), ", ")),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
    ("keep", |n, v| {
        one(
            &format!("| json | keep {}", joined(n, |i| format!("k{i}"), ", ")),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
    ("label filters", |n, v| {
        one(
            &format!("| json {}", joined(n, |i| format!("| k{i}!=\"zz\""), " ")),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
    ("line filters", |n, v| {
        one(&joined(n, |i| format!("!= \"zz{i}\""), " "), v.to_owned())
    }),
    ("alternations", |n, v| {
        one(
            &format!("|~ \"{}\"", joined(n, |i| format!("z{i}"), "|")),
            v.to_owned(),
        )
    }),
    ("line_format", |n, v| {
        one(
            &format!(
                "| json | line_format `{}`",
                joined(n, |i| format!("{{{{.k{i}}}}}"), "")
            ),
            json_of(9, &format!("\"{v}\"")),
        )
    }),
];

/// Stages whose list grows together with the names of the line.
const BOTH: &[(&str, Growing)] = &[
    ("logfmt expressions", |n, v| {
        one(
            &format!("| logfmt {}", joined(n, |i| format!("a{i}=\"k{i}\""), ", ")),
            logfmt_of(2 * n, v),
        )
    }),
    ("label_format", |n, v| {
        one(
            &format!(
                "| json | label_format {}",
                joined(n, |i| format!("a{i}=k{i}"), ", ")
            ),
            json_of(2 * n, &format!("\"{v}\"")),
        )
    }),
    ("drop", |n, v| {
        one(
            &format!("| json | drop {}", joined(n, |i| format!("k{i}"), ", ")),
            json_of(2 * n, &format!("\"{v}\"")),
        )
    }),
    ("keep", |n, v| {
        one(
            &format!("| json | keep {}", joined(n, |i| format!("k{i}"), ", ")),
            json_of(2 * n, &format!("\"{v}\"")),
        )
    }),
    ("label filters", |n, v| {
        one(
            &format!("| json {}", joined(n, |i| format!("| k{i}!=\"zz\""), " ")),
            json_of(2 * n, &format!("\"{v}\"")),
        )
    }),
    ("pattern", |n, v| {
        one(
            &format!("| pattern \"{}\"", joined(n, |i| format!("<a{i}>"), " ")),
            format!("{v} ").repeat(2 * n),
        )
    }),
    ("any case", |n, _| {
        one(
            &format!("|~ \"(?i){}zz\"", "az".repeat(n)),
            "az".repeat(4 * n),
        )
    }),
];

/// Checks that twice the size is at most two and a half times the steps.
fn check_linear(shapes: &[(&str, Growing)], n: usize, value: &str) -> Result<(), TestCaseError> {
    for (name, growing) in shapes {
        let (once, twice) = (
            steps_of(&growing(n, value)),
            steps_of(&growing(2 * n, value)),
        );
        prop_assert!(once > 0, "{name}: nothing is counted");
        prop_assert!(
            2 * twice <= 5 * once,
            "{name}, n = {n}: {once} steps, then {twice}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn lines_of_any_shape_are_linear(n in 300usize..600, value in "[a-z0-9]{3,20}") {
        check_linear(LINES, n, &value)?;
    }

    #[test]
    fn lists_of_stages_are_linear(n in 300usize..600, value in "[a-z0-9]{3,20}") {
        check_linear(QUERIES, n, &value)?;
    }

    #[test]
    fn lists_of_stages_and_names_of_lines_do_not_multiply(n in 300usize..600, value in "[a-z0-9]{3,20}") {
        check_linear(BOTH, n, &value)?;
    }
}
