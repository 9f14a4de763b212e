//! What holds for every template: no panic, no endless run, no unbounded memory.

use proptest::prelude::*;

use super::{check, check_error, run};
use crate::Template;

#[track_caller]
fn check_fails(template: &str, part: &str) {
    let error = run(template, &[]).expect_err(template);
    assert!(error.contains(part), "{template}: {error}");
}

#[test]
fn endless_recursion_is_an_error() {
    check_fails(
        r#"{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}"#,
        "exceeded maximum template depth (200)",
    );
}

#[test]
fn long_loops_are_an_error() {
    check_fails(
        "{{ range 1000000000 }}{{ end }}",
        "exceeded maximum number of steps (100000)",
    );
}

#[test]
fn output_is_bounded() {
    check_fails(
        r#"{{ range 5000 }}{{ repeat 1000 "x" }}{{ end }}"#,
        "output exceeds 1048576 bytes",
    );
}

#[test]
fn strings_are_bounded() {
    let too_much = "template produces more than 8388608 bytes";
    check_fails(r#"{{ repeat 9000000000000000000 "abc" }}"#, too_much);
    check_fails(r#"{{ indent 9000000000000000000 "abc" }}"#, too_much);
    check_fails(r#"{{ alignLeft 9000000000000000000 "abc" }}"#, too_much);
    check_fails(r#"{{ printf "%9999999d %9999999d" 1 2 }}"#, too_much);
    check_fails(
        r#"{{ $x := "ab" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}"#,
        too_much,
    );
    check_fails(
        r#"{{ $x := repeat 5000 "ab" }}{{ replace "" $x $x }}"#,
        too_much,
    );
    check_fails(
        r#"{{ $x := repeat 5000 "ab" }}{{ regexReplaceAll "" $x $x }}"#,
        too_much,
    );
    check_fails(
        r#"{{ $x := "2" }}{{ range 50000 }}{{ $y := regexReplaceAll $x "a" "b" }}{{ end }}"#,
        too_much,
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n));
    check(&deep(90), &[], "1");
    check_error(
        &deep(50_000),
        "template: line:1: max expression depth exceeded",
    );
    let blocks = |n: usize| format!("{}x{}", "{{if 1}}".repeat(n), "{{end}}".repeat(n));
    check(&blocks(90), &[], "x");
    check_error(
        &blocks(50_000),
        "template: line:1: max expression depth exceeded",
    );
}

#[test]
fn output_before_an_error_is_taken_back() {
    let template =
        Template::compile("line", "abc{{ div 1 0 }}").expect("the template is well formed");
    let mut out = b"kept".to_vec();
    assert!(
        template
            .execute(&super::Entry { labels: &[] }, &mut out)
            .is_err()
    );
    assert_eq!(out, b"kept");
}

#[test]
fn now_comes_from_the_caller() {
    check(
        r#"{{ now | unixEpoch }} {{ date "15:04:05" "x" }}"#,
        &[],
        "1700000060 22:14:20",
    );
}

#[test]
fn labels_read_are_known_unless_the_whole_is_used() {
    let read = |text: &str| {
        Template::compile("line", text)
            .expect("the template is well formed")
            .labels_read()
    };
    assert_eq!(read("plain {{ __line__ }}"), Some(vec![]));
    assert_eq!(
        read("{{.b}}{{ .a | upper }}{{ if eq .c $.d }}{{ (print .e) }}{{ end }}{{ .a }}"),
        Some(["a", "b", "c", "d", "e"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        read("{{ with .a }}{{ . }}{{ end }}"),
        Some(vec!["a".to_owned()])
    );
    assert_eq!(read("{{ range $k, $v := . }}{{ end }}"), None);
    assert_eq!(read("{{ index . .a }}"), None);
    assert_eq!(read("{{ $ }}"), None);
    assert_eq!(read(r#"{{ define "x" }}{{ . }}{{ end }}"#), None);
}

/// Pieces that templates are made of, to reach deeper than random characters would.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    ".",
    ".a",
    ".b.c",
    "$",
    "$x",
    ":=",
    "=",
    "|",
    "(",
    ")",
    "\"s\"",
    "\"%d %s\"",
    "`r`",
    "'c'",
    "5",
    "-1",
    "1.5",
    "1e308",
    "nil",
    "true",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "printf",
    "print",
    "len",
    "index",
    "slice",
    "and",
    "or",
    "not",
    "eq",
    "lt",
    "add",
    "div",
    "mulf",
    "divf",
    "round",
    "trunc",
    "substr",
    "repeat",
    "replace",
    "indent",
    "alignRight",
    "regexReplaceAll",
    "count",
    "fromJson",
    "date",
    "toDate",
    "unixToTime",
    "b64dec",
    "urldecode",
    "html",
    "js",
    "bytes",
    "duration",
    "default",
    "title",
    "trimAll",
    "text",
    "\n",
    "/*",
    "*/",
    ",",
    "é",
];

proptest! {
    #[test]
    fn any_text_compiles_or_fails(text in "\\PC{0,80}", value in "\\PC{0,40}") {
        let _ = run(&text, &[("a", &value)]);
    }

    #[test]
    fn any_pieces_run_or_fail(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24), value in "\\PC{0,40}") {
        let _ = run(&pieces.concat(), &[("a", &value), ("b", "5")]);
        let _ = run(&format!("{{{{ {} }}}}", pieces.join(" ")), &[("a", &value), ("b", "5")]);
    }

    #[test]
    fn any_format_prints(format in "[%#+\\-* 0-9.\\[\\]vTtbcdoOqxXUeEfFgGsp]{0,24}", number in any::<i64>(), float in any::<f64>()) {
        let float = float.to_string();
        let template = format!("{{{{ printf .a (float64 .b) {number} .a . nil }}}}");
        let _ = run(&template, &[("a", &format), ("b", &float)]);
    }

    #[test]
    fn any_layout_reads_what_it_wrote(layout in "[0-9A-Za-z_:,./ -]{0,30}", seconds in -60_000_000_000i64..250_000_000_000) {
        let template = format!(r#"{{{{ $s := date .a {seconds} }}}}{{{{ toDate .a $s }}}}{{{{ toDateInZone .a "Europe/Berlin" $s }}}}"#);
        prop_assert!(run(&template, &[("a", &layout)]).is_ok());
    }

    #[test]
    fn floats_print_so_that_they_read_back(value in any::<f64>()) {
        prop_assume!(value.is_finite());
        let printed = run("{{ float64 .a }}", &[("a", &format!("{value:e}"))]).expect("a float prints");
        prop_assert_eq!(printed.parse::<f64>().ok(), Some(value));
    }

    #[test]
    fn times_read_back(seconds in -60_000_000_000i64..250_000_000_000) {
        let template = format!(r#"{{{{ toDate "2006-01-02T15:04:05Z07:00" (date "2006-01-02T15:04:05Z07:00" {seconds}) | unixEpoch }}}}"#);
        prop_assert_eq!(run(&template, &[]), Ok(seconds.to_string()));
    }
}
