//! The program as a user meets it: settings from all sources, its first line, its own logs, its
//! end.

use crate::BINARY;
use serde_json::Value;
use skald_tests::process::Skald;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary directory can be made")
}

#[test]
fn own_logs_are_found_under_the_service_name_skald() {
    let data = folder();
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    let client = skald.client();
    let params = [(
        "query".to_owned(),
        "{service_name=\"skald\", level=\"info\"} |= `ready`".to_owned(),
    )];
    // Lines are stored a moment after they are logged.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reply = client
            .get("/loki/api/v1/query_range", &params, &[])
            .expect("the server answers");
        let answer: Value = serde_json::from_str(&reply.text).expect("the answer is JSON");
        if answer["data"]["result"]
            .as_array()
            .is_some_and(|streams| !streams.is_empty())
        {
            break;
        }
        assert!(Instant::now() < deadline, "{}", reply.text);
    }
    assert!(skald.terminate(), "SIGTERM ends the server well");
}

#[test]
fn what_was_acknowledged_is_there_after_a_stop_and_a_start() {
    let data = folder();
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    let push =
        r#"{"streams":[{"stream":{"app":"kept"},"values":[["1772323200000000000","kept"]]}]}"#;
    assert_eq!(
        skald
            .client()
            .push(push)
            .expect("the server answers")
            .status,
        204
    );
    assert!(skald.terminate(), "SIGTERM ends the server well");
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    let range = [
        ("query", "{app=\"kept\"}"),
        ("start", "1772323200"),
        ("end", "1772323201"),
    ];
    let params: Vec<(String, String)> = range.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    let reply = skald
        .client()
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers");
    assert!(
        reply.text.contains(r#"["1772323200000000000","kept"]"#),
        "{}",
        reply.text
    );
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let data = folder();
    let file = data.path().join("settings.yaml");
    std::fs::write(
        &file,
        "limits_config: {max_line_size: 1KB, query_timeout: 5s}\n",
    )
    .expect("the file is written");
    let file = file.display().to_string();
    let arguments = [
        "--config",
        file.as_str(),
        "--limits_config.query_timeout",
        "7s",
        "--self_logs",
        "false",
    ];
    let skald = Skald::start(Path::new(BINARY), &data.path().join("data"), &arguments);
    let shown = skald
        .client()
        .get("/config?mode=diff", &[], &[])
        .expect("the server answers")
        .text;
    for expected in [
        "  max_line_size: 1KB\n",
        "  query_timeout: 7s\n",
        "self_logs: false\n",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn a_loki_file_is_explained_before_it_is_used() {
    let data = folder();
    let file = data.path().join("loki.yaml");
    let loki = "auth_enabled: false\nserver: {http_listen_port: 3100, grpc_listen_port: 9096}\n\
                common: {path_prefix: /tmp/loki, ring: {kvstore: {store: inmemory}}}\n\
                schema_config: {configs: [{from: 2020-10-24, store: tsdb, schema: v13}]}\n\
                ruler: {alertmanager_url: 'http://localhost:9093'}\nlimits_config: {max_line_sise: 1KB}\n";
    std::fs::write(&file, loki).expect("the file is written");
    let file = file.display().to_string();
    let output = run(&["config", "check", &file]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{report}");
    assert!(
        report.contains("unknown        limits_config.max_line_sise: did you mean limits_config.max_line_size?\n"),
        "{report}"
    );
    assert!(
        report.ends_with("5 taken, 2 not needed, 0 not supported, 1 unknown\n"),
        "{report}"
    );
}

#[test]
fn what_cannot_work_is_refused_with_words_and_a_failing_status() {
    let data = folder();
    let bad = data.path().join("bad.yaml");
    std::fs::write(&bad, "server: {http_listen_port: x}\n").expect("the file is written");
    let bad = bad.display().to_string();
    let check = |arguments: &[&str], words: &str| {
        let output = run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(words),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    };
    check(
        &["--listen", "nowhere"],
        "skald: --listen: expected ADDR:PORT to listen on, found \"nowhere\"",
    );
    check(
        &["--config", "/no/such/file"],
        "skald: reading /no/such/file: ",
    );
    check(
        &["--config", &bad],
        "server.http_listen_port: expected a whole number from 0 to 65535, found \"x\"",
    );
    check(
        &["--limits_config.max_line_size", "big"],
        "--limits_config.max_line_size: expected a size such as 256KB or 3MB, found \"big\"",
    );
    check(&["config", "check", &bad], "can't be used");
}

#[test]
fn a_token_comes_with_the_entry_that_admits_it() {
    let output = run(&[
        "token",
        "--name",
        "grafana",
        "--tenants",
        "a,b",
        "--rights",
        "read",
    ]);
    let text = text(&output.stdout);
    assert!(
        output.status.success() && text.starts_with("skald_"),
        "{text}"
    );
    let token = text.lines().next().expect("a first line");
    let entry = text.split_once("tokens:\n").expect("an entry").1;
    assert!(
        entry.starts_with("  - name: \"grafana\"\n    sha256: ")
            && entry.ends_with("    tenants: [\"a\", \"b\"]\n    rights: [\"read\"]\n")
    );
    assert!(!entry.contains(token), "the entry does not hold the token");
    let refused = run(&["token", "--name", "x", "--tenants", "a", "--rights", "fly"]);
    assert!(!refused.status.success());
}
