//! One table a stage: stages, a line, what comes out.

use super::{check, check_labels, refusal, run};

#[track_caller]
fn check_metadata(stages: &str, metadata: &[(&str, &str)], line: &str, expected: &str) {
    assert_eq!(
        run(stages, &[(metadata, line.as_bytes())]),
        expected,
        "{stages} on {line}"
    );
}

#[track_caller]
fn passes(stages: &str, lines: &[&str], expected: &[&str]) {
    let entries: Vec<_> = lines
        .iter()
        .map(|line| (&[][..], line.as_bytes()))
        .collect();
    let out = run(stages, &entries);
    let kept: Vec<&str> = out
        .lines()
        .map(|line| line.split(" {").next().unwrap_or(""))
        .collect();
    assert_eq!(kept, expected, "{stages}");
}

const LINES: [&str; 6] = [
    "GET /a 200",
    "POST /b 500",
    "",
    "get 10.0.3.7",
    "DELETE /a 503",
    "GE",
];

#[test]
fn line_filters_search_bytes_regexes_patterns_and_addresses() {
    passes(r#"|= "GET""#, &LINES, &["GET /a 200"]);
    passes(
        r#"!= "/a""#,
        &LINES,
        &["POST /b 500", "", "get 10.0.3.7", "GE"],
    );
    passes(r#"|= """#, &LINES, &LINES);
    passes(r#"!= """#, &LINES, &[]);
    passes(r#"|~ """#, &LINES, &LINES);
    passes(r#"!~ """#, &LINES, &[]);
    passes(
        r#"|= "GET" or "POST""#,
        &LINES,
        &["GET /a 200", "POST /b 500"],
    );
    passes(
        r#"!= "GET" or "POST""#,
        &LINES,
        &["", "get 10.0.3.7", "DELETE /a 503", "GE"],
    );
    passes(r#"|~ "(?i)get""#, &LINES, &["GET /a 200", "get 10.0.3.7"]);
    passes(r#"|~ "50[03]$""#, &LINES, &["POST /b 500", "DELETE /a 503"]);
    passes(r#"|~ "^GE""#, &LINES, &["GET /a 200", "GE"]);
    passes(
        r#"|~ ".+""#,
        &LINES,
        &[
            "GET /a 200",
            "POST /b 500",
            "get 10.0.3.7",
            "DELETE /a 503",
            "GE",
        ],
    );
    passes(r#"!~ ".+""#, &LINES, &[""]);
    passes(r#"|~ ".*/b.*""#, &LINES, &["POST /b 500"]);
    passes(r#"|= ip("10.0.3.0/24")"#, &LINES, &["get 10.0.3.7"]);
    passes(
        r#"|= "POST" or ip("10.0.0.0/8")"#,
        &LINES,
        &["POST /b 500", "get 10.0.3.7"],
    );
    passes(
        r#"|> "<_> /a <_>""#,
        &LINES,
        &["GET /a 200", "DELETE /a 503"],
    );
    passes(
        r#"!> "<_> /a <_>""#,
        &LINES,
        &["POST /b 500", "", "get 10.0.3.7", "GE"],
    );
}

#[test]
fn a_hit_over_the_end_of_a_line_is_none() {
    passes(
        r#"|= "abab""#,
        &["xab", "ab", "abab", "aab", "abb"],
        &["abab"],
    );
    passes(r#"|~ "(?i)abab""#, &["xab", "ABAB", "ab", "ab"], &["ABAB"]);
    passes(r#"|~ "a.?b""#, &["a", "b", "ab"], &["ab"]);
}

#[test]
fn bad_line_filters_quote_their_stage() {
    assert_eq!(
        refusal(r#"|~ "[""#),
        "stage '|~ \"[\"' : error parsing regexp: missing closing ]: `[`"
    );
    assert_eq!(
        refusal(r#"|~ ip("1.2.3.4")"#),
        "stage '|~ ip(\"1.2.3.4\")' : ip: invalid operation"
    );
    assert_eq!(
        refusal(r#"|= ip("zz")"#),
        "stage '|= ip(\"zz\")' : ip: invalid pattern: \"zz\""
    );
    assert_eq!(
        refusal(r#"|> "<a> x""#),
        "stage '|> \"<a> x\"' : named captures are not allowed: found '<a>'"
    );
}

#[test]
fn extracted_names_give_way_to_streams_and_metadata() {
    check(
        "| json",
        r#"{"app":"y"}"#,
        r#"{"app":"y"} {app=x, +app_extracted=y}"#,
    );
    check_metadata(
        "| json",
        &[("id", "7")],
        r#"{"id":"9"}"#,
        r#"{"id":"9"} {app=x, ~id=7, +id_extracted=9}"#,
    );
    check_metadata(
        "| json",
        &[("app", "7")],
        r#"{}"#,
        "{} {app=x, ~app_extracted=7}",
    );
    check_metadata(
        "| drop id | json",
        &[("id", "7")],
        r#"{"id":"9"}"#,
        r#"{"id":"9"} {app=x, +id=9}"#,
    );
    check(
        "| json | logfmt",
        r#"{"a":"1"} a=2 b=3"#,
        r#"{"a":"1"} a=2 b=3 {+a=1, app=x, +b=3}"#,
    );
}

#[test]
fn logfmt_expressions_name_keys_as_labels() {
    for (stages, line, expected) in [
        ("| logfmt a_b", "a.b=1", "+a_b=1"),
        ("| logfmt a_b", "a-b=3", "+a_b=3"),
        ("| logfmt a_b", "a_b=7 a.b=8", "+a_b=8"),
        ("| logfmt a_b", "a.b=8 a_b=7", "+a_b=7"),
        (r#"| logfmt x="a_b""#, "a.b=1", "+x=1"),
        (r#"| logfmt x="a.b""#, "a_b=1 a.b=2 a-b=3", "+x=2"),
        ("| logfmt _1a", "1a=2", "+_1a=2"),
        (
            "| logfmt http_status, k",
            "http.status=500 k=v",
            "+http_status=500, +k=v",
        ),
        ("| logfmt __t", "(t=5ms) ok=1", "+__t="),
        ("| logfmt _t", "(t=5ms) ok=1", "+_t=5ms)"),
        ("| logfmt _t", "@t=now", "+_t=now"),
        ("| logfmt __", "é=1", "+__="),
        ("| logfmt _", "é=1", "+_=1"),
        ("| logfmt a", "a=1 a=2", "+a=2"),
        ("| logfmt a", "a=1 a=", "+a="),
        ("| logfmt a, b", "a=1 junk\"q b=2", "+a=1, +b=2"),
        (
            r#"| logfmt app="severity""#,
            "severity=warn severity=error",
            "+app_extracted=warn",
        ),
        (
            "| logfmt app, b",
            "app=1 app=2 b=3",
            "+app_extracted=1, +b=3",
        ),
    ] {
        check_labels(stages, line, expected);
    }
    let failed = |at: usize, rest: &str| {
        format!(
            "+__error__=LogfmtParserErr, +__error_details__=logfmt syntax error at pos {at} : {rest}"
        )
    };
    check_labels(
        "| logfmt --strict job",
        r#"job=a b="x"#,
        &failed(11, "unterminated quoted value, +job=a"),
    );
    check_labels(
        "| logfmt --strict job",
        r#"b="x job=a"#,
        &failed(11, "unterminated quoted value, +job="),
    );
    check_labels(
        "| logfmt --strict --keep-empty job",
        r#"b="x job=a"#,
        &failed(11, "unterminated quoted value, +job="),
    );
    check_labels(
        "| logfmt --strict job, z",
        r#"job="a" "b"#,
        &failed(9, "unexpected '\"', +job=a, +z="),
    );
    check_labels(
        r#"| logfmt --strict x="job""#,
        r#"b"x job=a"#,
        &failed(2, "unexpected '\"', +x="),
    );
}

#[test]
fn logfmt_reads_pairs_and_passes_over_the_rest() {
    check(
        "| logfmt",
        r#"a=1 b="x \"y\"" c= d e-f=2 a=9"#,
        r#"a=1 b="x \"y\"" c= d e-f=2 a=9 {+a=1, app=x, +b=x "y", +e_f=2}"#,
    );
    check(
        "| logfmt --keep-empty",
        "a=1 b= c",
        "a=1 b= c {+a=1, app=x, +b=, +c=}",
    );
    check(
        "| logfmt",
        r#"=no a=1 b"q=2 c="open"#,
        r#"=no a=1 b"q=2 c="open {+a=1, app=x}"#,
    );
    check(
        r#"| logfmt k="a", z"#,
        "a=1 b=2",
        "a=1 b=2 {app=x, +k=1, +z=}",
    );
    check(
        "| logfmt --strict",
        r#"a=1 b"q=2"#,
        concat!(
            r#"a=1 b"q=2 {+__error__=LogfmtParserErr, +__error_details__=logfmt syntax error at pos 6 : unexpected '"', "#,
            "+a=1, app=x}"
        ),
    );
    check("| logfmt", "", " {app=x}");
}

#[test]
fn regexp_and_pattern_take_captures() {
    check(
        r#"| regexp "(?P<m>\\w+) (?P<n>z)?""#,
        "GET /a",
        "GET /a {app=x, +m=GET, +n=}",
    );
    check(r#"| regexp "zz(?P<n>z)""#, "GET /a", "GET /a {app=x}");
    check(
        r#"| pattern "<ip> - <_> [<ts>]""#,
        "1.2 - u [now] x",
        "1.2 - u [now] x {app=x, +ip=1.2, +ts=now}",
    );
    check(r#"| pattern "[<a>] <b>""#, "x [y] z", "x [y] z {app=x}");
    check(
        r#"| pattern "<a>-<b>+<c>""#,
        "1-2",
        "1-2 {+a=1, app=x, +b=2}",
    );
}

#[test]
fn unpack_replaces_the_line_and_then_sets_labels() {
    check(
        "| unpack",
        r#"{"pod":"p","n":7,"_entry":"in\"ner"}"#,
        "in\"ner {app=x, +pod=p}",
    );
    for (line, expected) in [
        (r#"{"foo-buzz":"bar","_entry":"l"}"#, "+foo_buzz=bar"),
        (r#"{"k:x":"1","_entry":"l"}"#, "+k_x=1"),
        (r#"{"1a":"y","_entry":"l"}"#, "+_1a=y"),
        (r#"{"a":"1","a":"2","_entry":"l"}"#, "+a=2"),
        (r#"{"a.b":"1","a_b":"2","a-b":"3","_entry":"l"}"#, "+a_b=3"),
        (r#"{" b ":"z","_entry":"l"}"#, "+b=z"),
        (r#"{"é":"y","_entry":"l"}"#, "+_=y"),
        (r#"{"":"e"," ":"s","\t":"t","_entry":"l"}"#, ""),
        (r#"{"a":"","_entry":"l"}"#, "+a="),
    ] {
        let labels = match expected {
            "" => "app=x".to_owned(),
            expected if expected < "+app" => format!("{expected}, app=x"),
            expected => format!("app=x, {expected}"),
        };
        check("| unpack", line, &format!("l {{{labels}}}"));
    }
    check(
        "| unpack",
        r#"{"app":"y","a-pp":"z","_entry":"l"}"#,
        "l {+a_pp=z, app=x, +app_extracted=y}",
    );
    check_metadata(
        "| unpack",
        &[("a_b", "m")],
        r#"{"a.b":"y","_entry":"l"}"#,
        "l {~a_b=m, +a_b_extracted=y, app=x}",
    );
    check(
        "| json | unpack",
        r#"{"a":"1","a":"2","_entry":"l"}"#,
        "l {+_entry=l, +a=1, app=x}",
    );
    check("| unpack", r#"{"pod":"p"}"#, r#"{"pod":"p"} {app=x}"#);
    check(
        "| unpack",
        "x",
        "x {+__error__=JSONParserErr, +__error_details__=expecting json object(6), but it is not, app=x}",
    );
}

#[test]
fn label_filters_compare_text_numbers_durations_sizes_and_addresses() {
    let line = r#"s=500 d=1.5s b=2MB ip=10.0.3.9 w=x"#;
    let kept =
        |stages: &str| !run(&format!("| logfmt | {stages}"), &[(&[], line.as_bytes())]).is_empty();
    for stages in [
        "s=500",
        "s>499",
        "s>=500",
        "s!=1",
        r#"s="500""#,
        r#"s=~"5..""#,
        r#"no="""#,
        r#"no!~".+""#,
        "d>1s",
        "d<=1500ms",
        "b>1MB",
        "b=2000kB",
        r#"ip=ip("10.0.3.0/24")"#,
        r#"ip!=ip("10.0.4.0/24")"#,
        r#"w="y" or s=500"#,
        r#"app="x""#,
        "w>1",
        "w>1 | s>400",
        r#"w>1 | ip=ip("1.1.1.1")"#,
    ] {
        assert!(kept(stages), "{stages}");
    }
    for stages in [
        "s=501",
        "no>1",
        "no!=1",
        r#"no!="""#,
        r#"s=~"50""#,
        r#"s=~"5|0""#,
        "d>2s",
        "b<1MB",
        r#"no!=ip("1.1.1.1")"#,
        r#"w=ip("1.1.1.1")"#,
        r#"w="x", s=1"#,
        r#"app!="x""#,
        "w>1 | s>900",
        "w>1 and s>900",
        "w>1, no>1",
    ] {
        assert!(!kept(stages), "{stages}");
    }
    check(
        "| logfmt | w>1",
        "w=x",
        "w=x {+__error__=LabelFilterErr, +__error_details__=strconv.ParseFloat: parsing \"x\": invalid syntax, app=x, +w=x}",
    );
    check(r#"| json | __error__="""#, "x", "");
    check(
        r#"| json | __error__=~".+" | __error_details__="""#,
        "{",
        "{ {+__error__=JSONParserErr, +__error_details__=Malformed JSON error, app=x}",
    );
}

#[test]
fn labels_are_dropped_and_kept_by_name_and_value() {
    check_metadata(
        "| logfmt | drop a, id",
        &[("id", "7")],
        "a=1 b=2",
        "a=1 b=2 {app=x, +b=2}",
    );
    check(
        r#"| logfmt | drop a="2", b="2""#,
        "a=1 b=2",
        "a=1 b=2 {+a=1, app=x}",
    );
    check(
        "| json | drop __error__, __error_details__",
        "x",
        "x {app=x}",
    );
    check(r#"| logfmt | keep b, a="9""#, "a=1 b=2", "a=1 b=2 {+b=2}");
    check(
        "| json | keep nothing",
        "[",
        "[ {+__error__=JSONParserErr, +__error_details__=Value looks like object, but can't find closing '}' symbol}",
    );
}

#[test]
fn formats_rewrite_lines_and_labels() {
    check(
        r#"| logfmt | line_format "{{.a}}-{{.app}}{{.no}}""#,
        "a=1",
        "1-x {+a=1, app=x}",
    );
    check(r#"| line_format "a=5" | logfmt"#, "q", "a=5 {+a=5, app=x}");
    check(
        r#"| logfmt | label_format b=a, app="y", c="{{.b}}""#,
        "a=1",
        "a=1 {+app=y, +b=1, +c=1}",
    );
    check(
        r#"| label_format a="1", b="{{.a}}""#,
        "q",
        "q {+a=1, app=x, +b=}",
    );
    check(r#"| label_format p="p", q=p"#, "l", "l {app=x, +q=p}");
    check("| label_format a=no", "l", "l {app=x}");
    check(
        r#"| label_format a="1" | logfmt"#,
        "a=2",
        "a=2 {+a=1, app=x}",
    );
    check(r#"| decolorize"#, "\x1b[31mred\x1b[0m", "red {app=x}");
    let twice = refusal("| label_format a=b, a=c");
    assert_eq!(
        twice,
        "stage '| label_format a=b,a=c' : multiple label name 'a' not allowed in a single format operation"
    );
    assert_eq!(
        refusal(r#"| label_format __error__="x""#),
        "stage '| label_format __error__=\"x\"' : __error__ cannot be formatted"
    );
}

#[test]
fn line_filters_see_the_line_their_segment_started_with() {
    check(r#"| decolorize |= "\u001b""#, "\x1b[31mred", "red {app=x}");
    check(r#"| line_format "new" |= "old""#, "old", "");
}

#[test]
fn labels_that_are_not_text_are_mended() {
    let out = run("| logfmt | json", &[(&[], b"a=\xff b=1")]);
    assert!(out.contains("+b=1") && !out.contains("+a="), "{out}");
    let out = run("| json", &[(&[], b"{\"a\":\"x\xffy\"}")]);
    assert!(out.contains("+a=x y"), "{out}");
}
