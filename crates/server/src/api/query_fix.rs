//! Query fixes are edits that carry out what a parse error advises, tried before they are offered.
//!
//! The advice is written for people (`put the value in double quotes: "foo"`). What it could mean
//! as an edit is guessed, and each guess is parsed: one that repairs the query is taken, else one
//! after which the next mistake comes later.

use skald_logql::syntax::ParseError;
use std::ops::Range;

/// Bytes of a query and the text in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// Longest query that is repaired: a guess costs a parse.
const QUERY_BYTES_MAX: usize = 8192;

/// What could end a query that stops too early.
const ENDS: [&str; 7] = ["\"", "\"}", "}", ")", "))", "\"})", "`"];

/// The edit that `advice` means for the query.
pub(super) fn edit(query: &str, error: &ParseError, advice: &str) -> Option<Edit> {
    if query.len() > QUERY_BYTES_MAX {
        return None;
    }
    let span = span_of(query, error)?;
    let guesses = guesses(query, span, advice);
    let mut further = None;
    for guess in guesses {
        let repaired = apply(query, &guess);
        match skald_logql::parse(&repaired) {
            Ok(_) => return Some(guess),
            Err(next) => {
                let done = guess.range.start + guess.text.len();
                let is_further = next.span.start as usize >= done && done < repaired.len();
                if is_further && !guess.text.is_empty() {
                    further.get_or_insert(guess);
                }
            }
        }
    }
    further
}

/// The line below the carets: how to repair the query, where that is known.
pub(super) fn advice(message: &str) -> &str {
    let mut lines = message.lines();
    lines
        .by_ref()
        .find(|line| line.contains('^') && line.trim().chars().all(|c| c == '^'));
    lines.next().unwrap_or("")
}

fn span_of(query: &str, error: &ParseError) -> Option<Range<usize>> {
    let start = (error.span.start as usize).min(query.len());
    let end = (error.span.end as usize).clamp(start, query.len());
    query.get(start..end)?;
    Some(start..end)
}

fn apply(query: &str, edit: &Edit) -> String {
    let mut text = query.to_owned();
    text.replace_range(edit.range.clone(), &edit.text);
    text
}

fn guesses(query: &str, span: Range<usize>, advice: &str) -> Vec<Edit> {
    let mut all = Vec::new();
    if advice.contains("backslash, which tables") {
        all.push(Edit {
            range: span.start..span.start + usize::from(query[span.start..].starts_with('\\')),
            text: String::new(),
        });
    }
    for text in texts(advice) {
        let apart = ranges(query, &span)
            .into_iter()
            .filter(|range| stands_apart(query, range, text));
        all.extend(apart.map(|range| Edit {
            range,
            text: text.to_owned(),
        }));
    }
    let written = query.trim_end().len();
    if span.end >= written || advice.contains("never closed") {
        all.extend(ENDS.map(|end| Edit {
            range: written..written,
            text: end.to_owned(),
        }));
    }
    all
}

/// Whether a text that is put there makes no new word with what is beside it.
fn stands_apart(query: &str, range: &Range<usize>, text: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let joins = |left: Option<char>, right: Option<char>| is_word(left) && is_word(right);
    let before = query[..range.start].chars().next_back();
    let after = query[range.end..].chars().next();
    !joins(before, text.chars().next()) && !joins(text.chars().next_back(), after)
}

/// What of an advice could be written into the query: no examples with gaps.
fn texts(advice: &str) -> Vec<&str> {
    let meant = advice
        .strip_prefix("did you mean ")
        .and_then(|rest| rest.strip_suffix('?'));
    let after = advice.split_once(": ").map(|(_, text)| text);
    let mut all: Vec<&str> = meant.into_iter().collect();
    for text in after
        .into_iter()
        .flat_map(|text| text.split(", or in backticks: "))
    {
        all.push(text);
        all.extend(text.split_once("; ").map(|(first, _)| first));
    }
    all.extend(meant.and_then(|text| text.strip_prefix("| ")));
    all.retain(|text| !text.contains('…') && !text.is_empty());
    all
}

