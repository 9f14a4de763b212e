//! `skald doctor` asks a running server: what it says, and what it ends with.

use crate::BINARY;
use serde_json::Value;
use skald_tests::process::Skald;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

fn start(data: &TempDir) -> Skald {
    Skald::start(Path::new(BINARY), data.path(), &[])
}

/// What it says of the server there, and what it ends with.
fn doctor(address: &str) -> (String, Option<i32>) {
    let output = Command::new(BINARY)
        .args(["doctor", "--addr", &format!("http://{address}")])
        .env_remove("SKALD_TENANT")
        .env_remove("SKALD_TOKEN")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

fn check(skald: &Skald, code: i32, expected: &str) {
    let (text, found) = doctor(&skald.address);
    assert_eq!(found, Some(code), "{text}");
    assert!(text.contains(expected), "{text}");
}

fn now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is after 1970")
}

fn push(skald: &Skald) {
    let body = format!(
        "{{\"streams\":[{{\"stream\":{{\"app\":\"a\"}},\"values\":[[\"{}\",\"x\"]]}}]}}",
        now().as_nanos()
    );
    let answer = skald.client().push(&body).expect("the server answers");
    assert_eq!(answer.status, 204);
}

#[test]
fn it_tells_a_silent_server_a_busy_one_and_one_that_refuses() {
    let data = TempDir::new().expect("a folder");
    let skald = start(&data);
    check(&skald, 2, "nothing has arrived");
    push(&skald);
    check(&skald, 0, "all is well");
    let answer = skald.client().push("{").expect("the server answers");
    assert_eq!(answer.status, 400);
    check(&skald, 1, "1 refused for malformed");
    let address = skald.address.clone();
    skald.kill();
    let (text, code) = doctor(&address);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("does not answer"), "{text}");
}

#[test]
fn a_source_outlives_a_kill_once_it_is_written() {
    let data = TempDir::new().expect("a folder");
    let skald = start(&data);
    push(&skald);
    let deadline = Instant::now() + PATIENCE;
    while !data.path().join("sources.json").exists() {
        assert!(Instant::now() < deadline, "a new source is written");
        sleep(Duration::from_millis(50));
    }
    skald.kill();
    check(&start(&data), 0, "1 entries");
}

#[test]
fn a_stop_while_the_journal_is_sent_leaves_nothing_to_complain_of() {
    let data = TempDir::new().expect("a folder");
    let skald = start(&data);
    let mut stream = TcpStream::connect(&skald.address).expect("connects");
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\nContent-Type: application/vnd.fdo.journal\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        skald.address
    );
    stream.write_all(head.as_bytes()).expect("written");
    let entry = format!(
        "__CURSOR=a\n__REALTIME_TIMESTAMP={}\nMESSAGE=one\n\n",
        now().as_micros()
    );
    write!(stream, "{:x}\r\n{entry}\r\n", entry.len()).expect("written");
    let deadline = Instant::now() + PATIENCE;
    while entries(&skald) == 0 {
        assert!(Instant::now() < deadline, "the entry is stored");
        sleep(Duration::from_millis(20));
    }
    // The sender goes on until the server closes the connection.
    let sender = spawn(move || {
        while stream.write_all(b"5\r\nA=12\n\r\n").is_ok() {
            sleep(Duration::from_millis(10));
        }
    });
    assert!(skald.terminate(), "SIGTERM ends the server well");
    sender.join().expect("the sender ends");
    check(&start(&data), 0, "all is well");
}

/// Entries of all sources.
fn entries(skald: &Skald) -> u64 {
    let answer = skald.client().get("/skald/api/v1/sources", &[], &[]);
    let text = answer.expect("the server answers").text;
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let sources = answer["data"]["sources"].as_array().expect("a list");
    sources.iter().filter_map(|s| s["entries"].as_u64()).sum()
}
