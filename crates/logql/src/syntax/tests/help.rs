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
fn check_fix(text: &str, want: &str) {
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
