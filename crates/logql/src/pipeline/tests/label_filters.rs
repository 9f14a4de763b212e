//! Label filters and errors, against the rule in its shortest form.

use super::{Entry, run};
use crate::ast::Grouping;
use crate::pipeline::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use skald_model::Labels;

/// One comparison as it is written, and how it answers a value.
#[derive(Clone, Copy, Debug)]
struct Condition {
    text: &'static str,
    label: &'static str,
    asks: Asks,
}

#[derive(Clone, Copy, Debug)]
enum Asks {
    /// Compares a text; a missing label is empty.
    Text(fn(&str) -> bool),
    /// Compares a number, duration or size; `None` when the text is none.
    Amount(fn(&str) -> Option<bool>),
    /// Looks for addresses.
    Address(fn(&str) -> bool),
}

/// Numbers, seconds and bytes as the values of [`VALUES`] mean them.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn seconds(text: &str) -> Option<f64> {
    match text {
        "500ms" => Some(0.5),
        "2s" => Some(2.0),
        "0" => Some(0.0),
        _ => None,
    }
}

fn size(text: &str) -> Option<f64> {
    match text {
        "3MB" => Some(3e6),
        "1KB" => Some(1e3),
        _ => number(text).filter(|bytes| *bytes >= 0.0),
    }
}

const VALUES: [&str; 9] = [
    "0", "5", "-1.5", "500ms", "2s", "3MB", "1KB", "oops", "1.1.1.1",
];

