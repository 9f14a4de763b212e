//! `skald query` against a running server: all lines whatever their number, numbers, new lines,
//! mistakes.

use crate::BINARY;
use serde_json::{Value, json};
use skald_tests::process::Skald;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// 2026-03-01T00:00:00Z.
const BASE_S: i64 = 1_772_323_200;

/// More than one answer holds.
const LINES: i64 = 7_000;

fn serve() -> (TempDir, Skald) {
    let data = TempDir::new().expect("a temporary directory can be made");
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    let stream = |host: i64| {
        let lines = (0..LINES).filter(|i| i % 2 == host);
        let values: Vec<Value> = lines
            .map(|i| {
                json!([
                    (BASE_S * 1_000_000_000 + i * 1_000_000).to_string(),
                    format!("line {i}")
                ])
            })
            .collect();
        json!({"stream": {"app": "web", "host": host.to_string()}, "values": values})
    };
    let body = json!({"streams": [stream(0), stream(1)]}).to_string();
    assert_eq!(
        skald
            .client()
            .push(&body)
            .expect("the server answers")
            .status,
        204
    );
    (data, skald)
}

fn command(skald: &Skald, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(["query", "--addr", &format!("http://{}", skald.address)])
        .args(arguments);
    command
}

fn query(skald: &Skald, arguments: &[&str]) -> (bool, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(skald, arguments)
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.success(), text(stdout), text(stderr))
}

#[test]
fn lines_come_in_order_however_many_there_are() {
    let (_data, skald) = serve();
    let (from, to) = (BASE_S.to_string(), (BASE_S + 60).to_string());
    let range = [
        "--from",
        &from,
        "--to",
        &to,
        "{app=\"web\"} | drop detected_level, service_name",
    ];
    let all = [
        &["--limit", "0", "--forward", "--output", "raw"][..],
        &range,
    ]
    .concat();
    let (ended_well, stdout, _) = query(&skald, &all);
    assert!(
        ended_well
            && stdout
                .lines()
                .enumerate()
                .all(|(i, line)| line == format!("line {i}"))
    );
    assert_eq!(stdout.lines().count() as i64, LINES);
    let (_, stdout, _) = query(&skald, &[&["--limit", "2"][..], &range].concat());
    let expected = "2026-03-01T00:00:06.999Z {app=\"web\", host=\"1\"} line 6999\n2026-03-01T00:00:06.998Z {app=\"web\", host=\"0\"} line 6998\n";
    assert_eq!(stdout, expected);
}

#[test]
fn numbers_mistakes_and_empty_answers_are_told() {
    let (_data, skald) = serve();
    let time = (BASE_S + 60).to_string();
    let sum = [
        "--instant",
        "--to",
        &time,
        "--output",
        "jsonl",
        "sum(count_over_time({app=\"web\"}[2m]))",
    ];
    assert_eq!(
        query(&skald, &sum).1,
        format!("{{\"metric\":{{}},\"value\":[{time},\"{LINES}\"]}}\n")
    );
    let (ended_well, _, stderr) = query(&skald, &["{app="]);
    assert!(
        !ended_well && stderr.contains("400") && stderr.contains("parse error"),
        "{stderr}"
    );
    let (ended_well, stdout, stderr) = query(&skald, &["{ap=\"web\"}"]);
    assert!(
        ended_well && stdout.is_empty() && stderr.contains("skald: "),
        "{stderr}"
    );
}

#[test]
fn a_tail_prints_lines_as_they_come() {
    let (_data, skald) = serve();
    let arguments = ["--tail", "--limit", "1", "--output", "raw", "{app=\"new\"}"];
    let mut tail = command(&skald, &arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is after 1970")
        .as_nanos();
    let body =
        json!({"streams": [{"stream": {"app": "new"}, "values": [[now.to_string(), "arrived"]]}]})
            .to_string();
    assert_eq!(
        skald
            .client()
            .push(&body)
            .expect("the server answers")
            .status,
        204
    );
    let mut line = String::new();
    BufReader::new(tail.stdout.take().expect("stdout is piped"))
        .read_line(&mut line)
        .expect("a line comes");
    tail.kill().expect("the tail can be ended");
    tail.wait().expect("the tail ends");
    assert_eq!(line, "arrived\n");
}
