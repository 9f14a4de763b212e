//! Numbers, sizes and durations that make no sense: each is refused by the name of its setting, or
//! the server takes a push and answers a query with it. It never panics.

use crate::BINARY;
use serde_json::Value;
use skald_server::Config;
use skald_server::config::keys::{KEYS, Key};
use skald_tests::process::Skald;
use std::path::Path;
use std::process::Command;

/// Values for each setting that takes a number, a size or a duration: nothing, less, and more than
/// there is of anything.
const EXTREMES: &[&str] = &[
    "0",
    "-1",
    "1e18",
    "9223372036854775808",
    "1e300",
    "nan",
    ".inf",
    "0s",
    "290y",
    "-1s",
    "8000P",
];

/// Values that some limit may well refuse everything by: the server must live through them.
const NARROW: &[&str] = &["1", "1ns", "10ms", "1KB"];

/// Settings whose absurd value is refused by the system or by sense, not by their form.
const ALONE: &[&str] = &["server.http_listen_port", "server.grpc_listen_port"];

fn is_number(key: &Key) -> bool {
    let takes = |text: &str| key.set(&mut Config::default(), &text.into()).is_ok();
    let is_number = ["7", "300", "7777777", "7s"].into_iter().any(takes);
    is_number && !takes("word") && !ALONE.contains(&key.name)
}

fn takes(key: &Key, value: &str) -> bool {
    key.set(&mut Config::default(), &value.into()).is_ok()
}

/// What came of a server with absurd settings.
enum Came {
    /// It did not start and said this.
    Refused(String),
    /// It ran, and whether it took a push and answered a query.
    Ran { log: String, works: bool },
}

/// Starts with a value for these settings, pushes, asks, flushes and asks again.
fn run(settings: &[&Key], value: &str) -> Came {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    let stderr = std::fs::File::create(&log).expect("a file for the log");
    let mut command = Command::new(BINARY);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--server.grpc_enabled=true",
        "--server.grpc_listen_port=0",
        "--data",
    ]);
    command.arg(folder.path().join("data"));
    command.args(settings.iter().map(|key| format!("--{}={value}", key.name)));
    let started = Skald::try_run(&mut command, stderr.into());
    let read = |log: &Path| std::fs::read_to_string(log).expect("the log is text");
    let Some(skald) = started else {
        return Came::Refused(read(&log));
    };
    let works = works(&skald);
    let threads = skald.threads();
    assert!(threads < 200, "{value}: {threads} threads");
    skald.kill();
    Came::Ran {
        log: read(&log),
        works,
    }
}

fn works(skald: &Skald) -> bool {
    let client = skald.client();
    let body = r#"{"streams":[{"stream":{"a":"b"},"values":[["1772323200000000000","x"]]}]}"#;
    let query = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let asked = || {
        let params = [
            query("query", "{a=\"b\"}"),
            query("start", "1772323200"),
            query("end", "1772323201"),
        ];
        let answer = client.get("/loki/api/v1/query_range", &params, &[]);
        let answer = answer.ok().filter(|answer| answer.status == 200);
        let answer = answer.and_then(|answer| serde_json::from_str::<Value>(&answer.text).ok());
        answer.is_some_and(|answer| answer["data"]["result"][0]["values"][0][1] == "x")
    };
    let metric = || {
        let params = [query("query", "sum(rate({a=\"b\"}[1m]))")];
        let answer = client.get("/loki/api/v1/query", &params, &[]);
        answer.is_ok_and(|answer| answer.status == 200)
    };
    let pushed = client.push(body).is_ok_and(|answer| answer.status == 204);
    let before = asked();
    // A limit of nothing refuses everything, and may close the connection.
    let _ = client.post("/flush", "text/plain", b"");
    let after = asked() && metric();
    pushed && before && after
}

/// Settings that are alone in refusing everything with a value, found by halving.
fn culprits<'a>(settings: &[&'a Key], value: &str) -> Vec<&'a str> {
    match (settings, run(settings, value)) {
        (_, Came::Ran { works: true, .. }) => Vec::new(),
        ([alone], Came::Refused(log)) if log.contains(alone.name) => Vec::new(),
        ([alone], _) => vec![alone.name],
        (settings, _) => {
            let (left, right) = settings.split_at(settings.len() / 2);
            [culprits(left, value), culprits(right, value)].concat()
        }
    }
}

/// Settings that refuse everything at such a value because Loki's do.
const AS_IN_LOKI: &[(&str, &str)] = &[
    ("limits_config.max_query_parallelism", "0"),
    ("limits_config.max_query_parallelism", "-1"),
];

fn numbers() -> Vec<&'static Key> {
    let numbers: Vec<&Key> = KEYS.iter().filter(|key| is_number(key)).collect();
    assert!(numbers.len() > 50, "{}", numbers.len());
    numbers
}

#[test]
fn an_extreme_value_is_refused_by_name_or_works() {
    let numbers = numbers();
    for value in EXTREMES {
        let is_lokis = |key: &Key| AS_IN_LOKI.contains(&(key.name, value));
        for key in &numbers {
            let words = key.set(&mut Config::default(), &(*value).into());
            let names = words.as_ref().err().is_none_or(|words| {
                words.starts_with(&format!("{}: expected ", key.name)) && words.contains("found ")
            });
            assert!(names, "{value}: {words:?}");
        }
        let taken: Vec<&Key> = numbers
            .iter()
            .copied()
            .filter(|key| takes(key, value) && !is_lokis(key))
            .collect();
        let culprits = culprits(&taken, value);
        assert!(culprits.is_empty(), "{value}: {culprits:?}");
    }
}

#[test]
fn no_absurd_value_panics() {
    let numbers = numbers();
    for value in EXTREMES.iter().chain(NARROW) {
        let taken: Vec<&Key> = numbers
            .iter()
            .copied()
            .filter(|key| takes(key, value))
            .collect();
        let (Came::Refused(log) | Came::Ran { log, .. }) = run(&taken, value);
        assert!(
            !log.contains("panic") && !log.contains("overflow"),
            "{value}: {log}"
        );
    }
}
