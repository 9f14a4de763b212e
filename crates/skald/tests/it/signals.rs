//! Signals: what ends the program, what makes it read its files again, what it ignores.

use crate::BINARY;
use skald_tests::process::Skald;
use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().expect("a temporary directory can be made")
}

fn send(id: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &id.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "{signal} reaches it");
}

/// Calls until it is true.
fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

#[test]
fn signals_that_mean_nothing_here_change_nothing() {
    let data = folder();
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    for signal in [
        "HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PIPE", "XFSZ",
    ] {
        send(skald.id(), signal);
        let ready = skald.client().get("/ready", &[], &[]).expect(signal);
        assert_eq!(ready.status, 200, "{signal}");
    }
    assert!(skald.terminate(), "SIGTERM ends the server well");
}

#[test]
fn sighup_reads_limits_and_tokens_again() {
    let data = folder();
    let file = data.path().join("overrides.yaml");
    std::fs::write(&file, "overrides: {fake: {max_query_length: 1h}}\n").expect("written");
    let arguments = [
        "--runtime_config.file",
        &file.display().to_string(),
        "--runtime_config.period=1h",
    ];
    let skald = Skald::start(Path::new(BINARY), &data.path().join("data"), &arguments);
    let shows = |text: &str| {
        let limits = skald.client().get("/config/tenant/v1/limits", &[], &[]);
        limits.expect("answered").text.contains(text)
    };
    assert!(shows("max_query_length: 1h\n"));
    std::fs::write(&file, "overrides: {fake: {max_query_length: 2h}}\n").expect("written");
    send(skald.id(), "HUP");
    wait_until("the file is read again", || shows("max_query_length: 2h\n"));
}

/// A server whose stop takes an hour because of what this gives.
fn held(log: &Path, data: &Path) -> (Child, TcpStream) {
    let mut command = Command::new(BINARY);
    command
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command.args([
        "--server.graceful_shutdown_timeout=1h",
        "--server.shutdown_drain_timeout=1h",
        "--server.http_server_read_timeout=1h",
    ]);
    command.stderr(File::create(log).expect("a file for the log"));
    command.stdout(std::process::Stdio::null());
    let child = command.spawn().expect("the program runs");
    let text = || std::fs::read_to_string(log).expect("the log is text");
    wait_until("it says where it listens", || {
        text().contains("msg=ready address=")
    });
    let text = text();
    let address = text.split("msg=ready address=").nth(1).expect("an address");
    let address = address.split(' ').next().expect("an address");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = "POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    stream.write_all(head.as_bytes()).expect("sent");
    (child, stream)
}

#[test]
fn a_second_signal_ends_a_stop_at_once_and_keeps_what_was_acknowledged() {
    for second in ["TERM", "INT"] {
        let data = folder();
        let log = data.path().join("log");
        let (mut child, stream) = held(&log, &data.path().join("data"));
        let address = stream.peer_addr().expect("an address").to_string();
        let client = skald_tests::http::Client::new(&address);
        let body = r#"{"streams":[{"stream":{"a":"b"},"values":[["1772323200000000000","x"]]}]}"#;
        assert_eq!(client.push(body).expect("answered").status, 204);
        let says = |words: &str| {
            let text = std::fs::read_to_string(&log).expect("the log is text");
            text.contains(words)
        };
        send(child.id(), "TERM");
        wait_until("it stops", || says("stopping: no new connections"));
        assert_eq!(child.try_wait().expect("asked"), None, "it waits");
        send(child.id(), second);
        assert!(child.wait().expect("it ends").success(), "{second}");
        assert!(says("stopping at once"), "{second}");
        let skald = Skald::start(Path::new(BINARY), &data.path().join("data"), &[]);
        let params = [
            ("query", "{a=\"b\"}"),
            ("start", "1772323200"),
            ("end", "1772323201"),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = skald.client().get("/loki/api/v1/query_range", &params, &[]);
        assert!(found.expect("answered").text.contains("\"x\""), "{second}");
    }
}
