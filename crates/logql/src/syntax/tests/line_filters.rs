//! Hints for line filters that are joined or written in another way.

use super::help::check_fix;

#[test]
fn line_filters_are_put_right() {
    const LABEL_AND: &str = r#"a line filter follows without a word: | a="x" |= "b""#;
    const OR_KINDS: &str =
        r#"or joins filters of one kind: | a="x" or b="y" for labels, |= "a" or "b" for lines"#;
    for (text, want) in [
        (
            r#"sum by (q) (rate({a="x"} |= "a" and |= "b" [5m]))"#,
            r#"line filters follow one another without a word: |= "a" |= "b""#,
        ),
        (
            r#"rate({a="x"} != "a" |~ "c" AND "b" [5m])"#,
            r#"line filters follow one another without a word: |= "c" |= "b""#,
        ),
        (
            r#"{a="x"} |= ip("1.1.1.1") and |= "b""#,
            r#"line filters follow one another without a word: |= ip("1.1.1.1") |= "b""#,
        ),
        (
            r#"{a="x"} |= "q" or ip("1.1.1.1") or |= "b""#,
            r#"or stands between the texts of one filter: |= ip("1.1.1.1") or "b""#,
        ),
        (r#"{a="x"} | level="error" AND |= "x""#, LABEL_AND),
        (r#"rate({a="x"} | a!="y" and != "x" [5m])"#, LABEL_AND),
        (r#"{a="x"} |= "e" | level="error" or |= "x""#, OR_KINDS),
        (
            r#"{a="x"} | a="y" and | b="z""#,
            r#"filters on labels are joined without a second pipe: | a="x" and b="y""#,
        ),
        (
            r#"{a="x"} | a > 5 or | b="z""#,
            r#"filters on labels are joined without a second pipe: | a="x" or b="y""#,
        ),
        (
            r#"{a="x"} |= ("a" or "b")"#,
            r#"texts stand without parentheses: |= "a" or "b""#,
        ),
        (
            r#"rate({a="x"} !~ ("a" and `b`) [5m])"#,
            r#"texts stand without parentheses: !~ "a" !~ `b`"#,
        ),
        (r#"{a="x"} "err""#, r#"lines that contain it: |= "err""#),
        (
            r#"{a="x"} |= "y" "err""#,
            r#"lines that contain it: |= "err""#,
        ),
        (r#"{a="x"} = "err""#, r#"lines that contain it: |= "err""#),
        (r#"{a="x"} | = "err""#, r#"lines that contain it: |= "err""#),
        (r#"{a="x"} =~ "err""#, r#"lines that match it: |~ "err""#),
        (r#"{a="x"} |=~ "err""#, r#"lines that match it: |~ "err""#),
        (
            r#"{a="x"} | != "err""#,
            r#"this line filter has no pipe: != "err""#,
        ),
        (
            r#"{a="x"} |!~ "err""#,
            r#"this line filter has no pipe: !~ "err""#,
        ),
    ] {
        check_fix(text, want);
    }
}

#[test]
fn a_chain_of_filters_is_read_in_bounded_stack() {
    let chain = r#" != "a""#.repeat(15_000);
    check_fix(
        &format!(r#"{{a="x"}}{chain} and |= "b""#),
        r#"line filters follow one another without a word: |= "a" |= "b""#,
    );
}
