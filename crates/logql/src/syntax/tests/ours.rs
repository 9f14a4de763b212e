//! Extension tests cover what Skald parses beyond Loki, and that no Loki query changes meaning.

use crate::syntax::{matches_every_stream, parse, parse_selector, print};

#[track_caller]
fn check(text: &str, want: &str) {
    let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(print(&expr), want, "{text}");
    assert_eq!(parse(want), Ok(expr), "{want}");
}

#[test]
fn selectors_may_match_every_stream() {
    for (text, want) in [
        ("{}", true),
        (r#"{a=""}"#, true),
        (r#"{a!="b"}"#, true),
        (r#"{a=~".*"}"#, true),
        (r#"{a!~"x"}"#, true),
        (r#"{a=~".+"}"#, false),
        (r#"{a!="", b=""}"#, false),
        (r#"{a="b"}"#, false),
    ] {
        let selector = parse_selector(text).expect(text);
        assert_eq!(matches_every_stream(&selector), want, "{text}");
    }
}

#[test]
fn stages_of_our_own() {
    for (text, want) in [
        (
            r#"{a="b"} | distinct x, y | limit 5"#,
            r#"{a="b"} | distinct x,y | limit 5"#,
        ),
        (
            r#"{a="b"} | Sort By (x desc, y asc, z)"#,
            r#"{a="b"} | sort by (x desc,y,z)"#,
        ),
        (
            r#"{} | id in ({a="b"} |= "x" | keep id)"#,
            r#"{} | id in ({a="b"} |= "x" | keep id)"#,
        ),
        (r#"{} | id NOT IN ({a="b"})"#, r#"{} | id not in ({a="b"})"#),
        (r#"{} | not in ({a="b"})"#, r#"{} | not in ({a="b"})"#),
    ] {
        check(text, want);
    }
}

#[test]
fn words_of_our_own_stay_label_names() {
    for (text, want) in [
        (r#"{limit="5"} | limit="5""#, r#"{limit="5"} | limit="5""#),
        (
            r#"{a="b"} | limit > 3 | limit=5"#,
            r#"{a="b"} | limit>3 | limit==5"#,
        ),
        (
            r#"{a="b"} | distinct=~"x" | sort!="y""#,
            r#"{a="b"} | distinct=~"x" | sort!="y""#,
        ),
        (
            r#"{a="b"} | in="x" not="y""#,
            r#"{a="b"} | ( in="x" , not="y" )"#,
        ),
        (
            r#"{count_distinct="x"} | count_distinct>1"#,
            r#"{count_distinct="x"} | count_distinct>1"#,
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn distinct_values_are_counted() {
    let want = r#"count_distinct(user,{a="b"} | logfmt[5m]) by (app)"#;
    check(
        r#"count_distinct(user, {a="b"} | logfmt [5m]) by (app)"#,
        want,
    );
    check(
        r#"approx_count_distinct(user, {a="b"}[5m] | logfmt) by (app)"#,
        want,
    );
    for (text, want) in [
        (
            r#"count_distinct({a="b"}[5m])"#,
            "parse error at line 1, col 16: syntax error: unexpected {, expecting IDENTIFIER",
        ),
        (
            r#"count_distinct(x, {a="b"} | unwrap y [5m])"#,
            "parse error : invalid aggregation count_distinct with unwrap",
        ),
    ] {
        assert_eq!(parse(text).expect_err(text).first_line(), want, "{text}");
    }
}

#[test]
fn names_in_quotes_mean_the_names_that_are_stored() {
    for (text, want) in [
        (
            r#"{"service.name"="x", "1a"="y"}"#,
            r#"{service_name="x", _1a="y"}"#,
        ),
        (
            r#"{a="b"} | "http.status">=500 and "x-y"="z""#,
            r#"{a="b"} | ( http_status>=500 , x_y="z" )"#,
        ),
        (
            r#"{a="b"} | "json"="x" | "a b"!="y" and "plain"="z""#,
            r#"{a="b"} | "json"="x" | ( a_b!="y" , plain="z" )"#,
        ),
        (
            r#"{"json"="x"} | keep "by", "a.b""#,
            r#"{"json"="x"} | keep "by",a_b"#,
        ),
        (
            r#"sum by ("k8s.pod") (rate({a="b"}[5m]))"#,
            r#"sum by (k8s_pod)(rate({a="b"}[5m]))"#,
        ),
        (
            r#"sum_over_time({a="b"} | unwrap "a.b" [5m])"#,
            r#"sum_over_time({a="b"} | unwrap a_b[5m])"#,
        ),
    ] {
        check(text, want);
    }
    assert_eq!(
        parse(r#"{""="x"}"#)
            .expect_err("empty names name nothing")
            .first_line(),
        "parse error : a label name can't be empty"
    );
}
