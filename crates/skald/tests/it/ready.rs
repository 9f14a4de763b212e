//! `skald ready`, the health check of the image: what it says and what it ends with.

use crate::BINARY;
use skald_tests::process::Skald;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread::spawn;
use tempfile::TempDir;

/// What it says of the server there, and what it ends with.
fn ready(address: &str) -> (String, Option<i32>) {
    let output = Command::new(BINARY)
        .args(["ready", "--addr", &format!("http://{address}")])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (text, output.status.code())
}

#[test]
fn it_ends_with_0_while_a_server_is_ready_and_with_1_once_it_is_gone() {
    let data = TempDir::new().expect("a folder");
    let skald = Skald::start(Path::new(BINARY), data.path(), &[]);
    assert_eq!(ready(&skald.address), (String::new(), Some(0)));
    let address = skald.address.clone();
    skald.kill();
    let (text, code) = ready(&address);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not answer"), "{text}");
}

#[test]
fn it_says_why_a_server_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let server = spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let mut head = [0; 1024];
        let got = stream.read(&mut head).expect("a request comes");
        assert!(head[..got].starts_with(b"GET /ready "));
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\nConnection: close\r\n\r\nreading a log";
        stream.write_all(answer.as_bytes()).expect("it is sent");
    });
    let (text, code) = ready(&address);
    server.join().expect("the request was as expected");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("503") && text.contains("reading a log"),
        "{text}"
    );
}
