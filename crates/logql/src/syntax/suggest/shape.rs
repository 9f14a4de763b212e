//! Structure hints spot parts in the wrong place: ranges, functions, selectors, grouping, commas.

use super::Place;
use crate::ast::{RangeOp, VectorOp};
use crate::syntax::token::{Kind, Token};
use skald_template::go::quote::quoted;

/// What is wrong with how parts stand to one another, where that is known.
pub(super) fn suggest(place: &Place<'_>) -> Option<String> {
    const RULES: [fn(&Place<'_>) -> Option<String>; 10] = [
        unwrap_of_a_log_query,
        joined_selectors,
        stray_range,
        range_outside,
        function_after_pipe,
        comma_in_selector,
        selector_operator,
        dotted_name,
        markdown_pipe,
        bare_grouping,
    ];
    RULES.iter().find_map(|rule| rule(place))
}

/// `{…} | json | unwrap latency`
fn unwrap_of_a_log_query(place: &Place<'_>) -> Option<String> {
    if place.found.kind != Kind::Unwrap || place.in_aggregation() {
        return None;
    }
    let label = match (place.after(1), place.after(4)) {
        (Some(convert), Some(end)) if matches!(convert.kind, Kind::Convert(_)) => {
            place.between(convert, end)
        }
        (Some(label), ..) if matches!(label.kind, Kind::Identifier | Kind::Text) => {
            place.spelled(label)
        }
        _ => "latency",
    };
    let parser = place.tokens[..place.index].iter().rev().find(|token| {
        matches!(
            token.kind,
            Kind::Json | Kind::Logfmt | Kind::Regexp | Kind::Pattern | Kind::Unpack
        )
    });
    let parser = match parser {
        Some(token) if matches!(token.kind, Kind::Json | Kind::Logfmt | Kind::Unpack) => {
            format!("| {} ", place.spelled(token))
        }
        Some(token) => format!("| {} … ", place.spelled(token)),
        None => String::new(),
    };
    Some(format!(
        "unwrap stands inside an aggregation: sum_over_time({{…}} {parser}| unwrap {label} [5m])"
    ))
}

/// `{…} |= "a" or {…} |= "b"`, `rate({…} or {…} [5m])`; where no line filter stands before the
/// word, the query is refused as a whole.
fn joined_selectors(place: &Place<'_>) -> Option<String> {
    let opens = |token: Option<&Token>| token.is_some_and(|token| token.kind == Kind::OpenBrace);
    let joined = match place.found.kind {
        Kind::OpenBrace => {
            let ends = |token: &Token| {
                matches!(
                    token.kind,
                    Kind::Or | Kind::And | Kind::Unless | Kind::CloseBrace | Kind::Pipe
                )
            };
            place.before(1).is_some_and(ends) && !opens(place.after(1))
        }
        Kind::Or | Kind::And | Kind::Unless => opens(place.after(1)),
        Kind::Comma => place.follows(1, Kind::CloseBrace) && opens(place.after(1)),
        Kind::Pipe => place.follows(1, Kind::Pipe) && opens(place.after(1)),
        _ => false,
    };
    joined.then(|| SELECTORS_JOINED.to_owned())
}

/// What to say of selectors that an operator joins.
pub(in crate::syntax) const SELECTORS_JOINED: &str = "two selectors can't be joined: {app=~\"a|b\"} selects several values, and |= \"a\" or \"b\" finds either text";

/// `arr[0] = "x"`
pub(super) fn array_element(place: &Place<'_>) -> Option<String> {
    let name = place
        .before(1)
        .filter(|token| token.kind == Kind::Identifier)?;
    let index = place
        .spelled(place.found)
        .strip_prefix('[')?
        .strip_suffix(']')?;
    let adjacent = name.span.end == place.found.span.start;
    let rest = place.text.get(place.found.span.end as usize..)?;
    let compared = rest.trim_start().starts_with(['=', '!', '<', '>']);
    let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    (adjacent && compared && is_index).then(|| {
        let path = place.between(name, place.found);
        format!(
            "json takes elements of arrays: | json item={} | item=\"x\"",
            quoted(path)
        )
    })
}

/// `{…} [5m]` and `{…} offset 5m` as log queries.
fn stray_range(place: &Place<'_>) -> Option<String> {
    if place.in_aggregation() {
        return None;
    }
    match place.found.kind {
        Kind::Range => Some(format!(
            "a log query takes its times from start and end; a range stands in an aggregation: count_over_time({{…}} {})",
            place.spelled(place.found)
        )),
        Kind::Offset => Some(
            "a log query takes its times from start and end; an offset follows a range: count_over_time({…} [5m] offset 1h)"
                .to_owned(),
        ),
        _ => None,
    }
}

/// `rate({…})[5m]`
fn range_outside(place: &Place<'_>) -> Option<String> {
    if place.found.kind != Kind::CloseParen && place.found.kind != Kind::Range {
        return None;
    }
    let rest = &place.tokens[place.index..];
    let range = rest.iter().find(|token| token.kind != Kind::CloseParen)?;
    let function = place.tokens[..place.index]
        .iter()
        .rev()
        .find(|token| matches!(token.kind, Kind::RangeFn(_)))?;
    (range.kind == Kind::Range).then(|| {
        format!(
            "the range stands inside: {}({{…}} {})",
            place.spelled(function),
            place.spelled(range)
        )
    })
}

/// `| rate([5m])`
fn function_after_pipe(place: &Place<'_>) -> Option<String> {
    if !place.follows(1, Kind::Pipe) {
        return None;
    }
    around(place.spelled(place.found), place.found.kind)
}

/// How a function stands around a query.
pub(super) fn around(name: &str, kind: Kind) -> Option<String> {
    let example = match kind {
        Kind::RangeFn(RangeOp::QuantileOverTime) => {
            "quantile_over_time(0.95, {…} | unwrap latency [5m])".to_owned()
        }
        Kind::RangeFn(RangeOp::CountDistinct) => format!("{name}(user, {{…}} [5m])"),
        Kind::RangeFn(op) if takes_values(op) => format!("{name}({{…}} | unwrap latency [5m])"),
        Kind::RangeFn(_) => format!("{name}({{…}} [5m])"),
        Kind::VectorFn(VectorOp::Topk | VectorOp::Bottomk | VectorOp::ApproxTopk) => {
            format!("{name}(10, sum by (app) (rate({{…}} [5m])))")
        }
        Kind::VectorFn(_) => format!("{name} by (app) (rate({{…}} [5m]))"),
        _ => return None,
    };
    Some(format!("functions stand around the query: {example}"))
}

fn takes_values(op: RangeOp) -> bool {
    !matches!(
        op,
        RangeOp::CountOverTime
            | RangeOp::Rate
            | RangeOp::BytesOverTime
            | RangeOp::BytesRate
            | RangeOp::AbsentOverTime
            | RangeOp::CountDistinct
    )
}

/// `{a="x" b="y"}`, `{a="x" and b="y"}`
fn comma_in_selector(place: &Place<'_>) -> Option<String> {
    if place.expected != [Kind::CloseBrace, Kind::Comma] {
        return None;
    }
    let first = place.before(3)?;
    let left = place.between(first, place.before(1)?);
    let (start, or) = match place.found.kind {
        Kind::And => (1, false),
        Kind::Or => (1, true),
        Kind::Pipe if place.after(1).is_some_and(|next| next.kind == Kind::Pipe) => (2, true),
        Kind::Pipe => (1, false),
        Kind::Identifier | Kind::Text => (0, false),
        _ => return None,
    };
    let right = (place.after(start), place.after(start + 2));
    let right = match right {
        (Some(name), Some(value)) if value.kind == Kind::Text => place.between(name, value),
        _ => "…",
    };
    Some(if or {
        format!(
            "all matchers hold together, with commas between them: {left}, {right}; either of two values is {}=~\"x|y\"",
            place.spelled(first)
        )
    } else {
        format!("a comma stands between matchers: {left}, {right}")
    })
}

/// `{app=="x"}`, `{status>=500}`
fn selector_operator(place: &Place<'_>) -> Option<String> {
    if !place.expected.contains(&Kind::RegexMatch) {
        return None;
    }
    let name = place.spelled(place.before(1)?);
    let value = place.spelled(place.after(1)?);
    match place.found.kind {
        Kind::EqualEqual => Some(format!("one = compares a label: {name}={value}")),
        Kind::Greater | Kind::GreaterEqual | Kind::Less | Kind::LessEqual => Some(format!(
            "selectors compare texts; numbers are compared by a filter: {{…}} | {name} {} {value}",
            place.spelled(place.found)
        )),
        _ => None,
    }
}

/// `k8s.cluster.name` and other names with signs in them.
fn dotted_name(place: &Place<'_>) -> Option<String> {
    let name = place
        .before(1)
        .filter(|token| token.kind == Kind::Identifier)?;
    let joins = matches!(place.found.kind, Kind::Dot | Kind::Sub | Kind::Div)
        || (place.found.kind == Kind::Number && place.spelled(place.found).starts_with('.'))
        || place.found.text() == ":";
    let next = place.after(1)?;
    let is_word = matches!(place.found.kind, Kind::Number)
        || place
            .spelled(next)
            .starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let adjacent = name.span.end == place.found.span.start
        && (place.found.kind == Kind::Number || place.found.span.end == next.span.start);
    if !joins || !is_word || !adjacent {
        return None;
    }
    let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':'));
    let whole = place.run_from(name, ends);
    Some(format!(
        "names with other signs than letters, digits and _ stand in quotes: {}",
        quoted(whole)
    ))
}

