//! Lines in JSON and logfmt: their keys and values, the entries they are of, and the strategies
//! that make them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use skald_fields::Form;
use std::collections::HashSet;

use super::ENTRIES_MAX;
use super::questions::{Ask, ask};

/// Keys of lines. Some become one label, some are labels of streams or names of metadata.
pub(super) const KEYS: [&str; 12] = [
    "level",
    "took",
    "user",
    "status",
    "size",
    "msg",
    "a.b",
    "a_b",
    "app",
    "pod",
    "level_extracted",
    "__error__",
];
/// Labels that are asked for.
pub(super) const LABELS: [&str; 15] = [
    "level",
    "took",
    "user",
    "status",
    "size",
    "msg",
    "a_b",
    "app",
    "pod",
    "level_extracted",
    "app_extracted",
    "__error__",
    "in_level",
    "in_took",
    "nothing",
];
/// Keys and labels at the front that are chosen more often.
pub(super) const OFTEN: usize = 3;
/// Kinds of values that [`value`] gives.
pub(super) const KINDS: usize = 10;

/// A value: numbers, durations, sizes, words, texts, addresses, and now and then one that is
/// something else.
pub(super) fn value(kind: usize, says: usize) -> String {
    match kind {
        0 => [200, 204, 404, 500, 503][says % 5].to_string(),
        1 => (says as i64 % 40 - 8).to_string(),
        2 => format!("{}.{}ms", says % 50, says % 7),
        3 => format!("{}s", says % 9),
        4 => format!("{}kB", says % 30),
        5 => format!("{}.{:02}", says % 12, says % 100),
        6 => ["info", "error", "warn", "ERROR", "info"][says % 5].to_owned(),
        7 => format!("job {} {}", says % 20, ["done", "failed"][says % 2]),
        8 => format!("10.{}.0.{}", says % 3, says % 200),
        _ => {
            let rare = [
                "",
                "1e3",
                "+5",
                "NaN",
                "null",
                "true",
                "say \"x\"",
                "é",
                "a=b",
                "x\\y",
                " 7 ",
            ];
            rare.get(says % 40)
                .map_or_else(|| format!("u-{}", says % 9), |rare| (*rare).to_owned())
        }
    }
}

/// How lines of a kind are made: form, keys with the kinds of their values, whether JSON has spaces
/// and an object.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) form: Form,
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) spaced: bool,
    pub(super) nested: bool,
}

impl Template {
    pub(super) fn line(&self, says: usize) -> String {
        let pairs = self
            .pairs
            .iter()
            .enumerate()
            .map(|(at, (key, kind))| (KEYS[*key], value(*kind, says / (at + 1))));
        match self.form {
            Form::Json => {
                let colon = if self.spaced { ": " } else { ":" };
                let mut members: Vec<String> = pairs
                    .map(|(key, value)| format!("\"{key}\"{colon}{}", json(&value)))
                    .collect();
                if self.nested {
                    members.insert(
                        members.len() / 2,
                        format!(
                            r#""in":{{"level":"{}","took":"{}ms"}}"#,
                            says % 3,
                            says % 30
                        ),
                    );
                    members.push(format!(r#""tags":[{},"x"]"#, says % 4));
                }
                format!("{{{}}}", members.join(if self.spaced { ", " } else { "," }))
            }
            Form::Logfmt => {
                let mut words: Vec<String> = pairs
                    .map(|(key, value)| format!("{key}={}", logfmt(&value)))
                    .collect();
                if self.nested {
                    words.insert(1, "begin".to_owned());
                }
                words.join(" ")
            }
        }
    }
}

/// Integers, `true` and `null` bare, others quoted.
pub(super) fn json(value: &str) -> String {
    match value.parse::<i64>().is_ok() && !value.starts_with('+')
        || matches!(value, "true" | "null")
    {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

pub(super) fn logfmt(value: &str) -> String {
    match value.contains([' ', '"', '=', '\\']) {
        true => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        false => value.to_owned(),
    }
}

/// An entry: which template and stream, what its values are, and whether it has the metadata of the
/// case.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) template: Index,
    pub(super) stream: usize,
    pub(super) says: usize,
    pub(super) has_metadata: bool,
}

/// Labels and values of streams; some are fields of lines too.
pub(super) const STREAMS: [&[(&str, &str)]; 3] = [
    &[("app", "a")],
    &[("app", "b"), ("level", "stream")],
    &[("app", "c"), ("user", "u-1")],
];

/// What some entries of a case have as metadata.
pub(super) const METADATA: [&[(&str, &str)]; 5] = [
    &[],
    &[("trace", "t1")],
    &[("level", "meta")],
    &[("pod", "p1"), ("took", "9ms")],
    &[("level_extracted", "meta")],
];

/// A line with values; among those that may be broken a few that parsers fail on or read otherwise.
pub(super) fn line(entry: &Entry, case: &Case) -> String {
    let line = case.templates[entry.template.index(case.templates.len())].line(entry.says);
    match entry.says % 61 {
        _ if !case.broken => line,
        7 => "panic: level=error".to_owned(),
        8 => line[..line
            .char_indices()
            .nth(line.chars().count() / 2)
            .map_or(0, |(at, _)| at)]
            .to_owned(),
        9 => format!("{line} level=twice level=thrice"),
        10 => line.replace('5', "\u{fffd}"),
        _ => line,
    }
}

/// Lines, which of them are in the first part, which metadata some have, and what is asked.
/// Blocks without broken lines can answer from columns alone.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) templates: Vec<Template>,
    pub(super) broken: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) split: Index,
    pub(super) metadata: usize,
    pub(super) asks: Vec<Ask>,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let template = |form: Form| {
        let pairs = vec((prop_oneof![0..OFTEN, 0..KEYS.len()], 0..KINDS), 2..7);
        (pairs, any::<bool>(), any::<bool>()).prop_map(move |(mut pairs, spaced, nested)| {
            if form == Form::Logfmt {
                // Lines with a key twice stay whole; a few of those that may be broken have one.
                let mut met = HashSet::new();
                pairs.retain(|(key, _)| met.insert(KEYS[*key].replace('.', "_")));
            }
            Template {
                form,
                pairs,
                spaced,
                nested,
            }
        })
    };
    let templates = prop_oneof![
        3 => vec(template(Form::Json), 1..4),
        3 => vec(template(Form::Logfmt), 1..4),
        1 => (template(Form::Json), template(Form::Logfmt)).prop_map(|(a, b)| vec![a, b]),
    ];
    let entry = (
        any::<Index>(),
        0..STREAMS.len(),
        0..4_000usize,
        any::<bool>(),
    );
    let entry = entry.prop_map(|(template, stream, says, has_metadata)| Entry {
        template,
        stream,
        says,
        has_metadata,
    });
    let broken = prop_oneof![4 => Just(false), 1 => Just(true)];
    (
        templates,
        broken,
        vec(entry, 26..ENTRIES_MAX),
        any::<Index>(),
        0..METADATA.len(),
        vec(ask(), 8..24),
    )
        .prop_map(|(templates, broken, entries, split, metadata, asks)| Case {
            templates,
            broken,
            entries,
            split,
            metadata,
            asks,
        })
}
