//! The questions, and beside each what an answer must come to, worked out from the corpus line by line.

use super::corpus::{Labels, Meta};
use std::collections::BTreeMap;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// A question and how to check it.
pub(super) struct Question {
    pub(super) name: &'static str,
    /// Endpoint below `/loki/api/v1/`.
    pub(super) path: &'static str,
    pub(super) params: Vec<(String, String)>,
    /// Whether its time must not grow with the data.
    pub(super) flat: bool,
    pub(super) expects: Expects,
}

/// Labels a stream must have.
type Streams = fn(&Labels) -> bool;
/// The group a line counts for and what it adds; `None` when a filter drops it.
type Sample = fn(&Labels, &str) -> Option<(String, f64)>;

/// What is to be counted in the corpus.
pub(super) enum Expects {
    /// Entries in `[start, end)`, at most `limit`.
    Entries {
        streams: Streams,
        keeps: Box<dyn Fn(&str) -> bool + Send + Sync>,
        range: (i64, i64),
        limit: u64,
        found: u64,
    },
    /// Points of groups whose windows `(t - step, t]` are not empty; and the sum of all values, unless it is
    /// no sum of what lines add.
    Points {
        streams: Streams,
        sample: Sample,
        start: i64,
        step: i64,
        scale: Option<f64>,
        cells: BTreeMap<(String, i64), f64>,
    },
    /// The `k` greatest groups of `(start, end]`.
    Top {
        streams: Streams,
        sample: Sample,
        range: (i64, i64),
        k: usize,
        groups: BTreeMap<String, f64>,
    },
    /// Names of labels, with the one that ingest adds.
    Names(BTreeMap<String, ()>),
    /// Streams.
    Series(BTreeMap<String, ()>),
}

/// Rows of an answer, and the sum of its values where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) rows: u64,
    pub(super) sum: Option<f64>,
}

impl Expects {
    /// Counts an entry.
    pub(super) fn take(&mut self, labels: &Labels, time: i64, line: &str) {
        match self {
            Expects::Entries {
                streams,
                keeps,
                range,
                found,
                ..
            } => {
                if range.0 <= time && time < range.1 && streams(labels) && keeps(line) {
                    *found += 1;
                }
            }
            Expects::Points {
                streams,
                sample,
                start,
                step,
                cells,
                ..
            } => {
                if streams(labels)
                    && let Some((group, value)) = sample(labels, line)
                {
                    // The first point at or after the entry.
                    let point = (time - *start + *step - 1).div_euclid(*step);
                    *cells.entry((group, point)).or_insert(0.0) += value;
                }
            }
            Expects::Top {
                streams,
                sample,
                range,
                groups,
                ..
            } => {
                if range.0 < time
                    && time <= range.1
                    && streams(labels)
                    && let Some((group, value)) = sample(labels, line)
                {
                    *groups.entry(group).or_insert(0.0) += value;
                }
            }
            Expects::Names(names) => labels.keys().for_each(|name| {
                names.entry(name.clone()).or_default();
            }),
            Expects::Series(series) => {
                series.entry(format!("{labels:?}")).or_default();
            }
        }
    }

    /// What an answer must come to.
    pub(super) fn counted(&self) -> Counted {
        match self {
            Expects::Entries { limit, found, .. } => Counted {
                rows: *found.min(limit),
                sum: None,
            },
            Expects::Points { scale, cells, .. } => Counted {
                rows: cells.len() as u64,
                sum: scale.map(|scale| cells.values().sum::<f64>() * scale),
            },
            Expects::Top { k, groups, .. } => {
                let mut values: Vec<f64> = groups.values().copied().collect();
                values.sort_unstable_by(|a, b| b.total_cmp(a));
                values.truncate(*k);
                Counted {
                    rows: values.len() as u64,
                    sum: Some(values.iter().sum()),
                }
            }
            Expects::Names(names) | Expects::Series(names) => Counted {
                rows: names.len() as u64,
                sum: None,
            },
        }
    }
}

fn everything(_: &Labels) -> bool {
    true
}

fn has(labels: &Labels, wanted: &[(&str, &str)]) -> bool {
    wanted
        .iter()
        .all(|(name, value)| labels.get(*name).is_some_and(|v| v == value))
}

fn api(labels: &Labels) -> bool {
    has(labels, &[("job", "shop"), ("app", "api")])
}

fn worker(labels: &Labels) -> bool {
    has(labels, &[("job", "shop"), ("app", "worker")])
}

fn label(labels: &Labels, name: &str) -> String {
    labels.get(name).cloned().unwrap_or_default()
}

