//! Completion tells what may be written at a place in a query that is not finished.
//!
//! It looks at the tokens before the place, not at a tree: a query that is being typed rarely
//! parses. What is asked for are names and values of the data, or words of the language.

use super::lexer::lex;
use super::token::{Kind, Token};
use crate::ast::{RangeOp, VectorOp};

/// What may be written at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The name of a label of streams.
    Label,
    /// A value of a label.
    Value {
        /// The label.
        label: String,
        /// A selector of the matchers before this one.
        selector: String,
    },
    /// A stage after a pipe: a parser's word, or a field to filter by.
    Stage {
        /// The log query before the pipe.
        query: String,
    },
    /// The name of a field, as `unwrap` takes it.
    Field {
        /// The log query before the pipe.
        query: String,
    },
    /// A function or aggregation.
    Function,
}

/// A place in a query, and what fits there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What fits.
    pub wanted: Wanted,
    /// Where the word that is being written begins, in bytes.
    pub start: usize,
    /// What of it is written, without quotes.
    pub typed: String,
}

/// Words that begin a stage.
pub const STAGE_WORDS: [&str; 14] = [
    "json",
    "logfmt",
    "pattern",
    "regexp",
    "unpack",
    "line_format",
    "label_format",
    "decolorize",
    "drop",
    "keep",
    "unwrap",
    "distinct",
    "sort by",
    "limit",
];

/// Names of all functions and aggregations.
pub fn functions() -> Vec<&'static str> {
    let range = RangeOp::ALL.iter().map(|op| op.as_str());
    let vector = VectorOp::ALL.iter().map(|op| op.as_str());
    vector
        .chain(range)
        .chain(["label_replace", "vector"])
        .collect()
}

/// What may be written at the end of `text`, the part of a query before the caret; nothing where a
/// text, a number or an operator is expected.
pub fn complete(text: &str) -> Option<Gap> {
    let mut tokens = lex(text);
    tokens.retain(|token| token.kind != Kind::End);
    let last = tokens.last();
    if let Some(open) = last.filter(|token| is_open_text(text, token)) {
        return in_text(text, &tokens[..tokens.len() - 1], open);
    }
    let is_word = |token: &&Token| {
        token.span.end as usize == text.len()
            && spelled(text, token).starts_with(|c: char| c == '_' || c.is_alphabetic())
    };
    let (before, start) = match last.filter(is_word) {
        Some(word) => (&tokens[..tokens.len() - 1], word.span.start as usize),
        None => (&tokens[..], text.len()),
    };
    let typed = text[start..].to_owned();
    let wanted = after(text, before, &typed)?;
    Some(Gap {
        wanted,
        start,
        typed,
    })
}

fn spelled<'a>(text: &'a str, token: &Token) -> &'a str {
    &text[token.span.start as usize..token.span.end as usize]
}

/// Whether a token is a text whose closing quote is still to come.
fn is_open_text(text: &str, token: &Token) -> bool {
    token.kind == Kind::Invalid && spelled(text, token).starts_with(['"', '`'])
}

/// A place inside quotes: the value of a matcher, or nothing that is known.
fn in_text(text: &str, before: &[Token], open: &Token) -> Option<Gap> {
    let brace = open_brace(before)?;
    let [.., name, op] = before else { return None };
    let ops = [
        Kind::Equal,
        Kind::NotEqual,
        Kind::RegexMatch,
        Kind::NotRegex,
    ];
    if !ops.contains(&op.kind) || before.len() < brace + 3 {
        return None;
    }
    let start = open.span.start as usize + 1;
    let matchers = &text[before[brace].span.start as usize..name.span.start as usize];
    let selector = format!("{}}}", matchers.trim_end().trim_end_matches(','));
    Some(Gap {
        wanted: Wanted::Value {
            label: spelled(text, name).to_owned(),
            selector,
        },
        start,
        typed: text[start..].to_owned(),
    })
}

/// The index of the brace that is open at the end.
fn open_brace(tokens: &[Token]) -> Option<usize> {
    let last = tokens
        .iter()
        .rposition(|token| matches!(token.kind, Kind::OpenBrace | Kind::CloseBrace))?;
    (tokens[last].kind == Kind::OpenBrace).then_some(last)
}

