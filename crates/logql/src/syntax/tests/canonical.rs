//! What a query is read as, shown by its canonical text, and how long ones are laid out.

use crate::syntax::{parse, pretty, print};

#[track_caller]
fn check(text: &str, want: &str) {
    let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(print(&expr), want, "{text}");
    assert_eq!(parse(want), Ok(expr), "{want}");
}

#[track_caller]
fn check_pretty(text: &str, want: &str) {
    let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(pretty(&expr), want, "{text}");
    assert_eq!(parse(want), Ok(expr), "{want}");
}

#[test]
fn every_construct_has_a_canonical_text() {
    for (text, want) in [
        (
            r#"{app="api"}|json|status>=500|line_format "{{.msg}}""#,
            r#"{app="api"} | json | status>=500 | line_format "{{.msg}}""#,
        ),
        (
            r#"sum by(app)(rate({app="nginx"}|="GET"[5m]))/2"#,
            r#"(sum by (app)(rate({app="nginx"} |= "GET"[5m])) / 2)"#,
        ),
        (
            r#"{app="a",b=~"c"}|~"x"!="y"|logfmt --strict a,b="c"|label_format x=y,z="{{.k}}""#,
            r#"{app="a", b=~"c"} |~ "x" != "y" | logfmt --strict a="a",b="c" | label_format x=y,z="{{.k}}""#,
        ),
        (
            r#"topk(3,sum(count_over_time({a="b"}[1h] offset 5m))by(c))"#,
            r#"topk(3,sum by (c)(count_over_time({a="b"}[1h] offset 5m0s)))"#,
        ),
        (
            r#"quantile_over_time(0.99,{a="b"}|json|unwrap duration(x)|__error__=""[5m])by(c,d)"#,
            r#"quantile_over_time(0.99,{a="b"} | json | unwrap duration(x) | __error__=""[5m]) by (c,d)"#,
        ),
        (
            r#"{a="b"} | size > 1_000 | ratio < 0x1p-2"#,
            r#"{a="b"} | size>1000 | ratio<0.25"#,
        ),
        (
            r#"sum(rate({a="b"}[1m]))>bool 3 and on(x)vector(1)"#,
            r#"((sum(rate({a="b"}[1m])) > bool 3) and on (x)  vector(1.000000))"#,
        ),
        (
            r#"{a="b"}|= "x" or "y"|drop a,b="c"|keep d"#,
            r#"{a="b"} |= "x" or "y" | drop a,b="c" | keep d"#,
        ),
        (r#"{a="b"} != "z" or "w""#, r#"{a="b"} != "z" != "w""#),
        (
            r#"{a="b"} |= `x\` or ip("::1")"#,
            r#"{a="b"} |= "x\\" or ip("::1")"#,
        ),
        (
            r#"{a="b"} | addr!=ip("1.2.3.4") | x=-5 | y==1h | z<=20MB"#,
            r#"{a="b"} | addr!=ip("1.2.3.4") | x==-5 | y==1h0m0s | z<=20MB"#,
        ),
        (
            r#"{a="b"} | regexp "(?P<x>y)" | pattern `<x> "y"` | unpack | decolorize"#,
            r#"{a="b"} | regexp "(?P<x>y)" | pattern "<x> \"y\"" | unpack | decolorize"#,
        ),
        (
            r#"{a="b"} | json x, y="z[0]""#,
            r#"{a="b"} | json x="x",y="z[0]""#,
        ),
        (
            r#"rate(({a="b"} | json)[5m])"#,
            r#"rate({a="b"} | json[5m])"#,
        ),
        (
            r#"label_replace(rate({a="b"}[1d]), "x", "$1", "y", "(.*)")"#,
            r#"label_replace(rate({a="b"}[1d]),"x","$1","y","(.*)")"#,
        ),
        (
            r#"rate({a="b"}[1m]) * on() group_left(c) rate({a="c"}[1m])"#,
            r#"(rate({a="b"}[1m]) * on () group_left (c) rate({a="c"}[1m]))"#,
        ),
        (
            r#"rate({a="b"}[1m]) - ignoring(c, d) rate({a="c"}[1m])"#,
            r#"(rate({a="b"}[1m]) - ignoring (c,d)  rate({a="c"}[1m]))"#,
        ),
        (
            "{a=\"b\"} # comment\n // more\n /* and more */ | json",
            r#"{a="b"} | json"#,
        ),
        (
            r#"{sum="x"} | count=3 | rate>1 | ip="y""#,
            r#"{sum="x"} | count==3 | rate>1 | ip="y""#,
        ),
        (
            r#"SUM(Count_Over_Time({a="b"} | JSON [5m])) BY (c)"#,
            r#"sum by (c)(count_over_time({a="b"} | json[5m]))"#,
        ),
    ] {
        check(text, want);
    }
}

#[test]
fn ranges_stand_where_they_may() {
    let want = r#"sum_over_time({a="b"} |= "x" | json | unwrap y | z="1"[5m] offset 1m0s)"#;
    for text in [
        r#"sum_over_time({a="b"} |= "x" | json | unwrap y | z="1" [5m] offset 1m)"#,
        r#"sum_over_time({a="b"}[5m] offset 1m |= "x" | json | unwrap y | z="1")"#,
        r#"sum_over_time(({a="b"} |= "x" | json | unwrap y | z="1")[5m] offset 1m)"#,
        r#"sum_over_time((({a="b"} |= "x" | json | unwrap y | z="1" [5m] offset 1m)))"#,
    ] {
        check(text, want);
    }
    let want = r#"sum_over_time({a="b"} | unwrap y[5m] offset -1m0s)"#;
    for text in [
        r#"sum_over_time({a="b"} | unwrap y [5m] offset -1m)"#,
        r#"sum_over_time({a="b"} [5m] offset -1m | unwrap y)"#,
        r#"sum_over_time(({a="b"}) [5m] offset -1m | unwrap y)"#,
        r#"sum_over_time(({a="b"} | unwrap y) [5m] offset -1m)"#,
    ] {
        check(text, want);
    }
}

#[test]
fn commas_and_blanks_between_filters_take_all_to_their_right() {
    for (filter, want) in [
        ("a=1, b=2 or c=3", "( a==1 , ( b==2 or c==3 ) )"),
        ("a=1 and b=2 or c=3", "( ( a==1 , b==2 ) or c==3 )"),
        ("a=1 or b=2 and c=3", "( a==1 or ( b==2 , c==3 ) )"),
        ("a=1 or b=2, c=3", "( a==1 or ( b==2 , c==3 ) )"),
        ("a=1 or b=2 c=3", "( a==1 or ( b==2 , c==3 ) )"),
        (
            "a=1 and b=2, c=3 or d=4",
            "( a==1 , ( b==2 , ( c==3 or d==4 ) ) )",
        ),
        ("a=1, b=2, c=3", "( a==1 , ( b==2 , c==3 ) )"),
        ("a=1 or b=2 or c=3", "( ( a==1 or b==2 ) or c==3 )"),
        ("(a=1 or b=2) and c=3", "( ( a==1 or b==2 ) , c==3 )"),
        (
            "a=1 (b=2 or c=3) d=4",
            "( a==1 , ( ( b==2 or c==3 ) , d==4 ) )",
        ),
    ] {
        check(
            &format!(r#"{{x="y"}} | {filter}"#),
            &format!(r#"{{x="y"}} | {want}"#),
        );
    }
}

#[test]
fn operators_bind_by_precedence() {
    let v = r#"rate({a="b"}[1m])"#;
    for (shape, want) in [
        ("v + v * v", "(v + (v * v))"),
        ("v * v + v", "((v * v) + v)"),
        ("v - v - v", "((v - v) - v)"),
        ("v ^ v ^ v", "(v ^ (v ^ v))"),
        ("v or v and v", "(v or (v and v))"),
        ("v unless v and v", "((v unless v) and v)"),
        ("v > v + v == v", "((v > (v + v)) == v)"),
        ("(v + v) * v", "((v + v) * v)"),
        ("-1 * v % 2", "((-1 * v) % 2)"),
    ] {
        check(&shape.replace('v', v), &want.replace('v', v));
    }
}

#[test]
fn constants_are_folded() {
    for (text, want) in [
        ("1+2", "3"),
        ("1 + 2 * 3", "7"),
        ("2 ^ 3 ^ 2", "512"),
        ("7 % 4", "3"),
        ("1 / 0", "NaN"),
        ("1 > 2", "0"),
        ("3 <= bool 3", "1"),
        ("-1 - -1", "0"),
        (".5 * 4", "2"),
        ("1e3 * 1e3", "1e+06"),
    ] {
        assert_eq!(
            parse(text).map(|e| print(&e)),
            Ok(want.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn long_queries_are_split() {
    check_pretty(
        r#"sum by (cluster, namespace, very_long_label_name, another_long_label) (rate({app="nginx", namespace="default", cluster="eu-west-1"} |= "error" != "timeout" | json | status >= 500 [5m]))"#,
        "sum by (cluster, namespace, very_long_label_name, another_long_label)(\n  rate(\n    {app=\"nginx\", namespace=\"default\", cluster=\"eu-west-1\"} |= \"error\" != \"timeout\" | json | status>=500 [5m]\n  )\n)",
    );
    check_pretty(
        r#"quantile_over_time(0.99, {app="nginx", namespace="default", cluster="eu-west-1"} |= "error" != "timeout" | json | unwrap duration(latency) | __error__="" [5m] offset 1h) by (host, pod)"#,
        "quantile_over_time(\n  0.99,\n  {app=\"nginx\", namespace=\"default\", cluster=\"eu-west-1\"} |= \"error\" != \"timeout\" | json\n    | unwrap duration(latency)\n    | __error__=\"\" [5m] offset 1h\n) by (host, pod)",
    );
    check_pretty(
        r#"{app="nginx", namespace="default", cluster="eu-west-1"} |= "an error of some length" != "timeout" | json | status>=500"#,
        "{app=\"nginx\", namespace=\"default\", cluster=\"eu-west-1\"}\n  |= \"an error of some length\"\n  != \"timeout\"\n  | json\n  | status>=500",
    );
}

#[test]
fn splitting_keeps_the_order_of_operators() {
    let long = r#"sum(rate({application="frontend", environment="production"} |= "error" [5m]))"#;
    check_pretty(
        &format!("({long} + {long}) * on(a) group_left(b) {long}"),
        &format!(
            "  (\n    {0}\n  +\n    {0}\n  )\n* on (a) group_left (b)\n  {0}",
            long.replace(" [5m]", "[5m]")
        )
        .replace("  (\n    sum", "  (\n      sum")
        .replace("  +\n    sum", "    +\n      sum"),
    );
}

#[test]
fn odd_names_stay_apart_from_operators() {
    for (text, want) in [
        (
            "{a=\"b\"} | \u{7f}= `\\b`",
            "{a=\"b\"} |  \u{7f} =\"\\\\b\"",
        ),
        (r#"{a="b"} | ! = "c""#, r#"{a="b"} |  ! ="c""#),
        (
            r#"{a="b"} | label_format x= ~"#,
            r#"{a="b"} | label_format x= ~ "#,
        ),
        (
            r#"{a="b"} | logfmt ! = "c", '-'"#,
            r#"{a="b"} | logfmt  ! ="c", '-' ="'-'""#,
        ),
    ] {
        check(text, want);
    }
}
