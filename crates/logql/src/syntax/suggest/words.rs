//! Word hints translate words of other query languages and correct misspelt ones.

use super::{Place, shape};
use crate::ast::{RangeOp, VectorOp};
use crate::syntax::token::{Kind, Token};

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

/// Words after a pipe that are no stage, with what does their work.
const FOREIGN_STAGES: [(&[&str], &str); 12] = [
    (
        &["labels"],
        "labels come with every answer; | keep app, status leaves these alone",
    ),
    (
        &["fields", "select", "project", "table", "display", "cut"],
        "| keep app, status leaves these labels alone, | line_format \"{{.status}}\" writes a line of them",
    ),
    (
        &["count", "stats", "summarize", "aggregate"],
        "functions stand around the query: sum by (app) (count_over_time({…} [5m]))",
    ),
    (
        &[
            "contains", "grep", "search", "find", "match", "include", "includes", "has", "like",
        ],
        "lines are searched by |= \"text\", or by |~ \"regex\"",
    ),
    (
        &["exclude", "not", "except"],
        "lines are left out by != \"text\", or by !~ \"regex\"",
    ),
    (
        &["where", "filter"],
        "a filter stands by itself: | status >= 500",
    ),
    (
        &["regex", "rex", "re", "extract"],
        "did you mean | regexp \"(?P<name>…)\"?",
    ),
    (
        &["parse", "dissect", "kv"],
        "did you mean | pattern \"<ip> - <user>\", | json or | logfmt?",
    ),
    (
        &["head", "tail", "top", "take", "first"],
        "| limit 10 takes that many entries",
    ),
    (
        &["order", "sort_by", "orderby"],
        "did you mean | sort by (status desc)?",
    ),
    (
        &["rename", "eval", "extend", "set", "add_field"],
        "did you mean | label_format new=old?",
    ),
    (
        &["uniq", "unique", "dedup"],
        "did you mean | distinct app, status?",
    ),
];

/// Functions of other languages, with what does their work.
const FOREIGN_FUNCTIONS: [(&[&str], &str); 8] = [
    (
        &["increase", "delta", "idelta"],
        "lines are counted by count_over_time({…}[5m]); a counter in a label by rate_counter({…} | unwrap x [5m])",
    ),
    (&["irate", "deriv"], "did you mean rate({…}[5m])?"),
    (
        &[
            "histogram_over_time",
            "histogram_quantile",
            "quantile",
            "percentile",
        ],
        "quantiles come from values: quantile_over_time(0.95, {…} | unwrap x [5m])",
    ),
    (&["absent"], "did you mean absent_over_time({…}[5m])?"),
    (
        &["count_lines", "lines", "events"],
        "did you mean count_over_time({…}[5m])?",
    ),
    (&["mean", "average"], "did you mean avg?"),
    (
        &[
            "changes",
            "resets",
            "predict_linear",
            "count_values",
            "group",
            "limitk",
        ],
        "LogQL has no such function",
    ),
    (
        &[
            "abs",
            "ceil",
            "floor",
            "round",
            "clamp",
            "clamp_max",
            "clamp_min",
            "ln",
            "log2",
            "log10",
            "exp",
            "sqrt",
            "scalar",
        ],
        "LogQL has no mathematical functions; operators are + - * / % ^",
    ),
];

/// A word that is known elsewhere or nearly one of ours.
pub(super) fn suggest(place: &Place<'_>) -> Option<String> {
    let is_call = place
        .after(1)
        .is_some_and(|token| token.kind == Kind::OpenParen);
    if place.found.kind == Kind::Identifier && is_call {
        let word = place.found.text();
        return meaning(&FOREIGN_FUNCTIONS, word).or_else(|| {
            closest(word, &function_words()).map(|word| format!("did you mean {word}?"))
        });
    }
    if place.found.kind == Kind::OpenParen && place.follows(2, Kind::Unwrap) {
        let name = place.before(1).map_or("", Token::text);
        let converters = ["bytes", "duration", "duration_seconds"].map(str::to_owned);
        return Some(match closest(name, &converters) {
            Some(word) => format!("did you mean {word}?"),
            None => "converters are bytes, duration and duration_seconds".to_owned(),
        });
    }
    let word = place
        .before(1)
        .filter(|token| token.kind == Kind::Identifier && place.follows(2, Kind::Pipe))?
        .text();
    meaning(&FOREIGN_STAGES, word)
        .or_else(|| function(word))
        .or_else(|| {
            closest(word, &STAGE_WORDS.map(str::to_owned))
                .map(|word| format!("did you mean | {word}?"))
        })
}

/// How a function whose name stands after a pipe is written.
fn function(word: &str) -> Option<String> {
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    let over_range = RangeOp::ALL.iter().find(|op| is(op.as_str()));
    let over_series = VectorOp::ALL.iter().find(|op| is(op.as_str()));
    let kind = over_range
        .map(|op| Kind::RangeFn(*op))
        .or_else(|| over_series.map(|op| Kind::VectorFn(*op)))?;
    shape::around(word, kind)
}

/// What a word of another language is here.
fn meaning(table: &[(&[&str], &str)], word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    table
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()))
        .map(|(_, meaning)| (*meaning).to_owned())
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
