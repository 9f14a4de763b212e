//! Plays a script against a server, in each state that its data passes through.
//!
//! Streams get no `service_name` and entries no `detected_level`, so that labels are those of the
//! script.

use super::run::ZERO;
use super::{Ask, Entry, Eval, LogAsk, Pairs, Row, Script, Show, compare};
use crate::http::Client;
use crate::local::Local;
use crate::query::Query;
use serde_json::{Value, json};

/// What went wrong: a text for each question and state that was answered otherwise than expected.
pub fn play(script: &Script) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |state: &str, local: &Local| {
        let client = local.client();
        for eval in &script.evals {
            if let Err(why) = compare::judge(eval, ask(&client, eval)) {
                wrong.push(format!("{state}: {}", compare::describe(eval, &why)));
            }
        }
    };
    let mut local = start();
    push(&local.client(), script.entries.iter());
    check("in the head", &local);
    local.restart();
    check("replayed from the log", &local);
    local.flush();
    check("flushed", &local);
    check("flushed, asked again", &local);
    local.restart();
    check("flushed, after a restart", &local);
    drop(local);
    let mut local = start();
    for half in [0, 1] {
        let every_second = script.entries.iter().skip(half).step_by(2);
        push(&local.client(), every_second);
        local.flush();
    }
    check("in two parts", &local);
    local.compact();
    check("merged", &local);
    local.restart();
    check("merged, after a restart", &local);
    wrong
}

fn start() -> Local {
    Local::start_with(|config| {
        config.limits.discover_service_name = Vec::new();
        config.limits.discover_log_levels = false;
    })
}

/// Pushes entries one by one, in their order.
fn push<'e>(client: &Client, entries: impl Iterator<Item = &'e Entry>) {
    let object = |pairs: &Pairs| -> Value {
        let pairs = pairs.iter().map(|(n, v)| (n.clone(), json!(v)));
        Value::Object(pairs.collect())
    };
    for entry in entries {
        let value = json!([
            (ZERO + entry.offset).to_string(),
            String::from_utf8_lossy(&entry.line),
            object(&entry.metadata)
        ]);
        let stream = json!({"stream": object(&entry.labels), "values": [value]});
        let body = json!({"streams": [stream]}).to_string();
        let reply = client.push(&body).expect("the server answers");
        assert_eq!(reply.status, 204, "{body}: {}", reply.text);
    }
}

/// The rows of an answer, or the text of an error.
fn ask(client: &Client, eval: &Eval) -> Result<Vec<Row>, String> {
    let query = match &eval.ask {
        Ask::Instant { at, .. } => Query::instant(&eval.query, ZERO + at),
        Ask::Range { from, to, step } => Query::range(&eval.query, ZERO + from, ZERO + to)
            .with("step", format!("{}", *step as f64 / 1e9)),
        Ask::Log(log) => Query::range(&eval.query, ZERO + log.from, ZERO + log.to)
            .with("limit", log.limit)
            .with("interval", format!("{}", log.interval as f64 / 1e9))
            .with(
                "direction",
                if log.backward { "backward" } else { "forward" },
            ),
    };
    let answer = query.ask(client);
    if answer.status != 200 {
        return Err(answer.text);
    }
    let answer: Value = serde_json::from_str(&answer.text).map_err(|e| e.to_string())?;
    Ok(rows(eval, &answer["data"]["result"]))
}

fn rows(eval: &Eval, result: &Value) -> Vec<Row> {
    let results = result.as_array().into_iter().flatten();
    match &eval.ask {
        Ask::Log(log) => entry_rows(log, results),
        // A scalar is a time and a value without labels.
        Ask::Instant { .. } if result[1].is_string() => vec![Row::Scalar(number(&result[1]))],
        Ask::Instant { .. } => results
            .map(|series| {
                let value = number(&series["value"][1]);
                Row::Series(pairs(&series["metric"]), vec![Some(value)])
            })
            .collect(),
        Ask::Range { from, to, step } => results
            .map(|series| {
                let points = series["values"].as_array().into_iter().flatten();
                let points: Vec<(f64, f64)> = points
                    .map(|point| (point[0].as_f64().unwrap_or(f64::NAN), number(&point[1])))
                    .collect();
                let steps = (0..).map(|i| from + i * step).take_while(|t| t <= to);
                let value = |t: i64| {
                    let seconds = (ZERO + t) as f64 / 1e9;
                    let at = |point: &&(f64, f64)| (point.0 - seconds).abs() < 1e-3;
                    points.iter().find(at).map(|(_, value)| *value)
                };
                Row::Series(pairs(&series["metric"]), steps.map(value).collect())
            })
            .collect(),
    }
}

/// Entries in order of time, those of one time in order of labels.
fn entry_rows<'v>(ask: &LogAsk, streams: impl Iterator<Item = &'v Value>) -> Vec<Row> {
    let mut entries: Vec<(i64, Pairs, String)> = Vec::new();
    for stream in streams {
        let labels = pairs(&stream["stream"]);
        for value in stream["values"].as_array().into_iter().flatten() {
            let text = |at: usize| value[at].as_str().unwrap_or_default();
            let time = text(0).parse().expect("times are nanoseconds");
            entries.push((time, labels.clone(), text(1).to_owned()));
        }
    }
    entries.sort();
    if ask.backward {
        entries.sort_by_key(|(time, ..)| std::cmp::Reverse(*time));
    }
    let row = |(time, labels, line): (i64, Pairs, String)| Row::Entry {
        labels: (ask.show != Show::Lines).then_some(labels),
        line: (ask.show != Show::Labels).then_some(line.into_bytes()),
        offset: (ask.show == Show::Everything).then_some(time - ZERO),
    };
    entries.into_iter().map(row).collect()
}

fn pairs(object: &Value) -> Pairs {
    let object = object.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut pairs: Pairs = object.map(|(n, v)| (n.clone(), text(v))).collect();
    pairs.sort();
    pairs
}

fn number(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_default();
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}
