//! The journal as systemd-journal-upload sends it: whole, again, in pieces, and broken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use skald_tests::local::Local;
use skald_tests::query::Query;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

const KIND: (&str, &str) = ("Content-Type", "application/vnd.fdo.journal");

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// Recorded bodies: a whole journal, and its last entry again.
fn bodies() -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fixture("journal-upload.jsonl")).expect("readable");
    let body = |line: &str| {
        let recording: Value = serde_json::from_str(line).expect("JSON");
        let body = recording["body_base64"].as_str().expect("a body");
        STANDARD.decode(body).expect("base64")
    };
    text.lines().map(body).collect()
}

/// A server to which the recorded times are not in the future, whatever its clock.
fn start() -> Local {
    Local::start_with(|config| {
        config.limits.creation_grace_period = Duration::from_secs(100 * 365 * 86_400);
    })
}

fn upload(local: &Local, path: &str, body: &[u8]) -> (u16, String) {
    let headers = [(KIND.0.to_owned(), KIND.1.to_owned())];
    let answer = local
        .client()
        .send("POST", path, &headers, body)
        .expect("answers");
    (answer.status, answer.text)
}

/// All entries, oldest first.
fn entries(local: &Local) -> Vec<String> {
    let query = Query::range("{source=\"journal\"}", 0, i64::MAX / 2);
    let query = query
        .with("limit", 5000)
        .with("direction", "forward")
        .categorized();
    let mut found = Vec::new();
    for stream in query.result(&local.client()) {
        let labels = stream["stream"].as_object().expect("labels");
        let labels: Vec<String> = labels
            .iter()
            .filter(|(name, _)| !["source", "service_name"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
            .collect();
        for value in stream["values"].as_array().expect("values") {
            let pairs = ["structuredMetadata", "parsed"].into_iter();
            let pairs = pairs
                .filter_map(|kind| value[2][kind].as_object())
                .flatten();
            let long = |text: &str| match text.char_indices().nth(80) {
                Some((at, _)) => format!("{}… of {}", &text[..at], text.len()),
                None => text.to_owned(),
            };
            let pairs: Vec<String> = pairs
                .filter(|(name, _)| *name != "detected_level")
                .map(|(name, value)| {
                    long(&format!("{name}={}", value.as_str().unwrap_or_default()))
                })
                .collect();
            let time = value[0].as_str().expect("a time").to_owned();
            let line = long(
                &value[1]
                    .as_str()
                    .expect("a line")
                    .escape_debug()
                    .to_string(),
            );
            found.push(format!(
                "{time} {} | {line}\n    {}",
                labels.join(" "),
                pairs.join(" ").escape_debug()
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn a_real_journal_lands_as_it_is_written_down_and_once() {
    let mut local = start();
    let bodies = bodies();
    for body in &bodies {
        assert_eq!(upload(&local, "/upload", body), (202, "OK.\n".to_owned()));
    }
    let first = entries(&local);
    let found = first.join("\n") + "\n";
    let written = std::fs::read_to_string(fixture("journal.txt")).unwrap_or_default();
    if found != written {
        let to = std::env::temp_dir().join("journal.txt");
        std::fs::write(&to, found).expect("written");
        panic!("tests/fixtures/journal.txt differs from {}", to.display());
    }
    local.restart();
    upload(&local, "/upload", &bodies[0]);
    assert_eq!(entries(&local), first);
    local.flush();
    upload(&local, "/ingest/journal/upload", &bodies[0]);
    assert_eq!(entries(&local), first);
}

/// Sends a chunk of a chunked body.
fn chunk(stream: &mut TcpStream, bytes: &[u8]) {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    stream.write_all(&framed).expect("written");
}

#[test]
fn entries_are_stored_before_the_upload_ends() {
    let local = start();
    let mut stream = TcpStream::connect(local.address()).expect("connects");
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {}\r\n{}: {}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        local.address(),
        KIND.0,
        KIND.1
    );
    stream.write_all(head.as_bytes()).expect("written");
    let mut asked = [0; 25];
    stream
        .read_exact(&mut asked)
        .expect("the server asks for the body");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    chunk(
        &mut stream,
        b"__CURSOR=a\n__REALTIME_TIMESTAMP=1796075912909664\nMESSAGE=one\n\n__CURSOR=b\nMESS",
    );
    while entries(&local).is_empty() {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(entries(&local).len(), 1, "the second is not whole");
    chunk(&mut stream, b"AGE=two\n\n");
    stream.write_all(b"0\r\n\r\n").expect("written");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 202");
    assert_eq!(entries(&local).len(), 2);
}

#[test]
fn what_is_broken_is_said_and_what_is_whole_stays() {
    let local = start();
    let whole = b"__CURSOR=a\n__REALTIME_TIMESTAMP=1796075912909664\nMESSAGE=one\n\n";
    let torn = [&whole[..], b"__CURSOR=b\nMESSAGE\n\xff\0\0\0\0\0\0\0x"].concat();
    let (status, text) = upload(&local, "/upload", &torn);
    assert_eq!(status, 400);
    assert!(text.starts_with("the body ends within an entry"), "{text}");
    assert_eq!(upload(&local, "/upload", b"{\"a\": 1}\n\n").0, 202);
    assert_eq!(upload(&local, "/upload", b"").0, 202);
    let found = entries(&local);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[1].contains("malformed=a line is no field of the journal"),
        "{found:?}"
    );
    let answer = local
        .client()
        .send("POST", "/upload", &[], b"MESSAGE=x\n\n")
        .expect("answers");
    assert_eq!(answer.status, 415, "{}", answer.text);
    let long = [b"MESSAGE=".to_vec(), vec![b'x'; 5 << 20], b"\n\n".to_vec()].concat();
    assert_eq!(upload(&local, "/upload", &long).0, 202);
    assert!(
        entries(&local)
            .iter()
            .any(|entry| entry.contains("truncated=true"))
    );
}
