//! Loki's words for queries that can't be read: the first line, as Loki was recorded to give it.

use crate::syntax::{QUERY_BYTES_MAX, parse, parse_log, parse_selector};

#[track_caller]
fn check(text: &str, want: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.first_line(), want, "{text}");
}

#[test]
fn a_token_out_of_place_is_named_with_what_fits() {
    for (text, want) in [
        ("", "parse error : syntax error: unexpected $end"),
        (
            " ",
            "parse error at line 1, col 2: syntax error: unexpected $end",
        ),
        (
            "bad{",
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER",
        ),
        (
            r#"app="x""#,
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER",
        ),
        (
            "{app=nginx}",
            "parse error at line 1, col 6: syntax error: unexpected IDENTIFIER, expecting STRING",
        ),
        (
            "{app='x'}",
            "parse error at line 1, col 6: syntax error: unexpected IDENTIFIER, expecting STRING",
        ),
        (
            "{app=",
            "parse error at line 1, col 6: syntax error: unexpected $end, expecting STRING",
        ),
        (
            r#"{app="nginx" or env="b"}"#,
            "parse error at line 1, col 14: syntax error: unexpected or, expecting } or ,",
        ),
        (
            r#"{app="nginx"} |= "#,
            "parse error at line 1, col 18: syntax error: unexpected $end, expecting STRING or ip",
        ),
        (
            r#"{app="nginx"} | "#,
            "parse error at line 1, col 17: syntax error: unexpected $end",
        ),
        (
            r#"{app="nginx"} | json |"#,
            "parse error at line 1, col 23: syntax error: unexpected $end",
        ),
        (
            r#"{app="nginx"} | unwrap latency"#,
            "parse error at line 1, col 17: syntax error: unexpected unwrap",
        ),
        (
            r#"{app="nginx"} | json | status >"#,
            "parse error at line 1, col 32: syntax error: unexpected $end",
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn a_stage_that_breaks_is_named_with_what_fits() {
    for (text, want) in [
        (
            r#"{app="nginx"} | drop"#,
            "parse error at line 1, col 21: syntax error: unexpected $end, expecting IDENTIFIER",
        ),
        (
            r#"{app="nginx"} | ip("x")"#,
            "parse error at line 1, col 17: syntax error: unexpected ip",
        ),
        (
            r#"{app="nginx"} | json a="#,
            "parse error at line 1, col 24: syntax error: unexpected $end, expecting STRING",
        ),
        (
            r#"{app="nginx"} | logfmt --nope"#,
            "parse error at line 1, col 26: syntax error: unexpected IDENTIFIER, expecting NUMBER",
        ),
        (
            r#"{app="nginx"} |= "x" or"#,
            "parse error at line 1, col 24: syntax error: unexpected $end, expecting STRING or ip",
        ),
        (
            r#"{app="api"} | json | bytes > 20kb"#,
            "parse error at line 1, col 34: syntax error: unexpected $end",
        ),
        (
            r#"{app="api"} | json | !ok"#,
            "parse error at line 1, col 23: syntax error: unexpected IDENTIFIER",
        ),
        (
            r#"{app="api"} | json | status > "500""#,
            "parse error at line 1, col 31: syntax error: unexpected STRING",
        ),
        (
            r#"{app="api"} | "x""#,
            "parse error at line 1, col 15: syntax error: unexpected STRING",
        ),
        (
            r#"{app="api"} | "x" != "y" | json"#,
            "parse error at line 1, col 15: syntax error: unexpected STRING",
        ),
        (
            r#"{app="api"} | json | code > 0x10"#,
            r#"parse error : unable to parse literal as a float: strconv.ParseFloat: parsing "0x10": invalid syntax"#,
        ),
        (
            r#"{app="api"} | json | code > 0o17"#,
            r#"parse error : unable to parse literal as a float: strconv.ParseFloat: parsing "0o17": invalid syntax"#,
        ),
        (
            r#"{app="api"} | regexp "(?P<x>.)(?P<x>.)""#,
            "parse error : invalid regexp parser: duplicate extracted label name 'x'",
        ),
        (
            "{\"a\nb\"}",
            "parse error at line 1, col 2: literal not terminated",
        ),
        (
            "{\n  a=\"b\",\n  é=\"x\" y}",
            "parse error at line 3, col 9: syntax error: unexpected IDENTIFIER, expecting } or ,",
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn metric_queries_name_what_they_lack() {
    for (text, want) in [
        (
            r#"sum({app="nginx"})"#,
            "parse error at line 1, col 18: syntax error: unexpected )",
        ),
        (
            r#"rate({app="nginx"})"#,
            "parse error at line 1, col 19: syntax error: unexpected )",
        ),
        (
            r#"topk({app="x"})"#,
            "parse error at line 1, col 15: syntax error: unexpected )",
        ),
        (
            r#"sum by app (rate({app="nginx"}[5m]))"#,
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER",
        ),
        (
            r#"sum by (app,) (rate({app="nginx"}[5m]))"#,
            "parse error at line 1, col 13: syntax error: unexpected ), expecting IDENTIFIER",
        ),
        (
            r#"sum by (app (rate({app="nginx"}[5m]))"#,
            "parse error at line 1, col 13: syntax error: unexpected (, expecting , or )",
        ),
        (
            r#"sum without (rate({app="nginx"}[5m]))"#,
            "parse error at line 1, col 14: syntax error: unexpected RATE, expecting IDENTIFIER or )",
        ),
        (
            r#"count_over_time({app="nginx"}[5m]) and"#,
            "parse error at line 1, col 39: syntax error: unexpected $end",
        ),
        (
            r#"rate({app="nginx"} | json [5m]) > bool"#,
            "parse error at line 1, col 39: syntax error: unexpected $end",
        ),
        (
            "1 +",
            "parse error at line 1, col 4: syntax error: unexpected $end",
        ),
        (
            "bool 1",
            "parse error at line 1, col 1: syntax error: unexpected bool",
        ),
        (
            "vector(-1)",
            "parse error at line 1, col 8: syntax error: unexpected -, expecting NUMBER",
        ),
        (
            r#"vector("a")"#,
            "parse error at line 1, col 8: syntax error: unexpected STRING, expecting NUMBER",
        ),
        (
            r#"quantile_over_time("x", {app="api"} | json | unwrap latency [5m])"#,
            "parse error at line 1, col 20: syntax error: unexpected STRING, expecting NUMBER or { or (",
        ),
        (
            r#"max_over_time({app="api"} | json | unwrap nosuch(latency) [5m])"#,
            "parse error at line 1, col 49: syntax error: unexpected (, expecting RANGE or |",
        ),
        (
            r#"sum_over_time({app="api"} | json | unwrap latency | line_format "x" [5m])"#,
            "parse error at line 1, col 53: syntax error: unexpected line_format, expecting IDENTIFIER or (",
        ),
        (
            r#"count_over_time({app="nginx"}[5m] offset)"#,
            "parse error at line 1, col 41: syntax error: unexpected ), expecting DURATION",
        ),
        (
            r#"label_replace(rate({a="b"}[1m]), "a")"#,
            "parse error at line 1, col 37: syntax error: unexpected ), expecting ,",
        ),
        (
            r#"-sum(rate({a="b"}[1m]))"#,
            "parse error at line 1, col 2: syntax error: unexpected SUM, expecting NUMBER",
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn what_the_lexer_reads_ahead_for_is_on_line_0() {
    for (text, want) in [
        (
            r#"{app="nginx"}[5m]"#,
            "parse error at line 0, col 14: syntax error: unexpected RANGE",
        ),
        (
            r#"count_over_time({app="nginx"}[5])"#,
            r#"parse error at line 0, col 30: not a valid duration string: "5""#,
        ),
        (
            r#"count_over_time({app="nginx"}[-5m])"#,
            r#"parse error at line 0, col 30: not a valid duration string: "-5m""#,
        ),
        (
            r#"count_over_time({app="nginx"}[5m)"#,
            "parse error at line 0, col 30: missing closing ']' in duration",
        ),
        (
            r#"count_over_time({app="nginx"}[])"#,
            "parse error at line 0, col 30: empty duration string",
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn text_that_is_no_token_says_why() {
    for (text, want) in [
        (
            r#"{app="x"#,
            "parse error at line 1, col 6: literal not terminated",
        ),
        (
            "{app='nginx'}",
            "parse error at line 1, col 6: invalid char literal",
        ),
        (
            r#"{app="x"} |~ "\d+""#,
            "parse error at line 1, col 14: invalid char escape",
        ),
        // The grammar's error comes first where it is met first.
        (
            r#"{app "\d+""#,
            "parse error at line 1, col 6: invalid char escape",
        ),
        (
            r#"app "\d+""#,
            "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER",
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn queries_that_mean_nothing_are_refused() {
    for (text, want) in [
        (
            r#"sum_over_time({a="b"}[5m])"#,
            "invalid aggregation sum_over_time without unwrap",
        ),
        (
            r#"first_over_time({a="b"}[5m])"#,
            "invalid aggregation first_over_time without unwrap",
        ),
        (
            r#"count_over_time({a="b"} | unwrap x [5m])"#,
            "invalid aggregation count_over_time with unwrap",
        ),
        (
            r#"bytes_rate({a="b"} | json | unwrap x [5m])"#,
            "invalid aggregation bytes_rate with unwrap",
        ),
        (
            r#"quantile_over_time({a="b"} | unwrap x [5m])"#,
            "parameter required for operation quantile_over_time",
        ),
        (
            r#"rate(3, {a="b"}[5m])"#,
            "parameter 3 not supported for operation rate",
        ),
        (
            r#"rate({a="b"}[5m]) by (c)"#,
            "grouping not allowed for rate aggregation",
        ),
        (
            r#"topk(rate({a="b"}[5m]))"#,
            "parameter required for operation topk",
        ),
        (
            r#"topk(0, rate({a="b"}[5m]))"#,
            "invalid parameter (must be greater than 0) topk(0",
        ),
        (
            r#"bottomk(1.2, rate({a="b"}[5m]))"#,
            "invalid parameter bottomk(1.2,",
        ),
        (
            r#"sum(3, rate({a="b"}[5m]))"#,
            "unsupported parameter for operation sum(3,",
        ),
        (
            r#"sort(rate({a="b"}[5m])) by (c)"#,
            "sort and sort_desc doesn't allow grouping by ",
        ),
        (
            r#"approx_topk by (c) (3, rate({a="b"}[5m]))"#,
            "grouping not allowed for approx_topk aggregation",
        ),
        (
            r#"rate({a="b"}[5m]) or 1"#,
            "unexpected literal for right leg of logical/set binary operation (or): 1.000000",
        ),
        (
            r#"1 unless rate({a="b"}[5m])"#,
            "unexpected literal for left leg of logical/set binary operation (unless): 1.000000",
        ),
        (
            r#"rate({a="b"}[5m]) + {a="x"}"#,
            "unexpected type for right leg of binary operation (+): *syntax.MatchersExpr",
        ),
        (
            r#"{a="x"} | json / 2"#,
            "unexpected type for left leg of binary operation (/): *syntax.PipelineExpr",
        ),
        (
            "0x10 + 1",
            r#"unable to parse literal as a float: strconv.ParseFloat: parsing "0x10": invalid syntax"#,
        ),
        (
            r#"{a="b"} | pattern "<a><b>""#,
            "invalid pattern parser: found consecutive capture '<a><b>': invalid expression",
        ),
        (
            r#"{a="b"} | pattern "x""#,
            "invalid pattern parser: at least one capture is required",
        ),
        (
            r#"{a="b"} | regexp "x""#,
            "invalid regexp parser: at least one named capture must be supplied",
        ),
    ] {
        check(text, &format!("parse error : {want}"));
    }
    // A malformed text comes before a refused meaning.
    check(
        r#"sum_over_time({a="b"}[5m]) +"#,
        "parse error at line 1, col 29: syntax error: unexpected $end",
    );
}

#[test]
fn endpoints_that_take_less_say_so() {
    let first = |e: crate::syntax::ParseError| e.first_line().to_owned();
    assert_eq!(
        parse_selector(r#"{a="b"} | json"#).map_err(first),
        Err("only label matchers are supported".to_owned())
    );
    assert_eq!(
        parse_selector("1 + 1").map_err(first),
        Err("only label matchers are supported".to_owned())
    );
    assert_eq!(
        parse_selector("bad{").map_err(first),
        Err("parse error at line 1, col 1: syntax error: unexpected IDENTIFIER".to_owned())
    );
    assert_eq!(
        parse_log(r#"rate({a="b"}[1m])"#).map_err(first),
        Err("only log selector is supported".to_owned())
    );
}

#[test]
fn long_and_deep_queries_are_refused() {
    let long = format!("{{a=\"{}\"}}", "x".repeat(QUERY_BYTES_MAX));
    check(
        &long,
        &format!(
            "parse error : input size too long ({} > 131072)",
            long.len()
        ),
    );
    check(
        &"(".repeat(100_000),
        "parse error at line 1, col 101: query is nested too deep (more than 100 levels or 250 operators in a row)",
    );
}
