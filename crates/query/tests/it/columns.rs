//! Answers from columns of values are those of lines: from the head, from parts, and from parts that were merged.

use crate::support;
use crate::support::{engine, open};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use skald_fields::Form;
use skald_model::{ContentQuery, Direction, TenantId, TimeRange};
use skald_query::{Answer, Caching, Cancel, Data, Labelling, OnError, Parsed, RangeRequest};
use skald_store::{Select, Store};
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

const MS: i64 = 1_000_000;
/// Milliseconds between two entries: no two have one time, so that every order is the same everywhere.
const STEP: i64 = 250;
/// Most entries of a case.
const ENTRIES_MAX: usize = 140;
const LAST: i64 = STEP * ENTRIES_MAX as i64;
/// Entries that are pushed once more after a flush.
const REPEATED: usize = 9;

/// Keys of lines. Some become one label, some are labels of streams or names of metadata.
const KEYS: [&str; 12] = [
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
const LABELS: [&str; 15] = [
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
const OFTEN: usize = 3;
/// Kinds of values that [`value`] gives.
const KINDS: usize = 10;

/// A value: numbers, durations, sizes, words, texts, addresses, and now and then one that is something else.
fn value(kind: usize, says: usize) -> String {
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

/// How lines of a kind are made: form, keys with the kinds of their values, whether JSON has spaces and an object.
#[derive(Clone, Debug)]
struct Template {
    form: Form,
    pairs: Vec<(usize, usize)>,
    spaced: bool,
    nested: bool,
}

impl Template {
    fn line(&self, says: usize) -> String {
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
fn json(value: &str) -> String {
    match value.parse::<i64>().is_ok() && !value.starts_with('+')
        || matches!(value, "true" | "null")
    {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn logfmt(value: &str) -> String {
    match value.contains([' ', '"', '=', '\\']) {
        true => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        false => value.to_owned(),
    }
}

/// An entry: which template and stream, what its values are, and whether it has the metadata of the case.
#[derive(Clone, Debug)]
struct Entry {
    template: Index,
    stream: usize,
    says: usize,
    has_metadata: bool,
}

/// Labels and values of streams; some are fields of lines too.
const STREAMS: [&[(&str, &str)]; 3] = [
    &[("app", "a")],
    &[("app", "b"), ("level", "stream")],
    &[("app", "c"), ("user", "u-1")],
];

/// What some entries of a case have as metadata.
const METADATA: [&[(&str, &str)]; 5] = [
    &[],
    &[("trace", "t1")],
    &[("level", "meta")],
    &[("pod", "p1"), ("took", "9ms")],
    &[("level_extracted", "meta")],
];

/// A line with values; among those that may be broken a few that parsers fail on or read otherwise.
fn line(entry: &Entry, case: &Case) -> String {
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

/// An entry as it is pushed.
#[derive(Clone, Copy)]
struct Pushed<'a> {
    /// Tells its time.
    number: usize,
    stream: usize,
    metadata: &'a [(&'a str, &'a str)],
    line: &'a str,
}

fn push(store: &Store, entries: &[Pushed<'_>]) {
    let entry = |entry: &Pushed<'_>| {
        let time = entry.number as i64 * STEP * MS;
        let pushed = support::Pushed::new(STREAMS[entry.stream], time, entry.line);
        let metadata = entry.metadata.iter();
        metadata.fold(pushed, |pushed, (name, value)| pushed.metadata(name, value))
    };
    let entries: Vec<support::Pushed> = entries.iter().map(entry).collect();
    support::push(store, &TenantId::fake(), &entries);
}

/// A stage, or one that looks for a text from a line: its operator, which line, from where on, how many characters.
#[derive(Clone, Debug)]
enum Stage {
    Text(String),
    Holds(&'static str, Index, Index, usize),
}

impl Stage {
    fn print(&self, lines: &[String], out: &mut String) {
        let printed = match self {
            Stage::Text(text) => write!(out, " {text}"),
            Stage::Holds(op, line, from, length) => {
                let line: Vec<char> = lines[line.index(lines.len())].chars().collect();
                let from = from.index(line.len() + 1);
                let text: String = line[from..].iter().take(*length).collect();
                write!(out, " {op} {text:?}")
            }
        };
        printed.expect("memory is enough");
    }
}

/// A question: what is asked, with `STAGES`, `LABELS` and `UNWRAP` to be filled in.
#[derive(Clone, Debug, Default)]
struct Ask {
    shape: &'static str,
    stages: Vec<Stage>,
    labels: String,
    unwrap: String,
    skip_errors: bool,
    range: i64,
    grid: (i64, i64),
    limit: usize,
    forward: bool,
}

const SHAPES: [&str; 22] = [
    "{app=~\".+\"} STAGES",
    "{app=~\".+\"} STAGES",
    "{app=\"b\"} STAGES",
    "{app=~\".+\"} STAGES | line_format \"{{.level}} {{.status}} {{__line__}}\"",
    "{app=~\".+\"} STAGES | keep LABELS",
    "count_over_time({app=~\".+\"} STAGES [RANGE])",
    "sum (count_over_time({app=~\".+\"} STAGES [RANGE]))",
    "sum by (LABELS) (count_over_time({app=~\".+\"} STAGES [RANGE]))",
    "sum by (LABELS) (count_over_time({app=~\".+\"} STAGES [RANGE]))",
    "sum without (LABELS) (count_over_time({app=~\".+\"} STAGES [RANGE]))",
    "max by (LABELS) (count_over_time({app=~\".+\"} STAGES [RANGE]))",
    "sum by (LABELS) (rate({app=\"b\"} STAGES [RANGE]))",
    "sum by (LABELS) (bytes_over_time({app=~\".+\"} STAGES [RANGE]))",
    "absent_over_time({app=~\".+\"} STAGES [RANGE])",
    "sum by (LABELS) (sum_over_time({app=~\".+\"} STAGES UNWRAP [RANGE]))",
    "sum_over_time({app=~\".+\"} STAGES UNWRAP [RANGE])",
    "avg_over_time({app=~\".+\"} STAGES UNWRAP [RANGE]) by (LABELS)",
    "quantile_over_time(0.9, {app=~\".+\"} STAGES UNWRAP [RANGE]) by (LABELS)",
    "max_over_time({app=~\".+\"} STAGES UNWRAP [RANGE]) without (LABELS)",
    "first_over_time({app=~\".+\"} STAGES UNWRAP [RANGE]) by (LABELS)",
    "sum (rate({app=~\".+\"} STAGES UNWRAP [RANGE]))",
    "count_distinct(user, {app=~\".+\"} STAGES [RANGE]) by (LABELS)",
];

impl Ask {
    fn query(&self, lines: &[String]) -> String {
        let mut stages = String::new();
        self.stages
            .iter()
            .for_each(|stage| stage.print(lines, &mut stages));
        let query = self
            .shape
            .replace("STAGES", stages.trim())
            .replace("LABELS", &self.labels);
        query
            .replace("UNWRAP", &self.unwrap)
            .replace("RANGE", &format!("{}ms", self.range))
    }

    fn direction(&self) -> Direction {
        match self.forward {
            true => Direction::Forward,
            false => Direction::Backward,
        }
    }

    fn of(&self, store: &Arc<Store>, query: &str) -> Shown {
        let engine = engine(store, 1, || LAST * MS);
        let is_log = query.starts_with('{');
        let start = if is_log { 0 } else { self.grid.0 * MS };
        let parsed = match Parsed::parse(query) {
            Ok(parsed) => parsed,
            Err(_) => return Shown::Failed,
        };
        let end = (LAST + self.range) * MS;
        let request = RangeRequest::new(TenantId::fake(), parsed, start, end)
            .step(self.grid.1 * MS)
            .limit(self.limit)
            .direction(self.direction())
            .labelling(Labelling::Categorized)
            .on_error(match self.skip_errors {
                true => OnError::Skip,
                false => OnError::Fail,
            })
            .caching(Caching::Bypassed);
        match engine.query_range(&request, &Cancel::default()) {
            Ok(answer) => Shown::of(answer),
            // Which of several entries fails a query depends on the order in which they are met.
            Err(_) => Shown::Failed,
        }
    }
}

/// What an answer says, but for its cost.
#[derive(Debug)]
enum Shown {
    Failed,
    Entries(Vec<String>),
    Series {
        warnings: Vec<String>,
        series: Vec<(String, Vec<(i64, f64)>)>,
    },
}

impl Shown {
    fn of(answer: Answer) -> Shown {
        match answer.data {
            Data::Streams(streams) => {
                assert_eq!(answer.warnings, [""; 0]);
                let entries = streams.iter().flat_map(|stream| {
                    stream
                        .entries
                        .iter()
                        .map(move |entry| (&stream.labels, entry))
                });
                let shown = |(labels, entry): (_, &skald_query::EntryResult)| {
                    let line = String::from_utf8_lossy(&entry.line);
                    format!(
                        "{labels:?} {} {line} {:?} {:?}",
                        entry.timestamp, entry.metadata, entry.parsed
                    )
                };
                Shown::Entries(entries.map(shown).collect())
            }
            Data::Matrix(series) => {
                let series = series
                    .into_iter()
                    .map(|series| (series.labels.to_string(), series.points))
                    .collect();
                Shown::Series {
                    warnings: answer.warnings,
                    series,
                }
            }
            Data::Vector(_) | Data::Scalar(..) => panic!("a range gives entries or series"),
        }
    }

    /// Whether both say the same. Sums are taken in the order in which entries lie, so their last bits may differ.
    fn is(&self, other: &Shown) -> bool {
        let near = |a: f64, b: f64| {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
        };
        match (self, other) {
            (Shown::Failed, Shown::Failed) => true,
            (Shown::Entries(a), Shown::Entries(b)) => a == b,
            (
                Shown::Series {
                    warnings: w,
                    series: a,
                },
                Shown::Series {
                    warnings: v,
                    series: b,
                },
            ) => {
                let points = |a: &[(i64, f64)], b: &[(i64, f64)]| {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
                };
                w == v
                    && a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|(a, b)| a.0 == b.0 && points(&a.1, &b.1))
            }
            _ => false,
        }
    }
}

/// The first labels more often: they are labels of streams and names of metadata as well.
fn label() -> impl Strategy<Value = &'static str> {
    prop_oneof![1 => select(&LABELS[..OFTEN]), 1 => select(&LABELS[..])]
}

fn label_filter() -> impl Strategy<Value = String> {
    let text = (label(), select(vec!["=", "!="]), 0..KINDS, 0..1_000usize)
        .prop_map(|(label, op, kind, says)| format!("{label}{op}{:?}", value(kind, says)));
    let regex = (
        label(),
        select(vec!["=~", "!~"]),
        select(vec!["e.*", "2..|u-[1-4]", ".+", "", "(?i)error", "job 1.*"]),
    )
        .prop_map(|(label, op, regex)| format!("{label}{op}{regex:?}"));
    let numbers = vec!["0", "7.5", "204", "500", "20ms", "1s", "10KB", "2e3"];
    let number = (
        label(),
        select(vec!["=", "==", "!=", ">", ">=", "<", "<="]),
        select(numbers),
    )
        .prop_map(|(label, op, number)| format!("{label}{op}{number}"));
    let address = (label(), select(vec!["=", "!="]))
        .prop_map(|(label, op)| format!("{label}{op}ip(\"10.1.0.0/16\")"));
    let one = prop_oneof![4 => text, 2 => regex, 3 => number, 1 => address];
    (one, select(vec![" or ", " and ", ", "]), label(), 0..5u8).prop_map(
        |(one, and, label, joins)| match joins {
            0 => format!("{one}{and}{label}!=\"\""),
            1 => format!("{one}{and}{label}>1"),
            _ => one,
        },
    )
}

fn line_filter() -> impl Strategy<Value = Stage> {
    let holds = (
        select(vec!["|=", "|=", "!="]),
        any::<Index>(),
        any::<Index>(),
        0..9usize,
    )
        .prop_map(|(op, line, from, length)| Stage::Holds(op, line, from, length));
    let texts = [
        "|~ `(?i)erro`",
        "!~ `20[04]`",
        "|~ `level.*info`",
        "|= `error` or `job 1`",
        "!= `failed` or `u-3`",
        "|> `<_>level<_>`",
        "|= ip(`10.1.0.0/16`)",
    ];
    prop_oneof![3 => holds, 1 => select(texts.map(str::to_owned).to_vec()).prop_map(Stage::Text)]
}

/// Line filters, a parser as a rule, and what may follow it.
fn stages() -> impl Strategy<Value = Vec<Stage>> {
    let text = |text: &str| Stage::Text(text.to_owned());
    let parser = prop_oneof![
        8 => select(vec![text("| json"), text("| logfmt")]).prop_map(Some),
        1 => select(vec![text("| logfmt --keep-empty"), text("| json level, x=\"in.took\""), text("| logfmt | json")]).prop_map(Some),
        1 => Just(None),
    ];
    let others = [
        "| drop __error__",
        "| drop __error__, __error_details__",
        "| drop level",
        "| drop level=\"error\"",
        "| drop took, app",
    ];
    let rare = [
        "| label_format user=level",
        "| line_format `{{.level}}`",
        "| keep level, app, took",
        "| decolorize",
    ];
    let stage = prop_oneof![
        6 => label_filter().prop_map(|filter| Stage::Text(format!("| {filter}"))),
        3 => line_filter(),
        2 => select(others.map(str::to_owned).to_vec()).prop_map(Stage::Text),
        1 => select(rare.map(str::to_owned).to_vec()).prop_map(Stage::Text),
    ];
    (vec(line_filter(), 0..2), parser, vec(stage, 0..4))
        .prop_map(|(before, parser, after)| before.into_iter().chain(parser).chain(after).collect())
}

fn ask() -> impl Strategy<Value = Ask> {
    let labels = vec(label(), 1..3).prop_map(|labels| labels.join(", "));
    let unwrap = (
        select(vec!["LABEL", "LABEL", "duration(LABEL)", "bytes(LABEL)"]),
        label(),
        0..4u8,
    )
        .prop_map(|(how, label, clean)| {
            format!(
                "| unwrap {} {}",
                how.replace("LABEL", label),
                if clean > 0 { "| __error__=\"\"" } else { "" }
            )
        });
    let grid = (0..LAST, prop_oneof![Just(LAST), 1_000..LAST / 3]);
    let rest = (
        any::<bool>(),
        1_000..LAST,
        grid,
        select(vec![7usize, 1_000]),
        any::<bool>(),
    );
    (select(&SHAPES[..]), stages(), labels, unwrap, rest).prop_map(
        |(shape, stages, labels, unwrap, (skip_errors, range, grid, limit, forward))| Ask {
            shape,
            stages,
            labels,
            unwrap,
            skip_errors,
            range,
            grid,
            limit,
            forward,
        },
    )
}

/// Lines, which of them are in the first part, which metadata some have, and what is asked.
/// Blocks without broken lines can answer from columns alone.
#[derive(Clone, Debug)]
struct Case {
    templates: Vec<Template>,
    broken: bool,
    entries: Vec<Entry>,
    split: Index,
    metadata: usize,
    asks: Vec<Ask>,
}

fn case() -> impl Strategy<Value = Case> {
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

/// Whether columns answer for all lines of some block, and for some of another.
fn has_columns(store: &Store) -> (bool, bool) {
    let select = Select {
        matchers: &[],
        range: TimeRange::ALL,
        content: &ContentQuery::default(),
    };
    let selected = store
        .select(&TenantId::fake(), &select)
        .expect("the store can be read");
    let forms = [Form::Json, Form::Logfmt].into_iter();
    let residual: Vec<Vec<u32>> = forms
        .flat_map(|form| {
            selected
                .pieces
                .iter()
                .map(move |piece| piece.residual_rows(form, &[]))
        })
        .filter_map(|rows| rows.expect("the part is whole"))
        .collect();
    let all = residual.iter().any(Vec::is_empty);
    (all, residual.iter().any(|rows| !rows.is_empty()))
}

/// Compares answers from a head, from its part, from two parts and a head that share entries, and from these merged.
fn check(
    entries: &[Pushed<'_>],
    split: usize,
    asks: &[(&Ask, String)],
) -> Result<Arc<Store>, TestCaseError> {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("there is room for a test"));
    let (whole, parts) = (open(folders[0].path()), open(folders[1].path()));
    push(&whole, entries);
    let expected: Vec<Shown> = asks
        .iter()
        .map(|(ask, query)| ask.of(&whole, query))
        .collect();
    let compare = |store: &Arc<Store>, how: &str| {
        for ((ask, query), expected) in asks.iter().zip(&expected) {
            let found = ask.of(store, query);
            let lines: Vec<&str> = entries.iter().map(|entry| entry.line).collect();
            prop_assert!(
                found.is(expected),
                "{how}: {query}\nfound {found:#?}\nexpected {expected:#?}\nlines {lines:#?}"
            );
        }
        Ok(())
    };
    whole.flush().expect("the disk takes it");
    compare(&whole, "flushed")?;
    push(&parts, &entries[..split]);
    parts.flush().expect("the disk takes it");
    push(&parts, &entries[split.saturating_sub(REPEATED)..]);
    compare(&parts, "flushed in part")?;
    parts.flush().expect("the disk takes it");
    compare(&parts, "in two parts")?;
    parts.compact().expect("the disk takes it");
    compare(&parts, "merged")?;
    Ok(whole)
}

#[test]
fn answers_from_columns_are_those_of_lines() {
    let cases = 32;
    let (all_lines, some_lines) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&case(), |case| {
        let lines: Vec<String> = case
            .entries
            .iter()
            .map(|entry| line(entry, &case))
            .collect();
        let entries = case
            .entries
            .iter()
            .zip(&lines)
            .enumerate()
            .map(|(number, (entry, line))| {
                let metadata = if entry.has_metadata {
                    METADATA[case.metadata]
                } else {
                    &[]
                };
                Pushed {
                    number,
                    stream: entry.stream,
                    metadata,
                    line,
                }
            });
        let entries: Vec<Pushed<'_>> = entries.collect();
        let asks: Vec<(&Ask, String)> = case
            .asks
            .iter()
            .map(|ask| (ask, ask.query(&lines)))
            .collect();
        let flushed = check(&entries, case.split.index(entries.len() + 1), &asks)?;
        let (all, some) = has_columns(&flushed);
        all_lines.set(all_lines.get() + u32::from(all));
        some_lines.set(some_lines.get() + u32::from(some));
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
    let found = (all_lines.get(), some_lines.get());
    assert!(
        found.0 * 4 > cases && found.1 > 0,
        "of {cases} cases, columns answered for all and for some lines in {found:?}"
    );
}

#[test]
fn fields_that_meet_under_one_name_are_all_found() {
    // In a stream with `level` that field is `level_extracted`, which other lines have themselves.
    let line = |n: usize| match n % 3 {
        0 => format!(r#"{{"level":{n}}}"#),
        1 => format!(r#"{{"level_extracted":{n}}}"#),
        _ => format!(r#"{{"level_extracted":{n},"level":7}}"#),
    };
    let lines: Vec<String> = (0..60).map(line).collect();
    let entries: Vec<Pushed<'_>> = lines
        .iter()
        .enumerate()
        .map(|(number, line)| Pushed {
            number,
            stream: number % 2,
            metadata: &[],
            line,
        })
        .collect();
    let shapes = [
        "sum (sum_over_time({app=~\".+\"} | json | unwrap level_extracted [RANGE]))",
        "sum by (level, level_extracted) (count_over_time({app=~\".+\"} | json [RANGE]))",
        "{app=~\".+\"} | json | level_extracted < 30",
    ];
    let asks = shapes.map(|shape| Ask {
        shape,
        range: LAST,
        grid: (LAST, LAST),
        limit: 1_000,
        ..Ask::default()
    });
    let asks: Vec<(&Ask, String)> = asks.iter().map(|ask| (ask, ask.query(&lines))).collect();
    if let Err(why) = check(&entries, 30, &asks) {
        panic!("{why}");
    }
}
