//! URLs as people type them, over raw connections: what Go's server takes is taken, and what can't
//! be is refused with words. Nothing but a request's line is touched.

use skald_tests::BASE_S;
use skald_tests::local::Local;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn open(local: &Local) -> TcpStream {
    let stream = TcpStream::connect(local.address()).expect("the server listens");
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).expect("a time-out");
    stream
}

/// One answer: its status and body.
fn answer(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("the head arrives");
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |text| text.trim().parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the body arrives");
    let status = head.split(' ').nth(1).expect("a status").to_owned();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn ask(stream: &mut TcpStream, method: &str, target: &str, rest: &str) -> (String, String) {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{rest}");
    stream.write_all(request.as_bytes()).expect("sent");
    answer(stream)
}

/// A push of a line with quotes in it.
fn push(stream: &mut TcpStream, path: &str, expect: &str) {
    let body = format!(
        r#"{{"streams":[{{"stream":{{"app":"é <a>"}},"values":[["{BASE_S}000000000","GET /\"x\" HTTP/1.1\r\n"]]}}]}}"#
    );
    let length = body.len();
    let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    let (status, text) = ask(stream, "POST", path, &rest);
    assert_eq!(status, expect, "{text}");
}

#[test]
fn quotes_in_a_url_are_taken_on_every_request_of_a_connection() {
    let local = Local::start();
    let mut stream = open(&local);
    let range = format!("start={BASE_S}&end={}", BASE_S + 60);
    let query = "{app=\"é\u{a0}<a>\"}".replace('\u{a0}', "+");
    let target = format!("/loki/api/v1/query_range?query={query}&{range}");
    for _ in 0..3 {
        push(&mut stream, "/loki/api/v1/push?x=\"y\"", "204");
        let (status, text) = ask(&mut stream, "GET", &target, "\r\n");
        assert_eq!(status, "200", "{text}");
        // The body of the push is as it was sent, although it looks like a request.
        assert!(text.contains(r#"GET /\"x\" HTTP/1.1\r\n"#), "{text}");
    }
    // A refusal whose body nobody read: what comes then is left as it is.
    push(&mut stream, "/nowhere?\"", "404");
    push(&mut stream, "/loki/api/v1/push?x=%22y%22", "204");
}

#[test]
fn what_a_url_cannot_hold_is_said() {
    let local = Local::start();
    let path = "/loki/api/v1/query?query={app=\"a\"}";
    let blank = format!("{path} |= \"x\"");
    let at = path.len() + 1;
    for (target, words) in [
        (
            blank,
            format!("byte {at} of the URL is a blank, which must be written %20"),
        ),
        (
            format!("{path}\u{1}"),
            format!("byte {at} of the URL is a control character, which must be written %01"),
        ),
    ] {
        for method in ["GET", "POST"] {
            let mut stream = open(&local);
            let (status, text) = ask(&mut stream, method, &target, "Content-Length: 0\r\n\r\n");
            assert_eq!(
                (status.as_str(), text.contains(&words)),
                ("400", true),
                "{text}"
            );
            let (status, _) = ask(&mut stream, "GET", "/ready", "\r\n");
            assert_eq!(status, "200", "the next request is not meant");
        }
    }
}

#[test]
fn what_arrives_in_pieces_or_at_once_is_told_apart() {
    let local = Local::start();
    let mut stream = open(&local);
    let request = "GET /loki/api/v1/labels?x=\"y\" HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for part in request.as_bytes().chunks(7) {
        stream.write_all(part).expect("sent");
    }
    assert_eq!(answer(&mut stream).0, "200");
    let encoded = request.replace('"', "%22");
    stream
        .write_all(encoded.repeat(3).as_bytes())
        .expect("sent");
    for _ in 0..3 {
        assert_eq!(answer(&mut stream).0, "200");
    }
}
