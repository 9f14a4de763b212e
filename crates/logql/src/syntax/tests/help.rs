//! What stands below Loki's words: what was expected, the place, the nearest fix.

use crate::syntax::parse;

/// The lines below the first.
#[track_caller]
fn check(text: &str, want: &[&str]) {
    let error = parse(text).expect_err(text);
    let below: Vec<&str> = error.message.lines().skip(1).collect();
    assert_eq!(below, want, "{text}");
}

#[track_caller]
pub(super) fn check_fix(text: &str, want: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.message.lines().last(), Some(want), "{text}");
}

#[test]
fn the_place_is_marked_under_its_line() {
    check(
        "{app=\"api\"}\n\t| json status>=5",
        &[
            "    {app=\"api\"}",
            "    ^^^^^^^^^^^",
            "a filter on a label has a pipe of its own, `| json | status >= 500`; operators join numbers, as rate({…}[5m]) gives",
        ],
    );
    check(
        "{app=\"api\"}\n\t| json | status>=",
        &[
            "expected a number, a duration such as 5s or a size such as 20MB",
            "    \t| json | status>=",
            "    \t                 ^",
        ],
    );
}

#[test]
fn fixes_are_near() {
    for (text, want) in [
        ("{app='nginx'}", r#"use double quotes: "nginx""#),
        ("{app='x'}", r#"use double quotes: "x""#),
        ("{app=nginx}", r#"put the value in double quotes: "nginx""#),
        (
            r#"{a="b"} |~ "\d+\s""#,
            r#"write the backslash twice: "\\d+\\s", or in backticks: `\d+\s`"#,
        ),
        (
            r#"cuont_over_time({a="b"}[5m])"#,
            "did you mean count_over_time?",
        ),
        (r#"sum(rat({a="b"}[5m]))"#, "did you mean rate?"),
        (r#"{a="b"} | jsn | x="y""#, "did you mean | json?"),
        (r#"{a="b"} | jsno"#, "did you mean | json?"),
        (
            r#"sum_over_time({a="b"} | unwrap byte(x) [5m])"#,
            "did you mean bytes?",
        ),
        (
            r#"rate({a="b"}[5])"#,
            "a range is a number and a unit of ms, s, m, h, d, w or y: [5m]",
        ),
        (
            r#"rate({a="b"}[5minutes])"#,
            "a range is a number and a unit of ms, s, m, h, d, w or y: [5m]",
        ),
        (
            r#"rate({a="b"}[1.5h])"#,
            "a range is a number and a unit of ms, s, m, h, d, w or y: [1h30m]",
        ),
        (
            r#"{a="b"} | x > "500""#,
            "numbers, durations and sizes are compared without quotes: 500",
        ),
        (r#"{a="b"} | x > 20kb"#, "sizes end in a capital B: 20kB"),
        (
            r#"sum by app (rate({a="b"}[5m]))"#,
            "labels stand in parentheses: by (app)",
        ),
        (
            r#"sum(rate({a="b"}[5m])"#,
            "the ( at line 1, col 4 is never closed",
        ),
        (r#"{a="b"#, "the quote is never closed"),
    ] {
        check_fix(text, want);
    }
}

const JOINED: &str = r#"two selectors can't be joined: {app=~"a|b"} selects several values, and |= "a" or "b" finds either text"#;

#[test]
fn parts_in_the_wrong_place_are_put_right() {
    for (text, want) in [
        (
            r#"{a="b"} | json | unwrap duration"#,
            "unwrap stands inside an aggregation: sum_over_time({…} | json | unwrap duration [5m])",
        ),
        (
            r#"{a="b"} | logfmt | unwrap duration(latency) | __error__="""#,
            "unwrap stands inside an aggregation: sum_over_time({…} | logfmt | unwrap duration(latency) [5m])",
        ),
        (
            r#"{a="b"} | pattern "<x>" | unwrap x"#,
            "unwrap stands inside an aggregation: sum_over_time({…} | pattern … | unwrap x [5m])",
        ),
        (
            r#"{a="b"} | unwrap"#,
            "unwrap stands inside an aggregation: sum_over_time({…} | unwrap latency [5m])",
        ),
        (r#"{a="b"} |= "a" or {a="c"} |= "b""#, JOINED),
        (r#"{a="b"} or {a="c"}"#, JOINED),
        (r#"{a="b"} | json or {a="c"}"#, JOINED),
        (r#"{a="b"} |= "a" and {a="c"} |= "b""#, JOINED),
        (r#"{a="b"} unless {a="c"}"#, JOINED),
        (
            r#"{a="b"} [5m]"#,
            "a log query takes its times from start and end; a range stands in an aggregation: count_over_time({…} [5m])",
        ),
        (
            r#"{a="b"} | json | level="error" [1h]"#,
            "a log query takes its times from start and end; a range stands in an aggregation: count_over_time({…} [1h])",
        ),
        (
            r#"{a="b"} offset 1h"#,
            "a log query takes its times from start and end; an offset follows a range: count_over_time({…} [5m] offset 1h)",
        ),
        (
            r#"{a="b"} | count_over_time([1m])"#,
            "functions stand around the query: count_over_time({…} [5m])",
        ),
        (
            r#"{a="b"} | json | sum_over_time([1h])"#,
            "functions stand around the query: sum_over_time({…} | unwrap latency [5m])",
        ),
        (
            r#"{a="b"} | quantile_over_time(0.95, [5m])"#,
            "functions stand around the query: quantile_over_time(0.95, {…} | unwrap latency [5m])",
        ),
        (
            r#"{a="b"} | rate({a="b"}[5m])"#,
            "functions stand around the query: rate({…} [5m])",
        ),
        (
            r#"{a="b"} | sum by (app) (x)"#,
            "functions stand around the query: sum by (app) (rate({…} [5m]))",
        ),
        (
            r#"{a="b"} | topk(5, x)"#,
            "functions stand around the query: topk(10, sum by (app) (rate({…} [5m])))",
        ),
        (
            r#"{a="x" b="y"}"#,
            r#"a comma stands between matchers: a="x", b="y""#,
        ),
        (
            r#"{a="x", b="y" c!~"z"} |= "q""#,
            r#"a comma stands between matchers: b="y", c!~"z""#,
        ),
        (
            r#"{a="x" and b="y"}"#,
            r#"a comma stands between matchers: a="x", b="y""#,
        ),
        (
            r#"{a="x" or b="y"}"#,
            r#"all matchers hold together, with commas between them: a="x", b="y"; either of two values is a=~"x|y""#,
        ),
        (r#"{app=="x"}"#, r#"one = compares a label: app="x""#),
        (
            r#"{app="x", status>=500}"#,
            "selectors compare texts; numbers are compared by a filter: {…} | status >= 500",
        ),
        (
            r#"rate({a="b"})[5m]"#,
            "the range stands inside: rate({…} [5m])",
        ),
        (
            r#"sum(rate({a="b"} | json))[5m]"#,
            "the range stands inside: rate({…} [5m])",
        ),
        (
            r#"sum by (x) (count_over_time({a="b"} |= "x")[1h])"#,
            "the range stands inside: count_over_time({…} [1h])",
        ),
    ] {
        check_fix(text, want);
    }
}

#[test]
fn names_and_values_are_quoted() {
    const SIGNS: &str = "names with other signs than letters, digits and _ stand in quotes: ";
    for (text, name) in [
        (
            r#"{a="b"} | k8s.cluster.name = "x""#,
            r#""k8s.cluster.name""#,
        ),
        (r#"{service.name="x"}"#, r#""service.name""#),
        (r#"{sub-app="x"}"#, r#""sub-app""#),
        (r#"{a="b"} | json | trace-id="x""#, r#""trace-id""#),
        (
            r#"{a="b"} | app.kubernetes.io/name="x""#,
            r#""app.kubernetes.io/name""#,
        ),
        (r#"sum by (k8s.pod) (rate({a="b"}[5m]))"#, r#""k8s.pod""#),
        (r#"{a="b"} | json | keep k8s.pod"#, r#""k8s.pod""#),
        (
            r#"{a="b"} | label_format http.status="x""#,
            r#""http.status""#,
        ),
        (
            r#"sum_over_time({a="b"} | json | unwrap http.time [5m])"#,
            r#""http.time""#,
        ),
    ] {
        check_fix(text, &format!("{SIGNS}{name}"));
    }
    for (text, value) in [
        (r#"{a="b"} | level = error"#, r#""error""#),
        (r#"{a="b"} | json | level != error | x="y""#, r#""error""#),
        (r#"{a="b"} | level =~ error.*"#, r#""error.*""#),
        (r#"{a="b"} | status =~ 5.."#, r#""5..""#),
        ("{status=~5..}", r#""5..""#),
        ("{app=nginx, env=prod}", r#""nginx""#),
        ("{env=5m}", r#""5m""#),
        (r#"{a="b"} |= error"#, r#""error""#),
        (r#"{a="b"} | path = sub-app/x"#, r#""sub-app/x""#),
    ] {
        check_fix(text, &format!("put the value in double quotes: {value}"));
    }
    for (text, want) in [
        (
            r#"{a="b"} | level == error"#,
            r#"texts are compared by one =, and stand in double quotes: = "error""#,
        ),
        (
            r#"{a="b"} | level == "error""#,
            r#"texts are compared by one =: = "error""#,
        ),
        (r#"{a="b"} | level = 'x'"#, r#"use double quotes: "x""#),
    ] {
        check_fix(text, want);
    }
}

#[test]
fn texts_and_templates_are_put_where_they_belong() {
    for (text, want) in [
        (
            r#"{a="b"} | "error" != "timeout""#,
            r#"lines that contain it: |= "error""#,
        ),
        (
            r#"{a="b"} | "error" = "x" | json"#,
            r#"lines that contain it: |= "error""#,
        ),
        (
            r#"{a="b"} | json | "status" > 5"#,
            r#"lines that contain it: |= "status""#,
        ),
        (
            r#"{a="b"} | "some text""#,
            r#"lines that contain it: |= "some text""#,
        ),
        (
            r#"{a="b"} | line_format {{.x}}"#,
            r#"put the template in double quotes: "{{.x}}""#,
        ),
        (
            r#"{a="b"} | line_format {{.x}}-{{.y}} | json"#,
            r#"put the template in double quotes: "{{.x}}-{{.y}}""#,
        ),
        (
            r#"{a="b"} | line_format {{printf "%s" .x}}"#,
            r#"put the template in backticks: `{{printf "%s" .x}}`"#,
        ),
        (
            r#"{a="b"} | label_format y={{.x}}"#,
            r#"put the template in double quotes: "{{.x}}""#,
        ),
        (
            r#"{a="b"} | pattern "<t:number>""#,
            "a capture is a label's name between < and >, and nothing else: <status>",
        ),
        (
            r#"{a="b"} | pattern "<a><b>""#,
            "put the text that stands between them between the two",
        ),
        (
            r#"{a="b"} | regexp "(\\d+)""#,
            r"name a group after the label it becomes: (?P<status>\d+)",
        ),
        (
            r#"{a="b"} | regexp "(?P<a>.)(?P<a>.)""#,
            "each name may stand once; <_> or a group without a name takes no label",
        ),
    ] {
        check_fix(text, want);
    }
}

#[test]
fn words_of_other_languages_are_translated() {
    for (text, want) in [
        (
            r#"{a="b"} |= "a" AND |= "b""#,
            r#"line filters follow one another without a word: |= "a" |= "b""#,
        ),
        (
            r#"{a="b"} |= "a" and "b""#,
            r#"line filters follow one another without a word: |= "a" |= "b""#,
        ),
        (
            r#"{a="b"} |= "a" OR |= "b""#,
            r#"or stands between the texts of one filter: |= "a" or "b""#,
        ),
        (
            r#"{a="b"} |= "a" || "b""#,
            r#"or is a word: |= "a" or "b" for lines, | a="x" or b="y" for labels"#,
        ),
        (
            r#"{a="b"} | json | x="1" || y="2""#,
            r#"or is a word: |= "a" or "b" for lines, | a="x" or b="y" for labels"#,
        ),
        (
            r#"{a="b"} | json | x="1" && y="2""#,
            r#"and is a word between label filters: | a="x" and b="y"; line filters follow one another: |= "a" |= "b""#,
        ),
        (
            r#"{a="b"} | json | labels"#,
            "labels come with every answer; | keep app, status leaves these alone",
        ),
        (
            r#"{a="b"} | fields a, b"#,
            r#"| keep app, status leaves these labels alone, | line_format "{{.status}}" writes a line of them"#,
        ),
        (
            r#"{a="b"} |= "x" | count"#,
            "functions stand around the query: sum by (app) (count_over_time({…} [5m]))",
        ),
        (
            r#"{a="b"} | contains "x""#,
            r#"lines are searched by |= "text", or by |~ "regex""#,
        ),
        (
            r#"{a="b"} | where level="error""#,
            "a filter stands by itself: | status >= 500",
        ),
        (r#"{a="b"} | head 10"#, "| limit 10 takes that many entries"),
        (
            r#"histogram_over_time({a="b"} | unwrap x [5m])"#,
            "quantiles come from values: quantile_over_time(0.95, {…} | unwrap x [5m])",
        ),
        (
            r#"sum(increase({a="b"}[5m]))"#,
            "lines are counted by count_over_time({…}[5m]); a counter in a label by rate_counter({…} | unwrap x [5m])",
        ),
        (r#"irate({a="b"}[5m])"#, "did you mean rate({…}[5m])?"),
        (
            r#"avg_over_time({a="b"} \| logfmt | unwrap x [5m])"#,
            "leave out the backslash, which tables in Markdown need before a |",
        ),
        (
            r#"{a="b"} \|= "x""#,
            "leave out the backslash, which tables in Markdown need before a |",
        ),
    ] {
        check_fix(text, want);
    }
}

#[test]
fn selectors_are_joined_nowhere() {
    for text in [
        r#"rate({a="b"} or {a="c"} [5m])"#,
        r#"sum by (x) (count_over_time({a="b"} AND {a="c"} [5m]))"#,
        r#"{a="b"}, {a="c"}"#,
        r#"{a="b"} {a="c"}"#,
        r#"{a="b"} | {a="c"}"#,
        r#"{a="b"} || {a="c"}"#,
    ] {
        check_fix(text, JOINED);
    }
}

#[test]
fn what_stands_bare_is_put_in_quotes() {
    const MARKDOWN: &str = "leave out the backslash, which tables in Markdown need before a |";
    for (text, want) in [
        (
            r#"{a="x"} | ip = 10.0.0.1"#,
            r#"put the value in double quotes: "10.0.0.1""#,
        ),
        (
            r#"rate({a="x"} | json | version!=1.2.3 [5m])"#,
            r#"put the value in double quotes: "1.2.3""#,
        ),
        (
            r#"{a="x"} | pattern <ip> - <user> | user="a""#,
            "put the pattern in backticks: `<ip> - <user>`",
        ),
        (
            r#"{a="x"} | regexp (?P<a>.)"#,
            "put the regex in backticks: `(?P<a>.)`",
        ),
        (
            r#"{a="x"} | json | tags[0]="x""#,
            r#"json takes elements of arrays: | json item="tags[0]" | item="x""#,
        ),
        (
            r#"{a="x"} | json | tags[12] != "x""#,
            r#"json takes elements of arrays: | json item="tags[12]" | item="x""#,
        ),
        (
            r#"{a="x"} | rate"#,
            "functions stand around the query: rate({…} [5m])",
        ),
        (
            r#"{a="x"} | json | SUM"#,
            "functions stand around the query: SUM by (app) (rate({…} [5m]))",
        ),
        (
            r#"{a="x" | b="y"}"#,
            r#"a comma stands between matchers: a="x", b="y""#,
        ),
        (
            r#"{a="x" || b="y"}"#,
            r#"all matchers hold together, with commas between them: a="x", b="y"; either of two values is a=~"x|y""#,
        ),
        (
            r#"avg_over_time({a="x"} | logfmt \| unwrap v [5m])"#,
            MARKDOWN,
        ),
        (r#"{a="x"} | json \| v="1""#, MARKDOWN),
        (r#"{a="x"} | json \|= "y""#, MARKDOWN),
        (r#"{a="x"} | logfmt --strict \| v="1""#, MARKDOWN),
    ] {
        check_fix(text, want);
    }
}
