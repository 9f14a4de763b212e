//! Parsed-value conditions tell indexes which bytes a json or logfmt value needs in its line.
//!
//! `| json | user="x"` can be true only of lines that have `"x"` somewhere, or a `\u00` that may
//! stand for one of its characters.
//!
//! A necessary condition, for pruning alone. It says nothing where the stream has a label of that
//! name, and is one of two ways to pass where entries have it as metadata.

use super::content::{Conditions, add_conditions};
use crate::ast::StageExpr;
use skald_model::{Either, Literal};

/// Begins every escape of an ASCII character that has no short escape.
const ESCAPE: &[u8] = br"\u00";

/// What can stand before a value.
#[derive(Clone, Copy, Debug, Default)]
struct Parsers {
    json: bool,
    logfmt: bool,
}

/// Conditions of label filters on what json and logfmt, and no other stage, may have set.
pub(super) fn conditions(ordered: &[&StageExpr]) -> Vec<Either> {
    let mut parsers = Parsers::default();
    let mut found = Vec::new();
    for stage in ordered {
        match stage {
            StageExpr::LineFilter(_) | StageExpr::In { .. } => {}
            StageExpr::Json(expressions) if expressions.is_empty() => parsers.json = true,
            StageExpr::Logfmt { expressions, .. } if expressions.is_empty() => {
                parsers.logfmt = true
            }
            StageExpr::LabelFilter(filter) if parsers.json || parsers.logfmt => {
                let mut conditions = Conditions::new();
                add_conditions(filter, &mut conditions);
                found.extend(
                    conditions
                        .into_iter()
                        .filter_map(|(name, values)| condition(parsers, name, values)),
                );
            }
            StageExpr::LabelFilter(_) => {}
            _ => break,
        }
    }
    found
}

/// `None` when some value can't be looked for.
fn condition(parsers: Parsers, name: String, values: Vec<String>) -> Option<Either> {
    let mut literals = vec![Literal {
        bytes: ESCAPE.to_vec(),
        ignore_case: false,
    }];
    for value in &values {
        let (at, segment) = longest_segment(value)?;
        let prefixes = if at == 0 {
            before(parsers, value)
        } else {
            vec![""]
        };
        literals.extend(prefixes.iter().map(|prefix| Literal {
            bytes: [prefix, segment].concat().into(),
            ignore_case: false,
        }));
    }
    Some(Either {
        literals,
        name,
        values,
    })
}

/// What stands directly before a value: a quote, or what ends a key when the value can stand
/// without quotes.
fn before(parsers: Parsers, value: &str) -> Vec<&'static str> {
    let mut before = vec!["\""];
    if parsers.logfmt {
        before.push("=");
    }
    let bare = value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        || value == "true"
        || value == "false";
    if parsers.json && bare {
        before.extend([":", " ", "\t", "\n", "\r"]);
    }
    before
}

/// The longest part of a value that stands in the line as it is unless `\u` is used, and where it
/// begins. Characters with short escapes, ones outside ASCII, and spaces, which stand for broken
/// UTF-8, are no part.
fn longest_segment(value: &str) -> Option<(usize, &str)> {
    let ends = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\\' | '/' | '\'');
    let segments = value.split(ends).filter(|segment| !segment.is_empty());
    let segment = segments.max_by_key(|segment| segment.len())?;
    Some((segment.as_ptr() as usize - value.as_ptr() as usize, segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Expr;

    fn check(stages: &str, expected: &str) {
        let Ok(Expr::Log(log)) = crate::parse(&format!("{{app=\"x\"}} {stages}")) else {
            panic!("{stages} is no log query")
        };
        let show = |either: &Either| {
            let literals = either
                .literals
                .iter()
                .filter(|literal| literal.bytes != ESCAPE);
            let literals: Vec<_> = literals
                .map(|literal| {
                    String::from_utf8_lossy(&literal.bytes).replace(char::is_whitespace, "_")
                })
                .collect();
            format!("{}:{}", either.name, literals.join("|"))
        };
        let found: Vec<String> = conditions(&log.stages.iter().collect::<Vec<_>>())
            .iter()
            .map(show)
            .collect();
        assert_eq!(found.join(" "), expected, "{stages}");
    }

    #[test]
    fn a_value_that_a_parser_finds_stands_in_the_line() {
        check(r#"| json | user="ann""#, r#"user:"ann"#);
        check(
            r#"| json | id="48213""#,
            r#"id:"48213|:48213|_48213|_48213|_48213|_48213"#,
        );
        check(
            r#"| logfmt | id="48213" | level="info""#,
            r#"id:"48213|=48213 level:"info|=info"#,
        );
        check(r#"| json | a="x" or a="y""#, r#"a:"x|"y"#);
        check(r#"|= "q" | json | a="x" and b="y" | c>3"#, r#"a:"x b:"y"#);
    }

    #[test]
    fn what_may_be_escaped_or_broken_is_not_looked_for() {
        check(r#"| json | path="/api/users""#, "path:users");
        check(r#"| json | msg="no route to host""#, "msg:route");
        check(r#"| json | a="é" | b="\"""#, "");
    }

    #[test]
    fn other_stages_that_set_labels_end_it() {
        check(r#"| json | line_format "x" | a="x""#, "");
        check(r#"| json | label_format a=b | a="x""#, "");
        check(r#"| json a="b" | a="x""#, "");
        check(r#"| regexp "(?P<a>x)" | a="x""#, "");
        check(r#"| json | a="x" or b="y""#, "");
        check(r#"| json | a!="x" | b=~"y" | c="""#, "");
        check(r#"| a="x" | json"#, "");
    }
}
