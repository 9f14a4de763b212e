//! Recorded requests with the answers a real Loki gave, and what counts as the same answer.
//!
//! Success: the same result type and data; the order of streams and series, the order of entries
//! that share a time and which of them a limit cuts are free; numbers agree to 1e-9. Failure: a 4xx
//! status; whether the words are Loki's is counted apart.

use crate::http::{Client, Reply};
use serde_json::Value;
use std::path::PathBuf;

/// One recorded request and its answer.
#[derive(Debug)]
pub struct Case {
    /// Unique name.
    pub id: String,
    path: String,
    params: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    status: u16,
    body: Value,
    text: Option<String>,
}

/// Where recorded files lie.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// Lines of a recorded file.
pub fn lines(name: &str) -> Vec<String> {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("reading {}: {e}", path.display()));
    text.lines().map(str::to_owned).collect()
}

/// All cases.
pub fn cases() -> Vec<Case> {
    lines("cases.jsonl")
        .iter()
        .map(|line| case(&serde_json::from_str(line).expect("a case is JSON")))
        .collect()
}

fn case(value: &Value) -> Case {
    let pairs = |key: &str| -> Vec<(String, String)> {
        let object = value.get(key).and_then(Value::as_object);
        object
            .into_iter()
            .flatten()
            .map(|(k, v)| {
                (
                    k.clone(),
                    v.as_str().map_or_else(|| v.to_string(), str::to_owned),
                )
            })
            .collect()
    };
    Case {
        id: value["id"].as_str().unwrap_or_default().to_owned(),
        path: value["path"].as_str().unwrap_or_default().to_owned(),
        params: pairs("params"),
        headers: pairs("headers"),
        status: value["status"].as_u64().unwrap_or_default() as u16,
        body: value["body"].clone(),
        text: value["text"].as_str().map(str::to_owned),
    }
}

/// Pushes the data set.
pub fn push(client: &Client) {
    for line in lines("dataset.jsonl") {
        let reply = client.push(&line).expect("the server answers");
        assert_eq!(reply.status, 204, "{}", reply.text);
    }
}

/// Names of cases whose answer differs on purpose.
pub fn differences() -> Vec<String> {
    let named = lines("differences.txt")
        .into_iter()
        .filter(|l| !l.starts_with('#'));
    named
        .filter_map(|l| l.split_whitespace().next().map(str::to_owned))
        .collect()
}

/// What became of all cases.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers that are the same.
    pub passed: usize,
    /// Name and difference of those that are not, those named in `differences.txt` left out.
    pub failed: Vec<String>,
    /// Those named in `differences.txt` that did differ.
    pub named: Vec<String>,
    /// Failures in Loki's words.
    pub same_texts: usize,
    /// Failures.
    pub texts: usize,
}

/// Asks every case.
pub fn ask(client: &Client) -> Outcome {
    let mut outcome = Outcome::default();
    let differences = differences();
    for case in cases() {
        let difference = match client.get(&case.path, &case.params, &case.headers) {
            Ok(reply) => {
                if case.status >= 400 {
                    outcome.texts += 1;
                    outcome.same_texts +=
                        usize::from(reply.text.contains(case.error_text().trim()));
                }
                case.difference(&reply)
            }
            Err(error) => Some(error.to_string()),
        };
        match difference {
            None => outcome.passed += 1,
            Some(_) if differences.contains(&case.id) => outcome.named.push(case.id),
            Some(text) => outcome
                .failed
                .push(format!("{} {:?}: {text}", case.id, case.params)),
        }
    }
    outcome
}

impl Case {
    /// One recorded HTTP exchange as a case; `body` is the recorded answer.
    pub fn of_exchange(
        id: String,
        path: &str,
        params: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        status: u16,
        body: &str,
    ) -> Case {
        let json = serde_json::from_str::<Value>(body).ok();
        let text = if json.is_none() {
            Some(body.to_owned())
        } else {
            None
        };
        Case {
            id,
            path: path.to_owned(),
            params,
            headers,
            status,
            body: json.unwrap_or_default(),
            text,
        }
    }

    /// Asks a server; gives its answer and how it differs from the recorded one.
    pub fn ask(&self, client: &Client) -> (Reply, Option<String>) {
        let reply = client
            .get(&self.path, &self.params, &self.headers)
            .expect("the server answers");
        let difference = self.difference(&reply);
        (reply, difference)
    }

    fn param(&self, name: &str) -> &str {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }

    fn error_text(&self) -> &str {
        self.text
            .as_deref()
            .or_else(|| self.body["error"].as_str())
            .unwrap_or_default()
    }

    /// How an answer differs from the recorded one; `None` when it does not.
    fn difference(&self, reply: &Reply) -> Option<String> {
        let brief = |text: &str| text.chars().take(300).collect::<String>();
        if self.status >= 400 {
            return (!(400..500).contains(&reply.status))
                .then(|| format!("want a 4xx, got {}", reply.status));
        }
        if reply.status != self.status {
            return Some(format!(
                "want {}, got {} {}",
                self.status,
                reply.status,
                brief(&reply.text)
            ));
        }
        if let Some(text) = &self.text {
            return (*text != reply.text).then(|| "text differs".to_owned());
        }
        let Ok(got) = serde_json::from_str::<Value>(&reply.text) else {
            return Some(format!("not JSON: {}", brief(&reply.text)));
        };
        let (want_data, got_data) = (&self.body["data"], &got["data"]);
        if self.body.get("data").is_none() && got_data.as_array().is_some_and(Vec::is_empty) {
            return None;
        }
        if want_data.get("resultType").is_none() {
            let same = as_sets(&self.body) == as_sets(&got);
            return (!same).then(|| {
                format!(
                    "want {} got {}",
                    brief(&self.body.to_string()),
                    brief(&got.to_string())
                )
            });
        }
        self.data_difference(want_data, got_data)
    }