const CONDITIONS: [Condition; 16] = {
    const fn is(text: &'static str, label: &'static str, asks: Asks) -> Condition {
        Condition { text, label, asks }
    }
    use Asks::{Address, Amount, Text};
    [
        is(r#"a="5""#, "a", Text(|v| v == "5")),
        is(r#"b!="oops""#, "b", Text(|v| v != "oops")),
        is(
            r#"a=~"2s|3MB|""#,
            "a",
            Text(|v| matches!(v, "2s" | "3MB" | "")),
        ),
        is(r#"c!~"1.*""#, "c", Text(|v| !v.starts_with('1'))),
        is(r#"d="""#, "d", Text(str::is_empty)),
        is(r#"__error__="""#, "__error__", Text(str::is_empty)),
        is(r#"__error__!="""#, "__error__", Text(|v| !v.is_empty())),
        is(
            r#"__error__="LabelFilterErr""#,
            "__error__",
            Text(|v| v == "LabelFilterErr"),
        ),
        is(
            r#"__error_details__="""#,
            "__error_details__",
            Text(|_| true),
        ),
        is(
            r#"__error_details__!="""#,
            "__error_details__",
            Text(|_| false),
        ),
        is("a>1", "a", Amount(|v| number(v).map(|n| n > 1.0))),
        is("b!=5", "b", Amount(|v| number(v).map(|n| n != 5.0))),
        is("b>1s", "b", Amount(|v| seconds(v).map(|s| s > 1.0))),
        is("c<1MB", "c", Amount(|v| size(v).map(|b| b < 1e6))),
        is(r#"a=ip("1.1.0.0/16")"#, "a", Address(|v| v == "1.1.1.1")),
        is(r#"c!=ip("1.1.1.1")"#, "c", Address(|v| v != "1.1.1.1")),
    ]
};

/// Conditions as they are joined in a query.
#[derive(Clone, Debug)]
enum Filter {
    One(Condition),
    And(Box<Filter>, &'static str, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    /// `| a | b`
    Stages(Box<Filter>, Box<Filter>),
}

impl Filter {
    fn print(&self) -> String {
        match self {
            Filter::One(condition) => condition.text.to_owned(),
            Filter::And(a, and, b) => format!("({}{and}{})", a.print(), b.print()),
            Filter::Or(a, b) => format!("({} or {})", a.print(), b.print()),
            Filter::Stages(a, b) => format!("{} | {}", a.print(), b.print()),
        }
    }

    /// The rule: whether the entry stays, and the error it then carries.
    fn keeps(&self, labels: &[(&str, &str)], error: &mut String) -> bool {
        match self {
            Filter::One(condition) => {
                let found = labels.iter().find(|(name, _)| *name == condition.label);
                let value = found.map(|(_, value)| *value);
                match condition.asks {
                    Asks::Text(holds) if condition.label == "__error__" => holds(error),
                    Asks::Text(holds) => holds(value.unwrap_or("")),
                    Asks::Amount(holds) => value.is_some_and(|value| {
                        holds(value).unwrap_or_else(|| {
                            if error.is_empty() {
                                error.push_str("LabelFilterErr");
                            }
                            true
                        })
                    }),
                    Asks::Address(holds) => !error.is_empty() || value.is_some_and(holds),
                }
            }
            Filter::And(a, _, b) => {
                let a = a.keeps(labels, error);
                b.keeps(labels, error) && a
            }
            Filter::Or(a, b) => a.keeps(labels, error) || b.keeps(labels, error),
            Filter::Stages(a, b) => a.keeps(labels, error) && b.keeps(labels, error),
        }
    }
}

/// One to three conditions, joined in every way.
fn filter() -> impl Strategy<Value = Filter> {
    let one = || select(&CONDITIONS[..]).prop_map(|condition| Box::new(Filter::One(condition)));
    let and = select(vec![" and ", ", ", " "]);
    let two = |a: Box<Filter>, b: Box<Filter>, how: usize, and| match how {
        0 => Filter::Or(a, b),
        1 => Filter::And(a, and, b),
        _ => Filter::Stages(a, b),
    };
    prop_oneof![
        1 => one().prop_map(|one| *one),
        3 => (one(), one(), 0..3usize, and.clone()).prop_map(move |(a, b, how, and)| two(a, b, how, and)),
        4 => (one(), one(), one(), 0..2usize, 0..3usize, and, any::<bool>()).prop_map(
            move |(a, b, c, inner, outer, and, left)| {
                let pair = Box::new(two(a, b, inner, and));
                if left { two(pair, c, outer, and) } else { two(c, pair, outer, and) }
            }
        ),
    ]
}

fn labels() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let value = || prop_oneof![1 => Just(None), 3 => any::<Index>().prop_map(Some)];
    (value(), value(), value()).prop_map(|(a, b, c)| {
        [("a", a), ("b", b), ("c", c)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, VALUES[value?.index(VALUES.len())])))
            .collect()
    })
}

/// Ways in which labels and an earlier error come about: stages, whether labels are metadata, the
/// error.
const ORIGINS: [(&str, bool, &str); 8] = [
    ("", true, ""),
    ("| json", false, ""),
    ("| logfmt", false, ""),
    ("| logfmt | json", false, "JSONParserErr"),
    ("| json", true, "JSONParserErr"),
    ("| unpack", true, "JSONParserErr"),
    (
        r#"| line_format "{{ div 1 0 }}""#,
        true,
        "TemplateFormatErr",
    ),
    ("| json | drop __error__, __error_details__", true, ""),
];

fn written(labels: &[(&str, &str)], as_json: bool) -> String {
    let pairs = labels.iter();
    if as_json {
        let members: Vec<String> = pairs
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        format!("{{{}}}", members.join(","))
    } else {
        let words: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("x {}", words.join(" "))
    }
}

/// How many entries a metric query counts when it passes over entries with an error, and how many
/// those are.
fn counted(stages: &str, entries: &[Entry<'_>]) -> (usize, u64) {
    let options = SampleOptions {
        grouping: Some(Grouping {
            without: false,
            labels: Vec::new(),
        }),
        skip_errors: true,
        ..SampleOptions::default()
    };
    let wanted = RequiredLabels::All;
    let extractor = Extractor::compile(&super::stages_of(stages), &Value::Count, &wanted, &options)
        .expect("stages are valid");
    let (batch, stream) = (super::batch_of(entries), Labels::from_pairs([("app", "x")]));
    let selection = Selection::all(batch.len());
    let rows = StreamRows {
        batch: &batch,
        rows: 0..batch.len() as u32,
        stream: &stream,
        selection: &selection,
    };
    let mut count = Count(0);
    extractor
        .run(
            &rows,
            &mut Scratch::default(),
            &mut SeriesTable::default(),
            &mut count,
        )
        .expect("errors are passed over");
    (count.0, extractor.skipped())
}

struct Count(usize);

impl SampleSink for Count {
    fn sample(&mut self, _: u32, _: i64, _: f64) {
        self.0 += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn filters_keep_and_mark_what_the_rule_says(
        filter in filter(),
        entries in prop::collection::vec(labels(), 1..8),
    ) {
        for (stages, in_metadata, error) in ORIGINS {
            let stages = format!("{stages} | {}", filter.print());
            let mut expected = Vec::new();
            for labels in &entries {
                let mut error = error.to_owned();
                if filter.keeps(labels, &mut error) {
                    expected.push(error);
                }
            }
            let lines: Vec<String> =
                entries.iter().map(|labels| written(labels, stages.starts_with("| json"))).collect();
            let pushed: Vec<Entry<'_>> = entries.iter().zip(&lines).map(|(labels, line)| {
                if in_metadata { (&labels[..], &b"plain"[..]) } else { (&[][..], line.as_bytes()) }
            }).collect();
            let shown = run(&stages, &pushed);
            let found: Vec<&str> = shown.lines().map(error_shown).collect();
            prop_assert_eq!(&found, &expected, "{} on {:?}", stages, entries);
            let good = expected.iter().filter(|error| error.is_empty()).count();
            prop_assert_eq!(
                counted(&stages, &pushed),
                (good, (expected.len() - good) as u64),
                "{} on {:?}", stages, entries
            );
        }
    }
}

/// The value of `__error__` in an entry as [`run`] writes it.
fn error_shown(line: &str) -> &str {
    let after = line.split("+__error__=").nth(1).unwrap_or("");
    after.split([',', '}']).next().unwrap_or("")
}
