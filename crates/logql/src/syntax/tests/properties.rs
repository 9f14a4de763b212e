//! Parser properties are checked on random queries and random texts.

use super::generate;
use crate::syntax::{QUERY_BYTES_MAX, parse, pretty, print};
use proptest::prelude::*;

/// Cases a property is tried with; a fuzzer tries more.
const CASES: u32 = 96;

/// Fragments of queries; strung together they get far into the grammar.
const FRAGMENTS: [&str; 48] = [
    "{",
    "}",
    "(",
    ")",
    ",",
    "|",
    "|=",
    "!=",
    "=~",
    "=",
    "==",
    ">",
    "a",
    "sum",
    "rate",
    "count_distinct",
    "by",
    "without",
    "\"x\"",
    "`y`",
    "'z'",
    "5",
    "5m",
    "-5m",
    "20MB",
    "[5m]",
    "[",
    "]",
    "offset",
    "json",
    "logfmt --strict",
    "unwrap",
    "bytes(",
    "ip(",
    "or",
    "and",
    "on",
    "group_left",
    "bool",
    "+",
    "-",
    "^",
    "vector",
    "label_replace",
    "{a=\"b\"}",
    "sort by (",
    "in (",
    "#",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn the_canonical_text_reads_back(expr in generate::expr()) {
        let text = print(&expr);
        prop_assert_eq!(parse(&text).map(|read| read == expr), Ok(true), "{}", text);
    }

    #[test]
    fn the_laid_out_text_reads_back(expr in generate::expr()) {
        let text = pretty(&expr);
        prop_assert_eq!(parse(&text).map(|read| read == expr), Ok(true), "{}", text);
    }

    #[test]
    fn any_text_gives_a_query_or_an_error_inside_it(text in any::<String>()) {
        check_total(&text)?;
    }

    #[test]
    fn any_fragments_give_a_query_or_an_error_inside_it(
        fragments in proptest::collection::vec(proptest::sample::select(FRAGMENTS.to_vec()), 0..24),
    ) {
        check_total(&fragments.join(" "))?;
        check_total(&fragments.concat())?;
    }

    #[test]
    fn queries_cut_anywhere_are_refused_or_read(expr in generate::expr(), at in 0usize..200) {
        let text = print(&expr);
        let cut = text.char_indices().map(|(i, _)| i).nth(at).unwrap_or(text.len());
        check_total(&text[..cut])?;
    }
}

fn check_total(text: &str) -> Result<(), TestCaseError> {
    match parse(text) {
        Ok(expr) => {
            let printed = print(&expr);
            // Numbers that are none (1/0) and infinite ones have no text that reads back.
            if !printed.contains("NaN") && !printed.contains("Inf") {
                prop_assert_eq!(
                    parse(&printed).map(|read| read == expr),
                    Ok(true),
                    "{} printed as {}",
                    text,
                    printed
                );
            }
        }
        Err(error) => prop_assert!(
            error.span.start <= error.span.end && error.span.end as usize <= text.len()
        ),
    }
    Ok(())
}

/// Shapes that make careless parsers take exponential time or all of the stack.
#[test]
fn nesting_and_length_are_survived() {
    let repeat = |open: &str, middle: &str, close: &str, n: usize| {
        format!("{}{middle}{}", open.repeat(n), close.repeat(n))
    };
    let rate = r#"rate({a="b"}[1m])"#;
    for text in [
        repeat("(", "", "", 100_000),
        repeat("(", "1", ")", 60_000),
        repeat("(", rate, ")", 99),
        repeat("(", rate, ")", 50_000),
        repeat("sum(", rate, ")", 20_000),
        repeat("1 ^ ", rate, "", 30_000),
        repeat("1 + ", rate, "", 30_000),
        repeat("rate((", r#"{a="b"}[1m]"#, "))", 10_000),
        format!(
            "rate({}{{a=\"b\"}}[1m]{})",
            "(".repeat(60_000),
            ")".repeat(60_000)
        ),
        format!(
            r#"{{a="b"}} | {}x=1{}"#,
            "(".repeat(60_000),
            ")".repeat(60_000)
        ),
        format!(r#"{{a="b"}} | x=1{}"#, " or x=1".repeat(15_000)),
        format!(r#"{{a="b"}} | x=1{}"#, ", x=1".repeat(15_000)),
        format!(r#"{{a="b"}} | x=1{}"#, " and x=1, x=1".repeat(5_000)),
        format!(r#"{{a="b"}}{}"#, " | json".repeat(15_000)),
        format!(r#"{{a="b"}} |= "x"{}"#, r#" or "x""#.repeat(15_000)),
        repeat(r#"{a="b"} | x in ("#, r#"{a="b"}"#, ")", 6_000),
        format!(
            r#"{{a="b"}} | pattern "{}""#,
            (0..15_000).map(|i| format!("<a{i}> ")).collect::<String>()
        ),
        "{".repeat(100_000),
        "sum ".repeat(30_000),
        "/* */".repeat(20_000),
    ] {
        if let Ok(expr) = parse(&text) {
            let printed = print(&expr);
            let reads_back =
                printed.len() > QUERY_BYTES_MAX || parse(&printed).is_ok_and(|read| read == expr);
            assert!(reads_back, "{:.200}", printed);
        }
    }
}

#[test]
fn long_chains_of_filters_are_read() {
    for joint in [" or ", " and ", ", ", " "] {
        let text = format!(r#"{{a="b"}} | {}"#, vec!["x=1"; 10_000].join(joint));
        assert!(parse(&text).is_ok(), "{joint}");
    }
}
