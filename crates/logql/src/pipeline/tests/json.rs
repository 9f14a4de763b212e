//! The json parser, whole and by paths, on lines that are good and lines that break.

use super::{check, check_labels, refusal};

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
