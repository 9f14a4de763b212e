//! Plain patterns match without a regex engine: lists of texts, and a text with anything before or
//! after it.
//!
//! Nearly all matchers that people and dashboards write are of this kind (`.+`, `api-.*`, `a|b|c`).
//! Compiling them costs more than a query over little data, and an engine more than a comparison
//! for each value.

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Dot, Hir, HirKind};

/// What a regex that must match the whole of a value asks of it.
#[derive(Clone, Debug)]
pub(super) enum Plain {
    /// It is one of these, which are sorted.
    OneOf(Box<[Box<str>]>),
    /// It holds this text with something around it.
    Around {
        /// What may stand before the text.
        before: Gap,
        /// The text.
        text: Box<str>,
        /// What may follow it.
        after: Gap,
    },
}

/// What may stand beside a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing.
    Closed,
    /// Anything or nothing.
    Any,
    /// At least one character.
    Some,
}

impl Plain {
    /// Reads a pattern in Rust's syntax; `None` when it takes an engine.
    pub(super) fn of(pattern: &str) -> Option<Plain> {
        let hir = regex_syntax::parse(pattern).ok()?;
        // Assertions are no part of a match: reading on would lose them.
        if !hir.properties().look_set().is_empty() {
            return None;
        }
        one_of(&hir).or_else(|| around(&hir))
    }

    /// Whether the whole value matches.
    pub(super) fn matches(&self, value: &str) -> bool {
        match self {
            Plain::OneOf(texts) => texts.binary_search_by(|text| (**text).cmp(value)).is_ok(),
            Plain::Around {
                before: Gap::Closed,
                text,
                after,
            } => value
                .strip_prefix(&**text)
                .is_some_and(|rest| after.takes(rest)),
            Plain::Around {
                before,
                text,
                after: Gap::Closed,
            } => value
                .strip_suffix(&**text)
                .is_some_and(|rest| before.takes(rest)),
            Plain::Around {
                before,
                text,
                after,
            } => {
                let mut inner = value.chars();
                let is_long_enough = (*before == Gap::Any || inner.next().is_some())
                    && (*after == Gap::Any || inner.next_back().is_some());
                is_long_enough && inner.as_str().contains(&**text)
            }
        }
    }
}

impl Gap {
    fn takes(self, rest: &str) -> bool {
        match self {
            Gap::Closed => rest.is_empty(),
            Gap::Any => true,
            Gap::Some => !rest.is_empty(),
        }
    }

    fn of(hir: &Hir) -> Option<Gap> {
        match hir.kind() {
            HirKind::Capture(capture) => Gap::of(&capture.sub),
            HirKind::Repetition(repetition)
                if repetition.max.is_none() && *repetition.sub == Hir::dot(Dot::AnyChar) =>
            {
                match repetition.min {
                    0 => Some(Gap::Any),
                    1 => Some(Gap::Some),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

fn one_of(hir: &Hir) -> Option<Plain> {
    let all = Extractor::new().extract(hir);
    let literals = all.literals()?.iter().map(|literal| {
        let text = std::str::from_utf8(literal.as_bytes()).ok()?;
        literal.is_exact().then(|| Box::from(text))
    });
    let mut texts = literals.collect::<Option<Vec<Box<str>>>>()?;
    texts.sort_unstable();
    texts.dedup();
    Some(Plain::OneOf(texts.into_boxed_slice()))
}

fn around(hir: &Hir) -> Option<Plain> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => &parts[..],
        HirKind::Capture(capture) => return around(&capture.sub),
        _ => std::slice::from_ref(hir),
    };
    let (before, parts) = match parts.split_first() {
        Some((first, rest)) => Gap::of(first).map_or((Gap::Closed, parts), |gap| (gap, rest)),
        None => (Gap::Closed, parts),
    };
    let (after, parts) = match parts.split_last() {
        Some((last, rest)) => Gap::of(last).map_or((Gap::Closed, parts), |gap| (gap, rest)),
        None => (Gap::Closed, parts),
    };
    let text = match parts {
        [] => "",
        [part] => literal(part)?,
        _ => return None,
    };
    Some(Plain::Around {
        before,
        text: text.into(),
        after,
    })
}

fn literal(hir: &Hir) -> Option<&str> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok(),
        HirKind::Capture(capture) => literal(&capture.sub),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [&str; 22] = [
        "",
        "a",
        "b",
        "c",
        "ab",
        "api",
        "api-",
        "api-1",
        "api-22",
        "api-\n",
        "xapi",
        "xapi-1",
        "ä",
        "äapi",
        "apiä",
        "aa",
        "a.b",
        "A",
        "web",
        "web-api-x",
        "\n",
        "💧api-💧",
    ];

    fn check(pattern: &str, is_plain: bool) {
        let regex = regex::Regex::new(&format!("^(?s:{pattern})$")).expect("the pattern is valid");
        let plain = Plain::of(&format!("(?s:{pattern})"));
        assert_eq!(plain.is_some(), is_plain, "{pattern}: {plain:?}");
        for (value, plain) in VALUES
            .iter()
            .filter_map(|value| plain.as_ref().map(|plain| (value, plain)))
        {
            assert_eq!(
                plain.matches(value),
                regex.is_match(value),
                "{pattern} on {value:?}: {plain:?}"
            );
        }
    }

    #[test]
    fn plain_patterns_match_what_the_engine_matches() {
        for pattern in [
            "",
            ".+",
            ".*",
            "(.*)",
            "api",
            "a|b|c",
            "api-1|api-22|web",
            "(api|web)",
            "api-.*",
            "api-.+",
            ".*api",
            ".+api",
            ".*api.*",
            ".+api.+",
            ".*api.+",
            ".+api.*",
            "(api-).*",
            "[abc]",
            "a?",
            "a.*",
            "api(-1)?",
            r"a\.b",
            "ä.*",
            ".*ä",
            ".*.*",
            ".+.+",
            ".+.*",
            "(?:api|web)-?1?",
            "|a",
            "x{0}",
            "a(|b)",
        ] {
            check(pattern, true);
        }
    }

    #[test]
    fn other_patterns_are_left_to_the_engine() {
        for pattern in [
            "^api$",
            "a$|b",
            r"\bapi.*",
            "(?-s).*",
            "(?-s)api.+",
            "[a-z]+",
            "a.b",
            "api.*1",
            "(?i)api.*",
            "a+",
            r"\d",
            "(a|b).*",
            ".{2,}",
            ".?",
            "api-.*|web",
        ] {
            check(pattern, false);
        }
    }

    #[test]
    fn long_lists_are_plain_up_to_a_bound_and_right_beyond_it() {
        for count in [50, 5000] {
            let list: Vec<String> = (0..count).map(|pod| format!("pod-{pod}")).collect();
            let plain = Plain::of(&list.join("|"));
            if count == 50 {
                assert!(matches!(&plain, Some(Plain::OneOf(texts)) if texts.len() == count));
            }
            if let Some(plain) = plain {
                assert!(
                    list.iter().all(|pod| plain.matches(pod))
                        && !plain.matches("pod-x")
                        && !plain.matches("pod-")
                );
            }
        }
    }
}