/// What the text could replace: the mistake, the word that it is in or begins, with the operator or
/// the pipe before it, or all between two commas of a selector.
fn ranges(query: &str, span: &Range<usize>) -> Vec<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ')' | '|');
    let is_start = |c: char| is_end(c) || matches!(c, '{' | '(' | '=' | '!' | '~' | '<' | '>');
    let after = |at: usize| at + query[at..].find(is_end).unwrap_or(query.len() - at);
    let before = |at: usize, found: &dyn Fn(char) -> bool| {
        let last = query[..at].char_indices().rev().find(|&(_, c)| found(c));
        last.map_or(0, |(at, c)| at + c.len_utf8())
    };
    let word = before(span.start, &is_start);
    let end = after(span.end.max(word)).max(span.end);
    let operator =
        query[..word].trim_end_matches(|c: char| c.is_whitespace() || "=!~<>".contains(c));
    let pipe = query[..word].trim_end().trim_end_matches('|').trim_end();
    let matcher = before(span.start, &|c| matches!(c, '{' | ','));
    let matcher_end = span.end + query[span.end..].find(['}', ',']).unwrap_or(0);
    let previous = query[..word].trim_end();
    let previous = before(previous.len(), &is_start)..previous.len();
    let mut all = vec![
        span.clone(),
        span.start..end,
        word..span.end,
        word..end,
        operator.len()..span.end,
        operator.len()..end,
        pipe.len()..span.end,
        previous,
        matcher..matcher_end,
    ];
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_advised_is_done() {
        for (query, expected) in [
            ("{app=nginx}", r#"{app="nginx"}"#),
            ("{app='nginx'}", r#"{app="nginx"}"#),
            (r#"{a="b"} |= foo"#, r#"{a="b"} |= "foo""#),
            (
                r#"{a="b"} | path = sub-app/x"#,
                r#"{a="b"} | path = "sub-app/x""#,
            ),
            (
                r#"{a="b"} | ip = 10.0.0.1 | json"#,
                r#"{a="b"} | ip = "10.0.0.1" | json"#,
            ),
            (r#"{a="b"} | jsn | x="y""#, r#"{a="b"} | json | x="y""#),
            (r#"sum(rat({a="b"}[5m]))"#, r#"sum(rate({a="b"}[5m]))"#),
            (r#"{a="b"} |~ "\d+""#, r#"{a="b"} |~ "\\d+""#),
            (r#"rate({a="b"}[5])"#, r#"rate({a="b"}[5m])"#),
            (r#"{a="b"} | x > "500""#, r#"{a="b"} | x > 500"#),
            (
                r#"{a="b"} | level == "error""#,
                r#"{a="b"} | level= "error""#,
            ),
            (r#"{a="b" c="d"}"#, r#"{a="b", c="d"}"#),
            (r#"{a="b" and c="d"}"#, r#"{a="b", c="d"}"#),
            (r#"sum(rate({a="b"}[5m])"#, r#"sum(rate({a="b"}[5m]))"#),
            (r#"{a="b"#, r#"{a="b"}"#),
            (r#"{a="b""#, r#"{a="b"}"#),
            (r#"{a="b"} \|= "x""#, r#"{a="b"} |= "x""#),
            (r#"{한="글"} |= 한글"#, r#"{한="글"} |= "한글""#),
            // Of two mistakes the first.
            ("{app=nginx, env=prod}", r#"{app="nginx", env=prod}"#),
        ] {
            let error = skald_logql::parse(query).expect_err("it is a mistake");
            let found = edit(query, &error, advice(&error.message));
            let repaired = found.map(|edit| apply(query, &edit));
            assert_eq!(
                repaired.as_deref(),
                Some(expected),
                "{query}: {}",
                error.message
            );
        }
    }

    #[test]
    fn examples_are_no_edits() {
        for query in [
            r#"{a="b"} or {a="c"}"#,
            r#"{a="b"} [5m]"#,
            r#"{a="b"} | head 10"#,
            "",
        ] {
            let error = skald_logql::parse(query).expect_err("it is a mistake");
            let found = edit(query, &error, advice(&error.message));
            assert_eq!(found, None, "{query}: {}", error.message);
        }
    }
}