/// What fits after these tokens.
fn after(text: &str, before: &[Token], typed: &str) -> Option<Wanted> {
    let Some(last) = before.last() else {
        return (!typed.is_empty()).then_some(Wanted::Function);
    };
    if open_brace(before).is_some() {
        let begins = matches!(last.kind, Kind::OpenBrace | Kind::Comma);
        return begins.then_some(Wanted::Label);
    }
    if in_grouping(before) {
        return Some(Wanted::Label);
    }
    let log_query = |end: &Token| {
        let start = before
            .iter()
            .rposition(|token| token.kind == Kind::OpenBrace)
            .map_or(0, |brace| before[brace].span.start as usize);
        text[start..end.span.start as usize].trim().to_owned()
    };
    match last.kind {
        Kind::Pipe => Some(Wanted::Stage {
            query: log_query(last),
        }),
        Kind::Unwrap => {
            let pipe = before.iter().rfind(|token| token.kind == Kind::Pipe)?;
            Some(Wanted::Field {
                query: log_query(pipe),
            })
        }
        Kind::OpenParen
        | Kind::Comma
        | Kind::And
        | Kind::Or
        | Kind::Unless
        | Kind::Add
        | Kind::Sub
        | Kind::Mul
        | Kind::Div
        | Kind::Mod
        | Kind::Pow
            if !typed.is_empty() =>
        {
            Some(Wanted::Function)
        }
        _ => None,
    }
}

/// Whether the place is in the parentheses of `by (…)` and its like.
fn in_grouping(before: &[Token]) -> bool {
    let Some(open) = before
        .iter()
        .rposition(|token| !matches!(token.kind, Kind::Identifier | Kind::Comma))
    else {
        return false;
    };
    let begins = before
        .last()
        .is_some_and(|last| matches!(last.kind, Kind::OpenParen | Kind::Comma));
    let groups = [
        Kind::By,
        Kind::Without,
        Kind::On,
        Kind::Ignoring,
        Kind::GroupLeft,
        Kind::GroupRight,
    ];
    begins
        && before[open].kind == Kind::OpenParen
        && open > 0
        && groups.contains(&before[open - 1].kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<Wanted>, typed: &str) {
        let found = complete(text);
        assert_eq!(
            found.as_ref().map(|gap| &gap.wanted),
            wanted.as_ref(),
            "{text}"
        );
        if let Some(gap) = found {
            assert_eq!(gap.typed, typed, "{text}");
            assert_eq!(&text[gap.start..], typed, "{text}");
        }
    }

    fn value(label: &str, selector: &str) -> Option<Wanted> {
        Some(Wanted::Value {
            label: label.to_owned(),
            selector: selector.to_owned(),
        })
    }

    #[test]
    fn names_and_values_of_selectors() {
        check("{", Some(Wanted::Label), "");
        check("{ser", Some(Wanted::Label), "ser");
        check("{app=\"web\", na", Some(Wanted::Label), "na");
        check("{app=\"", value("app", "{}"), "");
        check("{app=~`x|y", value("app", "{}"), "x|y");
        check(
            "{a=\"b\", c=~\"d\", app != \"한",
            value("app", "{a=\"b\", c=~\"d\"}"),
            "한",
        );
        check("sum by (app) (rate({na", Some(Wanted::Label), "na");
        check("{app", Some(Wanted::Label), "app");
        check("{app=", None, "");
        check("{app=\"web\"", None, "");
    }

    #[test]
    fn stages_and_fields() {
        let stage = |query: &str| {
            Some(Wanted::Stage {
                query: query.to_owned(),
            })
        };
        check("{a=\"b\"} | ", stage("{a=\"b\"}"), "");
        check("{a=\"b\"} |= \"x\" | js", stage("{a=\"b\"} |= \"x\""), "js");
        check(
            "sum(rate({a=\"b\"} | json | dur",
            stage("{a=\"b\"} | json"),
            "dur",
        );
        let field = Some(Wanted::Field {
            query: "{a=\"b\"} | json".to_owned(),
        });
        check("{a=\"b\"} | json | unwrap du", field, "du");
        check("{a=\"b\"} |= \"x", None, "");
        check("{a=\"b\"}", None, "");
    }

    #[test]
    fn functions_and_groupings() {
        check("", None, "");
        check("su", Some(Wanted::Function), "su");
        check("sum(ra", Some(Wanted::Function), "ra");
        check("rate({a=\"b\"}[1m]) / ra", Some(Wanted::Function), "ra");
        check("sum by (", Some(Wanted::Label), "");
        check("sum by (app, na", Some(Wanted::Label), "na");
        check("sum(rate({a=\"b\"}[1m])) by (na", Some(Wanted::Label), "na");
        assert!(functions().contains(&"count_over_time") && functions().contains(&"topk"));
    }
}
