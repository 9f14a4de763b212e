//! Rules on line filters: words and parentheses between their texts, and operators written in
//! another way.

use super::Place;
use crate::syntax::token::{Kind, Token};

/// What is wrong with a line filter, where that is known.
pub(super) fn suggest(place: &Place<'_>) -> Option<String> {
    joined(place)
        .or_else(|| doubled_operator(place))
        .or_else(|| in_parentheses(place))
        .or_else(|| text_without_operator(place))
        .or_else(|| other_operator(place))
}

/// `|= "a" and |= "b"`, `| a="x" or |= "b"`
fn joined(place: &Place<'_>) -> Option<String> {
    // In an aggregation it is the word that does not fit, else what follows it.
    let at = match place.found.kind {
        Kind::And | Kind::Or => place.index,
        _ => place.index.checked_sub(1)?,
    };
    let and = match place.tokens[at].kind {
        Kind::And => true,
        Kind::Or => false,
        _ => return None,
    };
    let next = place.tokens.get(at + 1)?;
    if !is_operator(next.kind) && !matches!(next.kind, Kind::Text | Kind::Pipe) {
        return None;
    }
    let last = place.tokens.get(at.checked_sub(1)?)?;
    let first = argument_before(place, at);
    let Some(first) = first.filter(|first| is_of_line_filter(place, *first)) else {
        return joined_to_label_filter(last, and, next);
    };
    let left = place.between(&place.tokens[first], last);
    let right = [at + 1, at + 2]
        .into_iter()
        .filter_map(|at| place.tokens.get(at))
        .find(|token| token.kind == Kind::Text)
        .map_or("\"b\"", |token| place.spelled(token));
    Some(if and {
        format!("line filters follow one another without a word: |= {left} |= {right}")
    } else {
        format!("or stands between the texts of one filter: |= {left} or {right}")
    })
}

/// What to say when the filter before the word asks a label.
fn joined_to_label_filter(last: &Token, and: bool, next: &Token) -> Option<String> {
    let ends_filter = matches!(
        last.kind,
        Kind::Text | Kind::Number | Kind::Duration | Kind::Bytes | Kind::CloseParen
    );
    if !ends_filter || next.kind == Kind::Text {
        return None;
    }
    let fix = match (next.kind == Kind::Pipe, and) {
        (true, true) => "filters on labels are joined without a second pipe: | a=\"x\" and b=\"y\"",
        (true, false) => "filters on labels are joined without a second pipe: | a=\"x\" or b=\"y\"",
        (false, true) => "a line filter follows without a word: | a=\"x\" |= \"b\"",
        (false, false) => {
            "or joins filters of one kind: | a=\"x\" or b=\"y\" for labels, |= \"a\" or \"b\" for lines"
        }
    };
    Some(fix.to_owned())
}

/// `|| "b"`, `&& …`
fn doubled_operator(place: &Place<'_>) -> Option<String> {
    let is_and = |token: &Token| token.text() == "&";
    if place.found.kind == Kind::Pipe && place.follows(1, Kind::Pipe) {
        return Some(
            "or is a word: |= \"a\" or \"b\" for lines, | a=\"x\" or b=\"y\" for labels".to_owned(),
        );
    }
    (is_and(place.found) || place.before(1).is_some_and(is_and)).then(|| {
        "and is a word between label filters: | a=\"x\" and b=\"y\"; line filters follow one another: |= \"a\" |= \"b\""
            .to_owned()
    })
}

/// `|= ("a" or "b")`
fn in_parentheses(place: &Place<'_>) -> Option<String> {
    let operator = place.before(1).filter(|token| is_operator(token.kind))?;
    let of_label = place.follows(2, Kind::Identifier);
    if place.found.kind != Kind::OpenParen || of_label {
        return None;
    }
    let inner = place.tokens[place.index + 1..]
        .iter()
        .take_while(|token| matches!(token.kind, Kind::Text | Kind::Or | Kind::And | Kind::Comma));
    let (mut texts, mut and) = (Vec::new(), false);
    for token in inner {
        match token.kind {
            Kind::Text => texts.push(place.spelled(token)),
            Kind::And => and = true,
            _ => {}
        }
    }
    let operator = place.spelled(operator);
    let between = if and {
        format!(" {operator} ")
    } else {
        " or ".to_owned()
    };
    (!texts.is_empty()).then(|| {
        format!(
            "texts stand without parentheses: {operator} {}",
            texts.join(&between)
        )
    })
}

/// `| "error" != "timeout"`, `{…} "error"`: the operator was forgotten, or its `=`.
fn text_without_operator(place: &Place<'_>) -> Option<String> {
    let free = place.follows(1, Kind::Pipe) || follows_lines(place);
    (place.found.kind == Kind::Text && free)
        .then(|| format!("lines that contain it: |= {}", place.spelled(place.found)))
}

/// `{…} = "error"`, `{…} | =~ "error"`, `{…} |=~ "error"`, `{…} | != "error"`
fn other_operator(place: &Place<'_>) -> Option<String> {
    let text = place.after(1).filter(|token| token.kind == Kind::Text)?;
    let text = place.spelled(text);
    if place.found.text() == "~" && (place.follows(1, Kind::PipeContains) || follows_lines(place)) {
        return Some(format!("lines that match it: |~ {text}"));
    }
    let after_pipe = place.follows(1, Kind::Pipe);
    if !after_pipe && !follows_lines(place) {
        return None;
    }
    match place.found.kind {
        Kind::Equal | Kind::EqualEqual => Some(format!("lines that contain it: |= {text}")),
        Kind::RegexMatch => Some(format!("lines that match it: |~ {text}")),
        Kind::NotEqual | Kind::NotRegex if after_pipe => Some(format!(
            "this line filter has no pipe: {} {text}",
            place.spelled(place.found)
        )),
        _ => None,
    }
}

/// Whether what was found stands where a line filter may start: after a selector or another line
/// filter.
fn follows_lines(place: &Place<'_>) -> bool {
    let filter = argument_before(place, place.index);
    place.follows(1, Kind::CloseBrace)
        || filter.is_some_and(|first| is_of_line_filter(place, first))
}

/// The first token of the text, or of the `ip("…")`, that ends before the token at `end`.
fn argument_before(place: &Place<'_>, end: usize) -> Option<usize> {
    match place.tokens.get(end.checked_sub(1)?)?.kind {
        Kind::Text => Some(end - 1),
        Kind::CloseParen => end
            .checked_sub(4)
            .filter(|first| place.tokens[*first].kind == Kind::Ip),
        _ => None,
    }
}

/// Whether the argument that starts at a token is one of a line filter.
fn is_of_line_filter(place: &Place<'_>, mut first: usize) -> bool {
    while let Some(operator) = first.checked_sub(1) {
        let earlier = argument_before(place, operator);
        match (place.tokens[operator].kind, earlier) {
            (Kind::Or | Kind::NotEqual | Kind::NotRegex, Some(earlier)) => first = earlier,
            (Kind::NotEqual | Kind::NotRegex, None) => {
                let left = operator.checked_sub(1).map(|left| place.tokens[left].kind);
                return left != Some(Kind::Identifier);
            }
            (kind, _) => return is_operator(kind),
        }
    }
    false
}

/// Operators of line filters; `!=` and `!~` compare labels too.
fn is_operator(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PipeContains
            | Kind::PipeRegex
            | Kind::PipePattern
            | Kind::NotEqual
            | Kind::NotRegex
            | Kind::NotPattern
    )
}
