//! Numbers, sizes and durations that make no sense: the server says why it refuses them, or runs,
//! and never panics.

use crate::BINARY;
use skald_server::Config;
use skald_server::config::keys::{KEYS, Key};
use skald_tests::process::Skald;
use std::path::Path;
use std::process::Command;

/// Values for each setting that takes a number, a size or a duration.
const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "9223372036854775808",
    "1e300",
    "0s",
    "1ns",
    "290y",
    "8000P",
];

/// Settings whose absurd value is refused by the system or by sense, not by their form.
const ALONE: &[&str] = &["server.http_listen_port", "server.grpc_listen_port"];

fn is_number(key: &Key) -> bool {
    let takes = |text: &str| key.set(&mut Config::default(), &text.into()).is_ok();
    (takes("7") || takes("7s")) && !takes("word") && !ALONE.contains(&key.name)
}

fn takes(key: &Key, value: &str) -> bool {
    key.set(&mut Config::default(), &value.into()).is_ok()
}

/// Starts with a value for these settings, pushes and asks, whatever the answers; gives what the
/// server logged.
fn run(settings: &[&Key], value: &str, folder: &Path) -> String {
    let log = folder.join("log");
    let stderr = std::fs::File::create(&log).expect("a file for the log");
    let mut command = Command::new(BINARY);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--server.grpc_enabled=true",
        "--server.grpc_listen_port=0",
        "--data",
    ]);
    command.arg(folder.join("data"));
    command.args(settings.iter().map(|key| format!("--{}={value}", key.name)));
    if let Some(skald) = Skald::try_run(&mut command, stderr.into()) {
        let client = skald.client();
        let body = r#"{"streams":[{"stream":{"a":"b"},"values":[["1772323200000000000","x"]]}]}"#;
        let params = [("query".to_owned(), "sum(rate({a=\"b\"}[1m]))".to_owned())];
        // A limit of nothing refuses everything, and may close the connection.
        let _ = client.push(body);
        let _ = client.get("/loki/api/v1/query_range", &params, &[]);
        let _ = client.post("/flush", "text/plain", b"");
        let _ = client.get("/loki/api/v1/query_range", &params, &[]);
        assert!(
            skald.threads() < 200,
            "{value}: {} threads",
            skald.threads()
        );
        skald.kill();
    }
    std::fs::read_to_string(log).expect("the log is text")
}

#[test]
fn no_absurd_value_panics() {
    let numbers: Vec<&Key> = KEYS.iter().filter(|key| is_number(key)).collect();
    assert!(numbers.len() > 50, "{}", numbers.len());
    for value in VALUES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let taken: Vec<&Key> = numbers
            .iter()
            .copied()
            .filter(|key| takes(key, value))
            .collect();
        let log = run(&taken, value, folder.path());
        assert!(
            !log.contains("panic") && !log.contains("overflow"),
            "{value}: {log}"
        );
    }
}
