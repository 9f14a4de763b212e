//! Value hints spot values with wrong or missing quotes, and text that is no token.

use super::Place;
use crate::syntax::duration;
use crate::syntax::token::{Kind, Payload, Token};
use skald_template::go::quote::quoted;

/// What is wrong with a value, where that is known.
pub(super) fn suggest(place: &Place<'_>) -> Option<String> {
    unquoted(place)
        .or_else(|| dotted_number(place))
        .or_else(|| quoted_quantity(place))
        .or_else(|| bare_expression(place))
        .or_else(|| bare_template(place))
        .or_else(|| lower_case_size(place))
}

/// A word or a single-quoted text where a text in quotes is needed.
fn unquoted(place: &Place<'_>) -> Option<String> {
    let (found, spelling) = (place.found, place.spelled(place.found));
    let is_word = matches!(
        found.kind,
        Kind::Identifier | Kind::Number | Kind::Duration | Kind::Bytes
    );
    let compared = place
        .before(1)
        .is_some_and(|token| is_text_comparison(token.kind));
    if !is_word || !(place.expected.contains(&Kind::Text) || compared) {
        return None;
    }
    let single = spelling
        .strip_prefix('\'')
        .and_then(|body| body.strip_suffix('\''));
    if let Some(body) = single {
        return Some(format!("use double quotes: {}", quoted(body)));
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ')' | '|' | '"' | '`');
    let value = quoted(place.run_from(found, ends));
    Some(match place.before(1) {
        Some(token) if token.kind == Kind::EqualEqual => {
            format!("texts are compared by one =, and stand in double quotes: = {value}")
        }
        _ => format!("put the value in double quotes: {value}"),
    })
}

fn is_text_comparison(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Equal | Kind::NotEqual | Kind::EqualEqual | Kind::RegexMatch | Kind::NotRegex
    )
}

/// `ip = 10.0.0.1`, `version = 1.2.3`
fn dotted_number(place: &Place<'_>) -> Option<String> {
    let start = place.before(1)?;
    let goes_on = place.spelled(place.found).starts_with('.')
        && start.kind == Kind::Number
        && start.span.end == place.found.span.start;
    let compared = place
        .before(2)
        .is_some_and(|token| is_text_comparison(token.kind));
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ')' | '|' | '[');
    (goes_on && compared).then(|| {
        let value = place.run_from(start, ends);
        format!("put the value in double quotes: {}", quoted(value))
    })
}

/// `pattern <ip> <user>`, `regexp (?P<ip>\S+)`
fn bare_expression(place: &Place<'_>) -> Option<String> {
    let stage = match place.before(1)?.kind {
        Kind::Pattern => "pattern",
        Kind::Regexp => "regex",
        _ => return None,
    };
    let body = place.run_from(place.found, |c| matches!(c, '|' | '\n' | '[' | '`'));
    let body = body.trim();
    let written = place.found.kind != Kind::Text && !body.is_empty();
    written.then(|| format!("put the {stage} in backticks: `{body}`"))
}

/// A number in quotes after an operator for numbers.
fn quoted_quantity(place: &Place<'_>) -> Option<String> {
    let operator = place.before(1)?.kind;
    if place.found.kind != Kind::Text || !is_size_comparison(operator) {
        return None;
    }
    let value = place.found.text();
    let is_quantity = value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'));
    Some(if operator == Kind::EqualEqual && !is_quantity {
        format!("texts are compared by one =: = {}", quoted(value))
    } else {
        format!("numbers, durations and sizes are compared without quotes: {value}")
    })
}

fn is_size_comparison(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Greater | Kind::GreaterEqual | Kind::Less | Kind::LessEqual | Kind::EqualEqual
    )
}

/// `line_format {{.x}}`
fn bare_template(place: &Place<'_>) -> Option<String> {
    let formats = place.follows(1, Kind::LineFormat)
        || (place.follows(1, Kind::Equal) && place.expected.contains(&Kind::Text));
    if place.found.kind != Kind::OpenBrace || !formats {
        return None;
    }
    let rest = place.text.get(place.found.span.start as usize..)?;
    let end = rest.find("}}")? + 2;
    let end = end
        + rest[end..]
            .find([' ', '|', ',', '\n'])
            .unwrap_or(rest.len() - end);
    let template = &rest[..end];
    Some(if template.contains('"') && !template.contains('`') {
        format!("put the template in backticks: `{template}`")
    } else {
        format!("put the template in double quotes: {}", quoted(template))
    })
}

/// `20kb`
fn lower_case_size(place: &Place<'_>) -> Option<String> {
    let (size, unit) = (place.before(2)?, place.before(1)?);
    let fits = matches!((&size.payload, unit.text()), (Payload::Bytes(_), "b"));
    (fits && size.span.end == unit.span.start)
        .then(|| format!("sizes end in a capital B: {}B", place.spelled(size)))
}

/// Fixes for text that is no token.
pub(super) fn invalid_text(place: &Place<'_>) -> Option<String> {
    let found: &Token = place.found;
    if found.kind != Kind::Invalid {
        return None;
    }
    let spelling = place.spelled(found);
    match found.text() {
        "invalid char literal" => {
            let body = spelling.trim_matches('\'');
            Some(format!("use double quotes: {}", quoted(body)))
        }
        "invalid char escape" => {
            let body = spelling.strip_prefix('"')?.strip_suffix('"')?;
            let raw = if body.contains('`') {
                String::new()
            } else {
                format!(", or in backticks: `{body}`")
            };
            Some(format!(
                "write the backslash twice: \"{}\"{raw}",
                double_bad_escapes(body)
            ))
        }
        "literal not terminated" => Some("the quote is never closed".to_owned()),
        "missing closing ']' in duration" => Some("the [ is never closed".to_owned()),
        _ if spelling.starts_with('[') => {
            let body = spelling.strip_prefix('[')?.strip_suffix(']')?;
            Some(format!(
                "a range is a number and a unit of ms, s, m, h, d, w or y: [{}]",
                range_meant(body)?
            ))
        }
        _ => None,
    }
}

/// The text between quotes with each backslash doubled that starts no escape.
fn double_bad_escapes(body: &str) -> String {
    let mut out = String::new();
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c != '\\' {
            continue;
        }
        match chars.peek() {
            Some(next) if "abfnrtv\\\"".contains(*next) => out.extend(chars.next()),
            _ => out.push('\\'),
        }
    }
    out
}

/// The range that was meant: `5` for `5m`, `5minutes`, `1.5h` for `1h30m`.
fn range_meant(body: &str) -> Option<String> {
    let body = body.trim().trim_start_matches('-');
    if let Some(nanos) = duration::parse(body).filter(|nanos| *nanos > 0) {
        return Some(duration::format_prometheus(nanos));
    }
    let digits = body
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(body.len());
    let number: u64 = body[..digits].parse().ok()?;
    let unit = body[digits..].trim().to_lowercase();
    let unit = match unit.as_str() {
        "" => "m",
        "millis" | "milliseconds" | "millisecond" => "ms",
        unit => ["s", "m", "h", "d", "w", "y"]
            .into_iter()
            .find(|short| unit.starts_with(short))?,
    };
    Some(format!("{number}{unit}"))
}
