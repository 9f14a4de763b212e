//! One table a stage: stages, a line, what comes out.

use super::{refusal, run};

#[track_caller]
fn check(stages: &str, line: &str, expected: &str) {
    assert_eq!(
        run(stages, &[(&[], line.as_bytes())]),
        expected,
        "{stages} on {line}"
    );
}

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
fn json_flattens_objects_and_keeps_scalars_as_written() {
    check(
        "| json",
        r#"{"a":1.0,"b":"x","c":true,"d":null,"e":[1],"f":""}"#,
        concat!(
            r#"{"a":1.0,"b":"x","c":true,"d":null,"e":[1],"f":""}"#,
            " {+a=1.0, app=x, +b=x, +c=true, +f=}"
        ),
    );
    check(
        "| json",
        r#"{"a":{"b":{"c d":1},"9":2},"9x":3}"#,
        concat!(
            r#"{"a":{"b":{"c d":1},"9":2},"9x":3}"#,
            " {+_9x=3, +a_9=2, +a_b_c_d=1, app=x}"
        ),
    );
    check(
        "| json",
        r#"{"m":"a\"b\u00e9","\u006b":1}"#,
        concat!(
            r#"{"m":"a\"b\u00e9","\u006b":1}"#,
            " {app=x, +k=1, +m=a\"bé}"
        ),
    );
    check(
        "| json",
        r#"{"a":1,"a":2,"a_b":3,"a":{"b":4}}"#,
        concat!(
            r#"{"a":1,"a":2,"a_b":3,"a":{"b":4}}"#,
            " {+a=1, +a_b=3, app=x}"
        ),
    );
    check("| json", r#"{}"#, "{} {app=x}");
}

#[test]
fn json_that_breaks_keeps_what_it_found() {
    let error = |details: &str| format!("+__error__=JSONParserErr, +__error_details__={details}");
    let object = error("Value looks like object, but can't find closing '}' symbol");
    check("| json", "plain", &format!("plain {{{object}, app=x}}"));
    check("| json", "", &format!(" {{{object}, app=x}}"));
    check("| json", "[1]", &format!("[1] {{{object}, app=x}}"));
    let array = error("Value is array, but can't find closing ']' symbol");
    check(
        "| json",
        r#"{"a":1,"s":50"#,
        &format!(r#"{{"a":1,"s":50 {{{array}, +a=1, app=x, +s=50}}"#),
    );
    let string = error("Value is string, but can't find closing '\"' symbol");
    check(
        "| json",
        r#"{"a":"x"#,
        &format!(r#"{{"a":"x {{{string}, app=x}}"#),
    );
    check(
        "| json",
        r#"{"a":nil}"#,
        &format!(r#"{{"a":nil}} {{{}, app=x}}"#, error("Unknown value type")),
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
fn json_paths_take_values_raw_and_mark_missing_ones() {
    let line = r#"{"u":{"id":8,"n":"li"},"t":["a",{"c":1}],"d.k":"v","z":null}"#;
    check(
        r#"| json i="u.id", f="t[0]", c="t[1].c""#,
        line,
        &format!("{line} {{app=x, +c=1, +f=a, +i=8}}"),
    );
    check(
        r#"| json u="u", t="t""#,
        line,
        &format!("{line} {{app=x, +t=[\"a\",{{\"c\":1}}], +u={{\"id\":8,\"n\":\"li\"}}}}"),
    );
    check(
        r#"| json k="[\"d.k\"]", z, no"#,
        line,
        &format!("{line} {{app=x, +k=v, +no=, +z=}}"),
    );
    check(
        r#"| json a"#,
        "plain",
        "plain {+__error__=JSONParserErr, app=x}",
    );
    check(
        r#"| json app="u.n""#,
        line,
        &format!("{line} {{app=x, +app_extracted=li}}"),
    );
    let refused = refusal(r#"| json a="b[""#);
    assert!(
        refused.ends_with(
            "cannot parse expression [b[]: syntax error: unexpected $end, expecting STRING or INDEX"
        ),
        "{refused}"
    );
}

/// The labels and the error that a stage leaves, without the stream's.
#[track_caller]
fn check_labels(stages: &str, line: &str, expected: &str) {
    let shown = run(stages, &[(&[], line.as_bytes())]);
    let labels = shown
        .strip_prefix(line)
        .and_then(|rest| rest.strip_prefix(" {"))
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or_else(|| panic!("{shown}"));
    let found: Vec<&str> = labels
        .split(", ")
        .filter(|label| *label != "app=x")
        .collect();
    assert_eq!(found.join(", "), expected, "{stages} on {line}");
}

#[test]
fn json_paths_find_values_in_broken_lines() {
    let error = |details: &str, rest: &str| {
        format!("+__error__=JSONParserErr, +__error_details__={details}, {rest}")
    };
    let malformed = |rest| error("Malformed JSON error", rest);
    let unknown = |rest| error("Unknown value type", rest);
    let string = |rest| error("Value is string, but can't find closing '\"' symbol", rest);
    let array = |rest| error("Value is array, but can't find closing ']' symbol", rest);
    let object = |rest| {
        error(
            "Value looks like object, but can't find closing '}' symbol",
            rest,
        )
    };
    // The wanted value is broken or cut off: an error, and no value.
    for (line, expected) in [
        (r#"{"job":"#, malformed("+job=")),
        (r#"{"job": "#, malformed("+job=")),
        (r#"{"job":tru}"#, unknown("+job=")),
        (r#"{"job":nul"#, unknown("+job=")),
        (r#"{"job":undefined}"#, unknown("+job=")),
        (r#"{"job":}"#, unknown("+job=")),
        (r#"{"job":"unterminated"#, string("+job=")),
        (r#"{"job":"a\""#, string("+job=")),
        (r#"{"job":["a""#, array("+job=")),
        (r#"{"job":{"a":1"#, object("+job=")),
        (r#""job":"x""#, malformed("+job=")),
        (r#"{}"job":"x""#, malformed("+job=")),
        (r#"{}}[1]"#, malformed("+job=")),
    ] {
        check_labels("| json job", line, &expected);
    }
    // What is broken elsewhere does not matter.
    for (line, expected) in [
        (r#"{"x":bad,"job":"j"}"#, "+job=j"),
        (r#"{,"job":"q"}"#, "+job=q"),
        (r#"{"a":nul,"job":"q"}"#, "+job=q"),
        (r#"{"a" "b","job":"q"}"#, "+job=q"),
        (r#"{"a":1 "job":"q""#, "+job=q"),
        (r#"{"job":12"#, "+job=12"),
        (r#"{"job":-"#, "+job=-"),
        (r#"{"job":1e"#, "+job=1e"),
        (r#"{"job":true"#, "+job=true"),
        (r#"{"job":null"#, "+job="),
        (r#"{"job":"j"x"#, "+job=j"),
        (r#"{"job":"j"} trailing {"job":"k"}"#, "+job=j"),
        (r#"{"a":1} {"job":"k"}"#, "+job=k"),
        (r#"{"job":"j","job":"k"}"#, "+job=j"),
        (r#"{"j\u006fb":"j"}"#, "+job=j"),
        (r#"{"j\xob":"j","job":"k"}"#, "+job="),
        (r#"{"job":"a\tb\u00e9"}"#, "+job=a\tbé"),
        (r#"{"job":"a\xb"}"#, "+job="),
        (r#"{"job":"é☕"}"#, "+job=é☕"),
        (r#"{"a":{"job":"x"},"job":"y"}"#, "+job=y"),
        (r#"{"a":[{"job":"x"}],"job":"y"}"#, "+job=y"),
        (r#"[{"job":"x"}]"#, "+job="),
        (r#""just a text""#, "+job="),
        (r#"{"a":{"job":"#, "+job="),
        (r#"{"a":[1,2,"job":"k"}"#, "+job="),
        (r#"{"a":"open,"job":"k"}"#, "+job="),
        (r#"{"#, "+job="),
        (r#"{"job""#, "+job="),
        (r#"  {"job":"q"}"#, "+job=q"),
        ("\t\r\n{\"job\":\"q\"}", "+job=q"),
    ] {
        check_labels("| json job", line, expected);
    }
    for line in ["", "\u{feff}{\"job\":\"q\"}", "job=x", "   "] {
        let expected = if line.is_empty() {
            ""
        } else {
            "+__error__=JSONParserErr"
        };
        check_labels("| json job", line, expected);
    }
}

#[test]
fn json_paths_into_objects_and_arrays_that_break() {
    let error = |details: &str, rest: &str| {
        format!("+__error__=JSONParserErr, +__error_details__={details}, {rest}")
    };
    let check = |path: &str, line: &str, expected: &str| {
        check_labels(&format!("| json x={path:?}"), line, expected);
    };
    check(
        "a.job",
        r#"{"a":{"job":"#,
        &error("Malformed JSON error", "+x="),
    );
    check(
        "a.job",
        r#"{"a":{"job":"k"#,
        &error("Value is string, but can't find closing '\"' symbol", "+x="),
    );
    check("a.job", r#"{"a":{"job":"k","#, "+x=k");
    check("a.job", r#"{"b":{"job":"n"},"a":{"job":"k"}}"#, "+x=k");
    check("a.job", r#"{"a":{},"a":{"job":"k"}}"#, "+x=k");
    check("a.job", r#"{"a":1,"job":"k"}"#, "+x=");
    check("a[0]", r#"{"a":[1,2,"job":"k"}"#, "+x=1");
    check("a[1]", r#"{"a":[1,2,"job":"k"}"#, "+x=2");
    check("a[2]", r#"{"a":[1,2,"job":"k"}"#, "+x=job");
    check("a[3]", r#"{"a":[1,2,"job":"k"}"#, "+x=");
    check("a[0]", r#"{"a":["#, "+x=");
    check("a[0]", r#"{"a":[]}"#, "+x=");
    check("a[0]", r#"{"a":[],"a":[7]}"#, "+x=7");
    check("a[0]", r#"{"a":[tru,1]}"#, "+x=");
    check("a[1]", r#"{"a":[1,"open]}"#, "+x=");
    check("a[1]", r#"{"a":[ "q" , "r\n" ]}"#, "+x=r\n");
    check(
        "a[0].b",
        r#"{"a":[{"b":tru}]}"#,
        &error("Unknown value type", "+x="),
    );
    check("a[0].b", r#"{"a":[{"c":1}],"a":[{"b":2}]}"#, "+x=");
    check("a[1].b", r#"{"a":[{"b":1},{"b":2},"#, "+x=2");
    check("a[0].b.c", r#"{"a":[{"d":{"c":0},"b":{"c":5}}]}"#, "+x=5");
    check("a[0][1]", r#"{"a":[[1,"two"],3]}"#, "+x=two");
    check("a[0][1].b", r#"{"a":[[1,{"b":[0]}],3]}"#, "+x=[0]");
    check("[1].a", r#"[{"a":1},{"a":2}"#, "+x=2");
    check("a[0].b", r#"{"a":["b"]}"#, "+x=");
    check("a[0]", r#"{"a":{"b":[1]}}"#, "+x=");
    check("a.b[0]", r#"{"a":{"b":[1]}}"#, "+x=1");
    check("a.b", r#"{"a":{"c":{"b":1},"b":2}}"#, "+x=2");
    check_labels(
        r#"| json x="a[0]", y="a[1].b", z="c""#,
        r#"{"a":[1,{"b":2}],"c":nul,"#,
        &error("Unknown value type", "+x=1, +y=2, +z="),
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
fn half_a_surrogate_pair_is_a_blank() {
    check_labels("| json", r#"{"t":"\ud83d\ude00\ud83d"}"#, "+t=😀 ");
    check_labels("| json t", r#"{"t":"a\udc00z"}"#, "+t=a z");
    check_labels("| json", r#"{"t":"\u0001\u0000z"}"#, "+t=\u{1}\u{0}z");
    check(
        "| unpack",
        r#"{"a":"x\ud83d","_entry":"l"}"#,
        "l {+a=x , app=x}",
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
