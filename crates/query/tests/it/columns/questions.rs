//! Questions: queries with stages that fit the lines, the strategies that make them, and their
//! answers.

use super::lines::{KINDS, LABELS, OFTEN, value};
use super::{LAST, MS};
use crate::support::engine;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use skald_model::{Direction, TenantId};
use skald_query::{Answer, Caching, Cancel, Data, Labelling, OnError, Parsed, RangeRequest};
use skald_store::Store;
use std::fmt::Write;
use std::sync::Arc;

/// A stage, or one that looks for a text from a line: its operator, which line, from where on, how
/// many characters.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Text(String),
    Holds(&'static str, Index, Index, usize),
}

impl Stage {
    pub(super) fn print(&self, lines: &[String], out: &mut String) {
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
pub(super) struct Ask {
    pub(super) shape: &'static str,
    pub(super) stages: Vec<Stage>,
    pub(super) labels: String,
    pub(super) unwrap: String,
    pub(super) skip_errors: bool,
    pub(super) range: i64,
    pub(super) grid: (i64, i64),
    pub(super) limit: usize,
    pub(super) forward: bool,
}

pub(super) const SHAPES: [&str; 22] = [
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
    pub(super) fn query(&self, lines: &[String]) -> String {
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

    pub(super) fn direction(&self) -> Direction {
        match self.forward {
            true => Direction::Forward,
            false => Direction::Backward,
        }
    }

    pub(super) fn of(&self, store: &Arc<Store>, query: &str) -> Shown {
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
pub(super) enum Shown {
    Failed,
    Entries(Vec<String>),
    Series {
        warnings: Vec<String>,
        series: Vec<(String, Vec<(i64, f64)>)>,
    },
}

impl Shown {
    pub(super) fn of(answer: Answer) -> Shown {
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

    /// Whether both say the same. Sums are taken in the order in which entries lie, so their last
    /// bits may differ.
    pub(super) fn is(&self, other: &Shown) -> bool {
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
pub(super) fn label() -> impl Strategy<Value = &'static str> {
    prop_oneof![1 => select(&LABELS[..OFTEN]), 1 => select(&LABELS[..])]
}

pub(super) fn label_filter() -> impl Strategy<Value = String> {
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

pub(super) fn line_filter() -> impl Strategy<Value = Stage> {
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
pub(super) fn stages() -> impl Strategy<Value = Vec<Stage>> {
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

pub(super) fn ask() -> impl Strategy<Value = Ask> {
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