/// A value of the JSON object that a line begins with, as text. Something may follow: one line has the needle there.
fn json(line: &str, key: &str) -> Option<String> {
    let object = serde_json::Deserializer::from_str(line)
        .into_iter::<serde_json::Value>()
        .next()?
        .ok()?;
    match object.get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A bare value of a logfmt line.
fn logfmt<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    line.split(' ')
        .find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == key))
        .map(|(_, value)| value)
}

/// Builds questions over one corpus.
struct Ask {
    start: i64,
    end: i64,
}

impl Ask {
    fn log(
        &self,
        name: &'static str,
        query: &str,
        streams: Streams,
        keeps: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Question {
        self.log_within(name, query, (self.start, self.end), 100, streams, keeps)
    }

    fn log_within(
        &self,
        name: &'static str,
        query: &str,
        range: (i64, i64),
        limit: u64,
        streams: Streams,
        keeps: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Question {
        let params = [
            ("query", query.to_owned()),
            ("start", range.0.to_string()),
            ("end", range.1.to_string()),
        ];
        let params = params.into_iter().chain([("limit", limit.to_string())]);
        Question {
            name,
            path: "query_range",
            params: params
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            flat: [
                "tail one stream",
                "tail everything",
                "needle",
                "absent word",
            ]
            .contains(&name),
            expects: Expects::Entries {
                streams,
                keeps: Box::new(keeps),
                range,
                limit,
                found: 0,
            },
        }
    }

    fn points(
        &self,
        name: &'static str,
        query: &str,
        step: i64,
        streams: Streams,
        sample: Sample,
        scale: Option<f64>,
    ) -> Question {
        let (start, end) = (self.start.to_string(), self.end.to_string());
        let params = [
            ("query", query.to_owned()),
            ("start", start),
            ("end", end),
            ("step", step.to_string()),
        ];
        Question {
            name,
            path: "query_range",
            params: params.map(|(name, value)| (name.to_owned(), value)).into(),
            flat: false,
            expects: Expects::Points {
                streams,
                sample,
                start: self.start,
                step: step * SECOND,
                scale,
                cells: BTreeMap::new(),
            },
        }
    }
}

/// All questions about a corpus.
pub(super) fn questions(meta: &Meta) -> Vec<Question> {
    let ask = Ask {
        start: meta.start * SECOND,
        end: meta.end * SECOND,
    };
    let mut all = searches(&ask, &meta.needle);
    all.extend(aggregations(&ask));
    let range = [
        ("start", ask.start.to_string()),
        ("end", ask.end.to_string()),
    ]
    .map(|(n, v)| (n.to_owned(), v));
    let names = Expects::Names(BTreeMap::from([("service_name".to_owned(), ())]));
    all.push(Question {
        name: "labels",
        path: "labels",
        params: range.to_vec(),
        flat: true,
        expects: names,
    });
    let params = range
        .into_iter()
        .chain([("match[]".to_owned(), r#"{job=~".+"}"#.to_owned())])
        .collect();
    all.push(Question {
        name: "series",
        path: "series",
        params,
        flat: false,
        expects: Expects::Series(BTreeMap::new()),
    });
    all
}

/// Log queries: tails and literals first, then regexes and fields.
fn searches(ask: &Ask, needle: &str) -> Vec<Question> {
    let mut all = literal_searches(ask, needle);
    all.extend(regex_searches(ask));
    all.extend(field_searches(ask));
    all
}

fn literal_searches(ask: &Ask, needle: &str) -> Vec<Question> {
    let token = needle.to_owned();
    vec![
        ask.log(
            "tail one stream",
            r#"{job="shop",pod="api-3"}"#,
            |l| has(l, &[("job", "shop"), ("pod", "api-3")]),
            |_| true,
        ),
        ask.log("tail everything", r#"{job=~".+"}"#, everything, |_| true),
        ask.log(
            "needle",
            &format!(r#"{{job=~".+"}} |= "{needle}""#),
            everything,
            move |line| line.contains(&token),
        ),
        ask.log(
            "absent word",
            r#"{job=~".+"} |= "zzyzx-not-there""#,
            everything,
            |line| line.contains("zzyzx-not-there"),
        ),
        ask.log(
            "absent address",
            r#"{job=~".+"} |= "10.7.211.93 ""#,
            everything,
            |line| line.contains("10.7.211.93 "),
        ),
        ask.log(
            "one user's lines",
            r#"{job="shop",app="worker"} |= "user=48213 ""#,
            worker,
            |line| line.contains("user=48213 "),
        ),
        ask.log(
            "common word, first 100",
            r#"{job=~".+"} |= "error""#,
            everything,
            |line| line.contains("error"),
        ),
    ]
}

fn regex_searches(ask: &Ask) -> Vec<Question> {
    let rare = regex::Regex::new(r#"trace_id": "00000[0-9a-f]+"#).expect("the pattern is valid");
    let invalid =
        regex::Regex::new(r"(?i)INVALID USER [a-z]+ from 1").expect("the pattern is valid");
    vec![
        ask.log(
            "rare regex",
            r#"{job=~".+"} |~ "trace_id\": \"00000[0-9a-f]+""#,
            everything,
            move |line| rare.is_match(line),
        ),
        ask.log_within(
            "case-insensitive regex",
            r#"{job="openssh"} |~ "(?i)INVALID USER [a-z]+ from 1""#,
            (ask.start, ask.end),
            1000,
            |labels| has(labels, &[("job", "openssh")]),
            move |line| invalid.is_match(line),
        ),
    ]
}

fn field_searches(ask: &Ask) -> Vec<Question> {
    let mid = ask.start + (ask.end - ask.start) / 2;
    let slow = |line: &str| {
        let millis = json(line, "duration").and_then(|d| d.strip_suffix("ms")?.parse::<f64>().ok());
        json(line, "status").as_deref() == Some("503") && millis.is_some_and(|ms| ms > 150.0)
    };
    vec![
        ask.log_within(
            "json field filter",
            r#"{job="shop",app="api"} | json | status=503 | duration > 150ms"#,
            (ask.start, ask.end),
            1000,
            api,
            slow,
        ),
        ask.log_within(
            "json field filter, 1h",
            r#"{job="shop",app="api"} | json | status=503"#,
            (mid, mid + 3600 * SECOND),
            1000,
            api,
            |line| json(line, "status").as_deref() == Some("503"),
        ),
    ]
}

fn aggregations(ask: &Ask) -> Vec<Question> {
    let job: Sample = |labels, _| Some((label(labels, "job"), 1.0));
    let errors: Sample = |labels, line| line.contains("error").then(|| (label(labels, "job"), 1.0));
    let status: Sample = |_, line| Some((json(line, "status").unwrap_or_default(), 1.0));
    let level: Sample = |_, line| Some((logfmt(line, "level").unwrap_or_default().to_owned(), 1.0));
    let stream: Sample = |labels, line| {
        Some((
            label(labels, "job") + "/" + &label(labels, "host"),
            line.len() as f64,
        ))
    };
    let third: Sample =
        |_, line| Some((line.split(' ').nth(2).unwrap_or_default().to_owned(), 1.0));
    vec![
        ask.points("count by job", r#"sum by (job) (count_over_time({job=~".+"}[10m]))"#, 600, everything, job, Some(1.0)),
        ask.points(
            "rate of errors",
            r#"sum by (job) (rate({job=~".+"} |= "error" [10m]))"#,
            600,
            everything,
            errors,
            Some(1.0 / 600.0),
        ),
        ask.points(
            "status by json",
            r#"sum by (status) (count_over_time({job="shop",app="api"} | json [10m]))"#,
            600,
            api,
            status,
            Some(1.0),
        ),
        ask.points(
            "p99 of duration",
            r#"quantile_over_time(0.99, {job="shop",app="api"} | json | unwrap duration(duration) [10m]) by (status)"#,
            600,
            api,
            status,
            None,
        ),
        ask.points(
            "level by logfmt",
            r#"sum by (level) (rate({job="shop",app="worker"} | logfmt [10m]))"#,
            600,
            worker,
            level,
            Some(1.0 / 600.0),
        ),
        top_users(ask),
        ask.points(
            "bytes by stream",
            r#"sum by (job, host) (bytes_over_time({env="prod"}[1h]))"#,
            3600,
            |labels| has(labels, &[("env", "prod")]),
            stream,
            Some(1.0),
        ),
        ask.points(
            "pattern parser",
            r#"sum by (level) (count_over_time({job="spark"} | pattern "<_> <_> <level> <_>" [30m]))"#,
            1800,
            |labels| has(labels, &[("job", "spark")]),
            third,
            Some(1.0),
        ),
    ]
}

fn top_users(ask: &Ask) -> Question {
    let sample: Sample = |_, line| {
        (logfmt(line, "level") == Some("error"))
            .then(|| (logfmt(line, "user").unwrap_or_default().to_owned(), 1.0))
    };
    let query = r#"topk(10, sum by (user) (count_over_time({job="shop",app="worker"} | logfmt | level="error" [24h])))"#;
    let params = [("query", query.to_owned()), ("time", ask.end.to_string())]
        .map(|(name, value)| (name.to_owned(), value));
    Question {
        name: "top users by logfmt",
        path: "query",
        params: params.into(),
        flat: false,
        expects: Expects::Top {
            streams: worker,
            sample,
            range: (ask.end - 24 * 3600 * SECOND, ask.end),
            k: 10,
            groups: BTreeMap::new(),
        },
    }
}