/// `\|`, as tables in Markdown write it.
fn markdown_pipe(place: &Place<'_>) -> Option<String> {
    let follows = place
        .text
        .get(place.found.span.end as usize..)?
        .starts_with('|');
    (place.found.text() == "\\" && follows)
        .then(|| "leave out the backslash, which tables in Markdown need before a |".to_owned())
}

/// `sum by app (` lacks parentheses around its labels.
fn bare_grouping(place: &Place<'_>) -> Option<String> {
    let from = place.index.saturating_sub(1);
    let word = place
        .tokens
        .iter()
        .skip(from)
        .take(3)
        .position(|t| matches!(t.kind, Kind::By | Kind::Without))?;
    let at = from + word;
    let label = place
        .tokens
        .get(at + 1)
        .filter(|t| t.kind == Kind::Identifier)?;
    Some(format!(
        "labels stand in parentheses: {} ({})",
        place.spelled(&place.tokens[at]),
        label.text()
    ))
}

/// At the end of the text: the bracket that is still open.
pub(super) fn unclosed(place: &Place<'_>) -> Option<String> {
    if place.found.kind != Kind::End {
        return None;
    }
    let mut open: Vec<&Token> = Vec::new();
    for token in place.tokens {
        match token.kind {
            Kind::OpenParen | Kind::OpenBrace => open.push(token),
            Kind::CloseParen | Kind::CloseBrace => drop(open.pop()),
            _ => {}
        }
    }
    let token = open.last()?;
    let start = token.span.start as usize;
    let line_start = place.text[..start].rfind('\n').map_or(0, |i| i + 1);
    let (line, column) = (
        place.text[..start].matches('\n').count() + 1,
        place.text[line_start..start].chars().count() + 1,
    );
    Some(format!(
        "the {} at line {line}, col {column} is never closed",
        token.kind.name()
    ))
}