    fn data_difference(&self, want: &Value, got: &Value) -> Option<String> {
        for key in ["resultType", "encodingFlags"] {
            if want.get(key) != got.get(key) {
                return Some(format!(
                    "{key}: want {:?} got {:?}",
                    want.get(key),
                    got.get(key)
                ));
            }
        }
        let empty = Vec::new();
        let list = |v: &'_ Value| v["result"].as_array().unwrap_or(&empty).clone();
        let (want_list, got_list) = (list(want), list(got));
        match want["resultType"].as_str().unwrap_or_default() {
            "streams" => {
                let forward = self.param("direction").eq_ignore_ascii_case("forward");
                let limit = self.param("limit").parse().unwrap_or(100);
                misordered(&got_list, forward)
                    .or_else(|| streams_difference(&want_list, &got_list, limit))
            }
            "scalar" => {
                let seconds = [
                    Value::from(want_list[0].as_f64().unwrap_or_default() / 1000.0),
                    want_list[1].clone(),
                ];
                let same = same_point(&want_list, &got_list) || same_point(&seconds, &got_list);
                (!same).then(|| format!("scalar: want {want_list:?} got {got_list:?}"))
            }
            kind => {
                let ordered =
                    kind == "vector" && self.param("query").trim_start().starts_with("sort");
                series_difference(kind, want_list, got_list, ordered)
            }
        }
    }
}

/// Lists that stand for sets, in one order.
fn as_sets(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(k, v)| (k.clone(), as_sets(v)))
            .collect(),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(as_sets).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        other => other.clone(),
    }
}

fn misordered(streams: &[Value], forward: bool) -> Option<String> {
    for stream in streams {
        let time = |v: &Value| {
            v[0].as_str()
                .and_then(|t| t.parse::<i64>().ok())
                .unwrap_or_default()
        };
        let mut times: Vec<i64> = stream["values"].as_array()?.iter().map(time).collect();
        if !forward {
            times.reverse();
        }
        if !times.is_sorted() {
            return Some(format!(
                "entries of {} are not in the direction asked for",
                stream["stream"]
            ));
        }
    }
    None
}

/// Every entry as (time, labels, line, metadata), sorted.
fn entries(streams: &[Value]) -> Vec<(String, String, String, String)> {
    let mut out = Vec::new();
    for stream in streams {
        for value in stream["values"].as_array().into_iter().flatten() {
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let metadata = value
                .get(2)
                .map_or_else(|| "{}".to_owned(), Value::to_string);
            out.push((
                text(&value[0]),
                stream["stream"].to_string(),
                text(&value[1]),
                metadata,
            ));
        }
    }
    out.sort();
    out
}

fn streams_difference(want: &[Value], got: &[Value], limit: usize) -> Option<String> {
    let (want, got) = (entries(want), entries(got));
    if want == got {
        return None;
    }
    if want.len() != got.len() {
        return Some(format!("want {} entries, got {}", want.len(), got.len()));
    }
    if want.len() >= limit {
        // The limit may cut among entries of one time: those at the edge are free.
        for edge in [&want[0].0, &want[want.len() - 1].0] {
            let inner = |list: &[(String, String, String, String)]| -> Vec<_> {
                list.iter().filter(|e| e.0 != *edge).cloned().collect()
            };
            if inner(&want) == inner(&got) {
                return None;
            }
        }
    }
    let differs = want.iter().zip(&got).find(|(a, b)| a != b)?;
    Some(format!(
        "entries differ: want {:?} got {:?}",
        differs.0, differs.1
    ))
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn close(a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (number(a), number(b)) {
        (Some(x), Some(y)) if x.is_nan() || y.is_nan() => x.is_nan() && y.is_nan(),
        (Some(x), Some(y)) => x == y || (x - y).abs() <= (1e-9 * x.abs().max(y.abs())).max(1e-12),
        _ => false,
    }
}

fn same_point(a: &[Value], b: &[Value]) -> bool {
    a.len() == 2 && b.len() == 2 && close(&a[0], &b[0]) && close(&a[1], &b[1])
}

fn series_difference(
    kind: &str,
    mut want: Vec<Value>,
    mut got: Vec<Value>,
    ordered: bool,
) -> Option<String> {
    if want.len() != got.len() {
        return Some(format!("want {} series, got {}", want.len(), got.len()));
    }
    if !ordered {
        want.sort_by_key(|s| s["metric"].to_string());
        got.sort_by_key(|s| s["metric"].to_string());
    }
    for (w, g) in want.iter().zip(&got) {
        if w["metric"] != g["metric"] {
            return Some(format!("metric: want {} got {}", w["metric"], g["metric"]));
        }
        let points = |s: &Value| -> Vec<Vec<Value>> {
            let one = |v: &Value| v.as_array().cloned().unwrap_or_default();
            if kind == "vector" {
                vec![one(&s["value"])]
            } else {
                one(&s["values"]).iter().map(one).collect()
            }
        };
        let (a, b) = (points(w), points(g));
        if a.len() != b.len() || !a.iter().zip(&b).all(|(x, y)| same_point(x, y)) {
            return Some(format!(
                "values of {}: want {:?} got {:?}",
                w["metric"],
                &a[..a.len().min(4)],
                &b[..b.len().min(4)]
            ));
        }
    }
    None
}
