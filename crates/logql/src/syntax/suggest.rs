//! The nearest fix for a fault: a word that was meant, quotes that are missing, an escape that works.

use super::cursor::Fault;
use super::token::{Kind, Payload, Token};
use crate::ast::{RangeOp, VectorOp};
use crate::go::quote;

/// Words that start a stage.
const STAGE_WORDS: [&str; 15] = [
    "json",
    "logfmt",
    "regexp",
    "pattern",
    "unpack",
    "line_format",
    "label_format",
    "decolorize",
    "drop",
    "keep",
    "unwrap",
    "distinct",
    "limit",
    "sort",
    "ip",
];

/// One line that tells how to repair the query.
pub(super) fn suggest(text: &str, tokens: &[Token], fault: &Fault<'_>) -> Option<String> {
    let (found, expected) = match fault {
        Fault::Unexpected {
            found, expected, ..
        } => (*found, expected),
        Fault::Refused(refusal) => {
            return Some(refusal.help.to_owned()).filter(|help| !help.is_empty());
        }
        Fault::TooDeep { .. } => return None,
    };
    let index = tokens
        .iter()
        .position(|token| token.span.start == found.span.start && token.kind == found.kind)?;
    let before = |n: usize| index.checked_sub(n).and_then(|i| tokens.get(i));
    let after = |n: usize| tokens.get(index + n);
    let spelled = |token: &Token| {
        text.get(token.span.start as usize..token.span.end as usize)
            .unwrap_or("")
    };

    if found.kind == Kind::Invalid {
        return invalid_text(spelled(found), found.text());
    }
    if let Some(fix) = unquoted(spelled(found), found, expected) {
        return Some(fix);
    }
    if found.kind == Kind::Text && before(1).is_some_and(|t| is_size_comparison(t.kind)) {
        let number = found.text();
        return Some(format!(
            "numbers, durations and sizes are compared without quotes: {number}"
        ));
    }
    if let Some(fix) = bare_grouping(tokens, index, spelled) {
        return Some(fix);
    }
    if found.kind == Kind::Identifier && after(1).is_some_and(|t| t.kind == Kind::OpenParen) {
        return closest(found.text(), &function_words())
            .map(|word| format!("did you mean {word}?"));
    }
    if found.kind == Kind::OpenParen && before(2).is_some_and(|t| t.kind == Kind::Unwrap) {
        let name = before(1).map_or("", Token::text);
        let converters = ["bytes", "duration", "duration_seconds"].map(str::to_owned);
        return Some(match closest(name, &converters) {
            Some(word) => format!("did you mean {word}?"),
            None => "converters are bytes, duration and duration_seconds".to_owned(),
        });
    }
    if let [size, unit] = [before(2)?, before(1)?]
        && matches!((&size.payload, unit.text()), (Payload::Bytes(_), "b"))
        && size.span.end == unit.span.start
    {
        return Some(format!("sizes end in a capital B: {}B", spelled(size)));
    }
    stage_word(before(2), before(1)).or_else(|| unclosed(text, tokens, found))
}

/// The stage that a word after a pipe comes close to.
fn stage_word(pipe: Option<&Token>, word: Option<&Token>) -> Option<String> {
    if pipe?.kind != Kind::Pipe || word?.kind != Kind::Identifier {
        return None;
    }
    closest(word?.text(), &STAGE_WORDS.map(str::to_owned))
        .map(|word| format!("did you mean | {word}?"))
}

fn is_size_comparison(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Greater | Kind::GreaterEqual | Kind::Less | Kind::LessEqual | Kind::EqualEqual
    )
}

/// Names of functions, as a query writes them.
fn function_words() -> Vec<String> {
    let words = RangeOp::ALL
        .iter()
        .map(|op| op.as_str())
        .chain(VectorOp::ALL.iter().map(|op| op.as_str()));
    words
        .chain(["vector", "label_replace"])
        .map(str::to_owned)
        .collect()
}

/// A word or a single-quoted text where a text in quotes is needed.
fn unquoted(spelling: &str, found: &Token, expected: &[Kind]) -> Option<String> {
    if !expected.contains(&Kind::Text) || !matches!(found.kind, Kind::Identifier | Kind::Number) {
        return None;
    }
    match spelling
        .strip_prefix('\'')
        .and_then(|body| body.strip_suffix('\''))
    {
        Some(body) => Some(format!("use double quotes: {}", quote::quoted(body))),
        None => Some(format!(
            "put the value in double quotes: {}",
            quote::quoted(spelling)
        )),
    }
}

/// Fixes for text that is no token.
fn invalid_text(spelling: &str, reason: &str) -> Option<String> {
    match reason {
        "invalid char literal" => {
            let body = spelling.trim_matches('\'');
            Some(format!("use double quotes: {}", quote::quoted(body)))
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
    if let Some(nanos) = super::duration::parse(body).filter(|nanos| *nanos > 0) {
        return Some(super::duration::format_prometheus(nanos));
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

/// `sum by app (` lacks parentheses around its labels.
fn bare_grouping<'a>(
    tokens: &'a [Token],
    index: usize,
    spelled: impl Fn(&'a Token) -> &'a str,
) -> Option<String> {
    let word = tokens
        .iter()
        .skip(index.saturating_sub(1))
        .take(3)
        .position(|t| matches!(t.kind, Kind::By | Kind::Without))?;
    let at = index.saturating_sub(1) + word;
    let label = tokens.get(at + 1).filter(|t| t.kind == Kind::Identifier)?;
    Some(format!(
        "labels stand in parentheses: {} ({})",
        spelled(&tokens[at]),
        label.text()
    ))
}

/// At the end of the text: the bracket that is still open.
fn unclosed(text: &str, tokens: &[Token], found: &Token) -> Option<String> {
    if found.kind != Kind::End {
        return None;
    }
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::OpenParen | Kind::OpenBrace => open.push(token),
            Kind::CloseParen | Kind::CloseBrace => drop(open.pop()),
            _ => {}
        }
    }
    let token = open.last()?;
    let start = token.span.start as usize;
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let (line, column) = (
        text[..start].matches('\n').count() + 1,
        text[line_start..start].chars().count() + 1,
    );
    Some(format!(
        "the {} at line {line}, col {column} is never closed",
        token.kind.name()
    ))
}

/// The word nearest to `word`, if it is near: at most a third of the letters differ.
fn closest(word: &str, words: &[String]) -> Option<String> {
    let word = word.to_lowercase();
    let distances = words
        .iter()
        .map(|candidate| (distance(&word, candidate), candidate));
    let (least, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= (word.chars().count().max(3)) / 3).then(|| nearest.clone())
}

/// Insertions, deletions, changes and swaps of neighbours between two short words.
fn distance(a: &str, b: &str) -> usize {
    /// Longest word looked at, in characters: no keyword is longer.
    const WORD_CHARS_MAX: usize = 32;
    let a: Vec<char> = a.chars().take(WORD_CHARS_MAX).collect();
    let b: Vec<char> = b.chars().take(WORD_CHARS_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let words = function_words();
        for (word, want) in [
            ("rat", Some("rate")),
            ("cuont_over_time", Some("count_over_time")),
            ("SUMM", Some("sum")),
            ("count_overtime", Some("count_over_time")),
            ("frobnicate", None),
        ] {
            assert_eq!(closest(word, &words).as_deref(), want, "{word}");
        }
    }
}
